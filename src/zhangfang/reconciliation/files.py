"""The channel's file of a settlement date: received whole, every line placed, booked in one voucher a kind.

Each step can be repeated: what was decided is stored before it is booked, and the vouchers' ids are stored with it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

import structlog

from zhangfang.channels.port import AcquiringChannel, Answer, ChannelFile, FileLine, Verdict
from zhangfang.kernel.ids import new_id
from zhangfang.kernel.sql import load
from zhangfang.payments import FINAL, Desk, Intent, StepKind, weigh
from zhangfang.reconciliation import books
from zhangfang.reconciliation.rules import NewBreak, Placement, missing_there, place

queries = load(__package__, "store.sql")
log = structlog.get_logger()


async def reconcile(desk: Desk, channel: AcquiringChannel, settle_date: date) -> None:
    """Do all of it for one date; raises `FileNotReady` or `MalformedMessage` while there is no whole file."""
    if await desk.pool.fetchrow(queries.get_file, channel.name, settle_date) is None:
        await receive(desk, await channel.file(settle_date))
    await _hear(desk, channel.name, settle_date)
    await _place(desk, channel.name, settle_date)
    await _book(desk, channel.name, settle_date)
    await desk.pool.execute(queries.mark_absent, channel.name, settle_date, desk.clock.now())


async def receive(desk: Desk, file: ChannelFile) -> None:
    """Store a complete file with the ids of the vouchers it will make; a file that is there stays as it is."""
    now = desk.clock.now()
    ids = [new_id(desk.clock) for _ in range(5)]
    pay_in, refund, fee, net = sums(file.lines)
    async with desk.pool.acquire() as connection, connection.transaction():
        made = await connection.fetchrow(
            queries.add_file, file.channel, file.settle_date, file.name, file.digest, len(file.lines), now, *ids,
            pay_in, refund, fee, net,
        )  # fmt: skip
        if made is not None:
            columns = zip(*(_row(line) for line in file.lines), strict=True) if file.lines else [[]] * 11
            await connection.execute(
                queries.add_file_lines, file.channel, file.settle_date, *(list(column) for column in columns)
            )


def sums(lines: Sequence[FileLine]) -> tuple[int, int, int, int]:
    """Return pay-ins, refunds, fees and net of a file, in fen. Net is what the channel's bank line will bring."""
    pay_in = sum(line.amount for line in lines if line.credit)
    refund = sum(line.amount for line in lines if not line.credit)
    fee = sum(line.fee for line in lines)
    return pay_in, refund, fee, pay_in - refund - fee


def _row(line: FileLine) -> tuple[Any, ...]:
    operation = line.operation.value if line.operation else None
    return (
        line.line_no, line.order_no, line.channel_ref, operation, line.amount, line.credit, line.fee,
        line.adjustment, line.original_order_no, line.note, line.raw,
    )  # fmt: skip


async def _hear(desk: Desk, channel: str, settle_date: date) -> None:
    """A line of the file is evidence: an intent that is still open ends by it."""
    rows = await desk.pool.fetch(queries.file_lines, channel, settle_date)
    listed = {row["order_no"]: row for row in rows if not row["adjustment"]}
    for found in await desk.pool.fetch(queries.intents_of_lines, channel, list(listed)):
        intent = Intent.of(found)
        line = listed[intent.channel_order_no]
        if intent.state in FINAL and (intent.settle_date or intent.matched_on):
            continue
        answer = Answer(
            Verdict.SUCCESS,
            channel_ref=line["channel_ref"],
            amount=line["amount"],
            settle_date=settle_date,
            message=f"line {line['line_no']} of the file of {settle_date}",
        )
        await weigh(desk, intent, StepKind.FILE, answer)


async def _place(desk: Desk, channel: str, settle_date: date) -> None:
    """Decide every line, and everything of ours that no line shows, in one transaction."""
    async with desk.pool.acquire() as connection, connection.transaction():
        await connection.fetchrow(queries.lock_file, channel, settle_date)
        rows = [
            r
            for r in await connection.fetch(queries.file_lines, channel, settle_date)
            if r["status"] == "received"
        ]
        found = await connection.fetch(
            queries.intents_of_lines_locked, channel, [row["order_no"] for row in rows]
        )
        intents = {row["channel_order_no"]: Intent.of(row) for row in found}
        breaks = {(b["class"], b["key"]): b for b in await connection.fetch(queries.open_breaks_of, channel)}
        placed = place_all(rows, intents, breaks)
        await _store(desk, connection, channel, settle_date, rows, placed)
        for row in await connection.fetch(queries.unlisted, channel, settle_date):
            await _unlisted(desk, connection, Intent.of(row), settle_date)


