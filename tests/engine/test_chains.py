"""Chains: all or nothing."""

from dataclasses import replace

from tests.engine.engine import Capability
from tests.engine.world import BANK, CHANNEL, INCOME, MERCHANT, OWN_BANK, World, linked
from zhangfang.ledger import Result, TransferFlag

FAILED = Result.LINKED_FAILED


async def test_a_chain_is_created_whole(world: World) -> None:
    chain = linked(
        world.make(CHANNEL, MERCHANT, 9), world.make(MERCHANT, BANK, 4), world.make(OWN_BANK, INCOME, 1)
    )
    assert set(await world.ask(*chain)) == {Result.CREATED}
    assert await world.figures(MERCHANT) == (4, 9, 0, 0)


async def test_one_refusal_refuses_the_whole_chain_and_is_named_where_it_is(world: World) -> None:
    chain = linked(world.make(CHANNEL, MERCHANT, 9), world.make(MERCHANT, BANK, 10), world.make())
    assert await world.ask(*chain) == [FAILED, Result.EXCEEDS_CREDITS, FAILED]
    assert await world.figures(CHANNEL) == (0, 0, 0, 0)


async def test_a_refused_chain_leaves_its_neighbours_alone(world: World) -> None:
    chain = linked(world.make(), world.make(amount=0))
    results = await world.ask(world.make(), *chain, world.make())
    assert results == [Result.CREATED, FAILED, Result.AMOUNT_INVALID, Result.CREATED]
    assert await world.figures(MERCHANT) == (0, 20, 0, 0)


async def test_a_refused_chain_takes_no_number(world: World) -> None:
    world.needs(Capability.DENSE_SEQUENCE)
    chain = linked(world.make(), world.make(), world.make(amount=0))
    answers = await world.engine.create_transfers([world.make(), *chain, world.make()])
    assert [answer.seq for answer in answers] == [1, 0, 0, 0, 2]


async def test_a_member_sees_what_the_members_before_it_did(world: World) -> None:
    there, back = world.make(CHANNEL, MERCHANT, 9), world.make(MERCHANT, CHANNEL, 9)
    assert await world.ask(*linked(back, there)) == [Result.EXCEEDS_CREDITS, FAILED]
    there, back = replace(there, id=world.an_id()), replace(back, id=world.an_id())
    assert set(await world.ask(*linked(there, back))) == {Result.CREATED}


async def test_a_chain_that_the_request_leaves_open_is_refused(world: World) -> None:
    one, other = linked(world.make(), world.make(), world.make())[:2]
    assert await world.ask(world.make(), one, other) == [Result.CREATED, FAILED, Result.CHAIN_OPEN]
    assert await world.ask(one) == [Result.CHAIN_OPEN]
    assert await world.figures(MERCHANT) == (0, 10, 0, 0)


async def test_a_chain_left_open_draws_nothing_in_from_the_next_request(world: World) -> None:
    [one, _] = linked(world.make(), world.make())
    assert await world.ask(one) == [Result.CHAIN_OPEN]
    assert await world.ask(world.make()) == [Result.CREATED]
    assert await world.figures(MERCHANT) == (0, 10, 0, 0)


async def test_a_pending_and_its_post_may_stand_in_one_chain_and_fall_with_it(world: World) -> None:
    held = world.hold(CHANNEL, MERCHANT, 9)
    good = linked(held, world.post(held))
    bad = linked(*(replace(one, id=world.an_id()) for one in good), world.make(amount=0))
    bad[1] = replace(bad[1], pending_id=bad[0].id)
    assert await world.ask(*bad) == [FAILED, FAILED, Result.AMOUNT_INVALID]
    assert await world.figures(MERCHANT) == (0, 0, 0, 0)
    assert set(await world.ask(*good)) == {Result.CREATED}
    assert await world.figures(MERCHANT) == (0, 9, 0, 0)


