"""Batches of payouts: BB1PAYBH with its two queries and, where it is set up, payroll BB6BTHHL with its three.

Field names of BB1PAYBH, BB1QRYBT, BB1QRYBD are the bank's [V]. Its document requires contract and invoice number, its
example leaves them out [C]: we send N/A. The names of the payroll functions come from one public client [V], their
codes from general knowledge [K]; that an item of a payroll carries our reference in `trsdsp` and comes back with it is a
convention of ours [G], and so are the pages of BB6DTLQY and the rows of BB6RFDQY. The number of a batch must be unique
for as long as a payment's reference [K], so it contains the time of the batch.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from zhangfang.channels.abilities import Batch
from zhangfang.channels.cmb import codes, requests
from zhangfang.channels.cmb.config import CmbConfig
from zhangfang.channels.cmb.envelope import Json, Reply
from zhangfang.channels.cmb.reading import readable, records, text
from zhangfang.channels.cmb.replies import item_answer, payroll_answer, payroll_return, without_name
from zhangfang.channels.port import Answer, MalformedMessage, Notification, Operation, Verdict
from zhangfang.kernel.clock import in_china
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.money import fen_to_yuan

MOST = 1000  # items in one message; more would need several messages
PAYROLL = "N03020"  # the bank's business type: payroll


def number(batch: Batch) -> str:
    """Return the bank's number of a batch: China time to the second, and the batch's own number (at most 30)."""
    return f"{in_china(batch.requested_at):%Y%m%d%H%M%S}{batch.number}"


def is_payroll(batch: Batch, config: CmbConfig) -> bool:
    """Return whether a batch goes as payroll: payroll is set up, and all payees are persons with accounts at this
    bank."""
    payees = [order.account for order in batch.orders]
    return bool(config.payroll_mode) and all(
        payee is not None and payee.type.holder == "personal" and requests.is_own_bank(payee.bank)
        for payee in payees
    )


def payment(batch: Batch, config: CmbConfig) -> tuple[str, Json]:
    """Return the function that submits a batch, and its body. Raises `InvalidInput`."""
    if batch.operation is not Operation.PAYOUT or not 1 <= len(batch.orders) <= MOST:
        raise InvalidInput("batch", f"{len(batch.orders)} of {batch.operation}", f"1 to {MOST} payouts")
    if is_payroll(batch, config):
        return "BB6BTHHL", _payroll(batch, config)
    head = {
        "busMod": config.bus_mod,
        "busCod": requests.BUS_COD,
        "bthNbr": number(batch),
        "dtlNbr": str(len(batch.orders)),
        "ctnFlg": "N",
    }
    items = [requests.fields_of(order, config) | {"ctrNbr": "N/A", "invNbr": "N/A"} for order in batch.orders]
    return "BB1PAYBH", {"bb1bmdbhx1": [head], "bb1paybhx1": items}


def _payroll(batch: Batch, config: CmbConfig) -> Json:
    total, count = fen_to_yuan(batch.amount), str(len(batch.orders))
    head = {
        "begtag": "Y",
        "endtag": "Y",
        "accnbr": config.account,
        "accnam": config.account_name,
        "ttlamt": total,
        "ttlcnt": count,
        "ttlnum": "1",
        "curamt": total,
        "curcnt": count,
        "ccynbr": requests.RENMINBI,
        "nusage": batch.orders[0].description or number(batch),
        "eptdat": f"{in_china(batch.requested_at):%Y%m%d}",
        "yurref": number(batch),
        "chlflg": "N",
    }
    items = [
        _payroll_item(place, requests.fields_of(order, config)) for place, order in enumerate(batch.orders, 1)
    ]
    mode = {"buscod": PAYROLL, "busmod": config.payroll_mode}
    return {"bb6busmod": [mode], "bb6cdcbhx1": [head], "bb6cdcdlx1": items}


def _payroll_item(place: int, fields: Mapping[str, str]) -> Json:
    return {
        "trxseq": f"{place:08d}",
        "accnbr": fields["crtAcc"],
        "accnam": fields["crtNam"],
        "trsamt": fields["trsAmt"],
        "bnkflg": "Y",
        "trsdsp": fields["yurRef"],
        "rsv50z": fields["busNar"],
    }


def taken(reply: Reply, batch: Batch) -> Answer:
    """Read the answer to BB1PAYBH or BB6BTHHL: FIN+F refuses the whole batch, every other listed code accepts it."""
    payroll = "bb6cdcbhz1" in reply.body
    block, name = ("bb6cdcbhz1", "yurref") if payroll else ("bb1paybhz1", "bthNbr")
    found = records(reply.body, block)
    if len(found) != 1 or text(found[0], name) != number(batch):
        raise MalformedMessage(f"{block}: {len(found)} records; expected one, of the batch that was sent")
    code = _pair(found[0], payroll)
    return Answer(codes.proof("batch", code).sent, code, text(found[0], "errTxt"), raw=reply.raw)


def list_query(batch: Batch, *, payroll: bool) -> tuple[str, Json]:
    """Return the function that asks for the state of a batch, and its body: BB1QRYBT by day, BB6BTHQY by reference."""
    first = in_china(batch.requested_at).date()
    days = f"{first:%Y%m%d}", f"{first + timedelta(days=1):%Y%m%d}"  # it may have arrived just after midnight
    if payroll:
        condition = {
            "buscod": PAYROLL,
            "yurref": number(batch),
            "bgndat": days[0],
            "enddat": days[1],
            "cntkey": "",
        }
        return "BB6BTHQY", {"bb6bthqyy1": [condition]}
    return "BB1QRYBT", {"bb1qrybtx1": [{"begDat": days[0], "endDat": days[1]}]}


def standing(reply: Reply, batch: Batch, *, payroll: bool) -> tuple[Answer, str]:
    """Return the state of a batch, and the bank's own number of a payroll.

    A batch that was refused as a whole has no successful item; an answer that says otherwise proves nothing.
    """
    block, name = ("bb6bthqyz1", "yurref") if payroll else ("bb1qrybtz1", "bthNbr")
    found = [record for record in records(reply.body, block) if text(record, name) == number(batch)]
    if not found:
        return Answer(Verdict.NOT_FOUND, raw=reply.raw), ""
    record = found[-1]
    code = _pair(record, payroll)
    verdict = codes.proof("batch", code).final
    if verdict is Verdict.FAILED and (text(record, "sucNum") or text(record, "sucnum")) not in ("", "0"):
        verdict = Verdict.UNKNOWN
    said = text(record, "errTxt") or text(record, "errdsp")
    return Answer(verdict, code, said, text(record, "reqnbr"), raw=reply.raw), text(record, "reqnbr")


def details_query(batch: Batch, bank_number: str, ctn_key: str, *, payroll: bool) -> tuple[str, Json]:
    """Return the function that lists a batch's items, and its body; `ctn_key` is empty for the first page."""
    if payroll:
        return "BB6DTLQY", {"bb6dtlqyy1": [{"reqnbr": bank_number, "cntkey": ctn_key, "histag": "N"}]}
    return "BB1QRYBD", {"bb1qrybdy1": [{"bthNbr": number(batch), "ctnKey": ctn_key}]}


