"""Settlement: moves proven pending money to available, in one batch per merchant and run."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg
import structlog

from zhangfang.kernel.clock import Clock
from zhangfang.kernel.sql import load
from zhangfang.ledger import PLATFORM, LedgerClient, Result, Transfer, exchanged, joined, voucher
from zhangfang.merchants import falling_due
from zhangfang.payments import Desk, book, finish_splits
from zhangfang.settlement.batches import make_batches, note
from zhangfang.settlement.payouts import pay_out

queries = load(__package__, "store.sql")
log = structlog.get_logger()

AT_ONCE = 500  # batches that the ledger is asked for together
_BOOKED = ("F2", "T3", "T2", "T1", "T2.release")  # fees first, then what was advanced


async def settle(desk: Desk, run_date: date) -> list[str]:
    """Settle everything that is eligible on `run_date`; return a text for each thing that is due and still waits.

    Safe to repeat: batches are stored with their ledger ids before they are booked, and a line is in one batch only.
    """
    await finish_splits(desk.pool, desk.ledger, desk.clock)
    due = falling_due([row["cycle"] for row in await desk.pool.fetch(queries.cycles)], run_date)
    small = await make_batches(desk.pool, desk.clock, run_date, due)
    for several in _together(await desk.pool.fetch(queries.unposted, run_date)):
        await _book(desk.pool, desk.ledger, desk.clock, several)
    unpaid = await pay_out(desk)
    waiting = await desk.pool.fetch(queries.waiting, *due, small)
    late = [f"{row['lines']} lines of {row['settle_date']} wait for file or money" for row in waiting]
    return late + unpaid


def _together(batches: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (batches[first : first + AT_ONCE] for first in range(0, len(batches), AT_ONCE))


async def _book(pool: asyncpg.Pool, ledger: LedgerClient, clock: Clock, batches: Iterable[Any]) -> None:
    """Book several batches in one request, each a voucher of its own.

    If a merchant's pending money does not cover its batch, the ledger refuses it for good: that batch is dissolved.
    """
    posted: list[tuple[UUID, int | None]] = []
    asked = [(batch, transfers(batch)) for batch in batches]
    answers = await asyncio.gather(*(book(pool, ledger, made) for _, made in asked if made))
    booked = iter(answers)
    for batch, made in asked:
        said = next(booked).answers if made else ()
        if all(one.result in (Result.CREATED, Result.EXISTS) for one in said):
            posted.append((batch["id"], said[-1].seq if said else None))
        else:
            await _dissolve(pool, clock, batch, said[0].result.name)
    ids, seqs = [id_ for id_, _ in posted], [seq for _, seq in posted]
    await pool.execute(queries.posted, ids, seqs, clock.now())


def transfers(batch: Any) -> list[Transfer]:
    """Return the voucher of a stored batch, which is empty if nothing is left of its lines."""
    who = dict.fromkeys((2321, 2322, 2323, 1223), batch["merchant"]) | {2361: PLATFORM, 1222: PLATFORM}
    fen = {
        "F2": batch["fee"],
        "T3": batch["recovered"],
        "T2": batch["reserved"],
        "T1": batch["amount"] - batch["released"],
        "T2.release": batch["released"],
    }

    def part(template: str) -> list[Transfer]:
        amounts, day = dict.fromkeys(("amount", "F"), abs(fen[template])), batch["run_date"]
        made = voucher(
            template, batch["voucher"], subjects=who, amounts=amounts, business_date=day, memo=batch["id"]
        )
        return made if fen[template] >= 0 else exchanged(made)

    return joined(*map(part, _BOOKED))


async def _dissolve(pool: asyncpg.Pool, clock: Clock, batch: Any, reason: str) -> None:
    log.error(
        "the ledger refused a settlement",
        settlement=str(batch["id"]),
        merchant=batch["merchant"],
        reason=reason,
    )
    async with pool.acquire() as connection, connection.transaction():
        if await connection.fetchval(queries.drop_settlement, batch["id"]) is None:
            return
        rows = await connection.fetch(queries.unmark_lines, batch["id"])
        await connection.execute(queries.unmark_undos, batch["id"])
        await connection.execute(queries.unmark_parts, batch["id"])
        payments = [row["id"] for row in rows if row["kind"] in ("purchase", "collection")]
        await note(
            clock, connection, payments, f"taken out of the settlement of {batch['run_date']}: {reason}"
        )
