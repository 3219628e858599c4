"""The channel's file of a settlement date: received whole, every line placed, and booked in one voucher per kind.

All lines are placed by a few statements, never as objects here. Each step can be repeated: its decisions, and the ids of its
vouchers, are stored before it books.
"""

from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

import asyncpg

from zhangfang.channels.port import AcquiringChannel, Answer, Verdict
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.database import repeated
from zhangfang.kernel.ids import new_id
from zhangfang.kernel.sql import load
from zhangfang.ledger import NO_ID
from zhangfang.payments import Desk, StepKind, weigh
from zhangfang.reconciliation import books, placing
from zhangfang.reconciliation.receiving import FILE_S, receive, receive_csv
from zhangfang.reconciliation.rules import NewBreak

queries = load(__package__, "store.sql")
places = load(__package__, "placing.sql")

CHUNK = 200_000  # lines that one statement places: their join and their order fit into its memory
PAGE = 4_000  # vouchers of breaks, of one transfer each, that the ledger gets in one request
_BEFORE_ALL = -(1 << 31)  # the least line number there can be


async def reconcile(desk: Desk, channel: AcquiringChannel, settle_date: date) -> None:
    """Do all steps for one date. Raises `FileNotReady` or `MalformedMessage` while there is no complete file."""
    if await desk.pool.fetchrow(queries.get_file, channel.name, settle_date) is None:
        await receive(desk.pool, desk.clock, await channel.file(settle_date))
    await _work(desk, channel.name, settle_date)


async def take_file(desk: Desk, channel: str, settle_date: date, path: Path, name: str, digest: str) -> None:
    """Do all steps for a canonical CSV on disk (`receiving.receive_csv`). `digest` is the SHA-256 of the original bytes.

    A date that has a file already keeps it. Raises `InvalidInput` if it is another table.
    """
    if await desk.pool.fetchrow(queries.get_file, channel, settle_date) is None:
        await receive_csv(desk.pool, desk.clock, channel, settle_date, path, name, digest)
    await _work(desk, channel, settle_date)


async def _work(desk: Desk, channel: str, settle_date: date) -> None:
    await weigh_lines(desk, channel, settle_date)
    await repeated(lambda: place(desk.pool, desk.clock, channel, settle_date))
    await book(desk, channel, settle_date)
    await desk.pool.execute(queries.mark_absent, channel, settle_date, desk.clock.now(), timeout=FILE_S)


async def weigh_lines(desk: Desk, channel: str, settle_date: date) -> None:
    """Weigh lines as evidence: first returns (退票), which a file lists as adjustments of their originals, and then the
    first line of each intent that is still open, which ends it.
    """
    for line in await desk.pool.fetch(queries.returns_listed, channel, settle_date, timeout=FILE_S):
        await _weigh(desk, settle_date, line, Verdict.RETURNED, None)
    for line in await desk.pool.fetch(queries.open_listed, channel, settle_date, timeout=FILE_S):
        await _weigh(desk, settle_date, line, Verdict.SUCCESS, settle_date)


async def _weigh(desk: Desk, settle_date: date, line: Any, verdict: Verdict, settled: date | None) -> None:
    answer = Answer(
        verdict,
        channel_ref=line["channel_ref"],
        amount=line["amount"],
        settle_date=settled,
        message=f"line {line['line_no']} of the file of {settle_date}",
    )
    await weigh(desk, await desk.journal.reload(line["intent"]), StepKind.FILE, answer)


async def place(pool: asyncpg.Pool, clock: Clock, channel: str, settle_date: date) -> None:
    """Place every line, and every payment of ours that no line shows, once and in one transaction."""
    async with pool.acquire() as connection, connection.transaction():
        file = await connection.fetchrow(queries.lock_file, channel, settle_date)
        if file["placed_at"] is not None:
            return
        now = clock.now()
        await place_after(connection, channel, settle_date, _BEFORE_ALL, now)
        await connection.execute(queries.placed, channel, settle_date, now)


async def place_after(connection: Any, channel: str, settle_date: date, first: int, now: datetime) -> None:
    """Place the lines after the number `first`, and what no line shows. Raises `NotBooked` for two breaks of one key."""
    try:
        await connection.execute(places.plan_anew)
        await connection.execute(places.take_turn, channel)
        await connection.execute(places.lock_returned, channel, settle_date, timeout=FILE_S)
        await connection.execute(places.lock_breaks, channel, timeout=FILE_S)
        await _place_lines(connection, channel, settle_date, first, now)
        await connection.execute(places.place_unlisted, channel, settle_date, now, timeout=FILE_S)
    except asyncpg.UniqueViolationError as error:
        if (
            error.table_name == "intent_match"
        ):  # a person let it count as listed meanwhile: placed anew, it is a duplicate
            raise asyncpg.SerializationError(str(error)) from None
        raise books.NotBooked(f"{channel} {settle_date}: two breaks: {error.detail}") from None
    await connection.execute(queries.answer_contradictions, channel, settle_date, now, _by(settle_date))


