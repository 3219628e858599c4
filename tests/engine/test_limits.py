"""What an account forbids: limits on either side, freezing and closing."""

from dataclasses import replace

import pytest

from tests.engine.engine import Capability
from tests.engine.world import BANK, CHANNEL, MERCHANT, SHOP, World
from zhangfang.ledger import AccountFlag, Result

NONE, FROZEN, CLOSED = AccountFlag.NONE, AccountFlag.FROZEN, AccountFlag.CLOSED


async def test_an_account_with_a_floor_pays_out_its_last_fen_and_no_more(world: World) -> None:
    await world.done(world.make(CHANNEL, MERCHANT, 30))
    assert await world.one(world.make(MERCHANT, CHANNEL, 31)) is Result.EXCEEDS_CREDITS
    assert await world.one(world.make(MERCHANT, CHANNEL, 30)) is Result.CREATED
    assert await world.one(world.make(MERCHANT, CHANNEL, 1)) is Result.EXCEEDS_CREDITS


async def test_an_overdraft_is_used_to_its_last_fen(world: World) -> None:
    world.needs(Capability.OVERDRAFT)
    assert await world.one(world.make(SHOP, CHANNEL, 26)) is Result.EXCEEDS_CREDITS
    assert await world.one(world.make(SHOP, CHANNEL, 25)) is Result.CREATED
    assert await world.one(world.make(SHOP, CHANNEL, 1)) is Result.EXCEEDS_CREDITS


async def test_the_other_side_is_limited_in_the_same_way(world: World) -> None:
    world.needs(Capability.OVERDRAFT)
    assert await world.one(world.make(CHANNEL, BANK, 41)) is Result.EXCEEDS_DEBITS
    assert await world.one(world.make(CHANNEL, BANK, 40)) is Result.CREATED
    assert await world.one(world.make(CHANNEL, BANK, 1)) is Result.EXCEEDS_DEBITS
    await world.done(world.make(BANK, CHANNEL, 5))
    assert await world.one(world.make(CHANNEL, BANK, 5)) is Result.CREATED


async def test_a_limit_counts_what_is_pending_out_and_not_what_is_pending_in(world: World) -> None:
    await world.done(world.make(CHANNEL, MERCHANT, 30), world.hold(CHANNEL, MERCHANT, 100))
    held = world.hold(MERCHANT, CHANNEL, 20)
    await world.done(held)
    assert await world.one(world.make(MERCHANT, CHANNEL, 11)) is Result.EXCEEDS_CREDITS
    assert await world.one(world.hold(MERCHANT, CHANNEL, 11)) is Result.EXCEEDS_CREDITS
    assert await world.one(world.make(MERCHANT, CHANNEL, 10)) is Result.CREATED
    await world.done(world.void(held))
    assert await world.one(world.make(MERCHANT, CHANNEL, 20)) is Result.CREATED


async def test_a_limit_of_the_other_side_counts_pendings_too(world: World) -> None:
    world.needs(Capability.OVERDRAFT)
    await world.done(world.hold(CHANNEL, BANK, 40))
    assert await world.one(world.make(CHANNEL, BANK, 1)) is Result.EXCEEDS_DEBITS


async def test_a_post_needs_no_new_room_because_its_pending_held_it(world: World) -> None:
    await world.done(world.make(CHANNEL, MERCHANT, 30))
    held = world.hold(MERCHANT, CHANNEL, 30)
    await world.done(held, world.post(held))
    assert await world.figures(MERCHANT) == (30, 30, 0, 0)


async def test_a_limit_holds_at_every_step_and_not_at_the_end_of_a_request(world: World) -> None:
    results = await world.ask(world.make(MERCHANT, CHANNEL, 10), world.make(CHANNEL, MERCHANT, 10))
    assert results == [Result.EXCEEDS_CREDITS, Result.CREATED]


async def test_of_many_in_one_request_those_are_refused_that_no_money_was_left_for(world: World) -> None:
    await world.done(world.make(CHANNEL, MERCHANT, 100))
    asked = [world.make(MERCHANT, CHANNEL, 30) for _ in range(4)] + [world.make(MERCHANT, CHANNEL, 10)]
    created = Result.CREATED
    assert await world.ask(*asked) == [created, created, created, Result.EXCEEDS_CREDITS, created]


