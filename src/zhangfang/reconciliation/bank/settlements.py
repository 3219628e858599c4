"""A line that names the date that a channel settles: S5 if it pays, S9 if it takes. It waits for that file and its fee."""

from datetime import date
from uuid import UUID

from zhangfang.reconciliation import books
from zhangfang.reconciliation.bank.model import WAITS, Booked, Booking, queries
from zhangfang.reconciliation.bank.unknown import cure, cured_by, disputed, unknown
from zhangfang.reconciliation.rules import BreakClass, settlement_differs, signed, unknown_bank_line


async def settlement(at: Booking) -> Booked | None:
    """Book a line with the settlement text of one of the account's channels."""
    for channel in at.account.settled_by:
        settled = channel.settlement_of(at.line["text"])
        if settled is not None:
            return await _of_date(at, channel.name, settled)
    return None


async def _of_date(at: Booking, channel: str, settled: date) -> Booked:
    """Book the net amount of one date. A difference from the file's net amount becomes a break, so that the date's balance
    in 3012 is zero in any case.
    """
    file = await at.pool.fetchrow(queries.get_file, channel, settled)
    if file is None or file["matched_at"] is None:
        return WAITS
    if file["arrived_at"] is not None:
        return await _further_line(at, channel, settled)
    template = await _arrive(at, channel, file["arrival_voucher"], file["fee_fen"])
    if signed(at.line) != file["net_fen"]:
        await disputed(at, channel, settled, settlement_differs(at.line, settled, file["net_fen"]))
    return await at.done(template, (queries.arrived, channel, settled, at.now, at.line["sequence"]))


async def _arrive(at: Booking, channel: str, voucher: UUID, fee: int) -> str:
    template = "S5" if at.line["credit"] else "S9"
    names = books.subjects(at.account.alias, channel)
    await at.book(books.with_fee(template, voucher, names, at.day, fee=fee, net=at.line["amount"]))
    return template


async def _further_line(at: Booking, channel: str, settled: date) -> Booked:
    """Book a further line for a settled date. It pays what was missing in the first line, or it is unexplained."""
    opened = await cured_by(at, channel, BreakClass.AMOUNT_DIFFERS, settled)
    if opened is None:
        note = f"the settlement of {settled} has arrived already"
        return await unknown(at, unknown_bank_line(at.line, note=note))
    return await cure(at, opened, await _arrive(at, channel, at.line["voucher"], 0))
