"""What the bank writes to us, read into the port's types. Whatever is not as documented is `MalformedMessage`."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import NamedTuple

from zhangfang.channels.cmb import codes
from zhangfang.channels.cmb.envelope import Json, Reply, canonical
from zhangfang.channels.cmb.masking import masked, masked_name, masked_text
from zhangfang.channels.cmb.requests import next_cursor, order_no_of
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
from zhangfang.kernel.clock import CHINA
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.money import yuan_to_fen

_REVERSALS = {"*", "X"}  # 冲账 takes an entry back, 补账 makes it good


class Returns(NamedTuple):
    """A page of late returns, and the key of the next page (`""` on the last)."""

    found: Sequence[Notification]
    ctn_key: str


def payment_answer(reply: Reply, reference: str) -> Answer:
    """Read BB1PAYOP's answer to the payment `reference`."""
    found = _records(reply.body, "bb1payopz1")
    if len(found) != 1:
        raise MalformedMessage(f"bb1payopz1: {len(found)} records; expected one")
    _check_reference(found[0], reference, required=False)
    return _answer(found[0], codes.first_verdict(*_pair(found[0])), reply.raw)


def query_answer(reply: Reply, reference: str) -> Answer:
    """Read BB1PAYQR's answer about `reference`.

    The bank keeps every failed attempt under the same reference and the largest `reqNbr` is the latest. Still a
    failure counts only if no other record says anything else: two that disagree are for a person to look at.
    """
    found = _records(reply.body, "bb1payqrz1")
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
    """Read a page of BB1PAYQB. A return of a payment that we did not make keeps the bank's own reference."""
    found = [_late_return(record) for record in _records(reply.body, "bb1payqbz1")]
    following = _records(reply.body, "bb1payqby1")
    return Returns(found, _text(following[0], "ctnKey") if following else "")


def account_numbers(reply: Reply) -> frozenset[str]:
    """Read DCLISACC. Its block is named after the business asked for, so any block of accounts is taken."""
    return frozenset(
        number
        for block in reply.body
        for record in _records(reply.body, block)
        if (number := _text(record, "accNbr") or _text(record, "accnbr"))
    )


def statement_page(reply: Reply, account: str, cursor: str) -> StatementPage:
    """Read a page of trsQryByBreakPoint, asked for with `cursor`."""
    lines = [_line(record, account) for record in _records(reply.body, "TRANSQUERYBYBREAKPOINT_Z2")]
    totals = _records(reply.body, "TRANSQUERYBYBREAKPOINT_Z1")
    flag = _text(totals[0], "ctnFlag") if totals else ""
    if flag not in ("Y", "N"):
        raise MalformedMessage(f"ctnFlag: {len(flag)} characters; expected Y or N")
    more = flag == "Y"
    records = _records(reply.body, "TRANSQUERYBYBREAKPOINT_Y1")
    following = next_cursor(records, _text(totals[0], "queryAcctNbr") if more else "") if records else cursor
    if following == cursor and (more or lines):
        raise MalformedMessage(
            "TRANSQUERYBYBREAKPOINT_Y1: the cursor stands still; expected it to move with lines"
        )
    return StatementPage(lines, following, more)


def without_name(answer: Answer, order: Order) -> Answer:
    """Return the answer with the payee's name masked where the bank repeats it in its own free text."""
    name = order.account.name if order.account else ""
    if len(name) < 2:
        return answer
    hidden = masked_name(name)
    return replace(answer, message=answer.message.replace(name, hidden), raw=answer.raw.replace(name, hidden))


def _answer(record: Json, verdict: Verdict, raw: str) -> Answer:
    req_sts, rtn_flg = _pair(record)
    told = (_text(record, name) for name in ("rtnNar", "errTxt", "msgTxt"))
    return Answer(
        verdict=verdict,
        code=f"{req_sts}/{rtn_flg}" if rtn_flg else req_sts,
        message=masked_text(next(filter(None, told), "")),
        channel_ref=_text(record, "reqNbr"),
        amount=_positive_fen(record, "trsAmt") if _text(record, "trsAmt") else None,
        raw=raw,
    )


