"""Pendings: holding an amount, posting it whole or in part, giving it back, and running out of time."""

from dataclasses import replace

import pytest

from tests.engine.engine import Capability
from tests.engine.world import BANK, CHANNEL, INCOME, MERCHANT, NOBODY, OWN_BANK, World, linked
from zhangfang.ledger import AccountFlag, Book, Result, TransferFlag

MICROSECOND = 0.000_001


async def test_a_pending_holds_its_amount_and_moves_nothing(world: World) -> None:
    await world.done(world.hold(CHANNEL, MERCHANT, 30))
    assert await world.figures(CHANNEL) == (0, 0, 30, 0)
    assert await world.figures(MERCHANT) == (0, 0, 0, 30)


async def test_a_post_moves_all_that_was_held(world: World) -> None:
    held = world.hold(CHANNEL, MERCHANT, 30)
    await world.done(held, world.post(held))
    assert await world.figures(CHANNEL) == (30, 0, 0, 0)
    assert await world.figures(MERCHANT) == (0, 30, 0, 0)


async def test_a_post_of_a_part_moves_the_part_and_gives_back_the_rest(world: World) -> None:
    held = world.hold(CHANNEL, MERCHANT, 30)
    await world.done(held, world.post(held, 12))
    assert await world.figures(MERCHANT) == (0, 12, 0, 0)


async def test_a_post_of_the_exact_amount_is_a_post_of_all(world: World) -> None:
    held = world.hold(CHANNEL, MERCHANT, 30)
    await world.done(held, world.post(held, 30))
    assert await world.figures(MERCHANT) == (0, 30, 0, 0)


async def test_more_than_is_pending_cannot_be_posted_and_the_pending_stays(world: World) -> None:
    held = world.hold(CHANNEL, MERCHANT, 30)
    await world.done(held)
    assert await world.one(world.post(held, 31)) is Result.EXCEEDS_PENDING
    assert await world.figures(MERCHANT) == (0, 0, 0, 30)
    assert await world.one(world.post(held)) is Result.CREATED


async def test_a_void_gives_back_what_was_held(world: World) -> None:
    held = world.hold(CHANNEL, MERCHANT, 30)
    await world.done(held, world.void(held))
    assert await world.figures(MERCHANT) == (0, 0, 0, 0)


async def test_a_pending_is_resolved_once_however_often_it_is_tried(world: World) -> None:
    posted, voided = world.hold(), world.hold()
    await world.done(posted, voided, world.post(posted, 3), world.void(voided))
    again = [world.post(posted, 3), world.void(posted), world.post(voided), world.void(voided)]
    assert (
        await world.ask(*again) == [Result.PENDING_ALREADY_POSTED] * 2 + [Result.PENDING_ALREADY_VOIDED] * 2
    )
    assert await world.figures(MERCHANT) == (0, 3, 0, 0)


async def test_of_two_posts_in_one_request_the_first_wins(world: World) -> None:
    held = world.hold(CHANNEL, MERCHANT, 30)
    results = await world.ask(held, world.post(held, 10), world.post(held, 20))
    assert results == [Result.CREATED, Result.CREATED, Result.PENDING_ALREADY_POSTED]
    assert await world.figures(MERCHANT) == (0, 10, 0, 0)


async def test_a_resolution_in_one_request_with_its_pending_must_come_after_it(world: World) -> None:
    held = world.hold()
    early = world.post(held)
    assert await world.ask(early, held, early) == [Result.PENDING_NOT_FOUND, Result.CREATED, Result.CREATED]


async def test_only_a_pending_can_be_posted(world: World) -> None:
    plain, unknown = world.make(), world.hold()
    await world.done(plain)
    for wrong in (plain, unknown):
        assert await world.one(world.post(wrong)) is Result.PENDING_NOT_FOUND
    nothing = replace(world.post(plain), pending_id=type(plain.id)(int=0))
    assert await world.one(nothing) is Result.PENDING_NOT_FOUND


async def test_a_refused_pending_cannot_be_posted(world: World) -> None:
    held = world.hold(MERCHANT, CHANNEL, 30)
    assert await world.ask(held, world.post(held)) == [Result.EXCEEDS_CREDITS, Result.PENDING_NOT_FOUND]


