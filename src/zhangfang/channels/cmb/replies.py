"""The bank's answers as the port's types. Whatever is not as documented is `MalformedMessage`."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from zhangfang.channels.cmb import codes
from zhangfang.channels.cmb.envelope import Json, Reply, canonical
from zhangfang.channels.cmb.masking import masked
from zhangfang.channels.cmb.reading import (
    day,
    fen,
    moment,
    note,
    positive_fen,
    readable,
    records,
    required,
    text,
)
from zhangfang.channels.cmb.requests import BUS_COD, RENMINBI, next_cursor, order_no_of
from zhangfang.channels.port import (
    Answer,
    MalformedMessage,
    Notification,
    Operation,
    Order,
    StatementLine,
    StatementPage,
    Verdict,
)
from zhangfang.kernel.text.masking import masked_name, masked_text

_REVERSALS = {"*", "X"}  # 冲账 reverses an entry, 补账 corrects it


class Returns(NamedTuple):
    """A page of late returns, and the key of the next page (`""` on the last)."""

    found: Sequence[Notification]
    ctn_key: str


def payment_answer(reply: Reply, reference: str) -> Answer:
    """Read BB1PAYOP's answer to the payment `reference`."""
    found = records(reply.body, "bb1payopz1")
    if len(found) != 1:
        raise MalformedMessage(f"bb1payopz1: {len(found)} records; expected one")
    _check_reference(found[0], reference, required=False)
    return _answer(found[0], codes.first_verdict(*_pair(found[0])), reply.raw)


def query_answer(reply: Reply, reference: str) -> Answer:
    """Read BB1PAYQR's answer about `reference`.

    The bank keeps every failed attempt under the same reference and the largest `reqNbr` is the latest. But a failure
    counts only if all records agree; if two disagree, a person must look (MANUAL).
    """
    found = records(reply.body, "bb1payqrz1")
    if not found:
        return Answer(Verdict.NOT_FOUND, raw=reply.raw)
    for record in found:
        _check_reference(record, reference, required=True)
    latest = max(found, key=_request_order)
    said = codes.verdict(*_pair(latest))
    if said is Verdict.FAILED and any(codes.verdict(*_pair(record)) is not said for record in found):
        said = Verdict.MANUAL
    return _answer(latest, said, reply.raw)


def late_returns(reply: Reply) -> Returns:
    """Read a page of BB1PAYQB. The return of a payment that is not ours keeps the bank's own reference."""
    found = readable(records(reply.body, "bb1payqbz1"), _late_return)
    following = records(reply.body, "bb1payqby1")
    return Returns(found, text(following[0], "ctnKey") if following else "")


def account_numbers(reply: Reply) -> frozenset[str]:
    """Read DCLISACC. Its block is named after the business asked for, so any block of accounts is taken."""
    return frozenset(
        number
        for block in reply.body
        for record in records(reply.body, block)
        if (number := text(record, "accNbr") or text(record, "accnbr"))
    )


def item_answer(record: Json) -> Answer:
    """Read an item of BB1QRYBD: as a payment of BB1PAYQR."""
    return _answer(record, codes.verdict(*_pair(record)), canonical(masked(record)))


def payroll_answer(record: Json) -> Answer:
    """Read an item of BB6DTLQY."""
    status = text(record, "stscod")
    return Answer(
        verdict=codes.proof("payroll", status).final,
        code=status,
        message=masked_text(text(record, "errdsp")),
        channel_ref=text(record, "reqnbr"),
        amount=positive_fen(record, "trsamt") if text(record, "trsamt") else None,
        raw=canonical(masked(record)),
    )


def payroll_return(record: Json) -> Notification:
    """Read a row of BB6RFDQY."""
    returned = _named(replace(payroll_answer(record), verdict=Verdict.RETURNED), text(record, "accnam"))
    return Notification(_reference(required(record, "trsdsp")), Operation.PAYOUT, returned)


def payment_ended(record: Json) -> Notification | None:
    """Read a notice FINS; None for a payment that is not ours.

    A failure is kept as UNKNOWN: an earlier attempt under the same reference may have failed while a later one pays.
    Only the query can tell.
    """
    order_no = _reference(text(record, "yurRef"))
    if text(record, "busCod") not in ("", BUS_COD) or order_no == text(record, "yurRef"):
        return None
    said = codes.verdict(*_pair(record))
    verdict = Verdict.UNKNOWN if said is Verdict.FAILED else said
    answer = _answer(record, verdict, canonical(masked(record)))
    return Notification(order_no, Operation.PAYOUT, _named(answer, text(record, "crtNam")))


def payment_returned(record: Json) -> Notification | None:
    """Read a notice FINB; None for a payment that is not ours. Its fields are assumed to be those of BB1PAYQB [K]."""
    found = _late_return(record)
    return None if found.order_no == text(record, "yurRef") else found


