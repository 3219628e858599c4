"""What the page of one payment says: its path, its three-way check, its next step, and what may be done."""

import re
from dataclasses import dataclass
from datetime import date, datetime

from zhangfang.channels.port import PAY_INS
from zhangfang.console.reading.model import Dossier, Payment
from zhangfang.console.timeline import Event
from zhangfang.payments import ENDED_BY_TWO
from zhangfang.web.tables import FINAL, TERMS, note, term
from zhangfang.web.words import N_, Words

PAY_IN = tuple(operation.value for operation in PAY_INS)
PAY_BACK = ("refund", "void")
SECTION = dict.fromkeys(PAY_IN, "payments") | dict.fromkeys(PAY_BACK, "refunds") | {"payout": "payouts"}
_CONTROL = {  # the account of the channel on which a payment of a kind stands; 2351 if it was filled in from a break
    "purchase": (3011, 2351), "collection": (3011, 2351), "refund": (3013,), "void": (3013,), "payout": (3014,),
}  # fmt: skip
_OURS = re.compile(
    r"console-.*|.+-STL-\d{6}-\d+"
)  # the order numbers of what an operator or a settlement asks for


@dataclass(frozen=True, slots=True)
class Segment:
    """One step of the money's way: `look` is done, unknown, failed, after or todo."""

    look: str
    title: str
    note: str


@dataclass(frozen=True, slots=True)
class Check:
    """One of the three books: None as amount means that it does not have the payment (yet)."""

    book: str
    note: str
    amount: int | None
    path: str = ""  # the page with the lines that the amount is made of


def facts_of(payment: Payment) -> list[str]:
    """Return what happened after the final state: returned, voided, refunded."""
    found = []
    if payment.returned_at:
        found.append("RETURNED")
    if payment.voided:
        found.append("VOIDED")
    elif payment.refunded == payment.amount:
        found.append("REFUNDED")
    elif payment.refunded:
        found.append("PART_REFUNDED")
    return found


def ended_without(payment: Payment) -> bool:
    """Whether a payment is over and did not succeed: no money is due, and no fee."""
    return payment.state in FINAL and payment.state != "SUCCESS"


def fee_of(payment: Payment) -> int | None:
    """Return a payment's fee in fen; None if it is over and did not succeed."""
    return None if ended_without(payment) else payment.fee


def why(payment: Payment, _: Words) -> str:
    """Return the code and the message of the channel, or of the ledger, that ended a payment."""
    code = payment.code or ""
    words = TERMS["code"].get(code.lower())
    parts = (_.of(words) if words else code, term(_, "note", payment.message or ""))
    return " ".join(part for part in parts if part)


def purpose(payment: Payment, _: Words) -> str:
    """Return what a payment is for: the merchant's own words, or a note of the platform's."""
    ours = _OURS.fullmatch(payment.order_no)
    return note(_, payment.description) if ours else term(_, "note", payment.description)


def said(event: Event, _: Words) -> str:
    """Return the code and the message of a step: the channel's are quoted, the platform's own are translated."""
    if event.quoted:
        return " · ".join(part for part in (event.code, event.message) if part)
    code = term(_, "code", event.code.lower()) if event.kind == "ledger" else event.code
    message = term(_, "event", event.message) if event.kind == "told" else note(_, event.message)
    return " · ".join(part for part in (code, message) if part)


def refund_reason(payment: Payment) -> str | None:
    """Return why a payment cannot be refunded, as the label of the button; None if it can."""
    if payment.state not in FINAL:
        return N_("Refund: needs an outcome")
    if payment.state != "SUCCESS":
        return N_("Refund: nothing was paid")
    if payment.voided:
        return N_("Refund: already voided")
    if payment.refunded >= payment.amount:
        return N_("Refund: nothing left to refund")
    return None


def query_reason(payment: Payment) -> str | None:
    """Return why nothing can be asked of the channel now, as the label of the button; None if it can."""
    if payment.state in FINAL:
        return N_("Query: the outcome is final")
    if payment.state == "CREATED":
        return N_("Query: nothing was sent yet")
    return None


def outcome_reason(payment: Payment, *, waiting: bool) -> str | None:
    """Return why nobody can say how a payment ended, as the label of the button; None if somebody can."""
    if payment.state not in ENDED_BY_TWO:
        return N_("Two people: only what is unknown needs them")
    return N_("Two people: one has spoken, another has to approve") if waiting else None


def path(dossier: Dossier, _: Words) -> tuple[Segment, ...]:
    """Return the four or five steps of the money's way, each with when it happened or why it has not."""
    payment = dossier.payment
    if payment.kind in PAY_IN:
        return _pay_in_path(dossier, _)
    if payment.kind == "payout":
        return _payout_path(dossier, _)
    return _refund_path(dossier, _)


def _pay_in_path(d: Dossier, _: Words) -> tuple[Segment, ...]:
    p, f = d.payment, d.facts
    return (
        _outcome(p, _, N_("Payer debited")),
        _then(_, N_("Booked, pending"), d.lines[0].posted_at if d.lines else None, p),
        _then(_, N_("Reconciled"), p.matched_on, p),
        _then(_, N_("Arrived at our bank"), f.file_arrived_at, p),
        _then(_, N_("Settled, available"), f.settled_on, p),
    )


