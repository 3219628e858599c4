"""The day's file, by the shared reader of CSV. Its layout is a convention [G]: the network's is not public.

The answer to 999 carries the file as base64 in `FileInf/FileCntnt` and its SHA-256 as `FileInf/FileDgst`; as the whole
message is signed, so is the file.
"""

import hashlib
from collections.abc import Mapping
from datetime import date

from zhangfang.channels import cells, columns
from zhangfang.channels.columns import Column, Layout
from zhangfang.channels.encoded import decoded
from zhangfang.channels.epcc.requests import OPERATIONS, file_name
from zhangfang.channels.port import ChannelFile, FileLine, MalformedMessage, Operation

_INFO = "MsgBody/FileInf/"
_LAYOUT = Layout(
    {
        "TrxId": Column("order_no", cells.number),
        "TrxCtgy": Column("operation", cells.one_of(OPERATIONS | {"": None})),
        "TrxAmt": Column("amount", cells.fen),
        "Sign": Column("credit", cells.one_of({"C": True, "D": False})),
        "Fee": Column("fee", cells.signed_fen),
        "Kind": Column("adjustment", cells.one_of({"N": False, "A": True})),
        "OriTrxId": Column("original_order_no", cells.number),
        "OrdrId": Column("note"),
    },
    totals=("TrxAmt", "Fee"),
)


def parse(fields: Mapping[str, str], settle_date: date, channel: str) -> ChannelFile:
    """Return the file that a verified 999 carries. Raises `MalformedMessage`."""
    name = fields.get(_INFO + "FileNm", "")
    if name != file_name(settle_date):
        raise MalformedMessage("FileInf/FileNm: not the file that was asked for")
    data = decoded(fields.get(_INFO + "FileCntnt", ""), "FileInf/FileCntnt")
    digest = hashlib.sha256(data).hexdigest()
    if fields.get(_INFO + "FileDgst") != digest:
        raise MalformedMessage("FileInf/FileDgst: not the SHA-256 of the file")
    lines = columns.lines(data, _LAYOUT, _line)
    return ChannelFile(channel, settle_date, name, digest, lines)


def _line(row: columns.Row) -> FileLine:
    """Read a line. The TrxId is also the channel's reference, for no other number is public; a correction has the
    corrected one."""
    values = row.values
    if values["adjustment"]:
        ref = values["original_order_no"]
    else:
        ref, operation = values["order_no"], values["operation"]
        if operation is None or values["credit"] is not (operation is Operation.COLLECTION):
            raise row.fault("credit", "C of a collection, D of a refund")
    return FileLine(line_no=row.line_no, raw=row.raw, channel_ref=ref, **values)
