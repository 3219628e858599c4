"""The daily file of Lakala. Its layout is told when a merchant joins, not public: this is the sandbox bank's convention [G].

The layout of another contract is another `LAYOUT`. The file is a ZIP with one CSV in GB18030; `channels.columns` describes
its first and last line. Every line names its own order by out_trade_no; the order that it reverses or corrects stands in
origin_out_trade_no.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from zhangfang.channels import cells, columns
from zhangfang.channels.app_purchase import check_row, file_content
from zhangfang.channels.columns import Column, Layout, Row
from zhangfang.channels.lakala.config import LakalaConfig
from zhangfang.channels.port import ChannelFile, FileLine, Operation
from zhangfang.channels.strict_json import text
from zhangfang.channels.zipped import only_entry

MAX_ANSWER_BYTES = columns.MAX_BYTES
_KINDS = {"PREORDER": Operation.PURCHASE, "REFUND": Operation.REFUND, "ADJUST": None}
LAYOUT = Layout(
    {
        "settle_date": Column("day", cells.day("%Y-%m-%d")),
        "merchant_no": Column("merchant"),
        "out_trade_no": Column("order_no", cells.number),
        "trade_no": Column("channel_ref", cells.number),
        "log_no": Column("log_no", cells.number),
        "trade_main_type": Column("operation", cells.one_of(_KINDS)),
        "total_amount": Column("amount", cells.fen),
        "sign": Column("credit", cells.one_of({"C": True, "D": False})),
        "fee": Column("fee", cells.signed_fen),
        "origin_out_trade_no": Column("original_order_no", cells.number),
        "remark": Column("note"),
    },
    totals=("total_amount", "fee"),
    encoding="GB18030",
)
_OURS = ("order_no", "channel_ref", "operation", "amount", "credit", "fee", "original_order_no", "note")


def parse(data: Mapping[str, Any], config: LakalaConfig, settle_date: date) -> ChannelFile:
    """Return the file in an answer's `content` (base64 of a ZIP). Raises `MalformedMessage`."""
    content, digest = file_content(data)
    whole = only_entry(content, ".csv", columns.MAX_BYTES)
    lines = columns.lines(whole, LAYOUT, lambda row: _line(row, config, settle_date))
    return ChannelFile("lakala", settle_date, text(data, "file_name"), digest, lines)


def _line(row: Row, config: LakalaConfig, settle_date: date) -> FileLine:
    found = row.values
    check_row(row, config.merchant_no, settle_date)
    if found["log_no"] != found["channel_ref"][-14:]:
        raise row.fault("log_no", "the last 14 digits of trade_no")
    operation = found["operation"]
    if operation is not None and found["credit"] is not (operation is Operation.PURCHASE):
        raise row.fault("credit", "C for PREORDER, D for REFUND")
    values = {name: found[name] for name in _OURS}
    return FileLine(line_no=row.line_no, adjustment=operation is None, raw=row.raw, **values)