def statement_page(reply: Reply, account: str, cursor: str) -> StatementPage:
    """Read a page of trsQryByBreakPoint, asked for with `cursor`."""
    lines = [_line(record, account) for record in records(reply.body, "TRANSQUERYBYBREAKPOINT_Z2")]
    totals = records(reply.body, "TRANSQUERYBYBREAKPOINT_Z1")
    flag = text(totals[0], "ctnFlag") if totals else ""
    if flag not in ("Y", "N"):
        raise MalformedMessage(f"ctnFlag: {len(flag)} characters; expected Y or N")
    more = flag == "Y"
    held = records(reply.body, "TRANSQUERYBYBREAKPOINT_Y1")
    following = next_cursor(held, text(totals[0], "queryAcctNbr") if more else "") if held else cursor
    if following == cursor and (more or lines):
        raise MalformedMessage(
            "TRANSQUERYBYBREAKPOINT_Y1: the cursor stands still; expected it to move with lines"
        )
    return StatementPage(lines, following, more)


def without_name(answer: Answer, order: Order) -> Answer:
    """Return the answer with the payee's name masked where the bank repeats it in its own free text."""
    return _named(answer, order.account.name if order.account else "")


def _named(answer: Answer, name: str) -> Answer:
    if len(name) < 2:
        return answer
    hidden = masked_name(name)
    return replace(answer, message=answer.message.replace(name, hidden), raw=answer.raw.replace(name, hidden))


def _answer(record: Json, verdict: Verdict, raw: str) -> Answer:
    req_sts, rtn_flg = _pair(record)
    told = (text(record, name) for name in ("rtnNar", "errTxt", "msgTxt"))
    return Answer(
        verdict=verdict,
        code=f"{req_sts}/{rtn_flg}" if rtn_flg else req_sts,
        message=masked_text(next(filter(None, told), "")),
        channel_ref=text(record, "reqNbr"),
        amount=positive_fen(record, "trsAmt") if text(record, "trsAmt") else None,
        raw=raw,
        elsewhere=verdict is Verdict.FAILED and codes.elsewhere(text(record, "errCod")),
        lacks=_foreign(record),
    )


def _foreign(record: Json) -> str:
    """Return why a record is not about renminbi; it need not name its currency."""
    return "" if text(record, "ccyNbr") in ("", RENMINBI) else "ccyNbr: another currency"


def _late_return(record: Json) -> Notification:
    """Read one return. That `updDat`, the day of the record's last change, is the day of the return is unverified."""
    answer = Answer(
        verdict=Verdict.RETURNED,
        code="FIN/B",
        message=masked_text(text(record, "rtnTxt")),
        channel_ref=text(record, "reqNbr"),
        amount=positive_fen(record, "trsAmt"),
        settle_date=day(record, "updDat") if text(record, "updDat") else None,
        raw=canonical(masked(record)),
        lacks=_foreign(record),
    )
    named = _named(answer, text(record, "rcvEan"))
    return Notification(_reference(required(record, "yurRef")), Operation.PAYOUT, named)


def _line(record: Json, account: str) -> StatementLine:
    """Read a line. What is booked is strict: a line without it stops the statement, whose balance would not come out.

    By its reference and its mark of reversal it is recognised; if they cannot be read, it is a line that nobody knows.
    """
    amount, code = fen(record, "transAmount"), text(record, "loanCode")
    # The amount has the sign of the balance's change; if sign and code disagree, the line would be booked the wrong
    # way.
    if code != ("C" if amount > 0 else "D") or amount == 0:
        raise MalformedMessage("loanCode, transAmount: expected C with more than zero or D with less")
    return StatementLine(
        account=account,
        sequence=required(record, "transSequenceIdn"),
        booked_at=moment(record),
        amount=abs(amount),
        credit=code == "C",
        balance=fen(record, "acctOnlineBal"),
        reference=_reference(note(record, "yurRef")),
        request_no=note(record, "requestNbr"),
        counterparty=note(record, "ctpAcctName"),
        text=note(record, "remarkTextClt"),
        reversal=note(record, "reversalFlag") in _REVERSALS,
        raw=canonical(masked(record)),
    )


def _pair(record: Json) -> tuple[str, str]:
    return text(record, "reqSts"), text(record, "rtnFlg")


def _check_reference(record: Json, reference: str, *, required: bool) -> None:
    """Refuse a record of some other payment; BB1PAYOP need not repeat the reference."""
    found = text(record, "yurRef")
    if found != reference and (found or required):
        raise MalformedMessage("yurRef: not that of the payment asked for")


def _request_order(record: Json) -> tuple[int, str]:
    """Order `reqNbr` as the number it is, though the bank types it as text."""
    number = text(record, "reqNbr").lstrip("0")
    return len(number), number


def _reference(yur_ref: str) -> str:
    """Return our order number for a `yurRef` of ours, any other reference as it stands."""
    try:
        return order_no_of(yur_ref)
    except MalformedMessage:
        return yur_ref