async def test_a_post_may_name_the_pendings_accounts_and_no_others(world: World) -> None:
    held = world.hold(CHANNEL, MERCHANT, 30)
    await world.done(held)
    for change, result in (
        ({"debit": BANK.id}, Result.PENDING_DIFFERENT),
        ({"credit": BANK.id}, Result.PENDING_DIFFERENT),
        ({"book": Book.OWN}, Result.PENDING_DIFFERENT),
        ({"debit": INCOME.id}, Result.BOOK_DIFFERENT),
        ({"debit": NOBODY}, Result.DEBIT_NOT_FOUND),
        ({"credit": NOBODY}, Result.CREDIT_NOT_FOUND),
        ({"debit": CHANNEL.id, "credit": CHANNEL.id}, Result.ACCOUNTS_EQUAL),
    ):
        assert await world.one(world.post(held, **change)) is result
    assert await world.one(world.post(held, debit=CHANNEL.id, credit=MERCHANT.id)) is Result.CREATED


async def test_a_void_or_a_post_of_a_chain_names_no_amount(world: World) -> None:
    held = world.hold()
    await world.done(held)
    assert await world.one(world.void(held, amount=10)) is Result.AMOUNT_INVALID
    assert await world.one(world.post(held, 10, flags=TransferFlag.CHAIN)) is Result.AMOUNT_INVALID
    assert await world.one(world.post(held, -1)) is Result.AMOUNT_INVALID


async def test_the_entry_of_a_post_says_what_was_held_and_what_moved(world: World) -> None:
    held = world.hold(CHANNEL, MERCHANT, 30)
    post = world.post(held, 12, kind=0)
    await world.done(held, post)
    entry = (await world.engine.lookup_transfers([post.id]))[post.id].transfer
    assert (entry.debit, entry.credit, entry.amount, entry.kind) == (CHANNEL.id, MERCHANT.id, 12, held.kind)


@pytest.mark.parametrize("early", [True, False])
async def test_a_pending_lives_until_the_very_microsecond_of_its_timeout(world: World, early: bool) -> None:
    held = world.hold(timeout=5)
    await world.done(held)
    await world.engine.advance(5 - MICROSECOND if early else 5)
    assert await world.one(world.post(held)) is (Result.CREATED if early else Result.PENDING_EXPIRED)


async def test_a_pending_that_expired_a_microsecond_ago_is_neither_posted_nor_voided(world: World) -> None:
    held = world.hold(CHANNEL, MERCHANT, 30, timeout=5)
    await world.done(held)
    await world.engine.advance(5 + MICROSECOND)
    assert await world.ask(world.post(held), world.void(held)) == [Result.PENDING_EXPIRED] * 2
    assert await world.figures(MERCHANT) == (0, 0, 0, 0)


async def test_what_expired_is_free_again_for_the_next_transfer(world: World) -> None:
    await world.done(world.make(CHANNEL, MERCHANT, 30), world.hold(MERCHANT, CHANNEL, 30, timeout=5))
    assert await world.one(world.make(MERCHANT, CHANNEL, 30)) is Result.EXCEEDS_CREDITS
    await world.engine.advance(5)
    assert await world.one(world.make(MERCHANT, CHANNEL, 30)) is Result.CREATED


async def test_a_pending_without_a_timeout_never_expires(world: World) -> None:
    world.needs(Capability.SETTABLE_TIME)
    held = world.hold()
    await world.done(held)
    await world.engine.advance(400 * 86_400)
    assert await world.one(world.post(held)) is Result.CREATED


async def test_a_pending_that_was_posted_in_time_does_not_expire_after(world: World) -> None:
    held = world.hold(CHANNEL, MERCHANT, 30, timeout=5)
    await world.done(held, world.post(held))
    await world.engine.advance(6)
    await world.done(world.make(OWN_BANK, INCOME))
    assert await world.figures(MERCHANT) == (0, 30, 0, 0)