def place_all(
    rows: Sequence[Mapping[str, Any]], intents: Mapping[str, Intent], breaks: Mapping[tuple[str, str], Any]
) -> list[Placement]:
    """Place all lines of a file; the second line of one order number in it is a duplicate."""
    left = dict(intents)
    placed = []
    for row in rows:
        intent = left.get(row["order_no"])
        placed.append(place(row, intent, breaks))
        if intent is not None and placed[-1].intent is not None:
            left[row["order_no"]] = replace(intent, matched_on=row["settle_date"])
    return placed


async def _store(
    desk: Desk,
    connection: Any,
    channel: str,
    settle_date: date,
    rows: Sequence[Mapping[str, Any]],
    placed: Sequence[Placement],
) -> None:
    numbers = [row["line_no"] for row in rows]
    await connection.execute(
        queries.place_lines,
        channel,
        settle_date,
        numbers,
        [p.status for p in placed],
        [p.intent for p in placed],
    )
    proven = [(p.intent, row["channel_ref"]) for p, row in zip(placed, rows, strict=True) if p.intent]
    now = desk.clock.now()
    await connection.execute(
        queries.match_intents, [i for i, _ in proven], settle_date, now, [ref for _, ref in proven]
    )
    for one in placed:
        if one.opens is not None:
            await open_break(desk, connection, channel, settle_date, one.opens)
        if one.cures is not None:
            await connection.execute(queries.cure_break, one.cures, one.cure, settle_date)


async def _unlisted(desk: Desk, connection: Any, intent: Intent, settle_date: date) -> None:
    """A voided pair is left out of the file by the channel; anything else of ours that is not there is a break."""
    if intent.voided or intent.kind.value == "void":
        await connection.execute(queries.match_intents, [intent.id], settle_date, desk.clock.now(), [""])
        return
    await open_break(desk, connection, intent.channel, settle_date, missing_there(intent))


async def open_break(desk: Desk, connection: Any, channel: str, day: date, new: NewBreak) -> None:
    """Store a break with the ids of its own voucher and of its cure's."""
    await connection.execute(
        queries.open_break, new_id(desk.clock), new.kind, channel, day, new.key, new.intent, new.ours, new.theirs,
        new.difference, new.note, new.template, new_id(desk.clock), desk.clock.now(), new_id(desk.clock),
    )  # fmt: skip


async def _book(desk: Desk, channel: str, settle_date: date) -> None:
    """Book the date: S1, S2, S4 and S10, the breaks that it opened, and the cures that it brought."""
    file = await desk.pool.fetchrow(queries.get_file, channel, settle_date)
    assert file is not None, "a file is received before it is booked"
    matched = await desk.pool.fetchrow(queries.sums_of_matched, channel, settle_date)
    voided = await desk.pool.fetchval(queries.void_sum, channel, settle_date)
    names = books.subjects(desk.alias, channel)
    for template, id_, amount in (
        ("S1", file["pay_in_voucher"], matched["pay_in"]),
        ("S2", file["refund_voucher"], matched["refund"]),
        ("S4", file["fee_voucher"], file["fee_fen"]),
        ("S10", file["void_voucher"], voided),
    ):
        await _book_sum(desk, template, id_, names, settle_date, amount)
    for row in await desk.pool.fetch(queries.breaks_of_date, channel, settle_date):
        await books.book(desk, books.disputed(row, desk.alias))
    for row in await desk.pool.fetch(queries.breaks_cured_in, channel, settle_date):
        await books.book(desk, books.cure(row, desk.alias))
        await desk.pool.execute(queries.clear_break, row["id"], desk.clock.now(), f"file of {settle_date}")
    await desk.pool.execute(queries.matched, channel, settle_date, desk.clock.now())


async def _book_sum(
    desk: Desk, template: str, id_: UUID, names: Mapping[int, str], day: date, amount: int
) -> None:
    if amount:
        await books.book(desk, books.lines(template, id_, names, day, G=amount, K=amount, amount=amount))
