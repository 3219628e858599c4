"""Of several reasons to refuse, the one is named that stands first in `Result`."""

from dataclasses import replace
from itertools import combinations
from typing import Any

from tests.engine.engine import Capability
from tests.engine.world import CHANNEL, MERCHANT, NO_ONE, NOBODY, OWN_BANK, World, linked
from zhangfang.ledger import MAX_AMOUNT, NO_ID, Account, AccountFlag, Book, Result, Transfer

POOR = Account(Book.CUSTOMERS, 2321, "poor", AccountFlag.CREDIT_FLOOR)
FROZEN = Account(Book.CUSTOMERS, 2321, "frozen", AccountFlag.CREDIT_FLOOR)
SHUT = Account(Book.CUSTOMERS, 1003, "shut", AccountFlag.DEBIT_FLOOR)
FULL = Account(Book.CUSTOMERS, 1003, "full", AccountFlag.DEBIT_FLOOR)

Changes = dict[str, Any]


async def refusals_come_in_order(world: World, good: Transfer, wrong: list[tuple[Result, Changes]]) -> None:
    """Put every two mistakes into one transfer and see which is named. `wrong` is in the order of `Result`."""
    assert [result for result, _ in wrong] == sorted(result for result, _ in wrong)
    pairs = list(combinations(wrong, 2))
    asked = [replace(good, **Changes(id=world.an_id()) | later | first) for (_, first), (_, later) in pairs]
    expected = {(first, later): first for (first, _), (later, _) in pairs}
    results = await world.ask(*asked)
    assert dict(zip(expected, results, strict=True)) == expected
    alone = [replace(good, **Changes(id=world.an_id()) | change) for _, change in wrong]
    assert await world.ask(*alone) == [result for result, _ in wrong]


async def test_the_refusals_of_a_movement_come_in_order(world: World) -> None:
    for needed in (Capability.PRECEDENCE, Capability.FREEZING, Capability.CLOSING):
        world.needs(needed)
    await world.engine.create_accounts([POOR, FROZEN, SHUT, FULL])
    await world.freeze(FROZEN, AccountFlag.FROZEN)
    await world.freeze(SHUT, AccountFlag.CLOSED)
    known = world.make(CHANNEL, MERCHANT, 10)
    await world.done(known)
    await refusals_come_in_order(
        world,
        world.make(CHANNEL, MERCHANT, 5),
        [
            (Result.ID_INVALID, {"id": NOBODY}),
            (Result.FLAGS_INVALID, {"timeout": 1}),
            (Result.AMOUNT_INVALID, {"amount": 0}),
            (Result.ACCOUNTS_EQUAL, {"debit": CHANNEL.id, "credit": CHANNEL.id}),
            (Result.EXISTS_DIFFERENT, {"id": known.id}),
            (Result.DEBIT_NOT_FOUND, {"debit": NOBODY}),
            (Result.CREDIT_NOT_FOUND, {"credit": NO_ONE}),
            (Result.BOOK_DIFFERENT, {"book": Book.OWN}),
            (Result.PERIOD_CLOSED, {"business_date": world.today.replace(year=1999)}),
            (Result.ACCOUNT_FROZEN, {"debit": FROZEN.id}),
            (Result.ACCOUNT_CLOSED, {"credit": SHUT.id}),
            (Result.EXCEEDS_CREDITS, {"debit": POOR.id}),
            (Result.EXCEEDS_DEBITS, {"credit": FULL.id}),
            (Result.OVERFLOW, {"amount": MAX_AMOUNT}),
        ],
    )


async def test_the_refusals_of_a_post_come_in_order(world: World) -> None:
    for needed in (Capability.PRECEDENCE, Capability.FREEZING, Capability.CLOSING):
        world.needs(needed)
    await world.engine.create_accounts([POOR, FROZEN, SHUT])
    held = [world.hold(CHANNEL, MERCHANT, 10) for _ in range(3)]
    expiring = world.hold(CHANNEL, MERCHANT, 10, timeout=5)
    frozen, shut, both = (
        world.hold(FROZEN, CHANNEL, 10),
        world.hold(CHANNEL, SHUT, 10),
        world.hold(FROZEN, SHUT, 10),
    )
    await world.done(world.make(CHANNEL, FROZEN, 50), world.make(SHUT, CHANNEL, 50))
    await world.done(*held, expiring, frozen, shut, both, world.post(held[0]), world.void(held[1]))
    await world.freeze(FROZEN, AccountFlag.FROZEN)
    await world.freeze(SHUT, AccountFlag.CLOSED)
    await world.engine.advance(6)
    assert await world.one(world.post(both)) is Result.ACCOUNT_FROZEN
    await refusals_come_in_order(
        world,
        world.post(held[2], 5),
        [
            (Result.DEBIT_NOT_FOUND, {"debit": NOBODY}),
            (Result.CREDIT_NOT_FOUND, {"credit": NO_ONE}),
            (Result.BOOK_DIFFERENT, {"debit": OWN_BANK.id, "credit": NO_ID}),
            (Result.PERIOD_CLOSED, {"business_date": world.today.replace(year=1999)}),
            (Result.PENDING_NOT_FOUND, {"pending_id": NOBODY}),
            (Result.PENDING_DIFFERENT, {"debit": POOR.id}),
            (Result.PENDING_ALREADY_POSTED, {"pending_id": held[0].id}),
            (Result.PENDING_ALREADY_VOIDED, {"pending_id": held[1].id}),
            (Result.PENDING_EXPIRED, {"pending_id": expiring.id}),
            (Result.EXCEEDS_PENDING, {"amount": 11}),
            (Result.ACCOUNT_FROZEN, {"pending_id": frozen.id}),
            (Result.ACCOUNT_CLOSED, {"pending_id": shut.id}),
        ],
    )


async def test_in_a_chain_the_first_member_that_is_refused_is_named(world: World) -> None:
    worse, better = world.make(MERCHANT, CHANNEL, 500), world.make(amount=0)
    assert await world.ask(*linked(worse, better)) == [Result.EXCEEDS_CREDITS, Result.LINKED_FAILED]


async def test_a_known_id_is_answered_before_anything_else_is_looked_at(world: World) -> None:
    one = world.make()
    await world.done(one)
    [linked_one, _] = linked(one, one)
    assert await world.ask(linked_one) == [Result.EXISTS_DIFFERENT], "although its chain is open"
