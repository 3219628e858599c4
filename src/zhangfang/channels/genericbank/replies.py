"""The bank's verified answers as the port's types. Whatever is not as agreed is `MalformedMessage`."""

import json

from zhangfang.channels.genericbank import codes
from zhangfang.channels.genericbank.messages import Json, amount, fen, moment, order_no_of, serial, text
from zhangfang.channels.port import Answer, MalformedMessage, Order, StatementLine, StatementPage, Verdict
from zhangfang.kernel.masking import masked_account, masked_name


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
        message=hidden(text(record, "reason") or text(message, "message"), order),
        channel_ref=text(record, "bankSerial"),
        amount=amount(record, "amount") if record else None,
        raw=hidden(json.dumps(message, ensure_ascii=False, sort_keys=True), order),
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
    number, side, back = row.get("seq"), text(row, "direction"), row.get("reversal")
    if not isinstance(number, int) or isinstance(number, bool) or not 0 < number < 2**62:
        raise MalformedMessage("seq: expected a number more than 0")
    if side not in ("C", "D") or not isinstance(back, bool):
        raise MalformedMessage("direction, reversal: expected C or D, and a truth value")
    return StatementLine(
        account=account,
        sequence=str(number),
        booked_at=moment(row, "time"),
        amount=amount(row, "amount"),
        credit=side == "C",
        balance=fen(row, "balance"),
        reference=order_no_of(text(row, "serial")),
        request_no=text(row, "bankSerial"),
        counterparty=text(row, "counterparty"),
        text=text(row, "text"),
        reversal=back,
        raw=json.dumps(row | {"counterparty": masked_name(text(row, "counterparty"))}, ensure_ascii=False),
    )


def hidden(said: str, order: Order) -> str:
    """Return text with the payee's name and account masked, wherever the bank repeats them."""
    payee = order.account
    if payee is None:
        return said
    for value, shown in ((payee.number, masked_account(payee.number)), (payee.name, masked_name(payee.name))):
        said = said.replace(value, shown) if len(value) > 1 else said
    return said
