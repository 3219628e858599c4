"""Many orders in one message: the batch that is submitted, and the result that is asked for.

Source: UnionPay ACP 5.1.0: txnType 21, with `fileContent` the base64 of a deflated file, batchNo 0001 to 9999 unique in
a day. *Unverified*: txnType 22 of the result query and its fields. *Invented*, a convention between this platform and
its sandbox bank, because the layout of both files is not public: lines of text that end in a line feed, columns divided
by `|`, a header line, one line an item. Most items in a batch: ours.

Submitted: `merId|batchNo|txnTime|txnType|totalQty|totalAmt`, then
`orderId|txnTime|txnAmt|accNo|accType|encryptCertId|customerInfo|reserved|billNo|origQryId|reqReserved`, as in a single
order but without the phone, which would cost a second encryption for each item. Result: the same header with quantity
and sum of what succeeded, then `orderId|txnTime|txnAmt|respCode|queryId|settleDate|respMsg`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from zhangfang.channels.abilities import Batch, BatchResult
from zhangfang.channels.encoded import decoded
from zhangfang.channels.port import Answer, MalformedMessage, Operation, Order, Verdict
from zhangfang.channels.unionpay import codes, requests
from zhangfang.channels.unionpay.answers import required, settle_date
from zhangfang.channels.unionpay.certificates import Cipher
from zhangfang.channels.unionpay.config import UnionPayConfig
from zhangfang.channels.unionpay.message import masked
from zhangfang.channels.unionpay.packing import deflated, inflated
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.text.masking import masked_text
from zhangfang.kernel.text.texts import storable

MOST_ITEMS = 5_000
MAX_RESULT_BYTES = 16 * 1024 * 1024
_SUB_TYPES = {Operation.COLLECTION: "02", Operation.PAYOUT: "03"}
_MAKE = {Operation.COLLECTION: requests.collection, Operation.PAYOUT: requests.payout}
_COLUMNS = (
    "orderId", "txnTime", "txnAmt", "accNo", "accType", "encryptCertId", "customerInfo", "reserved", "billNo",
    "origQryId", "reqReserved",
)  # fmt: skip
_ANSWERED = ("orderId", "txnTime", "txnAmt", "respCode", "queryId", "settleDate", "respMsg")
_NUMBER = re.compile(r"(?!0000)[0-9]{4}")
_AMOUNT = re.compile(r"[0-9]{1,12}")


def submission(batch: Batch, config: UnionPayConfig, cipher: Cipher) -> dict[str, str]:
    """Return the fields that submit a batch. `InvalidInput` for a batch that the channel cannot take."""
    header = _header(batch, config)  # first, because it checks the batch as a whole
    lines = [header, *(_line(order, config, cipher) for order in batch.orders)]
    text = "".join("|".join(line) + "\n" for line in lines)
    return question(batch, config) | {
        "txnType": codes.SUBMIT,
        "totalQty": str(len(batch.orders)),
        "totalAmt": str(batch.amount),
        "fileContent": deflated(text.encode()),
    }


def question(batch: Batch, config: UnionPayConfig) -> dict[str, str]:
    """Return the fields that ask for the result of a batch."""
    return {
        "version": "5.1.0",
        "encoding": "UTF-8",
        "txnType": codes.RESULT,
        "txnSubType": _SUB_TYPES[batch.operation],
        "bizType": requests.KINDS[batch.operation][2],
        "accessType": "0",
        "channelType": "07",
        "merId": config.mer_id,
        "batchNo": batch.number,
        "txnTime": requests.time14(batch.requested_at),
    }


def of_submission(fields: Mapping[str, str], batch: Batch) -> Answer:
    """Return what the answer to a submission proves: at most that the items were accepted."""
    return _whole(fields, batch, codes.SUBMIT)


def of_result(fields: Mapping[str, str], batch: Batch) -> BatchResult:
    """Return what the answer to a result query proves about the whole and, if that is finished, about each item."""
    whole = _whole(fields, batch, codes.RESULT)
    if whole.verdict is not Verdict.SUCCESS:
        return BatchResult(whole)
    packed = decoded(required(fields, "fileContent"), "fileContent")
    text = _text(inflated(packed, MAX_RESULT_BYTES))
    header, *lines = (line.split("|") for line in text)
    ours = [required(fields, "merId"), *_identity(batch)]
    if len(header) != 8 or header[:6] != ours:
        raise MalformedMessage("fileContent, line 1: not the header of this batch")
    orders = {order.order_no: order for order in batch.orders}
    items: dict[str, Answer] = {}
    unread = 0
    for number, line in enumerate(lines, 2):
        name = _named(number, line, orders)
        if name in items:
            raise MalformedMessage(f"fileContent, line {number}: an item that stands there before")
        answer = _item(line, batch.operation) if name else None
        if answer is None:
            unread += 1
        else:
            items[name] = answer
    _check_sums(header[6:], items.values(), unread)
    return BatchResult(whole, items)


def _header(batch: Batch, config: UnionPayConfig) -> list[str]:
    if batch.operation not in _SUB_TYPES:
        raise InvalidInput("operation", batch.operation, ", ".join(_SUB_TYPES))
    if not _NUMBER.fullmatch(batch.number):
        raise InvalidInput("number", f"{len(batch.number)} characters", "0001 to 9999")
    if not 1 <= len(batch.orders) <= MOST_ITEMS:
        raise InvalidInput("orders", f"{len(batch.orders)} of them", f"1 to {MOST_ITEMS}")
    if len({order.order_no for order in batch.orders}) != len(batch.orders):
        raise InvalidInput("orders", "one order_no twice", "each once")
    if any(order.operation != batch.operation for order in batch.orders):
        raise InvalidInput("orders", "another operation", batch.operation)
    return [config.mer_id, *_identity(batch)]


def _identity(batch: Batch) -> list[str]:
    """Return the fields after merId in a header line."""
    txn_type, moment = requests.KINDS[batch.operation][0], requests.time14(batch.requested_at)
    return [batch.number, moment, txn_type, str(len(batch.orders)), str(batch.amount)]


def _line(order: Order, config: UnionPayConfig, cipher: Cipher) -> list[str]:
    account = replace(order.account, phone="") if order.account else None
    fields = _MAKE[order.operation](replace(order, account=account), config, cipher)
    line = [fields.get(name, "") for name in _COLUMNS]
    if any("|" in cell for cell in line):
        raise InvalidInput("orders", "a text with |", "texts without |")
    return line


def _whole(fields: Mapping[str, str], batch: Batch, txn_type: str) -> Answer:
    ours = {
        "txnType": txn_type,
        "txnSubType": _SUB_TYPES[batch.operation],
        "batchNo": batch.number,
        "txnTime": requests.time14(batch.requested_at),
    }
    for name, value in ours.items():
        if fields.get(name) != value:
            raise MalformedMessage(f"{name}: not that of the request")
    code = required(fields, "respCode")
    verdict = codes.sent(txn_type, code)
    own = verdict is Verdict.FAILED and codes.elsewhere(txn_type, code)
    return Answer(
        verdict, code=code, message=masked_text(fields.get("respMsg", "")), raw=masked(fields), elsewhere=own
    )


def _text(data: bytes) -> list[str]:
    """Return the lines; bytes that are no text become escapes, which no number or code has."""
    lines = storable(data.decode("utf-8", "backslashreplace")).split("\n")
    if lines.pop() != "":
        raise MalformedMessage(f"fileContent, line {len(lines) + 1}: breaks off")
    return lines or [""]


def _named(number: int, line: Sequence[str], orders: Mapping[str, Order]) -> str:
    """Return the order number of an item of this batch; empty if its columns cannot be told apart."""
    if len(line) != len(_ANSWERED):
        return ""
    order = orders.get(line[0])
    if order is None or requests.time14(order.requested_at) != line[1]:
        raise MalformedMessage(f"fileContent, line {number}, orderId: no item of this batch")
    return line[0]


def _item(line: Sequence[str], operation: Operation) -> Answer | None:
    """Return what a line says of its item; None if it cannot be understood: the item then gets a query of its own."""
    _, txn_time, amount, code, query_id, day, message = line
    if not _AMOUNT.fullmatch(amount) or not code:
        return None
    try:
        settled = settle_date(day, txn_time) if day else None
    except MalformedMessage:
        return None
    txn_type = requests.KINDS[operation][0]
    verdict = codes.final(txn_type, code)
    return Answer(
        verdict,
        code=code,
        message=masked_text(message),
        channel_ref=query_id,
        amount=int(amount),
        settle_date=settled,
        raw="|".join((*line[:-1], masked_text(message))),
        elsewhere=verdict is Verdict.FAILED and codes.elsewhere(txn_type, code),
    )


def _check_sums(stated: Sequence[str], answers: Iterable[Answer], unread: int) -> None:
    """Raise `MalformedMessage` unless the header's quantity and sum of what succeeded are those of the items.

    Each line that could not be understood may be one more success, of any amount.
    """
    paid = [answer.amount or 0 for answer in answers if answer.code == "00"]
    if all(_AMOUNT.fullmatch(one) for one in stated):
        count, total = map(int, stated)
        more = count - len(paid)
        if 0 <= more <= unread and (total >= sum(paid) if more else total == sum(paid)):
            return
    raise MalformedMessage(
        "fileContent, line 1: quantity and sum of what succeeded are not those of the items"
    )