def _payout_path(d: Dossier, _: Words) -> tuple[Segment, ...]:
    p = d.payment
    left = [line for line in d.banked if not line.credit]
    segments = (
        _then(_, N_("Taken from the merchant's balance"), d.lines[0].posted_at if d.lines else None, p),
        _outcome(p, _, N_("Paid by the bank")),
        _then(_, N_("On the bank statement"), left[0].booked_at if left else None, p),
    )
    if p.returned_at:
        return (*segments, Segment("after", _(N_("Returned, back in the wallet")), _.moment(p.returned_at)))
    return (*segments, *_given_back(d, _))


def _given_back(d: Dossier, _: Words) -> tuple[Segment, ...]:
    """Return where the money is that was taken for something which did not succeed."""
    if not d.lines or not ended_without(d.payment):
        return ()
    return (Segment("after", _(N_("Back in the merchant's balance")), _.moment(d.lines[-1].posted_at)),)


def _refund_path(d: Dossier, _: Words) -> tuple[Segment, ...]:
    p, f = d.payment, d.facts
    return (
        _then(_, N_("Taken from the merchant's balance"), d.lines[0].posted_at if d.lines else None, p),
        _outcome(p, _, N_("Given back by the channel")),
        _then(_, N_("Reconciled"), p.matched_on, p),
        _then(_, N_("Taken off a settlement"), f.file_arrived_at, p),
        *_given_back(d, _),
    )


def _outcome(p: Payment, _: Words, title: str) -> Segment:
    look, note = {
        "SUCCESS": ("done", _.moment(p.decided_at)),
        "UNKNOWN": ("unknown", _(N_("unknown since {at}"), at=_.moment(p.unknown_since))),
        "MANUAL": ("unknown", _(N_("needs a person"))),
        "FAILED": ("failed", _(N_("it did not happen"))),
        "REFUSED": ("failed", _(N_("never sent"))),
        "CLOSED": ("todo", _(N_("the payer never paid"))),
    }.get(p.state, ("todo", _(N_("no outcome yet"))))
    return Segment(look, _(title), note)


def _then(_: Words, title: str, at: datetime | date | None, p: Payment) -> Segment:
    if at is not None:
        return Segment("done", _(title), _.moment(at) if isinstance(at, datetime) else _.short(at))
    left_out = title == "Reconciled" and (p.voided or p.kind == "void")
    waits = _(N_("left out of the file")) if left_out else _(N_("not yet"))
    return Segment("todo", _(title), _(N_("does not come")) if ended_without(p) else waits)


def three_way(d: Dossier, _: Words) -> tuple[Check, ...]:
    """Return what the ledger, the channel's file and the bank's statement each say of the amount."""
    return (_in_ledger(d, _), _in_file(d, _), _at_bank(d, _))


def _in_ledger(d: Dossier, _: Words) -> Check:
    """Sum what the payment's own voucher moved on the channel's account, less what the voucher that undoes it moved."""
    codes, sign = _CONTROL[d.payment.kind], 1 if d.payment.kind in PAY_IN else -1
    own = [line for line in d.lines if line.voucher in (d.facts.voucher, d.facts.undo_voucher)]
    sides = [line for line in own if line.code in codes]
    if not sides:
        return Check(_(N_("Ledger")), _(N_("nothing booked")), None)
    amount = sign * sum((line.debit or 0) - (line.credit or 0) for line in sides)
    others = sorted({line.code for line in own} - {sides[0].code})
    note = f"{sides[0].code} · {', '.join(map(str, others))}"
    return Check(_(N_("Ledger")), note, amount, f"/vouchers/{sides[0].voucher}")


def _in_file(d: Dossier, _: Words) -> Check:
    p, title = d.payment, _(N_("Channel file"))
    if d.listed:
        first = d.listed[0]
        where = _(N_("{day}, line {line}"), day=_.short(first.settle_date), line=f"{first.line_no:,}")
        lines = f"/reconciliation/{first.settle_date}/{p.channel}/lines#line-{first.line_no}"
        return Check(title, where, sum(line.amount for line in d.listed), lines)
    if p.voided or p.kind == "void":
        return Check(title, _(N_("a payment and its void are left out of it")), None)
    if p.kind == "payout":
        return Check(title, _(N_("a bank has none: its statement is the proof")), None)
    return Check(title, _(N_("none is due")) if ended_without(p) else _(N_("not listed yet")), None)


def _at_bank(d: Dossier, _: Words) -> Check:
    p, title = d.payment, _(N_("Bank statement"))
    if d.banked:
        paid = [line for line in d.banked if not line.credit]
        return Check(title, _(N_("line {n}"), n=d.banked[0].sequence), sum(line.amount for line in paid))
    if d.facts.file_arrived_at is not None and d.listed:
        day = _.short(d.facts.file_arrived_at.date())
        return Check(title, _(N_("in the sum of {day}"), day=day), sum(line.amount for line in d.listed))
    if ended_without(p) or p.voided or p.kind == "void":
        return Check(title, _(N_("none is due")), None)
    waits = N_("not on it yet") if p.kind == "payout" else N_("its file's sum has not arrived")
    return Check(title, _(waits), None)


def agreement(checks: tuple[Check, ...], payment: Payment) -> str:
    """Return what the books say together: equal, differs, waiting, or none if nothing is due.

    A payout has two books, a voided payment and its void one, everything else three.
    """
    due = 0 if ended_without(payment) else payment.amount
    known = [check.amount for check in checks if check.amount is not None]
    if any(amount != due for amount in known):
        return "differs"
    if not due:
        return "none"
    books = 1 if payment.voided or payment.kind == "void" else 2 if payment.kind == "payout" else 3
    return "equal" if len(known) >= books else "waiting"
