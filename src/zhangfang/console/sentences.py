"""The sentence with which each page begins. It answers the page's question; its figures are links."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from markupsafe import Markup

from zhangfang.console.reading.breaks import Filter, Listed
from zhangfang.console.reading.channels import OperationHealth
from zhangfang.console.reading.model import (
    Break,
    Figures,
    FileResult,
    Payment,
    Seal,
    StatementResult,
    Total,
    Waiting,
)
from zhangfang.console.view import why
from zhangfang.duplicates import Case, CaseState
from zhangfang.reconciliation import Aged, TooMuch
from zhangfang.web.money import money
from zhangfang.web.tables import FINAL, note
from zhangfang.web.words import Words
from zhangfang.weekly import Report, success


def link(href: str, text: str, look: str = "") -> Markup:
    """Return a link inside a sentence; `look` is to-unk (what is unknown) or to-act (what waits for a person)."""
    return Markup('<a href="{}" class="{}">{}</a>').format(href, look, text)


def yuan(fen: int) -> Markup:
    """Return an amount with its ¥, as a sentence says it."""
    return money(fen, symbol=True)


def today(
    _: Words, base: str, figures: Figures | None, seal: Seal | None, waiting: Waiting | None, empty: str
) -> Markup:
    """Say whether the books balance, what is unknown and what waits for a person; `empty` says that there is no order."""
    if figures is None or waiting is None:
        return _("The figures could not be read. Nothing on this page is older than it says.")
    books = _books(_, base, seal)
    if not figures.orders and not waiting.unknown and not waiting.errands:
        return _("{first} {second}", first=books, second=_(empty))
    errands = waiting.errands
    unknown = link(base + "/unknown", _.n("{n} unknown", "{n} unknown", waiting.unknown), "to-unk")
    persons = link(base + "/#errands", _.n("{n} waiting", "{n} waiting", errands), "to-act")
    if waiting.unknown and errands:
        rest = _("{unknown}, being queried; {persons} for a person.", unknown=unknown, persons=persons)
    elif waiting.unknown:
        rest = _("{unknown}, being queried; nothing waits for a person.", unknown=unknown)
    elif errands:
        rest = _("Nothing is unknown; {persons} for a person.", persons=persons)
    else:
        rest = _("Nothing is unknown, and nothing waits for a person.")
    return _("{first} {second}", first=books, second=rest)


def _books(_: Words, base: str, seal: Seal | None) -> Markup:
    if seal is None:
        return _("The auditor's findings could not be read.")
    if seal.at is None:
        return _("The auditor has not looked at the books yet.")
    if not seal.ok:
        return _("{parts}.", parts=link(base + "/trial-balance#audit", _("The books do not agree"), "to-act"))
    if not seal.holds:
        return _("The books balanced at {at}, and nobody has checked since.", at=_.time(seal.at))
    return _("The books balance.")


def payment(_: Words, p: Payment, now: datetime) -> Markup:
    """Say what is known of one payment, and what follows."""
    if p.state == "UNKNOWN":
        return _unknown(_, p, now)
    if p.state in FINAL:
        return _final(_, p)
    return {
        "MANUAL": _("The channel itself does not know the outcome. A person has to ask it."),
        "REDIRECTED": _("The payer was sent to the cashier and has not paid yet."),
        "CREATED": _("The request is stored; nothing has left the house yet."),
        "PARKED": _("No table knows this type of account. The money is held; nothing was sent."),
    }.get(p.state) or _("The channel is working on it; there is no outcome yet.")


def _unknown(_: Words, p: Payment, now: datetime) -> Markup:
    doubt = {
        "payout": _("No outcome yet: the payee may or may not have the money."),
        "refund": _("No outcome yet: the payer may or may not have the money back."),
        "void": _("No outcome yet: the payment may or may not be voided."),
    }.get(p.kind, _("No outcome yet: the payer may or may not have been debited."))
    number = p.queries + 1
    if p.next_action_at is None:
        then = _("No query is planned.")
    elif p.next_action_at <= now:
        then = _("Query {n} is due now.", n=number)
    else:
        then = _("Query {n} in {span}.", n=number, span=_.span(p.next_action_at - now))
    return _("{first} {second}", first=doubt, second=then)


def _final(_: Words, p: Payment) -> Markup:
    if p.state == "SUCCESS":
        return _succeeded(_, p)
    return {
        "REFUSED": _("It was refused before anything was sent: {why}.", why=_why(_, p)),
        "CLOSED": _("The payer never paid; the order is closed."),
        "FAILED": _("The channel refused it: {why}. No money moved.", why=_why(_, p)),
    }[p.state]


def _succeeded(_: Words, p: Payment) -> Markup:
    if p.returned_at:
        return _(
            "It was paid, and the payee's bank sent it back: the money is in the merchant's balance again."
        )
    if p.voided:
        return _("It was paid and voided: the payer is not debited.")
    if p.refunded:
        return _("It was paid; {fen} of it is refunded or being refunded.", fen=yuan(p.refunded))
    if p.unknown_since and p.decided_at:
        span = _.span(p.decided_at - p.unknown_since)
        return _("It was unknown for {span}; then evidence came, and it was done once.", span=span)
    return {
        "payout": _("The bank paid it."),
        "refund": _("The payer has the money back."),
        "void": _("The payment is voided."),
    }.get(p.kind, _("The payer was debited once."))


def _why(_: Words, p: Payment) -> str:
    return why(p, _) or _("no reason was given")


def listing(_: Words, total: Total, filtered: bool, unknown: int, unknown_href: str) -> Markup:
    """Say how many rows a list has, and how many of them are unknown; of a long list, of its newest rows."""
    if not total.count:
        return _("Nothing matches this filter.") if filtered else _("There is nothing here yet.")
    rows = _.n("{n} row", "{n} rows", total.count)
    if total.more:
        rows = _("The newest {rows}, of more", rows=rows)
    if not unknown:
        return _("{rows}; none is unknown.", rows=rows)
    return _(
        "{rows}; {unknown}.",
        rows=rows,
        unknown=link(unknown_href, _.n("{n} is unknown", "{n} are unknown", unknown), "to-unk"),
    )


def doubtful(_: Words, rows: Sequence[Payment], now: datetime) -> Markup:
    """Say how much is unknown, and for how long."""
    unknown = [row for row in rows if row.state == "UNKNOWN"]
    manual = len(rows) - len(unknown)
    if not rows:
        return _("Nothing is unknown: every request has an outcome or is on its way to one.")
    if not unknown:
        return _.n(
            "Nothing is unknown; {n} waits for a person.",
            "Nothing is unknown; {n} wait for a person.",
            manual,
        )
    since = min(row.unknown_since or row.created_at for row in unknown)
    return _.n(
        "{n} is unknown, for {span} at most; {manual} for a person.",
        "{n} are unknown, for {span} at most; {manual} for a person.",
        len(unknown),
        span=_.span(now - since),
        manual=manual,
    )


def trial_balance(_: Words, difference: int | None, day: date) -> Markup:
    """Say in words by how much debits and credits differ."""
    if difference is None:
        return _("The ledger could not be read.")
    if difference == 0:
        return _("Debits equal credits on {day}, to the fen.", day=_.day(day))
    return _("{gap} on {day}.", gap=Markup('<a href="#unequal" class="to-act">{}</a>').format(
        _("Debits and credits differ by {fen}", fen=yuan(abs(difference)))), day=_.day(day))  # fmt: skip


def reconciliation(
    _: Words, files: Sequence[FileResult], statements: Sequence[StatementResult], breaks: Sequence[Break]
) -> Markup:
    """Say how many lines agree, how many are not due, and how many differ."""
    lines = sum(f.lines for f in files) + sum(s.lines for s in statements)
    agreed = sum(f.matched for f in files) + sum(s.posted for s in statements)
    open_ = [b for b in breaks if b.cleared_at is None]
    missing = [f for f in files if f.name is None]
    if not lines:
        return _("Nothing has arrived for this day yet.")
    parts = [_("{agreed} of {lines} lines agree", agreed=f"{agreed:,}", lines=f"{lines:,}")]
    if not_due := sum(f.not_due for f in files):
        parts.append(_.n("{n} is not yet due", "{n} are not yet due", not_due))
    if missing:
        parts.append(_.n("{n} file has not arrived", "{n} files have not arrived", len(missing)))
    if open_:
        parts.append(link("#breaks", _.n("{n} differs", "{n} differ", len(open_)), "to-act"))
    elif breaks:
        parts.append(_.n("{n} break was found and cleared", "{n} breaks were found and cleared", len(breaks)))
    return _("{parts}.", parts=_(", ").join(parts))


def weekly(_: Words, made: Report) -> Markup:
    """Say how the week's pay-ins and payouts fared."""
    f = made.figures
    if f.pay_in is None and f.payout is None:
        return _("Nothing was asked for in this week.")
    parts = {"pay_in": success(f.pay_in).split(",")[0], "payout": success(f.payout).split(",")[0]}
    return _("Pay-in {pay_in}, payout {payout}.", **parts)