async def test_an_expiry_is_an_entry_of_its_own_with_a_number(world: World) -> None:
    world.needs(Capability.DENSE_SEQUENCE)
    held = world.hold(CHANNEL, MERCHANT, 30, timeout=5)
    await world.done(held)
    await world.engine.advance(5)
    assert (await world.done(world.make()))[0].seq == 3
    expiry = (await world.engine.account_transfers(MERCHANT.id))[1]
    assert (expiry.seq, expiry.transfer.pending_id, expiry.transfer.amount) == (2, held.id, 30)
    assert expiry.transfer.flags == TransferFlag.VOID | TransferFlag.EXPIRED
    assert await world.one(world.make(id=expiry.transfer.id)) is Result.ID_INVALID, (
        "nobody else may take its id"
    )


async def test_pendings_expire_although_the_engine_was_away_when_their_time_came(world: World) -> None:
    held = world.hold(CHANNEL, MERCHANT, 30, timeout=5)
    await world.done(held)
    await world.engine.advance(6)
    await world.engine.restart(clean=False)
    assert await world.one(world.post(held)) is Result.PENDING_EXPIRED


async def test_a_pending_survives_a_restart(world: World) -> None:
    held = world.hold(CHANNEL, MERCHANT, 30)
    await world.done(held)
    for clean in (True, False):
        await world.engine.restart(clean=clean)
        assert await world.figures(MERCHANT) == (0, 0, 0, 30)
    assert await world.one(world.post(held)) is Result.CREATED


@pytest.mark.parametrize("flag", [TransferFlag.POST, TransferFlag.VOID])
@pytest.mark.parametrize("restart", [True, False])
async def test_a_whole_chain_of_pendings_is_resolved_by_naming_any_of_them(
    world: World, flag: TransferFlag, restart: bool
) -> None:
    world.needs(Capability.CHAIN_AT_ONCE)
    held = linked(
        world.hold(CHANNEL, MERCHANT, 30), world.hold(CHANNEL, BANK, 7), world.hold(CHANNEL, MERCHANT, 5)
    )
    alone = world.hold(CHANNEL, MERCHANT, 100)
    await world.done(*held, alone)
    if restart:
        await world.engine.restart(clean=False)
    whole = replace(world.post(held[1]), flags=flag | TransferFlag.CHAIN)
    assert await world.one(whole) is Result.CREATED
    posted = 42 if flag == TransferFlag.POST else 0
    assert await world.figures(CHANNEL) == (posted, 0, 100, 0)


async def test_a_chain_at_once_takes_what_is_still_open_of_it(world: World) -> None:
    world.needs(Capability.CHAIN_AT_ONCE)
    held = linked(
        world.hold(CHANNEL, MERCHANT, 30), world.hold(CHANNEL, BANK, 7), world.hold(CHANNEL, MERCHANT, 5)
    )
    await world.done(*held, world.void(held[0]))
    assert await world.one(world.post(held[0], flags=TransferFlag.CHAIN)) is Result.PENDING_ALREADY_VOIDED
    assert await world.one(world.post(held[2], flags=TransferFlag.CHAIN)) is Result.CREATED
    assert await world.figures(CHANNEL) == (12, 0, 0, 0)


async def test_a_chain_at_once_has_an_entry_for_each_and_its_own_number_is_the_last(world: World) -> None:
    world.needs(Capability.CHAIN_AT_ONCE)
    world.needs(Capability.DENSE_SEQUENCE)
    held = linked(world.hold(), world.hold(), world.hold())
    await world.done(*held)
    whole = world.post(held[0], flags=TransferFlag.CHAIN)
    assert (await world.done(whole))[0].seq == 6
    posts = (await world.engine.account_transfers(MERCHANT.id))[3:]
    assert [one.transfer.pending_id for one in posts] == [one.id for one in held]
    assert posts[-1].transfer.id == whole.id


async def test_a_chain_at_once_is_posted_whole_or_not_at_all(world: World) -> None:
    world.needs(Capability.CHAIN_AT_ONCE)
    world.needs(Capability.CLOSING)
    held = linked(world.hold(CHANNEL, MERCHANT, 30), world.hold(CHANNEL, BANK, 7))
    await world.done(*held)
    await world.freeze(BANK, AccountFlag.CLOSED)
    assert await world.one(world.post(held[0], flags=TransferFlag.CHAIN)) is Result.ACCOUNT_CLOSED
    assert await world.figures(CHANNEL) == (0, 0, 37, 0)
    assert await world.one(world.void(held[0], flags=TransferFlag.CHAIN)) is Result.CREATED
