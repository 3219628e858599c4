"""Puts what is eligible into batches: one for each merchant, stored with its lines and its ledger id before it is booked.

A transaction holds whole merchants, some thousands of lines. So a run of a million payments keeps no row locked for long,
and one that is stopped leaves whole merchants to the next.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg

from zhangfang import advances
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.database import repeated
from zhangfang.kernel.ids import new_id
from zhangfang.kernel.sql import load
from zhangfang.settlement.rules import Agreed, Division, Owed, divide, release, release_on

queries = load(__package__, "store.sql")

LINES = 10_000  # of one transaction; a merchant that has more has one of its own
PAYS = "payment"
_MARKS = {
    PAYS: queries.mark_lines, "refund": queries.mark_lines, "undo": queries.mark_undos, "part": queries.mark_parts,
    "back": queries.mark_backs, "part_undo": queries.mark_part_undos,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a settlement; `net` is in fen, negative for what goes back.

    `part` is payment, refund or undo (of a refund that failed); or of a split, for its receiver: part, back or part_undo.
    """

    id: UUID
    merchant: str
    part: str
    net: int


@dataclass(frozen=True, slots=True)
class Batch:
    """A merchant's new batch: its id, the voucher that books it, its number among those of its date, and its money."""

    id: UUID
    voucher: UUID
    merchant: str
    number: int
    agreed: Agreed
    lines: Sequence[Line]
    money: Division
    releases: Sequence[UUID]


async def make_batches(
    pool: asyncpg.Pool, clock: Clock, run_date: date, due: tuple[Sequence[str], Sequence[date]]
) -> list[UUID]:
    """Put every eligible line into a batch; return the payments that wait because theirs would be too small."""
    waits: list[UUID] = []
    for several in _together(await pool.fetch(queries.eligible, *due, run_date)):
        waits += await repeated(lambda several=several: _store(pool, clock, run_date, several))  # type: ignore[misc]
    return waits


def _together(merchants: Sequence[Any]) -> Iterator[list[Any]]:
    """Yield whole merchants with up to `LINES` lines."""
    several: list[Any] = []
    lines = 0
    for row in merchants:
        more = sum(len(row[name]) for name in ("payments", "undos", "parts", "part_undos"))
        if several and lines + more > LINES:
            yield several
            several, lines = [], 0
        several.append(row)
        lines += more
    if several:
        yield several


async def _store(pool: asyncpg.Pool, clock: Clock, run_date: date, several: Sequence[Any]) -> list[UUID]:
    """Store the batches of some merchants. Payments are locked first and then refunds, as everywhere."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(queries.one_run)
        by_merchant = await _locked(connection, several)
        made = await _divided(clock, connection, run_date, by_merchant)
        await _insert(clock, connection, run_date, made)
        await _mark(clock, connection, run_date, made)
    inside = {batch.merchant for batch in made if batch.lines}
    return [
        line.id
        for merchant, lines in by_merchant.items()
        if merchant not in inside
        for line in lines
        if line.part == PAYS
    ]


async def _locked(connection: Any, several: Sequence[Any]) -> Mapping[str, list[Line]]:
    def of(name: str) -> list[UUID]:
        return [id_ for row in several for id_ in row[name]]

    paid = await connection.fetch(queries.lock_payments, of("payments"))
    refunds = await connection.fetch(queries.lock_refunds, [row["id"] for row in paid], of("undos"))
    parts = await connection.fetch(queries.lock_parts, of("parts"))
    backs = await connection.fetch(queries.lock_backs, [row["id"] for row in parts], of("part_undos"))
    by_merchant: dict[str, list[Line]] = {row["merchant"]: [] for row in several}
    for row in (*paid, *refunds, *parts, *backs):
        by_merchant[row["merchant"]].append(Line(*row))
    return by_merchant


async def _divided(
    clock: Clock, connection: Any, run_date: date, by_merchant: Mapping[str, list[Line]]
) -> list[Batch]:
    merchants = list(by_merchant)
    owed: dict[str, list[Owed]] = defaultdict(list)
    for row in await connection.fetch(queries.owed, merchants):
        owed[row["merchant"]].append(Owed(row["id"], row["owed"]))
    advanced = await advances.standing(connection, merchants)
    held = {row["merchant"]: row for row in await connection.fetch(queries.reserves, merchants, run_date)}
    made = []
    for row in await connection.fetch(queries.agreed, merchants, run_date):
        agreed = Agreed(row["auto_payout"], row["least_fen"], row["reserve_ppm"], row["reserve_days"])
        who = row["merchant"]
        lines, money = _batched(by_merchant[who], agreed, owed[who], advanced[who])
        money = release(money, held[who]["due"], held[who]["used"])
        if lines or money.recovered or money.released or money.absorbed:
            ids = (new_id(clock), new_id(clock))
            made.append(Batch(*ids, who, row["number"] + 1, agreed, lines, money, held[who]["ids"]))
    return made


def _batched(
    lines: Sequence[Line], agreed: Agreed, owed: Sequence[Owed], advanced: int
) -> tuple[Sequence[Line], Division]:
    """Return the lines that go into a batch, all or none, and their money; without lines, what was recovered too much."""
    net = sum(line.net for line in lines)
    money = divide(net, agreed, owed, advanced) if lines or advanced < 0 else None
    return ((), Division()) if money is None else (lines, money)


async def _insert(clock: Clock, connection: Any, run_date: date, made: Sequence[Batch]) -> None:
    rows = [
        (
            one.id, one.merchant, one.number, one.voucher, one.money.amount, len(one.lines), one.agreed.auto_payout,
            one.money.reserved, release_on(run_date, one.agreed) if one.money.reserved else None, one.money.recovered,
            one.money.carried, one.money.released, one.money.absorbed,
        )
        for one in made
    ]  # fmt: skip
    await connection.execute(queries.add_settlements, run_date, clock.now(), *columns(rows, 13))
    off = [(part.batch, one.id, one.merchant, part.amount) for one in made for part in one.money.set_off]
    await connection.execute(queries.set_off, *columns(off, 4))
    released = [(id_, one.id) for one in made for id_ in one.releases]
    await connection.execute(queries.mark_released, *columns(released, 2))


async def _mark(clock: Clock, connection: Any, run_date: date, made: Sequence[Batch]) -> None:
    """Put the lines into their batches: from then on a refund takes its money from what is available."""
    for part, query in _MARKS.items():
        lines = [(line.id, one.id) for one in made for line in one.lines if line.part == part]
        if lines:
            await connection.execute(query, *columns(lines, 2))
    paid = [line.id for one in made for line in one.lines if line.part == PAYS]
    await note(clock, connection, paid, f"in the settlement of {run_date}")


def columns(rows: Sequence[tuple[Any, ...]], width: int) -> list[list[Any]]:
    """Return rows as the arrays that `unnest` takes."""
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]


async def note(clock: Clock, connection: Any, intents: Sequence[UUID], message: str) -> None:
    """Store a step of each intent."""
    steps = [new_id(clock) for _ in intents]
    await connection.execute(queries.note_settled, steps, intents, message, clock.now())
