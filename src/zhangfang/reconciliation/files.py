"""The channel's file of a settlement date: received whole, every line placed, and booked in one voucher per kind.

Each step can be repeated: its decisions, and the ids of its vouchers, are stored before it books.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import asyncpg

from zhangfang.channels.port import AcquiringChannel, Answer, ChannelFile, FileLine, Operation, Verdict
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.database import repeated
from zhangfang.kernel.ids import new_id
from zhangfang.kernel.sql import load
from zhangfang.ledger import LedgerClient
from zhangfang.payments import FINAL, Desk, Intent, StepKind, weigh
from zhangfang.reconciliation import books
from zhangfang.reconciliation.rules import (
    MIRROR,
    NewBreak,
    Placement,
    agrees,
    missing_there,
    place_all,
    returns,
)

queries = load(__package__, "store.sql")


async def reconcile(desk: Desk, channel: AcquiringChannel, settle_date: date) -> None:
    """Do all steps for one date. Raises `FileNotReady` or `MalformedMessage` while there is no complete file."""
    if await desk.pool.fetchrow(queries.get_file, channel.name, settle_date) is None:
        await receive(desk.pool, desk.clock, await channel.file(settle_date))
    await _weigh_lines(desk, channel.name, settle_date)
    await repeated(lambda: _place(desk.pool, desk.clock, channel.name, settle_date))
    await _book(desk, channel.name, settle_date)
    await desk.pool.execute(queries.mark_absent, channel.name, settle_date, desk.clock.now())


async def receive(pool: asyncpg.Pool, clock: Clock, file: ChannelFile) -> None:
    """Store a complete file with the ids of its future vouchers. A file that is stored already does not change."""
    now = clock.now()
    ids = [new_id(clock) for _ in range(7)]
    pay_in, refund, fee, net = sums(file.lines)
    async with pool.acquire() as connection, connection.transaction():
        made = await connection.fetchrow(
            queries.add_file, file.channel, file.settle_date, file.name, file.digest, len(file.lines), now, *ids,
            pay_in, refund, fee, net, sum(bool(line.unread) for line in file.lines),
        )  # fmt: skip
        if made is not None:
            columns = zip(*(_row(line) for line in file.lines), strict=True) if file.lines else [[]] * 12
            await connection.execute(
                queries.add_file_lines, file.channel, file.settle_date, *(list(column) for column in columns)
            )


def sums(lines: Sequence[FileLine]) -> tuple[int, int, int, int]:
    """Return a file's pay-ins, refunds, fees and net amount, in fen. The channel's bank line will be of the net amount.

    A row that could not be read counts for nothing: what it stands for shows in that bank line.
    """
    pay_in = sum(line.amount for line in lines if line.credit)
    refund = sum(line.amount for line in lines if not line.credit)
    fee = sum(line.fee for line in lines)
    return pay_in, refund, fee, pay_in - refund - fee


def _row(line: FileLine) -> tuple[Any, ...]:
    operation = line.operation.value if line.operation else None
    return (
        line.line_no, line.order_no, line.channel_ref, operation, line.amount, line.credit, line.fee,
        line.adjustment, line.original_order_no, line.note, line.raw, line.unread,
    )  # fmt: skip


async def _weigh_lines(desk: Desk, channel: str, settle_date: date) -> None:
    """Weigh each line of the file as evidence: it ends an intent that is still open."""
    rows = await desk.pool.fetch(queries.file_lines, channel, settle_date)
    await _weigh_returns(desk, channel, rows)
    listed = {row["order_no"]: row for row in reversed(rows) if not row["adjustment"]}
    for found in await desk.pool.fetch(queries.intents_of_lines, channel, list(listed)):
        intent = Intent.of(found)
        line = listed[intent.channel_order_no]
        if intent.state in FINAL or not agrees(line, intent):
            continue
        answer = Answer(
            Verdict.SUCCESS,
            channel_ref=line["channel_ref"],
            amount=line["amount"],
            settle_date=settle_date,
            message=f"line {line['line_no']} of the file of {settle_date}",
        )
        await weigh(desk, intent, StepKind.FILE, answer)


async def _weigh_returns(desk: Desk, channel: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Weigh returns (退票): the file lists a returned payout as an adjustment of its original."""
    back = {row["original_order_no"]: row for row in rows if returns(row)}
    for found in await desk.pool.fetch(queries.intents_of_lines, channel, list(back)):
        intent, line = Intent.of(found), back[found["channel_order_no"]]
        if intent.returned_at is None and line["amount"] == intent.amount:
            message = f"line {line['line_no']} of the file of {line['settle_date']}"
            answer = Answer(
                Verdict.RETURNED, channel_ref=line["channel_ref"], amount=line["amount"], message=message
            )
            await weigh(desk, intent, StepKind.FILE, answer)


async def _place(pool: asyncpg.Pool, clock: Clock, channel: str, settle_date: date) -> None:
    """Place every line, and every payment of ours that no line shows, once and in one transaction."""
    async with pool.acquire() as connection, connection.transaction():
        file = await connection.fetchrow(queries.lock_file, channel, settle_date)
        if file["placed_at"] is not None:
            return
        rows = await connection.fetch(queries.file_lines, channel, settle_date)
        numbers = [row["original_order_no"] if returns(row) else row["order_no"] for row in rows]
        found = await connection.fetch(queries.intents_of_lines_locked, channel, numbers)
        intents = {row["channel_order_no"]: Intent.of(row) for row in found}
        breaks = {(b["class"], b["key"]): b for b in await connection.fetch(queries.open_breaks_of, channel)}
        await _store(clock, connection, channel, settle_date, rows, place_all(rows, intents, breaks))
        for row in await connection.fetch(queries.unlisted, channel, settle_date):
            await _unlisted(clock, connection, row, settle_date)
        now = clock.now()
        await connection.execute(queries.answer_contradictions, channel, settle_date, now, _by(settle_date))
        await connection.execute(queries.placed, channel, settle_date, now)


