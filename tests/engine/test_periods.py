"""Closing business dates, and opening them again."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from tests.engine.engine import Capability
from tests.engine.world import CHANNEL, MERCHANT, World, linked
from zhangfang.ledger import NO_ID, Answered, Book, Result, Transfer, TransferFlag

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def periods(world: World) -> None:
    """Run these tests only on an engine that closes business dates."""
    world.needs(Capability.PERIODS)


async def close(world: World, through: date, *, reopen: bool = False) -> Answered:
    """Close business dates up to `through`, or re-open those after it."""
    id_ = world.an_id()
    return await world.engine.close_period(through, id_=id_, voucher=id_, reopen=reopen)


def closing(world: World, through: date, kind: int = 0) -> Transfer:
    """Make the transfer that closes or re-opens."""
    return Transfer(
        world.an_id(), NO_ID, NO_ID, 0, Book.OWN, kind, world.an_id(), through, TransferFlag.CLOSE_PERIOD
    )


async def test_a_closed_date_takes_no_posting_and_the_next_one_does(world: World) -> None:
    yesterday = world.today - DAY
    assert (await close(world, yesterday)).result is Result.CREATED
    assert await world.one(world.make(business_date=yesterday)) is Result.PERIOD_CLOSED
    assert await world.one(world.make(business_date=yesterday - 300 * DAY)) is Result.PERIOD_CLOSED
    assert await world.one(world.make(business_date=world.today)) is Result.CREATED


async def test_a_closed_date_takes_nothing_of_any_sort(world: World) -> None:
    held = world.hold()
    await world.done(held)
    await close(world, world.today)
    sorts = [
        world.make(),
        world.hold(),
        world.post(held),
        world.void(held),
        world.flags(CHANNEL, frozen=True),
    ]
    assert await world.ask(*sorts) == [Result.PERIOD_CLOSED] * len(sorts)
    tomorrow = world.today + DAY
    assert await world.one(world.post(held, business_date=tomorrow)) is Result.CREATED


async def test_a_refusal_for_a_closed_date_is_not_remembered(world: World) -> None:
    one = world.make()
    await close(world, world.today)
    assert await world.one(one) is Result.PERIOD_CLOSED
    await close(world, world.today - DAY, reopen=True)
    assert await world.one(one) is Result.CREATED


async def test_a_retry_of_what_stands_is_answered_although_its_date_is_closed(world: World) -> None:
    one = world.make()
    await world.done(one)
    await close(world, world.today)
    assert await world.one(one) is Result.EXISTS


async def test_dates_close_forwards_and_open_backwards(world: World) -> None:
    today = world.today
    assert (await close(world, today, reopen=True)).result is Result.PERIOD_CLOSED, "nothing is closed yet"
    assert (await close(world, today)).result is Result.CREATED
    assert (await close(world, today)).result is Result.PERIOD_CLOSED
    assert (await close(world, today - DAY)).result is Result.PERIOD_CLOSED
    assert (await close(world, today, reopen=True)).result is Result.PERIOD_CLOSED
    assert (await close(world, today + DAY, reopen=True)).result is Result.PERIOD_CLOSED
    assert (await close(world, today - 2 * DAY, reopen=True)).result is Result.CREATED
    assert await world.one(world.make(business_date=today - DAY)) is Result.CREATED
    assert await world.one(world.make(business_date=today - 2 * DAY)) is Result.PERIOD_CLOSED
    assert (await close(world, today)).result is Result.CREATED


async def test_closing_is_an_entry_with_a_number_and_is_answered_again(world: World) -> None:
    world.needs(Capability.DENSE_SEQUENCE)
    await world.done(world.make())
    one = closing(world, world.today)
    assert await world.engine.create_transfers([one, one]) == [
        Answered(Result.CREATED, 2),
        Answered(Result.EXISTS, 2),
    ]
    assert (await world.engine.lookup_transfers([one.id]))[one.id].transfer == one
    assert (await world.done(world.make(business_date=world.today + DAY)))[0].seq == 3


async def test_closing_acts_from_its_place_in_the_request_on(world: World) -> None:
    today = world.today
    asked = [
        world.make(),
        closing(world, today),
        world.make(),
        closing(world, today - DAY, kind=1),
        world.make(),
    ]
    created = Result.CREATED
    assert await world.ask(*asked) == [created, created, Result.PERIOD_CLOSED, created, created]


async def test_closing_in_a_chain_that_fails_is_undone(world: World) -> None:
    chain = linked(closing(world, world.today), world.make())
    assert await world.ask(*chain) == [Result.LINKED_FAILED, Result.PERIOD_CLOSED]
    assert await world.one(world.make()) is Result.CREATED


async def test_what_is_closed_stays_closed_over_a_restart(world: World) -> None:
    await close(world, world.today)
    for clean in (True, False):
        await world.engine.restart(clean=clean)
        assert await world.one(world.make()) is Result.PERIOD_CLOSED


async def test_an_expiry_falls_on_the_first_open_date(world: World) -> None:
    held = world.hold(CHANNEL, MERCHANT, 30, timeout=5)
    await world.done(held)
    await close(world, world.today + DAY)
    await world.engine.advance(5)
    await world.done(world.make(business_date=world.today + 2 * DAY))
    expiry = (await world.engine.account_transfers(MERCHANT.id))[1].transfer
    assert (expiry.pending_id, expiry.business_date) == (held.id, world.today + 2 * DAY)


async def test_an_expiry_keeps_the_date_of_its_pending_while_that_is_open(world: World) -> None:
    await world.done(world.hold(CHANNEL, MERCHANT, 30, timeout=5, business_date=world.today + 3 * DAY))
    await close(world, world.today)
    await world.engine.advance(5)
    await world.done(world.make(business_date=world.today + DAY))
    expiry = (await world.engine.account_transfers(MERCHANT.id))[1].transfer
    assert expiry.business_date == world.today + 3 * DAY


WRONG: list[tuple[dict[str, Any], Result]] = [
    ({"kind": 2}, Result.FLAGS_INVALID),
    ({"debit": CHANNEL.id}, Result.FLAGS_INVALID),
    ({"debit": CHANNEL.id, "credit": CHANNEL.id}, Result.FLAGS_INVALID),
    ({"timeout": 1}, Result.FLAGS_INVALID),
    ({"pending_id": CHANNEL.id}, Result.FLAGS_INVALID),
    ({"flags": TransferFlag.CLOSE_PERIOD | TransferFlag.PENDING}, Result.FLAGS_INVALID),
    ({"flags": TransferFlag.CLOSE_PERIOD | TransferFlag.CHAIN}, Result.FLAGS_INVALID),
    ({"amount": 1}, Result.AMOUNT_INVALID),
    ({"business_date": date(1999, 12, 31)}, Result.PERIOD_CLOSED),
    ({"business_date": date(2200, 1, 1)}, Result.PERIOD_CLOSED),
]


async def test_closing_moves_nothing_and_names_nothing_but_a_date(world: World) -> None:
    asked = [replace(closing(world, world.today), **change) for change, _ in WRONG]
    assert await world.ask(*asked) == [result for _, result in WRONG]
    assert await world.one(world.make()) is Result.CREATED
