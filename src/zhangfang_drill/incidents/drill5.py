"""Drill 5: the channel has answered, the platform cannot store the new status, and callers send their requests again.

11,744 collections; callers repeat 228 of them (55 merchants, CNY 47,199.98 in all) with the same order number and a new
idempotency key. The failing write (F15) is made by a trigger in the drill's own database; in the incident it was a wrong
column type. The platform without the guard is made here: its database does not require a merchant's order numbers to be
unique. Everything else is the platform as it ships.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta
from random import Random
from typing import Any

import asyncpg
from rich.progress import Progress, TaskID

from zhangfang import duplicates
from zhangfang.api import admit
from zhangfang.assembly.sandbox.staff import seen
from zhangfang.channels.port import Operation, PartyAccount
from zhangfang.kernel.sql import load
from zhangfang.mandates import Mandates, NewMandate
from zhangfang.merchants import FeeKind, FeeRule, Merchant, NewMerchant
from zhangfang.payments import Intent, Request, accept, ask
from zhangfang_drill.law import movements
from zhangfang_drill.law.evidence import ledger_evidence
from zhangfang_drill.world.pace import at, morning, settle
from zhangfang_drill.world.world import World, opened

queries = load(__package__, "drill5.sql")

COLLECTIONS, RETRIED, MERCHANTS, AMOUNT = 11_744, 228, 55, 4_719_998  # fen; the report's figures
DAY = date(2026, 9, 1)
AT_ONCE = 32
PATIENCE_SECONDS = 20.0
FEES = (FeeRule(FeeKind.COLLECTION, 4000, 5), FeeRule(FeeKind.PAYOUT, 0, 50))


@dataclass(frozen=True, slots=True)
class Wanted:
    """One collection; `retried`: its caller sends the request again."""

    merchant: Merchant
    payer: PartyAccount
    order_no: str
    amount: int
    retried: bool

    def request(self, key: str) -> Request:
        """Return the request with an idempotency key; the order number is the same each time."""
        return Request(Operation.COLLECTION, self.order_no, self.amount, key, account=self.payer)


@dataclass(frozen=True, slots=True)
class Size:
    """The size of the drill, `amount` in fen; the defaults are the report's figures."""

    collections: int = COLLECTIONS
    retried: int = RETRIED
    merchants: int = MERCHANTS
    amount: int = AMOUNT


async def run(*, guard: bool, progress: Progress, size: Size | None = None, url: str = "") -> dict[str, Any]:
    """Play the drill and return its figures; amounts in fen."""
    size = size or Size()
    async with opened(at(DAY, time(8)), ("cmb", "unionpay"), url, PATIENCE_SECONDS) as world:
        # No notification arrives: only status queries tell the outcome.
        await world.banks.ask("PUT", "unionpay", "/faults", {"rates": {"notify_lost": 1}})
        wanted = await _wanted(world, size, progress)
        if not guard:
            await world.as_owner(queries.unguard)
        first = [one for one in wanted if one.retried][:1]  # a day earlier: settled before it is found
        await _incident(world, first, progress, "the day before")
        await morning(world, DAY + timedelta(days=1))
        await world.set_time(at(DAY + timedelta(days=1), time(14)))
        rest = [one for one in wanted if one is not first[0]]
        await _incident(world, rest, progress, "the incident")
        figures = await _damage(world, size)
        figures |= await _healed(world, progress) if not guard else _NOTHING
        figures |= {"guard": guard, "amount_fen": sum(one.amount for one in wanted if one.retried)}
        await morning(world, DAY + timedelta(days=2))
        return figures | await ledger_evidence(world)


_NOTHING = {"found": 0, "reversed": 0, "legs": 0, "masked_lines": 0, "adjusted": 0}


async def _wanted(world: World, size: Size, progress: Progress) -> list[Wanted]:
    rng = Random(20230529)
    merchants = [await _merchant(world, n, rng) for n in range(size.merchants)]
    amounts = _amounts(rng, size)
    made = []
    for n in range(size.collections):
        merchant, payer = merchants[n % len(merchants)]
        retried = n < size.retried
        amount = amounts[n] if retried else rng.randrange(1_00, 900_00)
        made.append(Wanted(merchant, payer, f"D5-{n:05d}", amount, retried))
    return made


