"""The two files of a batch: the merchant's, and the result.

Fact of ACP 5.1.0: `fileContent` is base64 of DEFLATE of the file. Invented, because the layout is not public: text
of lines that end in a line feed, columns divided by `|`, a header with counts and sums, then one line an item. Handed
in: `merId|batchNo|txnTime|txnType|totalQty|totalAmt`, then
`orderId|txnTime|txnAmt|accNo|accType|encryptCertId|customerInfo|reserved|billNo|origQryId|reqReserved`. Given back:
the same header with the quantity and sum of what succeeded, then
`orderId|txnTime|txnAmt|respCode|queryId|settleDate|respMsg`.
"""

import base64
import binascii
import zlib
from collections.abc import Iterable, Sequence

from zhangfang_sandbox.unionpay.wire.codes import BATCH_FORMAT, Refusal
from zhangfang_sandbox.unionpay.wire.fields import SHAPES
from zhangfang_sandbox.unionpay.wire.forms import Fields, charset

MOST_ITEMS = 5_000
MOST_BYTES = 16 * 1024 * 1024
# What the items of each txnSubType are: txnType and txnSubType.
ITEMS = {"01": ("04", "00"), "02": ("11", "03"), "03": ("12", "00")}
COLUMNS = (
    "orderId", "txnTime", "txnAmt", "accNo", "accType", "encryptCertId", "customerInfo", "reserved", "billNo",
    "origQryId", "reqReserved",
)  # fmt: skip
_NEEDED = ("orderId", "txnTime", "txnAmt")


def items(told: Fields) -> list[dict[str, str]]:
    """The items of a submitted batch as fields without blanks. Refuses the whole for one line that cannot be read."""
    header, *lines = _text(told).split("\n")
    named = ("merId", "batchNo", "txnTime", "", "totalQty", "totalAmt")
    wanted = [told[name] if name else ITEMS[told["txnSubType"]][0] for name in named]
    if header.split("|") != wanted or lines.pop() != "":
        raise _bad("header, the message's own numbers; every line ends in a line feed")
    if len(lines) > MOST_ITEMS:
        raise _bad(f"totalQty, at most {MOST_ITEMS} items")
    found = [_item(number, line) for number, line in enumerate(lines, 2)]
    if (len(found), sum(int(item["txnAmt"]) for item in found)) != (
        int(told["totalQty"]),
        int(told["totalAmt"]),
    ):
        raise _bad("totalQty and totalAmt, those of the items")
    return found


def result(header: Sequence[str], lines: Iterable[Sequence[str]], codec: str) -> str:
    """The `fileContent` of a result."""
    text = "".join("|".join(line) + "\n" for line in (header, *lines))
    return base64.b64encode(zlib.compress(text.encode(codec, "replace"))).decode()


def _text(told: Fields) -> str:
    stream = zlib.decompressobj()
    try:
        data = stream.decompress(base64.b64decode(told["fileContent"], validate=True), MOST_BYTES)
        if stream.unconsumed_tail or not stream.eof:
            raise _bad(f"fileContent, at most {MOST_BYTES} bytes in one whole stream")
        return data.decode(charset(told))
    except (binascii.Error, zlib.error, UnicodeDecodeError):
        raise _bad("fileContent, base64 of DEFLATE of text") from None


def _item(number: int, line: str) -> dict[str, str]:
    cells = line.split("|")
    if len(cells) != len(COLUMNS):
        raise _bad(f"line {number}, {len(COLUMNS)} columns")
    item = {name: cell for name, cell in zip(COLUMNS, cells, strict=True) if cell}
    for name in _NEEDED:
        if name not in item:
            raise _bad(f"line {number}, {name}")
    for name in item.keys() & SHAPES.keys():
        if not SHAPES[name][0].fullmatch(item[name]):
            raise _bad(f"line {number}, {name}: {SHAPES[name][1]}")
    return item


def _bad(detail: str) -> Refusal:
    return Refusal(BATCH_FORMAT, detail)