async def test_a_pending_resolved_by_a_chain_that_fails_is_open_again(world: World) -> None:
    one, other = world.hold(CHANNEL, MERCHANT, 9, timeout=5), world.hold(CHANNEL, MERCHANT, 9, timeout=5)
    await world.done(one, other)
    failing = linked(world.post(one), world.void(other), world.make(amount=0))
    assert await world.ask(*failing) == [FAILED, FAILED, Result.AMOUNT_INVALID]
    assert await world.figures(MERCHANT) == (0, 0, 0, 18)
    assert await world.one(world.post(one)) is Result.CREATED
    await world.engine.advance(5)
    assert await world.one(world.void(other)) is Result.PENDING_EXPIRED


async def test_a_freeze_in_a_chain_that_fails_is_undone(world: World) -> None:
    world.needs(Capability.FREEZING)
    freeze = world.flags(CHANNEL, frozen=True)
    assert await world.ask(*linked(freeze, world.make())) == [FAILED, Result.ACCOUNT_FROZEN]
    assert await world.one(world.make()) is Result.CREATED


async def test_the_refusals_of_a_chain_are_remembered_under_every_member(world: World) -> None:
    world.needs(Capability.REFUSALS_KEPT)
    chain = linked(world.make(CHANNEL, BANK, 5), world.make(MERCHANT, CHANNEL, 5))
    expected = [FAILED, Result.EXCEEDS_CREDITS]
    assert await world.ask(*chain) == expected
    await world.done(world.make(CHANNEL, MERCHANT, 50))
    assert await world.ask(*chain) == expected
    assert await world.one(chain[1]) is Result.EXCEEDS_CREDITS
    assert await world.one(replace(chain[0], flags=TransferFlag.NONE)) is Result.EXISTS_DIFFERENT


async def test_a_chain_refused_for_its_form_may_be_asked_again_in_order(world: World) -> None:
    chain = linked(world.make(), world.make(amount=0))
    await world.ask(*chain)
    assert set(await world.ask(chain[0], replace(chain[1], amount=1))) == {Result.CREATED}


async def test_a_chain_with_a_known_member_is_not_decided_again(world: World) -> None:
    known = world.make()
    await world.done(known)
    new, behind = linked(world.make(), known)
    assert await world.ask(new, behind) == [FAILED, Result.EXISTS]
    clash = replace(known, kind=12)
    assert await world.ask(new, clash) == [FAILED, Result.EXISTS_DIFFERENT]
    assert await world.one(known) is Result.EXISTS
    assert await world.figures(MERCHANT) == (0, 10, 0, 0)


async def test_a_clash_behind_a_refused_member_changes_nothing_for_what_stands(world: World) -> None:
    known = world.make()
    await world.done(known)
    refused, clash = linked(world.make(MERCHANT, CHANNEL, 500), replace(known, kind=12))
    assert await world.ask(refused, clash) == [FAILED, Result.EXISTS_DIFFERENT]
    assert await world.one(known) is Result.EXISTS


async def test_an_id_that_stands_twice_in_a_chain_hurts_that_chain_alone(world: World) -> None:
    refused, one, other = linked(world.make(MERCHANT, CHANNEL, 500), world.make(), world.make())
    twice = replace(other, id=one.id)
    expected = [FAILED, FAILED, Result.EXISTS_DIFFERENT]
    assert await world.ask(refused, one, twice, world.make()) == [*expected, Result.CREATED]
    assert await world.ask(refused, one, twice) == expected
    assert await world.one(replace(other, id=one.id)) is Result.CREATED


async def test_a_chain_as_long_as_a_request_is_decided(world: World) -> None:
    chain = linked(*(world.make(CHANNEL, MERCHANT, 1) for _ in range(8192)))
    broken = [*chain[:-1], world.make(amount=0)]
    assert (await world.ask(*broken))[-1] is Result.AMOUNT_INVALID
    assert await world.figures(MERCHANT) == (0, 0, 0, 0)
    assert set(await world.ask(*chain)) == {Result.CREATED}
    assert await world.figures(MERCHANT) == (0, 8192, 0, 0)
