"""Lines of our own doing: a payout that left or came back, by its reference; what two people have announced."""

from zhangfang.channels.port import Answer, Verdict
from zhangfang.payments import Intent, State, StepKind, weigh
from zhangfang.reconciliation import books
from zhangfang.reconciliation.bank.model import Booked, Booking, queries
from zhangfang.reconciliation.bank.unknown import unknown
from zhangfang.reconciliation.rules import payouts_line, unknown_bank_line


async def payout(at: Booking) -> Booked | None:
    """O5, D5: a payout left the bank; O8: it came back. A line proves either one once, and only for the whole amount."""
    if not at.line["reference"]:
        return None
    row = await at.pool.fetchrow(queries.intent_of_reference, at.account.bank.name, at.line["reference"])
    if row is None:
        return None
    intent = Intent.of(row)
    template = payouts_line(intent.template, back=at.line["credit"])
    if not await _fits(at, intent, template):
        note = f"not a {template} of payout {intent.channel_order_no}"
        return await unknown(at, unknown_bank_line(at.line, intent.id, note))
    names, amount = books.subjects(at.account.alias, intent.channel), at.line["amount"]
    voucher = at.line["voucher"]
    await at.book(books.lines(template, voucher, names, at.day, memo=intent.id, N=amount, amount=amount))
    arrived = (queries.intent_arrived, intent.id, at.line["sequence"])
    return await at.done(template, arrived, intent=intent.id)


async def _fits(at: Booking, intent: Intent, template: str) -> bool:
    known = (intent.id, template, at.account.alias, at.line["sequence"])
    if at.line["amount"] != intent.amount or await at.pool.fetchval(queries.on_another_line, *known):
        return False
    return await _proven(at, intent)


async def _proven(at: Booking, intent: Intent) -> bool:
    """Weigh the line as evidence. False if the payout did not end as the line shows: no money of it is in transit."""
    back = at.line["credit"]
    answer = Answer(
        Verdict.RETURNED if back else Verdict.SUCCESS,
        channel_ref=at.line["request_no"],
        amount=at.line["amount"],
        message=f"line {at.line['sequence']} of the statement of {at.day}",
    )
    await weigh(at.desk, intent, StepKind.BANK, answer)
    now = await at.desk.journal.reload(intent.id)
    return now.returned_at is not None if back else now.state is State.SUCCESS


ANNOUNCED = {
    "top_up": "D3.reserve",
    "prefunding": "D7",
    "interest": "I1",
}  # by the kind of the register's entry


async def announced(at: Booking) -> Booked | None:
    """Own funds bring what they owe or what is to lie there, or the reserve bears interest: as two people have announced."""
    if at.line["reversal"] or not at.line["credit"]:
        return None
    named = f"line {at.line['sequence']} of {at.account.alias}"
    entry = await at.pool.fetchrow(queries.claim_announced, at.line["amount"], named)
    if entry is None:
        return None
    names, template = books.subjects(at.account.alias, at.account.bank.name), ANNOUNCED[entry["kind"]]
    voucher, amount = at.line["voucher"], at.line["amount"]
    await at.book(books.lines(template, voucher, names, at.day, memo=entry["id"], amount=amount))
    return await at.done(template, (queries.announced_arrived, entry["id"], named, at.now))
