"""The reconciliation file: fixed-width GBK rows, zipped, deflated, base64.

Facts of ACP 5.1.0: the widths of ZM (42 columns) and ZME (22), one space between columns, what the ZM columns mean,
the sign letters (`C` credits the merchant, `D` debits), `fileContent = base64(zlib-deflate(zip))`. Unverified: the
transaction codes, the names of the files inside, what the ZME columns mean (here the last holds the original's queryId
and orderId), that columns 17 and 33 hold the amount less the fee, and that the surcharge of instalments, which the
payer owes the issuer, stands in column 38 as a credit and in no sum. Invented: the row of a payout that came back.
"""

import base64
import io
import zipfile
import zlib
from collections.abc import Mapping
from datetime import date

from zhangfang_sandbox.unionpay.book import Order
from zhangfang_sandbox.unionpay.wire.fields import DEBITS, PAYOUT, REFUND

# fmt: off
ZM_WIDTHS = (
    3, 11, 11, 6, 10, 19, 12, 4, 2, 21, 2, 32, 2, 6, 10, 13, 13, 4, 15, 2, 2,
    6, 2, 4, 32, 1, 21, 15, 1, 15, 32, 13, 13, 8, 32, 13, 13, 12, 2, 1, 32, 98,
)
ZME_WIDTHS = (3, 11, 11, 6, 10, 19, 12, 4, 2, 2, 6, 10, 4, 12, 13, 13, 15, 15, 1, 12, 2, 135)
# fmt: on
_CODES = {PAYOUT: "S12", REFUND: "S30"}
_DEBIT_CODE, _ADJUST_CODE, _BACK_CODE = "S56", "E74", "E12"
_HOUSE, _MCC, _INTERNET = "00010000", "7399", "07"
_DAY_ONE = (1980, 1, 1, 0, 0, 0)  # ZIP's earliest: the same rows make the same bytes


def signed(fen: int) -> str:
    """A signed amount of 13 characters: `C` and 12 digits credit the merchant, `D` debits."""
    return f"{'D' if fen < 0 else 'C'}{abs(fen):012d}"


def row(widths: tuple[int, ...], values: Mapping[int, str]) -> bytes:
    """One row; `values` by column number from 1, what is not given is blank, what is too long is cut."""
    return (
        b" ".join(_column(values.get(number, ""), width) for number, width in enumerate(widths, 1)) + b"\r\n"
    )


def zm_row(order: Order, original: Order | None, amount: int) -> bytes:
    """The row of a transaction. `amount` is fen; it is not the order's own where an error is planted."""
    debit = order.txn_type in DEBITS
    net = signed(amount - order.fee if debit else -amount)
    values = {
        1: _DEBIT_CODE if debit else _CODES[order.txn_type],
        2: _HOUSE,
        3: _HOUSE,
        4: order.trace_no,
        5: order.trace_time,
        6: order.acc_no,
        7: f"{amount:012d}",
        8: _MCC,
        9: _INTERNET,
        10: order.query_id,
        12: order.order_id,
        13: "01",
        16: signed(-order.fee),
        17: net,
        20: order.txn_type,
        21: order.txn_sub_type,
        22: order.biz_type,
        23: order.acc_type,
        25: order.bill_no,
        28: order.mer_id,
        29: "0",
        32: signed(0),
        33: net,
        35: order.key,
        36: signed(0),
        37: signed(0),
        38: f"C{order.surcharge:011d}",
        39: f"{order.instalments:02d}",
        40: "0",
    }
    if original is not None:
        names = {14: original.trace_no, 15: original.trace_time, 27: original.query_id, 41: original.order_id}
        values.update(names)
    return row(ZM_WIDTHS, values)


def zme_row(order: Order, correction: int) -> bytes:
    """The row that corrects an earlier file's amount of `order` by `correction` fen."""
    return _exception(_ADJUST_CODE, order, correction)


def back_row(order: Order) -> bytes:
    """The row of a payout that came back."""
    return _exception(_BACK_CODE, order, order.amount)


def _exception(code: str, order: Order, net: int) -> bytes:
    values = {
        1: code,
        2: _HOUSE,
        3: _HOUSE,
        4: order.trace_no,
        5: order.trace_time,
        6: order.acc_no,
        7: f"{abs(net):012d}",
        8: _MCC,
        9: _INTERNET,
        11: order.trace_no,
        12: order.trace_time,
        14: f"{order.amount:012d}",
        15: signed(0),
        16: signed(net),
        17: order.mer_id,
        22: f"{order.query_id} {order.order_id}",
    }
    return row(ZME_WIDTHS, values)


def file_name(mer_id: str, day: date) -> str:
    """The answer's `fileName`."""
    return f"{mer_id}_{day:%Y%m%d}.zip"


def packed(mer_id: str, day: date, zm: bytes, zme: bytes) -> str:
    """The answer's `fileContent`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for mark, text in (("ZM", zm), ("ZME", zme)):
            archive.writestr(zipfile.ZipInfo(f"INN{day:%y%m%d}88{mark}_{mer_id}", _DAY_ONE), text)
    return base64.b64encode(zlib.compress(buffer.getvalue())).decode()


def damaged(content: str) -> str:
    """A `fileContent` whose ZIP breaks off before its end."""
    whole = zlib.decompress(base64.b64decode(content))
    return base64.b64encode(zlib.compress(whole[: len(whole) // 2])).decode()


def _column(text: str, width: int) -> bytes:
    data = text.encode("gbk", "replace")
    # Cutting GBK in the middle of a character would leave half of one.
    return data[:width].decode("gbk", "ignore").encode("gbk").ljust(width)
