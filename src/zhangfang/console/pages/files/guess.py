"""A first guess of how a file is read, so that a person has little to choose: a map's fields as texts of a form."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from zhangfang.bills import ColumnMap, beginning, raw_rows
from zhangfang.bills.table import Counted
from zhangfang.console.uploads import Upload
from zhangfang.kernel.money import fen_to_yuan

ROWS = 200  # that are looked at
_DRAFT = ColumnMap(name="draft", columns=())
_LOOK = 65536  # bytes that are looked at
# What a heading holds, if one of these words stands in it; the first field that fits takes the column.
_OF_FILES: Mapping[str, tuple[str, ...]] = {
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
_OF_STATEMENTS: Mapping[str, tuple[str, ...]] = {
    "balance": ("余额", "balance"),
    "direction": ("借贷标", "收支", "方向", "direction"),
    "amount_in": ("贷方", "收入", "credit"),
    "amount_out": ("借方", "支出", "debit"),
    "amount": ("交易金额", "发生额", "金额", "amount"),
    "request_no": ("企业流水", "请求号"),
    "sequence": ("流水", "序号", "凭证号", "serial", "sequence"),
    "time": ("交易时间", "记账时间", "时间", "日期", "time", "date"),
    "reference": ("业务参考", "参考号", "reference"),
    "counterparty": ("对方户名", "对方名称", "户名", "counterparty"),
    "text": ("摘要", "附言", "用途", "备注", "text"),
}
_HINTS = {"file": _OF_FILES, "statement": _OF_STATEMENTS}
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


def guess(upload: Upload, kind: str) -> dict[str, str]:
    """Return a form's fields for a file. Raises `BillRefused` if it cannot be opened at all."""
    with upload.on_disk() as source:
        begin = beginning(source, _LOOK)
    typed = {
        "kind": kind,
        "format": "xlsx" if begin.startswith(b"PK\x03\x04") else "csv",
        "encoding": _encoding(begin),
    }
    typed |= {
        "delimiter": _delimiter(begin, typed["encoding"]),
        "quote": _quote(begin),
    }
    typed["strip"] = "`" if b",`" in begin else ""
    rows = first_rows(upload, typed)
    at = _header(rows, kind)
    typed |= {"skip": "0", "head": "#" if rows[0][0].startswith("#") else "", "foot": _foot(rows[at + 1 :])}
    if not typed["head"]:
        typed["skip"] = str(at)
    fields = _fields(rows[at], kind)
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
    opened: dict[str, Any] = {name: typed[name] for name in names if typed.get(name)}
    opened |= {"quote": typed.get("quote", "")}
    if typed["format"] == "fixed":
        opened |= {
            "quote": '"',
            "widths": tuple(int(one) for one in typed.get("widths", "").split() if one.isdecimal()),
        }
    with upload.on_disk() as source:
        return raw_rows(source, ColumnMap(name="draft", columns=(), **opened), ROWS)


def parted(
    rows: list[list[str]], typed: Mapping[str, str]
) -> tuple[list[list[str]], list[str], list[list[str]]]:
    """Return the lines before the table, its headings (numbers where it has no header row), and its rows."""
    if not rows:
        return [], [], []
    at = _header_at(rows, typed)
    if typed.get("header"):
        header, body = rows[at], rows[at + 1 :]
    else:
        header, body = [str(n + 1) for n in range(len(rows[at]))], rows[at:]
    return rows[:at], header, [row for row in body if len(row) == len(header)]


def words_in(header: Sequence[str], body: Sequence[Sequence[str]], heading: str) -> list[str]:
    """Return the different words of a column, at most 8, in the order in which they come."""
    if heading not in header:
        return []
    place = header.index(heading)
    return list(dict.fromkeys(row[place] for row in body if row[place]))[:8]


def meaning(word: str) -> str:
    """Return what a word of an operation column usually means, or nothing."""
    return _MEANS.get(word, "")


def _header_at(rows: Sequence[Sequence[str]], typed: Mapping[str, str]) -> int:
    """Return which of the rows is the first of the table, by the form's fields."""
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
    return '"' if re.search(rb'(?:^|[,;|\t\n])"', data) else ""


def _encoding(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        return "utf-8" if error.start > _LOOK - 6 else "gb18030"
    return "utf-8"


def _delimiter(data: bytes, encoding: str) -> str:
    text = data.decode(encoding, "replace")
    return max(",\t;|", key=text.count)


def _header(rows: Sequence[Sequence[str]], kind: str) -> int:
    """Return the row whose cells look like headings: the most hints, then the most cells."""
    return max(range(len(rows)), key=lambda n: (len(_fields(rows[n], kind)), -n)) if rows else 0


def _fields(header: Sequence[str], kind: str) -> dict[str, str]:
    made: dict[str, str] = {}
    for field, hints in _HINTS[kind].items():
        for hint in hints:
            free = [name for name in header if name not in made.values() and header.count(name) == 1]
            fitting = [name for name in free if hint in name.lower()]
            if fitting:
                made[field] = fitting[0]
                break
    if {"amount_in", "amount_out"} <= made.keys():
        made.pop("amount", None)
    elif "amount" in made:
        made = {field: name for field, name in made.items() if field not in ("amount_in", "amount_out")}
    return made


def _foot(rows: Sequence[Sequence[str]]) -> str:
    for row in rows:
        if begin := next((mark for mark in _FEET if row[0].startswith(mark)), ""):
            return begin if begin == "#" else row[0][:20]
    return ""
