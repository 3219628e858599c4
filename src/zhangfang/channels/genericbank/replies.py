"""The bank's verified answers as the port's types. Whatever is not as agreed is `MalformedMessage`."""

import json

from zhangfang.channels.genericbank import codes
from zhangfang.channels.genericbank.messages import Json, amount, fen, moment, note, order_no_of, serial, text
from zhangfang.channels.port import Answer, MalformedMessage, Order, StatementLine, StatementPage, Verdict
from zhangfang.kernel.text.masking import masked_account, masked_name
from zhangfang.kernel.text.texts import storable


def payment_answer(message: Json, order: Order) -> Answer:
    """Read the acknowledgement of PAY001: it never says that the money has arrived."""
    return _answer(message, order, asked=False)


def query_answer(message: Json, order: Order) -> Answer:
    """Read the answer to QRY001: first the message's own code and, only if that is 0000, the payment's."""
    return _answer(message, order, asked=True)


def _answer(message: Json, order: Order, *, asked: bool) -> Answer:
    code, about = text(message, "code"), "answer"
    record: Json = {}
    if code == codes.OK:
        record, about = message["body"], "payout"
        if text(record, "serial") != serial(order):
            raise MalformedMessage("serial: not that of the payment asked for")
        if text(record, "currency") != "CNY":
            raise MalformedMessage("currency: expected CNY")
        code = text(record, "code")
    proof = codes.proof(about, code)
    verdict = proof.final if asked else proof.sent
    return Answer(
        verdict,
        code=code,
        message=hidden(note(record, "reason") or note(message, "message"), order),
        channel_ref=text(record, "bankSerial"),
        amount=amount(record, "amount") if record else None,
        raw=storable(hidden(json.dumps(message, ensure_ascii=False, sort_keys=True), order)),
        elsewhere=proof.elsewhere and verdict is Verdict.FAILED,
    )


def statement_page(message: Json, account: str, cursor: str) -> StatementPage:
    """Read STM001; the cursor is the number of the last line."""
    body = message["body"]
    if text(message, "code") != codes.OK or text(body, "account") != account:
        raise MalformedMessage(
            f"statement: code {text(message, 'code')[:8]}; expected {codes.OK} and our account"
        )
    rows, more = body.get("lines"), body.get("more")
    if (
        not isinstance(rows, list)
        or not all(isinstance(row, dict) for row in rows)
        or not isinstance(more, bool)
    ):
        raise MalformedMessage("lines, more: expected a list of objects and a truth value")
    lines = [_line(row, account) for row in rows]
    numbers = [int(cursor or 0), *(int(line.sequence) for line in lines)]
    if sorted(set(numbers)) != numbers or (more and not lines):
        raise MalformedMessage("seq: expected numbers that grow, and lines while there are more")
    return StatementPage(lines, str(numbers[-1]), more)


def _line(row: Json, account: str) -> StatementLine:
    """Read a line. What is booked is strict: a line without it stops the statement, whose balance would not come out.

    By its reference and its mark of reversal it is recognised; if they cannot be read, it is a line that nobody knows.
    """
    number, side = row.get("seq"), text(row, "direction")
    if not isinstance(number, int) or isinstance(number, bool) or not 0 < number < 2**62:
        raise MalformedMessage("seq: expected a number more than 0")
    if side not in ("C", "D"):
        raise MalformedMessage("direction: expected C or D")
    return StatementLine(
        account=account,
        sequence=str(number),
        booked_at=moment(row, "time"),
        amount=amount(row, "amount"),
        credit=side == "C",
        balance=fen(row, "balance"),
        reference=order_no_of(note(row, "serial")),
        request_no=note(row, "bankSerial"),
        counterparty=note(row, "counterparty"),
        text=note(row, "text"),
        reversal=row.get("reversal") is True,
        raw=storable(
            json.dumps(row | {"counterparty": masked_name(note(row, "counterparty"))}, ensure_ascii=False)
        ),
    )


def hidden(said: str, order: Order) -> str:
    """Return text with the payee's name and account masked, wherever the bank repeats them."""
    payee = order.account
    if payee is None:
        return said
    for value, shown in ((payee.number, masked_account(payee.number)), (payee.name, masked_name(payee.name))):
        said = said.replace(value, shown) if len(value) > 1 else said
    return said
