"""Two simulated operators: they phone the banks about orders that are UNKNOWN overnight, and cure old breaks."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import date, timedelta
from functools import partial
from random import Random
from typing import Any

from zhangfang.approvals import Person, SecondPerson
from zhangfang.assembly.sandbox import staff
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.sql import load
from zhangfang.payments import (
    Intent,
    NotAllowed,
    Outcome,
    State,
    approve_outcome,
    propose_outcome,
)
from zhangfang.reconciliation import approve, cures, list_breaks, propose
from zhangfang_drill.law import movements
from zhangfang_drill.law.judging import LATE_LINE
from zhangfang_drill.law.movements import Movement
from zhangfang_drill.simulated.orders import Merchant
from zhangfang_drill.world.world import World

queries = load(__package__, "people.sql")

SHARE = 0.3  # of the orders that are UNKNOWN overnight
TRIED = frozenset({"B2", "B3", "B7", "B8", "seen"})  # what needs nothing that only a bank could tell
PATIENCE = LATE_LINE + timedelta(days=1)  # how long a later file may still explain a break


async def ring_the_bank(world: World, rng: Random, share: float = SHARE) -> None:
    """End a share of the UNKNOWN orders by what the bank says on the phone; an order it has no outcome for is left."""
    unknown = await world.pool.fetch(queries.unknown)
    truth = await movements.read(world.banks, tuple(world.banks.names))  # read after the list above
    for row in unknown:
        intent = Intent.of(row)
        said = _said(intent, truth.of_order(intent.channel, intent.channel_order_no))
        if rng.random() < share and said is not None:
            with suppress(NotAllowed):  # a notification has ended it meanwhile
                await _end(world, intent, said)


async def _end(world: World, intent: Intent, said: Outcome) -> None:
    one, other = world.people
    proposal = await propose_outcome(world.desk.pool, world.desk.clock, intent.id, said, one)
    seen = await staff.seen(world.pool, proposal)
    await by_the_other(partial(approve_outcome, world.desk, proposal, seen), one, other)


def _said(intent: Intent, movement: Movement | None) -> Outcome | None:
    if movement is not None and movement.state == "SUCCESS" and movement.amount == intent.amount:
        day = date.fromisoformat(movement.settle_date) if movement.settle_date else intent.business_date
        ref = movement.order_no
        return Outcome(State.SUCCESS, "the bank says so", "a recorded call", intent.amount, day, ref)
    if movement is None or movement.state == "FAILED":
        return Outcome(State.FAILED, "the bank has not done it", "a recorded call")
    return None


async def cure_breaks(
    world: World, merchants: list[Merchant], rng: Random, day: date, silences: Sequence[int] = ()
) -> None:
    """Cure each break that no file explained in time, by a random allowed cure; a B2 credits a random merchant.

    With `silences`, in days, people leave each break open for one of them, chosen by the break's id.
    """
    for row in await list_breaks(world.pool):
        merchant = rng.choice(merchants).id
        left = timedelta(days=silences[(row["id"].int >> 8) % len(silences)]) if silences else timedelta()
        if row["cure"] is None and row["settle_date"] <= day - max(PATIENCE, left) and {*cures(row)} & TRIED:
            await _cure(world, row, rng.choice([name for name in cures(row) if name in TRIED]), merchant)


async def _cure(world: World, row: Any, cure: str, merchant: str) -> None:
    """Cure a break. If the chosen cure is refused for it, use its last one, which writes the amount off."""
    one, other = world.people
    offer = partial(propose, world.desk.pool, world.desk.clock, world.desk.journal, row["id"])
    try:
        proposal = await offer(cure, one, merchant)
    except InvalidInput:
        proposal = await offer([name for name in cures(row) if name in TRIED][-1], one)
    seen = await staff.seen(world.pool, proposal)
    await by_the_other(partial(approve, world.desk, proposal, seen), one, other)


async def by_the_other(approved: Callable[[Person], Awaitable[object]], one: Person, other: Person) -> None:
    """Check that the proposer cannot approve; then let the second person approve."""
    with suppress(SecondPerson):
        await approved(one)
        raise AssertionError("somebody approved their own proposal")
    await approved(other)
