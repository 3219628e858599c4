"""The daily file of ChinaUMS. Its layout is set by contract and not public: this is the sandbox bank's convention [G].

The layout of another contract is another `LAYOUT`. The file is UTF-8 CSV; `channels.columns` describes its first and last
line. Purchases name their order by merOrderId, refunds by refundOrderId; a correction (ADJUST) names the order that it
corrects.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from zhangfang.channels import cells, columns
from zhangfang.channels.app_purchase import check_row, file_content
from zhangfang.channels.chinaums.config import ChinaUmsConfig
from zhangfang.channels.columns import Column, Layout, Row
from zhangfang.channels.port import ChannelFile, FileLine, Operation
from zhangfang.channels.strict_json import text

MAX_ANSWER_BYTES = columns.MAX_BYTES * 4 // 3 + 64 * 1024  # in base64, and the JSON around it
_TYPES = {"PAY": Operation.PURCHASE, "REFUND": Operation.REFUND, "ADJUST": None}
LAYOUT = Layout(
    {
        "settleDate": Column("day", cells.day("%Y-%m-%d")),
        "mid": Column("merchant"),
        "merOrderId": Column("mer_order", cells.number),
        "targetOrderId": Column("target", cells.number),
        "type": Column("operation", cells.one_of(_TYPES)),
        "totalAmount": Column("amount", cells.fen),
        "fee": Column("fee", cells.signed_fen),
        "netAmount": Column("net", cells.signed_fen),
        "refundOrderId": Column("refund_order", cells.number),
        "srcReserve": Column("note"),
    },
    totals=("totalAmount", "fee", "netAmount"),
)


def parse(fields: Mapping[str, Any], config: ChinaUmsConfig, settle_date: date) -> ChannelFile:
    """Return the file in an answer's `content` (base64). Raises `MalformedMessage`."""
    content, digest = file_content(fields)
    lines = columns.lines(content, LAYOUT, lambda row: _line(row, config, settle_date))
    return ChannelFile("chinaums", settle_date, text(fields, "fileName"), digest, lines)


def _line(row: Row, config: ChinaUmsConfig, settle_date: date) -> FileLine:
    found = row.values
    check_row(row, config.mid, settle_date)
    if abs(found["net"] + found["fee"]) != found["amount"]:
        raise row.fault("net", "totalAmount, below zero if money goes out, less fee")
    operation = found["operation"]
    original = _own(row, "mer_order", config)
    return FileLine(
        line_no=row.line_no,
        order_no={Operation.PURCHASE: original, Operation.REFUND: _own(row, "refund_order", config)}.get(
            operation, ""
        ),
        channel_ref=found["target"],
        operation=operation,
        amount=found["amount"],
        credit=_credit(row),
        fee=found["fee"],
        adjustment=operation is None,
        original_order_no="" if operation is Operation.PURCHASE else original,
        note=found["note"],
        raw=row.raw,
    )


def _credit(row: Row) -> bool:
    """Return whether money comes in: with a payment, not with a refund; of a correction the sign of netAmount decides.

    netAmount may be 0: the fee takes all of a payment of one fen if the least fee is one fen.
    """
    net, operation = row.values["net"], row.values["operation"]
    if operation is None:
        return bool(net > 0)
    pays = operation is Operation.PURCHASE
    if net and (net > 0) is not pays:
        raise row.fault("net", "not below zero for PAY, not above for REFUND")
    return pays


def _own(row: Row, name: str, config: ChinaUmsConfig) -> str:
    number: str = row.values[name]
    return number.removeprefix(config.source)