def _amounts(rng: Random, size: Size) -> list[int]:
    """Return one amount in fen for each retried collection; their sum is the report's figure."""
    cuts = sorted(rng.sample(range(1, size.amount // 100), size.retried - 1))
    bounds = [0, *(cut * 100 for cut in cuts), size.amount]
    return [high - low for low, high in itertools.pairwise(bounds)]


async def _merchant(world: World, n: int, rng: Random) -> tuple[Merchant, PartyAccount]:
    desk, wide = world.desk, 10**11
    made = await admit(desk, NewMerchant(name=f"演练商户{n}", fee_rules=FEES))
    payer = PartyAccount(f"99{rng.randrange(10**17):017d}", "王子涵")
    asked = NewMandate(f"M{n}", f"M{n}", payer, wide, wide, wide, DAY, DAY + timedelta(days=99), "", "paper")
    await Mandates(desk.pool, desk.vault, desk.clock, desk.channels).create(made.id, asked)
    return made, payer


async def _incident(world: World, wanted: Sequence[Wanted], progress: Progress, title: str) -> None:
    """Let every status write fail and callers repeat; then undo the bad release, and let status queries finish."""
    await world.as_owner(queries.break_writes)
    await _ask(world, wanted, "first", progress, f"{title}: collections")
    await _no_status_is_stored(world, progress, f"{title}: statuses that cannot be stored")
    again = [one for one in wanted if one.retried]
    await _ask(world, again, "again", progress, f"{title}: callers ask again")
    await world.as_owner(queries.mend_writes)
    await _heal_by_query(world, progress, f"{title}: status queries")


async def _ask(world: World, wanted: Sequence[Wanted], key: str, progress: Progress, title: str) -> None:
    task = progress.add_task(title, total=len(wanted))

    async def one(wants: Wanted) -> None:
        await accept(world.desk, wants.merchant, wants.request(f"{wants.order_no}-{key}"))
        progress.advance(task)

    await _several(one, wanted)
    await world.platform.idle()


async def _no_status_is_stored(world: World, progress: Progress, title: str) -> None:
    """Query each collection: the channel answers, and storing the status fails."""
    rows = await world.pool.fetch(queries.unfinished)
    task = progress.add_task(title, total=len(rows))

    async def one(row: Any) -> None:
        try:
            await ask(world.desk, Intent.of(row))
        except asyncpg.PostgresError:
            progress.advance(task)
        else:
            raise AssertionError(f"{row['order_no']}: its status was stored, the fault has no effect")

    await _several(one, rows)


async def _several(work: Callable[[Any], Awaitable[None]], items: Sequence[Any]) -> None:
    left = iter(items)

    async def worker() -> None:
        for item in left:
            await work(item)

    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))


async def _heal_by_query(world: World, progress: Progress, title: str) -> None:
    await _rounds(world, progress, title, queries.open_collections)


async def _rounds(world: World, progress: Progress, title: str, left: str) -> None:
    """Let the driver work and time pass until the query `left` counts 0."""
    total = await world.pool.fetchval(left)
    task = progress.add_task(title, total=total)
    while count := await world.pool.fetchval(left):
        await settle(world, world.clock.now() + timedelta(minutes=2), jumps=3, rounds=8)
        progress.update(task, completed=total - count)
    progress.update(task, completed=total)


async def _damage(world: World, size: Size) -> dict[str, Any]:
    truth = await movements.read(world.banks, ("unionpay",))
    keys: dict[str, int] = {}
    for movement in truth.of.values():
        keys[movement.key] = keys.get(movement.key, 0) + movement.stands
    resolved = await world.pool.fetchval(queries.resolved_by_query)
    return {
        "collections": size.collections,
        "double_debits": sum(count - 1 for count in keys.values() if count > 1),
        "resolved": resolved,
    }


async def _healed(world: World, progress: Progress) -> dict[str, Any]:
    """Run the duplicates flow: find, confirm, have a second person approve the settled one, reverse, mask."""
    pool, desk, (one, other) = world.pool, world.desk, world.people
    # The timetable may already have found the duplicate of the day before.
    await duplicates.find(desk.pool, desk.clock, at(DAY, time(0)))
    found = await pool.fetchval(queries.cases)
    await duplicates.confirm_all(
        desk.pool, desk.clock, await duplicates.to_confirm(pool), one, "drill 5: collected twice"
    )
    for case in await duplicates.cases(pool, [duplicates.CaseState.APPROVAL], limit=1000):
        assert case.proposal is not None, "it waits for a second person"
        await duplicates.approve(desk.pool, desk.clock, case.proposal, await seen(pool, case.proposal), other)
    task: TaskID = progress.add_task("duplicates are reversed", total=found)
    while left := await pool.fetchval(queries.reversing):
        await world.set_time(world.clock.now() + timedelta(seconds=12))
        await settle(world, world.clock.now() + timedelta(minutes=2), jumps=2, rounds=8)
        progress.update(task, completed=found - left)
    progress.update(task, completed=found)
    row = await pool.fetchrow(queries.healed)
    return {"found": found, **dict(row)}


def wrong(guard: bool, figures: Mapping[str, Any]) -> list[str]:
    """Return each figure that differs from the report's, one line each."""
    due = {"resolved": COLLECTIONS, "amount_fen": AMOUNT, "double_debits": 0, **_NOTHING}
    if not guard:
        once = RETRIED - 1
        due |= {"double_debits": RETRIED, "found": RETRIED, "reversed": once, "adjusted": 1}
        due |= {"legs": once * 8, "masked_lines": once * 4}
    return [f"{name}: {figures[name]}, not {value}" for name, value in due.items() if figures[name] != value]