def _late_return(record: Json) -> Notification:
    """Read one return. That `updDat`, the day of the record's last change, is the day of the return is unverified."""
    answer = Answer(
        verdict=Verdict.RETURNED,
        code="FIN/B",
        message=masked_text(_text(record, "rtnTxt")),
        channel_ref=_text(record, "reqNbr"),
        amount=_positive_fen(record, "trsAmt"),
        settle_date=_day(record, "updDat") if _text(record, "updDat") else None,
        raw=canonical(masked(record)),
    )
    return Notification(_reference(_required(record, "yurRef")), Operation.PAYOUT, answer)


def _line(record: Json, account: str) -> StatementLine:
    amount, code = _fen(record, "transAmount"), _text(record, "loanCode")
    # The amount is signed as the balance moves; a line whose sign and code disagree would be booked the wrong way.
    if code != ("C" if amount > 0 else "D") or amount == 0:
        raise MalformedMessage("loanCode, transAmount: expected C with more than zero or D with less")
    return StatementLine(
        account=account,
        sequence=_required(record, "transSequenceIdn"),
        booked_at=_moment(record),
        amount=abs(amount),
        credit=code == "C",
        balance=_fen(record, "acctOnlineBal"),
        reference=_reference(_text(record, "yurRef")),
        request_no=_text(record, "requestNbr"),
        counterparty=_text(record, "ctpAcctName"),
        text=_text(record, "remarkTextClt"),
        reversal=_text(record, "reversalFlag") in _REVERSALS,
        raw=canonical(masked(record)),
    )


def _records(body: Json, block: str) -> list[Json]:
    """Return the records of a block; a block that is absent or null has none."""
    found = body.get(block)
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(record, dict) for record in found):
        raise MalformedMessage(f"{block}: {type(found).__name__}; expected a list of objects")
    return found


def _text(record: Json, field: str) -> str:
    """Return a field as text, `""` if absent; the bank fills some with blanks and writes some as bare numbers."""
    found = record.get(field)
    if found is None:
        return ""
    if isinstance(found, bool) or not isinstance(found, str | int | Decimal):
        raise MalformedMessage(f"{field}: {type(found).__name__}; expected text")
    return str(found).strip()


def _required(record: Json, field: str) -> str:
    found = _text(record, field)
    if not found:
        raise MalformedMessage(f"{field}: missing; expected text")
    return found


def _pair(record: Json) -> tuple[str, str]:
    return _text(record, "reqSts"), _text(record, "rtnFlg")


def _check_reference(record: Json, reference: str, *, required: bool) -> None:
    """Refuse a record of some other payment; BB1PAYOP need not repeat the reference."""
    found = _text(record, "yurRef")
    if found != reference and (found or required):
        raise MalformedMessage("yurRef: not that of the payment asked for")


def _request_order(record: Json) -> tuple[int, str]:
    """Order `reqNbr` as the number it is, though the bank types it as text."""
    number = _text(record, "reqNbr").lstrip("0")
    return len(number), number


def _reference(text: str) -> str:
    """Return our order number for a `yurRef` of ours, any other reference as it stands."""
    try:
        return order_no_of(text)
    except MalformedMessage:
        return text


def _fen(record: Json, field: str) -> int:
    try:
        return yuan_to_fen(_text(record, field), field)
    except InvalidInput as error:
        raise MalformedMessage(str(error)) from error


def _positive_fen(record: Json, field: str) -> int:
    fen = _fen(record, field)
    if fen <= 0:
        raise MalformedMessage(f"{field}: zero or less; expected more than 0.00 yuan")
    return fen


def _day(record: Json, field: str) -> date:
    return _parsed(_text(record, field), "%Y%m%d", field).date()


def _moment(record: Json) -> datetime:
    """Return the China time of a line as UTC; a line without a time is at the start of its day."""
    time = _text(record, "transTime") or "000000"
    moment = _parsed(_text(record, "transDate") + time, "%Y%m%d%H%M%S", "transDate, transTime")
    return moment.astimezone(UTC)


def _parsed(text: str, pattern: str, field: str) -> datetime:
    """Read digits as China time; the length is checked because strptime also takes single digits."""
    try:
        moment = datetime.strptime(text, pattern).replace(tzinfo=CHINA)
        if f"{moment:{pattern}}" == text:
            return moment
    except (ValueError, OverflowError):
        pass
    raise MalformedMessage(f"{field}: {len(text)} characters; expected digits such as {pattern}")
