"""Reading a request's fields: each error names the field and what is allowed, never the value."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from zhangfang_sandbox.cmb.payments import BusinessError

CURRENCY = "10"  # CNY
# The sandbox's own [unverified]; FABZ002 is kept for a reference in use, whose payment may have been made.
FORMAT = "SBX0010"
AMOUNT = re.compile(r"(\d{1,13})(?:\.(\d{1,2}))?", re.ASCII)
DAY = re.compile(r"\d{8}", re.ASCII)

# field of bb1payopx1 -> (most bytes in UTF-8, required)
PAYMENT_FIELDS: Mapping[str, tuple[int, bool]] = {
    "dbtAcc": (35, True),
    "dmaNbr": (20, False),
    "crtAcc": (35, True),
    "crtNam": (300, True),
    "crtBnk": (90, False),
    "crtAdr": (90, False),
    "brdNbr": (30, False),
    "ccyNbr": (2, True),
    "trsAmt": (16, True),
    "bnkFlg": (1, False),
    "eptDat": (8, False),
    "eptTim": (6, False),
    "stlChn": (1, False),
    "nusAge": (300, True),
    "crtSqn": (20, False),
    "yurRef": (30, True),
    "busNar": (300, False),
    "ntfCh1": (40, False),
    "ntfCh2": (20, False),
    "trsTyp": (6, False),
    "rcvChk": (1, False),
    "drpFlg": (1, False),
}
CHOICES: Mapping[str, tuple[str, ...]] = {
    "ccyNbr": (CURRENCY,),
    "bnkFlg": ("", "Y", "N"),
    "stlChn": ("", "G", "Q", "R", "I"),
    "trsTyp": ("", "100001", "101001", "101002"),
    "drpFlg": ("", "A", "B"),
}
REAL_TIME_LIMIT = 100_000_000  # fen: channel R carries at most 1 M yuan


def refused(field: str, allowed: str) -> BusinessError:
    """Make the error for a field that is not as it must be."""
    return BusinessError(FORMAT, f"报文检查失败: {field} {allowed}")


def records(body: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """Return a block of the body: a list of one or more objects."""
    found = body.get(name)
    if not isinstance(found, list) or not found or not all(isinstance(record, dict) for record in found):
        raise refused(name, "须为非空的对象数组")
    return found


def text(record: dict[str, Any], name: str, limit: int, *, required: bool = False) -> str:
    """Return a text field, "" if it is absent; `limit` is in bytes of UTF-8."""
    value = record.get(name, "")
    if not isinstance(value, str):
        raise refused(name, f"须为字符串, 不是 {type(value).__name__}")
    if len(value.encode()) > limit or (required and not value.strip()):
        raise refused(name, f"须为 {'1 至' if required else '至多'} {limit} 字节, 实为 {len(value.encode())}")
    return value


def choice(name: str, value: str, allowed: tuple[str, ...]) -> None:
    """Refuse a value that is not one of `allowed`."""
    if value not in allowed:
        raise refused(name, f"须为 {'/'.join(one or '空' for one in allowed)} 之一")


def day(record: dict[str, Any], name: str) -> str:
    """Return a required date, yyyyMMdd."""
    value = text(record, name, 8, required=True)
    try:
        datetime.strptime(value if DAY.fullmatch(value) else "", "%Y%m%d")  # noqa: DTZ007 - only whether it is a day
    except ValueError:
        raise refused(name, "须为 yyyyMMdd") from None
    return value


def payment_item(record: dict[str, Any]) -> dict[str, str]:
    """Return the fields of one payment, all there, checked, with the default channel filled in."""
    item = {name: text(record, name, limit, required=need) for name, (limit, need) in PAYMENT_FIELDS.items()}
    for name, allowed in CHOICES.items():
        choice(name, item[name], allowed)
    item["stlChn"] = item["stlChn"] or "Q"
    if fen(item) > REAL_TIME_LIMIT and item["stlChn"] == "R":
        raise BusinessError("FABZ002", "业务条件检查失败: trsAmt 实时通道限额 100 万元")
    return item


def fen(item: dict[str, str]) -> int:
    """Return the amount in fen; the wire carries yuan with at most two decimals."""
    found = AMOUNT.fullmatch(item["trsAmt"])
    amount = int(found[1]) * 100 + int((found[2] or "").ljust(2, "0")) if found else 0
    if amount <= 0:
        raise refused("trsAmt", "须为大于 0 的元, 至多 13 位整数与 2 位小数")
    return amount


def digits(record: dict[str, Any], name: str, limit: int) -> int | None:
    """Return a field of at most `limit` (no more than 18) digits as a number, None if it is empty."""
    value = text(record, name, limit)
    if value and not (value.isascii() and value.isdigit()):
        raise refused(name, "须为数字")
    return int(value) if value else None
