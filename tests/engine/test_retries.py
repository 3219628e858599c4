"""Asked again: the same answer for ever, whenever and wherever the retry comes."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.engine.engine import Capability
from tests.engine.world import BANK, CHANNEL, MERCHANT, World, linked
from zhangfang.ledger import Answered, Book, Result, Transfer, TransferFlag

YEAR = 365 * 86_400
Changes = dict[str, Any]


async def every_sort(world: World) -> tuple[list[Transfer], list[Answered]]:
    """Ask for something of every sort, created and refused; return it with its answers."""
    held, refused = world.hold(CHANNEL, MERCHANT, 30), world.make(MERCHANT, CHANNEL, 1000)
    asked = [
        world.make(CHANNEL, MERCHANT, 9),
        held,
        world.hold(CHANNEL, BANK, 5),
        world.post(held, 12),
        world.void(held),
        refused,
        *linked(world.make(), world.make()),
        *linked(world.make(), world.make(MERCHANT, CHANNEL, 1000)),
    ]
    return asked, await world.engine.create_transfers(asked)


def again(answers: list[Answered]) -> list[Answered]:
    """Return the answers to the same request asked again: what was created exists, under the same number."""
    exists = Result.EXISTS
    return [replace(one, result=exists) if one.result is Result.CREATED else one for one in answers]


async def test_a_retry_in_the_same_request_exists_and_moves_nothing(world: World) -> None:
    one = world.make(CHANNEL, MERCHANT, 10)
    answers = await world.engine.create_transfers([one, one, world.make(BANK, CHANNEL, 1), one])
    assert [answer.result for answer in answers] == [
        Result.CREATED,
        Result.EXISTS,
        Result.CREATED,
        Result.EXISTS,
    ]
    assert {answers[n].seq for n in (0, 1, 3)} == {answers[0].seq}
    assert await world.figures(MERCHANT) == (0, 10, 0, 0)


@pytest.mark.parametrize(
    "when", ["at once", "after a clean restart", "after a crash", "after more of the same"]
)
async def test_a_retry_gets_the_first_answer(world: World, when: str) -> None:
    world.needs(Capability.REFUSALS_KEPT)
    asked, answers = await every_sort(world)
    before = await world.figures(CHANNEL)
    if "restart" in when or "crash" in when:
        await world.engine.restart(clean="clean" in when)
    if "more" in when:
        for _ in range(3):
            await world.engine.create_transfers(asked)
    assert await world.engine.create_transfers(asked) == again(answers)
    assert [await world.engine.create_transfers([one]) for one in asked[:6]] == [
        [one] for one in again(answers)[:6]
    ]
    assert await world.figures(CHANNEL) == before


@pytest.mark.parametrize("restart", [True, False])
async def test_a_retry_a_year_later_gets_the_first_answer(world: World, restart: bool) -> None:
    world.needs(Capability.SETTABLE_TIME)
    world.needs(Capability.REFUSALS_KEPT)
    asked, answers = await every_sort(world)
    await world.engine.advance(YEAR)
    if restart:
        await world.engine.restart()
    await world.done(world.make(BANK, CHANNEL, 1))
    assert await world.engine.create_transfers(asked) == again(answers)


LONG = [40, 70, 400]  # days


@pytest.mark.parametrize("days", LONG)
@pytest.mark.parametrize("restart", [True, False])
async def test_an_id_stored_long_before_it_is_asked_for_is_booked_once_and_then_known(
    world: World, days: int, restart: bool
) -> None:
    """What the platform stores today may be booked in a year: a break's cure, a parked payout's way back."""
    world.needs(Capability.SETTABLE_TIME)
    stored = [world.make(), *linked(world.make(), world.make(MERCHANT, CHANNEL, 3))]
    await world.engine.advance(days * 86_400)
    late = [replace(one, business_date=world.today) for one in stored]
    await world.done(world.make())
    answers = await world.engine.create_transfers(late)
    assert [one.result for one in answers] == [Result.CREATED] * 3
    if restart:
        await world.engine.restart(clean=False)
    assert await world.engine.create_transfers(late) == again(answers)
    assert await world.ask(replace(late[0], amount=11)) == [Result.EXISTS_DIFFERENT]
    await world.engine.advance(days * 86_400)
    assert await world.engine.create_transfers(late) == again(answers)
    assert await world.figures(MERCHANT) == (3, 30, 0, 0)


@pytest.mark.parametrize("days", LONG)
@pytest.mark.parametrize("flag", [TransferFlag.POST, TransferFlag.VOID])
async def test_a_hold_of_long_ago_is_ended_by_an_id_of_then_and_by_one_of_now(
    world: World, days: int, flag: TransferFlag
) -> None:
    world.needs(Capability.SETTABLE_TIME)
    one, other = world.hold(), world.hold()
    await world.done(one, other)
    end = world.post if flag is TransferFlag.POST else world.void
    of_then = end(one)
    await world.engine.advance(days * 86_400)
    await world.engine.restart(clean=False)
    both = [replace(of_then, business_date=world.today), end(other)]
    await world.done(*both)
    assert await world.ask(*both) == [Result.EXISTS] * 2
    posted = 20 if flag is TransferFlag.POST else 0
    assert await world.figures(MERCHANT) == (0, posted, 0, 0)


async def test_a_refusal_of_an_old_id_is_kept_like_any_other(world: World) -> None:
    world.needs(Capability.SETTABLE_TIME)
    world.needs(Capability.REFUSALS_KEPT)
    old = world.make(MERCHANT, CHANNEL, 10)
    await world.engine.advance(400 * 86_400)
    late = replace(old, business_date=world.today)
    assert await world.one(late) is Result.EXCEEDS_CREDITS
    await world.done(world.make(CHANNEL, MERCHANT, 50))
    await world.engine.restart(clean=False)
    assert await world.one(late) is Result.EXCEEDS_CREDITS


async def test_a_refusal_stays_although_there_is_money_by_then(world: World) -> None:
    world.needs(Capability.REFUSALS_KEPT)
    refused = world.make(MERCHANT, CHANNEL, 10)
    assert await world.one(refused) is Result.EXCEEDS_CREDITS
    await world.done(world.make(CHANNEL, MERCHANT, 50))
    assert await world.one(refused) is Result.EXCEEDS_CREDITS
    await world.engine.restart(clean=False)
    assert await world.one(refused) is Result.EXCEEDS_CREDITS
    assert await world.one(replace(refused, id=world.an_id())) is Result.CREATED, "a new try takes a new id"


async def test_a_refusal_for_a_missing_pending_is_forgotten_because_it_may_come_yet(world: World) -> None:
    held = world.hold()
    post = world.post(held)
    assert await world.one(post) is Result.PENDING_NOT_FOUND
    await world.done(held)
    assert await world.one(post) is Result.CREATED


OTHERWISE: list[Changes] = [
    {"debit": BANK.id},
    {"credit": BANK.id},
    {"amount": 11},
    {"kind": 12},
    {"flags": TransferFlag.PENDING},
    {"book": Book.OWN},
    {"voucher": MERCHANT.id},
    {"memo": MERCHANT.id},
    {"reverses": MERCHANT.id},
]


async def test_a_known_id_with_any_other_contents_is_a_clash(world: World) -> None:
    one = world.make()
    await world.done(one)
    changed = [replace(one, **change) for change in OTHERWISE]
    for restart in (False, True):
        if restart:
            await world.engine.restart(clean=False)
        assert await world.ask(*changed) == [Result.EXISTS_DIFFERENT] * len(changed)
    assert await world.one(one) is Result.EXISTS
    assert await world.figures(MERCHANT) == (0, 10, 0, 0)


async def test_another_timeout_or_date_is_other_contents_too(world: World) -> None:
    held = world.hold(timeout=60)
    await world.done(held)
    changed = [replace(held, timeout=61), replace(held, business_date=world.today + timedelta(days=1))]
    assert await world.ask(*changed) == [Result.EXISTS_DIFFERENT] * 2


async def test_the_same_transfer_alone_and_as_a_member_of_a_chain_are_not_the_same(world: World) -> None:
    one = world.make()
    await world.done(one)
    assert await world.ask(*linked(one, world.make())) == [Result.EXISTS_DIFFERENT, Result.LINKED_FAILED]


async def test_a_clash_with_a_remembered_refusal_is_a_clash_too(world: World) -> None:
    world.needs(Capability.REFUSALS_KEPT)
    refused = world.make(MERCHANT, CHANNEL, 10)
    await world.ask(refused)
    assert await world.one(replace(refused, amount=5)) is Result.EXISTS_DIFFERENT


async def test_two_in_one_request_under_one_id_are_a_clash(world: World) -> None:
    one = world.make()
    assert await world.ask(one, replace(one, amount=11)) == [Result.CREATED, Result.EXISTS_DIFFERENT]


async def test_requests_sent_at_once_are_each_answered_and_each_decided_once(world: World) -> None:
    one = world.make(CHANNEL, MERCHANT, 10)
    calls = [world.engine.create_transfers([one, world.make(CHANNEL, MERCHANT, 1)]) for _ in range(20)]
    answers = await asyncio.gather(*calls)
    assert sorted(first.result for first, _ in answers) == [Result.CREATED] + [Result.EXISTS] * 19
    assert {first.seq for first, _ in answers} == {answers[0][0].seq}
    assert await world.figures(MERCHANT) == (0, 30, 0, 0)


async def test_a_large_request_half_of_which_is_known_creates_the_other_half(world: World) -> None:
    asked = [world.make(CHANNEL, MERCHANT, 1) for _ in range(4000)]
    await world.done(*asked[::2])
    results = await world.ask(*asked)
    assert results[::2] == [Result.EXISTS] * 2000
    assert results[1::2] == [Result.CREATED] * 2000
    assert await world.figures(MERCHANT) == (0, 4000, 0, 0)