def statements(_: Words, day: date, released: int, waits: str) -> Markup:
    """Say how many statements of a date are released, or what they wait for."""
    if released:
        return _.n("{n} merchant has its statement.", "{n} merchants have their statements.", released)
    if waits:
        return _("Not released yet: {why}.", why=note(_, waits))
    return _("Nothing is released for {day}.", day=_.day(day))


def breaks(_: Words, rows: Sequence[Listed], wanted: Filter) -> Markup:
    """Say how many breaks the list holds, and what they come to."""
    if not rows:
        return _("No break is open.") if wanted == Filter() else _("No break is as the filter says.")
    count, fen = rows[0].all_count, yuan(rows[0].all_fen)
    if wanted.cleared:
        return _.n("{n} break of {fen} in the list.", "{n} breaks of {fen} in the list.", count, fen=fen)
    return _.n("{n} break of {fen} is open.", "{n} breaks of {fen} are open.", count, fen=fen)


def closing(_: Words, month: str, missing: int, items: int, *, closed: bool) -> Markup:
    """Say whether a month is closed or can be, and how many items of the checklist stand in the way."""
    if closed:
        return _("{month} is closed.", month=month)
    if not missing:
        return _("{month} can be closed: all {n} items are met.", month=month, n=items)
    return _.n(
        "{n} item stands between us and the close of {month}.",
        "{n} items stand between us and the close of {month}.",
        missing,
        month=month,
    )