def details(reply: Reply, batch: Batch, *, payroll: bool) -> tuple[dict[str, Answer], str]:
    """Read a page of items, by our order number, and the key of the next page (`""` on the last).

    Items that do not belong to the batch are left out.
    """
    block, more, key = (
        ("bb6dtlqyz1", "bb6dtlqyy1", "cntkey") if payroll else ("bb1qrybdz1", "bb1qrybdy1", "ctnKey")
    )
    orders = {requests.yur_ref(order.order_no): order for order in batch.orders}
    found: dict[str, Answer] = {}
    for record in records(reply.body, block):
        order = orders.get(text(record, "trsdsp" if payroll else "yurRef"))
        if order is not None:
            answer = payroll_answer(record) if payroll else item_answer(record)
            found[order.order_no] = without_name(answer, order)
    following = records(reply.body, more)
    return found, text(following[0], key) if following else ""


def settled(answer: Answer, items: Mapping[str, Answer]) -> Answer:
    """Return the answer about the whole: ACCEPTED while any item is ACCEPTED."""
    open_ = any(item.verdict is Verdict.ACCEPTED for item in items.values())
    return (
        Answer(Verdict.ACCEPTED, answer.code, answer.message, answer.channel_ref, raw=answer.raw)
        if open_
        else answer
    )


def returns_query(account: str, first: date, last: date) -> tuple[str, Json]:
    """Return BB6RFDQY for the payrolls of these days."""
    condition = {"accnbr": account, "trstyp": "", "bgndat": f"{first:%Y%m%d}", "enddat": f"{last:%Y%m%d}"}
    return "BB6RFDQY", {"bb6rfdqyy1": [condition]}


def returns(reply: Reply) -> Sequence[Notification]:
    """Read BB6RFDQY."""
    return readable(records(reply.body, "bb6rfdqyz1"), payroll_return)


def _pair(record: Json, payroll: bool) -> str:
    names = ("reqsta", "rtnflg") if payroll else ("reqSts", "rtnFlg")
    return codes.pair(text(record, names[0]), text(record, names[1]))