async def test_a_frozen_account_takes_credits_and_is_not_debited(world: World) -> None:
    world.needs(Capability.FREEZING)
    await world.done(world.make(CHANNEL, MERCHANT, 30))
    await world.freeze(MERCHANT, FROZEN)
    assert await world.one(world.make(CHANNEL, MERCHANT, 5)) is Result.CREATED
    assert await world.one(world.make(MERCHANT, CHANNEL, 5)) is Result.ACCOUNT_FROZEN
    await world.freeze(MERCHANT, NONE)
    assert await world.one(world.make(MERCHANT, CHANNEL, 5)) is Result.CREATED


async def test_a_closed_account_takes_neither(world: World) -> None:
    world.needs(Capability.CLOSING)
    await world.done(world.make(CHANNEL, MERCHANT, 30))
    await world.freeze(MERCHANT, CLOSED)
    assert await world.one(world.make(CHANNEL, MERCHANT, 5)) is Result.ACCOUNT_CLOSED
    assert await world.one(world.make(MERCHANT, CHANNEL, 5)) is Result.ACCOUNT_CLOSED
    assert await world.one(world.hold(CHANNEL, MERCHANT, 5)) is Result.ACCOUNT_CLOSED


@pytest.mark.parametrize("flags", [FROZEN, CLOSED])
async def test_what_was_held_before_cannot_be_posted_then_but_given_back(
    world: World, flags: AccountFlag
) -> None:
    world.needs(Capability.FREEZING if flags == FROZEN else Capability.CLOSING)
    held = world.hold(CHANNEL, MERCHANT, 30)
    await world.done(held)
    await world.freeze(CHANNEL, flags)
    expected = Result.ACCOUNT_FROZEN if flags == FROZEN else Result.ACCOUNT_CLOSED
    assert await world.one(world.post(held)) is expected
    assert await world.one(world.void(held)) is Result.CREATED


async def test_a_pending_of_a_frozen_account_expires_all_the_same(world: World) -> None:
    world.needs(Capability.FREEZING)
    await world.done(world.hold(CHANNEL, MERCHANT, 30, timeout=5))
    await world.freeze(CHANNEL, FROZEN)
    await world.engine.advance(5)
    await world.done(world.make(BANK, MERCHANT, 1))
    assert await world.figures(CHANNEL) == (0, 0, 0, 0)


async def test_freezing_leaves_the_limits_alone_and_lasts_over_a_restart(world: World) -> None:
    world.needs(Capability.FREEZING)
    await world.freeze(MERCHANT, FROZEN)
    await world.engine.restart(clean=False)
    found = await world.engine.lookup_accounts([MERCHANT.id])
    assert found[MERCHANT.id] == replace(MERCHANT, flags=MERCHANT.flags | FROZEN)
    assert await world.engine.create_accounts([MERCHANT]) == [Result.EXISTS]
    await world.freeze(MERCHANT, NONE)
    assert await world.one(world.make(MERCHANT, CHANNEL, 1)) is Result.EXCEEDS_CREDITS


async def test_a_freeze_acts_from_its_place_in_the_request_on(world: World) -> None:
    world.needs(Capability.FREEZING)
    before, after = world.make(), world.make()
    results = await world.ask(
        before, world.flags(CHANNEL, frozen=True), after, world.flags(CHANNEL), world.make()
    )
    expected = [Result.CREATED, Result.CREATED, Result.ACCOUNT_FROZEN, Result.CREATED, Result.CREATED]
    assert results == expected


async def test_a_freeze_names_one_account_no_amount_and_no_other_flag(world: World) -> None:
    world.needs(Capability.FREEZING)
    freeze = world.flags(CHANNEL, frozen=True)
    assert await world.one(replace(freeze, credit=MERCHANT.id)) is Result.FLAGS_INVALID
    assert await world.one(replace(freeze, kind=1)) is Result.FLAGS_INVALID
    assert await world.one(replace(freeze, amount=1)) is Result.AMOUNT_INVALID
    assert await world.one(freeze) is Result.CREATED
