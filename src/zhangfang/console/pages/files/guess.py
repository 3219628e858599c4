"""A first guess of how a file is read, so that a person has little to choose: a map's fields as texts of a form."""

import re
from collections.abc import Mapping, Sequence

from zhangfang.bills import ColumnMap, raw_rows
from zhangfang.bills.model import FILE_FIELDS
from zhangfang.bills.table import Counted
from zhangfang.console.uploads import Upload
from zhangfang.kernel.money import fen_to_yuan

ROWS = 200  # that are looked at
_DRAFT = ColumnMap(name="draft", columns=())
# What a heading holds, if one of these words stands in it; the first field that fits takes the column.
_HINTS: Mapping[str, tuple[str, ...]] = {
    "refund_no": ("商户退款单号", "退款批次号", "refund no"),
    "refund_ref": ("微信退款单号", "渠道退款", "refund ref"),
    "refund_amount": ("退款金额", "refund amount"),
    "fee": ("手续费", "服务费", "fee"),
    "order_no": ("商户订单", "商户单号", "订单号", "out_trade_no", "order"),
    "channel_ref": ("交易号", "流水号", "平台单号", "微信订单", "trade_no", "reference"),
    "amount": ("应结", "实收", "交易金额", "金额", "amount"),
    "time": ("完成时间", "交易时间", "时间", "日期", "time", "date"),
    "operation": ("业务类型", "交易状态", "交易类型", "类型", "type"),
    "direction": ("收支", "借贷", "方向", "direction"),
    "note": ("备注", "附言", "摘要", "remark", "note"),
}
_TIMES = {
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d": "%Y-%m-%d %H:%M:%S",
    r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d": "%Y/%m/%d %H:%M:%S",
    r"\d{14}": "%Y%m%d%H%M%S",
    r"\d{8}": "%Y%m%d",
    r"\d{4}-\d\d-\d\d": "%Y-%m-%d",
    r"\d{4}/\d\d/\d\d": "%Y/%m/%d",
}
_FEET = ("#", "总", "合计", "小计", "共")
_MEANS: Mapping[str, str] = {
    **dict.fromkeys(("交易", "收款", "消费", "SUCCESS"), "purchase"),
    **dict.fromkeys(("退款", "REFUND"), "refund"),
    **dict.fromkeys(("代付", "付款"), "payout"),
    "代收": "collection",
}
_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?")


def guess(upload: Upload) -> dict[str, str]:
    """Return a form's fields for a file. Raises `BillRefused` if it cannot be opened at all."""
    typed = {
        "format": "xlsx" if upload.data.startswith(b"PK\x03\x04") else "csv",
        "encoding": _encoding(upload.data),
    }
    typed |= {
        "delimiter": _delimiter(upload.data, typed["encoding"]),
        "quote": _quote(upload.data),
    }
    typed["strip"] = "`" if b",`" in upload.data else ""
    rows = first_rows(upload, typed)
    at = _header(rows)
    typed |= {"skip": "0", "head": "#" if rows[0][0].startswith("#") else "", "foot": _foot(rows[at + 1 :])}
    if not typed["head"]:
        typed["skip"] = str(at)
    fields = _fields(rows[at])
    typed |= {f"field-{field}": heading for field, heading in fields.items()}
    body = [row for row in rows[at + 1 :] if len(row) == len(rows[at])]
    if "time" in fields and body:
        cell = body[0][rows[at].index(fields["time"])]
        typed["time"] = next(
            (form for shape, form in _TIMES.items() if re.fullmatch(shape, cell)), "%Y-%m-%d %H:%M:%S"
        )
    amounts = [row[rows[at].index(fields["amount"])] for row in body] if "amount" in fields else []
    return typed | {"signed": "yes" if any(cell.startswith("-") for cell in amounts) else ""}


def first_rows(upload: Upload, typed: Mapping[str, str]) -> list[list[str]]:
    """Return the first rows of a file, as the form's fields say that it is to be opened. Raises `BillRefused`."""
    names = ("format", "encoding", "delimiter", "quote", "sheet", "strip")
    opened = {name: typed[name] for name in names if typed.get(name)} | {"quote": typed.get("quote", "")}
    with upload.on_disk() as source:
        return raw_rows(source, ColumnMap(name="draft", columns=(), **opened), ROWS)  # type: ignore[arg-type]


def words_in(rows: Sequence[Sequence[str]], heading: str, at: int) -> list[str]:
    """Return the different words of a column, at most 8, in the order in which they come."""
    header = rows[at]
    if heading not in header:
        return []
    place = header.index(heading)
    cells = dict.fromkeys(row[place] for row in rows[at + 1 :] if len(row) == len(header) and row[place])
    return list(cells)[:8]


def meaning(word: str) -> str:
    """Return what a word of an operation column usually means, or nothing."""
    return _MEANS.get(word, "")


def header_at(rows: Sequence[Sequence[str]], typed: Mapping[str, str]) -> int:
    """Return which of the rows is the header row, by the form's fields."""
    skip, head = int(typed.get("skip") or 0), typed.get("head", "")
    return next((n for n, row in enumerate(rows) if n >= skip and not (head and row[0].startswith(head))), 0)


def totals_of(around: Sequence[str], counted: Counted) -> list[str]:
    """Return the lines around a table whose numbers are what was counted, with places where they stand."""
    known = {str(counted.totals["count"]): "count"}
    sums = ("sum", "fee_sum", "out_sum", "in_sum")  # the last of equal ones counts
    known |= {fen_to_yuan(counted.totals[name]): name for name in sums if counted.totals[name]}
    lines = [_NUMBER.sub(lambda found: f"{{{known.get(_plain(found[0]), 'any')}}}", line) for line in around]
    return [line for line in lines if any(f"{{{name}}}" in line for name in known.values())]


def _plain(number: str) -> str:
    """Return a number without the zeros after its second decimal."""
    whole, point, part = number.partition(".")
    return whole + point + part[:2] + part[2:].rstrip("0")


def _quote(data: bytes) -> str:
    """Return `"` if cells begin with it; one inside a cell, an inch mark say, is none."""
    return '"' if re.search(rb'(?:^|[,;|\t\n])"', data[:65536]) else ""


def _encoding(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    try:
        data[:65536].decode("utf-8")
    except UnicodeDecodeError as error:
        return "utf-8" if error.start > 65530 else "gb18030"
    return "utf-8"


def _delimiter(data: bytes, encoding: str) -> str:
    text = data[:65536].decode(encoding, "replace")
    return max(",\t;|", key=text.count)


def _header(rows: Sequence[Sequence[str]]) -> int:
    """Return the row whose cells look like headings: the most hints, then the most cells."""
    return max(range(len(rows)), key=lambda n: (len(_fields(rows[n])), -n)) if rows else 0


def _fields(header: Sequence[str]) -> dict[str, str]:
    made: dict[str, str] = {}
    for field in _HINTS:
        for hint in _HINTS[field]:
            free = [name for name in header if name not in made.values() and header.count(name) == 1]
            fitting = [name for name in free if hint in name.lower()]
            if fitting:
                made[field] = fitting[0]
                break
    return {field: made[field] for field in FILE_FIELDS if field in made}


def _foot(rows: Sequence[Sequence[str]]) -> str:
    for row in rows:
        if begin := next((mark for mark in _FEET if row[0].startswith(mark)), ""):
            return begin if begin == "#" else row[0][:20]
    return ""
