"""What the page of one payment says: its path, its three-way check, its next step, and what may be done."""

from dataclasses import dataclass
from datetime import date, datetime

from zhangfang.channels.port import PAY_INS
from zhangfang.console.reading.model import Dossier, Payment
from zhangfang.payments import ENDED_BY_TWO
from zhangfang.web.tables import FINAL
from zhangfang.web.words import N_, Words

PAY_IN = tuple(operation.value for operation in PAY_INS)
PAY_BACK = ("refund", "void")
SECTION = dict.fromkeys(PAY_IN, "payments") | dict.fromkeys(PAY_BACK, "refunds") | {"payout": "payouts"}
_CONTROL = {"purchase": 3011, "collection": 3011, "refund": 3013, "void": 3013, "payout": 3014}


@dataclass(frozen=True, slots=True)
class Segment:
    """One stretch of the money's way: `look` is done, unknown, failed or todo."""

    look: str
    title: str
    note: str


@dataclass(frozen=True, slots=True)
class Check:
    """One of the three books: None as amount means that it does not have the payment (yet)."""

    book: str
    note: str
    amount: int | None


def facts_of(payment: Payment) -> list[str]:
    """Return the later facts that stand beside the state."""
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
    """Return four or five segments: where the money has been, is not known to be, and will go."""
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
        _then(_, N_("Booked, pending"), _day(d.lines[0].posted_at if d.lines else None, _), p),
        _then(_, N_("Reconciled"), _day(p.matched_on, _), p),
        _then(_, N_("Arrived at our bank"), _day(f.file_arrived_at, _), p),
        _then(_, N_("Settled, available"), _day(f.settled_on, _), p),
    )


def _payout_path(d: Dossier, _: Words) -> tuple[Segment, ...]:
    p = d.payment
    left = [line for line in d.banked if not line.credit]
    segments = (
        _then(
            _, N_("Taken from the merchant's balance"), _day(d.lines[0].posted_at if d.lines else None, _), p
        ),
        _outcome(p, _, N_("Paid by the bank")),
        _then(_, N_("On the bank statement"), _day(left[0].booked_at if left else None, _), p),
    )
    if p.returned_at:
        return (*segments, Segment("after", _(N_("Returned, back in the wallet")), _.moment(p.returned_at)))
    return segments


def _refund_path(d: Dossier, _: Words) -> tuple[Segment, ...]:
    p, f = d.payment, d.facts
    return (
        _then(
            _, N_("Taken from the merchant's balance"), _day(d.lines[0].posted_at if d.lines else None, _), p
        ),
        _outcome(p, _, N_("Given back by the channel")),
        _then(_, N_("Reconciled"), _day(p.matched_on, _), p),
        _then(_, N_("Taken off a settlement"), _day(f.file_arrived_at, _), p),
    )


def _outcome(p: Payment, _: Words, title: str) -> Segment:
    look = {
        "SUCCESS": "done",
        "UNKNOWN": "unknown",
        "MANUAL": "unknown",
        "FAILED": "failed",
        "REFUSED": "failed",
    }
    note = {
        "SUCCESS": _.moment(p.decided_at),
        "UNKNOWN": _(N_("unknown since {at}"), at=_.moment(p.unknown_since)),
        "MANUAL": _(N_("needs a person")),
        "FAILED": _(N_("it did not happen")),
        "REFUSED": _(N_("never sent")),
        "CLOSED": _(N_("the payer never paid")),
    }
    return Segment(look.get(p.state, "todo"), _(title), note.get(p.state, _(N_("no outcome yet"))))


def _then(_: Words, title: str, when: str | None, p: Payment) -> Segment:
    if when:
        return Segment("done", _(title), when)
    ended = p.state in FINAL and p.state != "SUCCESS"
    return Segment("todo", _(title), _(N_("does not come")) if ended else _(N_("not yet")))


def _day(at: datetime | date | None, _: Words) -> str | None:
    if at is None:
        return None
    return _.moment(at) if isinstance(at, datetime) else _.short(at)


def three_way(d: Dossier, _: Words) -> tuple[Check, ...]:
    """Return what the ledger, the channel's file and the bank's statement each say of the amount."""
    return (_in_ledger(d, _), _in_file(d, _), _at_bank(d, _))


def _in_ledger(d: Dossier, _: Words) -> Check:
    """Sum what the payment's vouchers put on the channel's own account, less what was mirrored back."""
    code, sign = _CONTROL[d.payment.kind], 1 if d.payment.kind in PAY_IN else -1
    sides = [line for line in d.lines if line.code == code and line.voucher == d.lines[0].voucher]
    amount = sign * sum((line.debit or 0) - (line.credit or 0) for line in sides)
    others = (
        sorted({line.code for line in d.lines if line.voucher == d.lines[0].voucher} - {code})
        if d.lines
        else []
    )
    note = f"{code} · {', '.join(map(str, others))}" if sides else _(N_("nothing booked"))
    return Check(_(N_("Ledger")), note, amount if sides else None)


def _in_file(d: Dossier, _: Words) -> Check:
    title = _(N_("Channel file"))
    if d.payment.kind == "payout":
        return Check(title, _(N_("a bank has none: its statement is the proof")), None)
    if not d.listed:
        return Check(title, _(N_("not listed yet")), None)
    first = d.listed[0]
    note = _(N_("{day}, line {line}"), day=_.short(first.settle_date), line=f"{first.line_no:,}")
    return Check(title, note, sum(line.amount for line in d.listed))


def _at_bank(d: Dossier, _: Words) -> Check:
    title = _(N_("Bank statement"))
    if d.payment.kind == "payout":
        if not d.banked:
            return Check(title, _(N_("not on it yet")), None)
        paid = [line for line in d.banked if not line.credit]
        return Check(title, _(N_("line {n}"), n=d.banked[0].sequence), sum(line.amount for line in paid))
    if d.facts.file_arrived_at is None:
        return Check(title, _(N_("its file's sum has not arrived")), None)
    day = _.short(d.facts.file_arrived_at.date())
    listed = sum(line.amount for line in d.listed)
    return Check(title, _(N_("in the sum of {day}"), day=day), listed if d.listed else None)


def agreement(checks: tuple[Check, ...], payment: Payment) -> str:
    """Return equal, differs or waiting: a payout has two books, all else three."""
    known = [check.amount for check in checks if check.amount is not None]
    if any(amount != payment.amount for amount in known):
        return "differs"
    return "equal" if len(known) == (2 if payment.kind == "payout" else 3) else "waiting"