async def _place_lines(connection: Any, channel: str, settle_date: date, first: int, now: datetime) -> None:
    table = placing.parameters()
    while (
        last := await connection.fetchval(places.chunk_end, channel, settle_date, first, CHUNK)
    ) is not None:
        chunk = (channel, settle_date, first, last)
        await connection.execute(places.place_lines, *chunk, now, *table, timeout=FILE_S)
        await connection.execute(places.returned_lines, *chunk, timeout=FILE_S)
        first = last


async def open_break(clock: Clock, connection: Any, channel: str, day: date, new: NewBreak) -> bool:
    """Store a break with the ids of its own voucher and its cure's. False if it is stored already."""
    made = await connection.fetchval(
        queries.open_break, new_id(clock), new.kind, channel, day, new.key, new.intent, new.ours, new.theirs,
        new.difference, new.note, new.template, new_id(clock), clock.now(), new_id(clock),
    )  # fmt: skip
    return made is not None


async def book(desk: Desk, channel: str, settle_date: date) -> None:
    """Book the date's sums, the breaks that its file opened, and the cures that its file brought; once."""
    file = await desk.pool.fetchrow(queries.get_file, channel, settle_date)
    assert file is not None, "a file is received before it is booked"
    if file["matched_at"] is not None:
        return
    names = books.subjects(desk.alias, channel)
    await _book_sums(desk, file, names)
    accrued = books.with_fee("S4", file["fee_voucher"], names, settle_date, fee=file["fee_fen"])
    await books.book(desk.pool, desk.ledger, accrued)
    await book_breaks(desk, channel, settle_date)
    if not file["net_fen"] and file["arrived_at"] is None:
        await nothing_arrives(desk, file)
    await desk.pool.execute(queries.matched, channel, settle_date, desk.clock.now())


async def _book_sums(desk: Desk, file: Any, names: Mapping[int, str]) -> None:
    channel, settle_date = file["channel"], file["settle_date"]
    matched = await desk.pool.fetchrow(queries.sums_of_matched, channel, settle_date, timeout=FILE_S)
    voided = await desk.pool.fetchval(queries.void_sum, channel, settle_date, timeout=FILE_S)
    for template, id_, amount in (
        ("S1", file["pay_in_voucher"], matched["pay_in"]),
        ("S2", file["refund_voucher"], matched["refund"]),
        ("S3", file["payout_voucher"], matched["payout"]),
        ("S11", file["return_voucher"], matched["returned"]),
        ("S10", file["void_voucher"], voided),
    ):
        made = books.lines(template, id_, names, settle_date, G=amount, amount=amount)
        await books.book(desk.pool, desk.ledger, made)


async def book_breaks(desk: Desk, channel: str, settle_date: date) -> None:
    """Book all breaks of the date to suspense, and end those that its file cures; many vouchers in one request."""
    last = NO_ID
    while rows := await desk.pool.fetch(queries.breaks_of_date, channel, settle_date, last, PAGE):
        made = [line for row in rows for line in books.disputed(row, desk.alias)]
        await books.book(desk.pool, desk.ledger, made)
        last = rows[-1]["id"]
    await _book_cures(desk, channel, settle_date)


async def _book_cures(desk: Desk, channel: str, settle_date: date) -> None:
    """Book and clear the breaks that the date's file cures, many vouchers in one request."""
    while rows := await desk.pool.fetch(queries.breaks_cured_in, channel, settle_date, PAGE):
        made = [line for row in rows for line in books.cure(row, desk.alias)]
        await books.book(desk.pool, desk.ledger, made)
        ids = [row["id"] for row in rows]
        await desk.pool.execute(queries.clear_breaks, ids, desk.clock.now(), _by(settle_date))


async def nothing_arrives(desk: Desk, file: Any) -> None:
    """Book the arrival of a net amount of zero, for which no bank line comes: the channel has kept only its fee."""
    names, day = books.subjects(desk.alias, file["channel"]), file["settle_date"]
    made = books.with_fee("S5", file["arrival_voucher"], names, day, fee=file["fee_fen"])
    await books.book(desk.pool, desk.ledger, made)
    await desk.pool.execute(queries.arrived, file["channel"], day, desk.clock.now(), None)


def _by(settle_date: date) -> str:
    return f"file of {settle_date}"