def suspense(_: Words, aged: Sequence[Aged], passed: Sequence[TooMuch]) -> Markup:
    """Say what lies in suspense, and whether any of it is too old."""
    count, fen = sum(one.count for one in aged), yuan(sum(one.fen for one in aged))
    if not count:
        return _("Nothing lies in suspense.")
    held = _.n("{n} item of {fen} lies in suspense", "{n} items of {fen} lie in suspense", count, fen=fen)
    if not passed:
        return _("{held}; none is too old.", held=held)
    old = Markup('<span class="to-act">{}</span>').format(
        _.n("{n} limit is passed", "{n} limits are passed", len(passed))
    )
    return _("{held}; {old}.", held=held, old=old)


def duplicates(_: Words, counts: Mapping[CaseState, tuple[int, int]]) -> Markup:
    """Say how many double payments wait for somebody, how many are on their way back, and how many are healed."""
    if not counts:
        return _("Nobody was charged twice, as far as anybody knows.")

    def of(*states: CaseState) -> tuple[int, int]:
        both = [counts.get(state, (0, 0)) for state in states]
        return sum(count for count, _fen in both), sum(fen for _count, fen in both)

    waiting, fen = of(CaseState.SUSPECTED, CaseState.APPROVAL, CaseState.PERSON)
    if waiting:
        text = _.n(
            "{n} case of {fen} waits for a person",
            "{n} cases of {fen} wait for a person",
            waiting,
            fen=yuan(fen),
        )
        parts = [Markup('<span class="to-act">{}</span>').format(text)]
    else:
        parts = [_("No case waits for a person")]
    if (back := of(CaseState.REVERSING))[0]:
        parts.append(_("{n} on the way back to the payers", n=f"{back[0]:,}"))
    if (done := of(CaseState.DONE))[0]:
        parts.append(_("{n} healed, {fen}", n=f"{done[0]:,}", fen=yuan(done[1])))
    return _("{parts}.", parts=_("; ").join(parts))


def duplicate(_: Words, case: Case) -> Markup:
    """Say what one case is, and what follows."""
    return {
        CaseState.SUSPECTED: _("The same order may have been paid twice. Nothing happens before somebody says so."),
        CaseState.APPROVAL: _(
            "{who} says it is a double. The merchant has the money already, so a second person must agree.",
            who=case.confirmed_by or "",
        ),
        CaseState.REVERSING: _("The payer gets {fen} back. It ends when that is proven.", fen=yuan(case.amount)),
        CaseState.PERSON: _("The platform does not settle this one by itself."),
        CaseState.DONE: _("The payer has {fen} back, and the merchant all of its fee.", fen=yuan(case.amount)),
        CaseState.DISMISSED: _("It was no double, or it was settled otherwise."),
    }[case.state]  # fmt: skip


def channels(_: Words, rows: Sequence[OperationHealth]) -> Markup:
    """Say which operations are stopped, and where answers are missing."""
    stopped = [row for row in rows if row.stopped_at]
    unknown = sum(row.unknown for row in rows)
    if stopped:
        first = _.n("{n} operation is stopped", "{n} operations are stopped", len(stopped))
    else:
        first = _("Every operation is open")
    if unknown:
        second = link("unknown", _.n("{n} request is unknown", "{n} requests are unknown", unknown), "to-unk")
    else:
        second = _("no request is unknown")
    return _("{first}; {second}.", first=first, second=second)


def merchants(_: Words, count: int, frozen: int, unbound: int) -> Markup:
    """Say how many merchants there are, and who cannot be paid."""
    if not count:
        return _("There is no merchant yet.")
    parts = [_.n("{n} merchant", "{n} merchants", count)]
    if frozen:
        parts.append(_.n("{n} is not active", "{n} are not active", frozen))
    if unbound:
        parts.append(_.n("{n} has no settlement account", "{n} have no settlement account", unbound))
    return _("{parts}.", parts=_(", ").join(parts))