async def _store(
    clock: Clock,
    connection: Any,
    channel: str,
    settle_date: date,
    rows: Sequence[Mapping[str, Any]],
    placed: Sequence[Placement],
) -> None:
    numbers, stati = [row["line_no"] for row in rows], [p.status for p in placed]
    intents = [p.intent for p in placed]
    await connection.execute(queries.place_lines, channel, settle_date, numbers, stati, intents)
    proven = [(p.intent, row["channel_ref"]) for p, row in zip(placed, rows, strict=True) if p.intent]
    ids, refs = [id_ for id_, _ in proven], [ref for _, ref in proven]
    await connection.execute(queries.match_intents, ids, settle_date, clock.now(), refs)
    for one, row in zip(placed, rows, strict=True):
        if one.status == "returned":
            await connection.execute(queries.intent_arrived, one.intent, f"{settle_date}/{row['line_no']}")
        if one.opens is not None and not await open_break(clock, connection, channel, settle_date, one.opens):
            raise books.NotBooked(f"{channel} {settle_date}: two breaks {one.opens.kind} {one.opens.key}")
        if one.cures is not None:
            await connection.execute(queries.cure_break, one.cures, one.cure, settle_date)


async def _unlisted(clock: Clock, connection: Any, row: Any, settle_date: date) -> None:
    """Open a break for a payment of ours that the file lacks, unless it was voided: the channel lists no voided pair.

    The void's row handles both. If the payment had become a break before its void was proven, that break is cured.
    """
    intent, pair = Intent.of(row), not row["partner_listed"]
    if intent.kind is Operation.VOID and pair:
        both = [intent.id, intent.original]
        await connection.execute(queries.match_intents, both, settle_date, clock.now(), ["", ""])
        await connection.execute(queries.cure_voided, intent.original, MIRROR, settle_date)
    elif not (intent.voided and pair):
        await open_break(clock, connection, intent.channel, settle_date, missing_there(intent))


async def open_break(clock: Clock, connection: Any, channel: str, day: date, new: NewBreak) -> bool:
    """Store a break with the ids of its own voucher and its cure's. False if it is stored already."""
    made = await connection.fetchval(
        queries.open_break, new_id(clock), new.kind, channel, day, new.key, new.intent, new.ours, new.theirs,
        new.difference, new.note, new.template, new_id(clock), clock.now(), new_id(clock),
    )  # fmt: skip
    return made is not None


async def _book(desk: Desk, channel: str, settle_date: date) -> None:
    """Book the date's sums, the breaks that its file opened, and the cures that its file brought."""
    file = await desk.pool.fetchrow(queries.get_file, channel, settle_date)
    assert file is not None, "a file is received before it is booked"
    matched = await desk.pool.fetchrow(queries.sums_of_matched, channel, settle_date)
    voided = await desk.pool.fetchval(queries.void_sum, channel, settle_date)
    names = books.subjects(desk.alias, channel)
    for template, id_, amount in (
        ("S1", file["pay_in_voucher"], matched["pay_in"]),
        ("S2", file["refund_voucher"], matched["refund"]),
        ("S3", file["payout_voucher"], matched["payout"]),
        ("S11", file["return_voucher"], matched["returned"]),
        ("S10", file["void_voucher"], voided),
    ):
        made = books.lines(template, id_, names, settle_date, G=amount, amount=amount)
        await books.book(desk.pool, desk.ledger, made)
    accrued = books.with_fee("S4", file["fee_voucher"], names, settle_date, fee=file["fee_fen"])
    await books.book(desk.pool, desk.ledger, accrued)
    for row in await desk.pool.fetch(queries.breaks_of_date, channel, settle_date):
        await books.book(desk.pool, desk.ledger, books.disputed(row, desk.alias))
    for row in await desk.pool.fetch(queries.breaks_cured_in, channel, settle_date):
        await books.book(desk.pool, desk.ledger, books.cure(row, desk.alias))
        await desk.pool.execute(queries.clear_break, row["id"], desk.clock.now(), _by(settle_date))
    if not file["net_fen"] and file["arrived_at"] is None:
        await _nothing_arrives(desk.pool, desk.ledger, desk.clock, file, names)
    await desk.pool.execute(queries.matched, channel, settle_date, desk.clock.now())


async def _nothing_arrives(
    pool: asyncpg.Pool, ledger: LedgerClient, clock: Clock, file: Any, names: Mapping[int, str]
) -> None:
    """Book the arrival of a net amount of zero, for which no bank line comes: the channel has kept only its fee."""
    day = file["settle_date"]
    made = books.with_fee("S5", file["arrival_voucher"], names, day, fee=file["fee_fen"])
    await books.book(pool, ledger, made)
    await pool.execute(queries.arrived, file["channel"], day, clock.now(), None)


def _by(settle_date: date) -> str:
    return f"file of {settle_date}"
