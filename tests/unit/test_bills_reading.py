"""Bills of every layout become the same lines; what is half, shifted, of another day or another encoding is named."""

import csv
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from tests.bills import DAY, Trade, alipay, wechat
from zhangfang.bills import SHIPPED, Bill, BillRefused, read_file

TRADES = (
    Trade("A1", 10_000, 60, note="一号"),
    Trade("A2", 550, 3, ref="4200002"),
    Trade("A1", 200, -1, refund_no="R1"),
)
WRITERS = {"alipay": (alipay, "gb18030"), "wechat": (wechat, "utf-8")}


def read(
    folder: Path, name: str, text: str, encoding: str = "", day: date = DAY
) -> tuple[Bill, list[dict[str, str]]]:
    source = folder / "bill.csv"
    source.write_bytes(text.encode(encoding or WRITERS[name][1]))
    bill = read_file(source, SHIPPED[name], day, folder / "lines.csv")
    with bill.path.open(encoding="utf-8", newline="") as lines:
        return bill, list(csv.DictReader(lines))


@pytest.mark.parametrize("name", WRITERS)
def test_a_bill_becomes_lines_in_fen(tmp_path: Path, name: str) -> None:
    bill, lines = read(tmp_path, name, WRITERS[name][0](TRADES))
    assert (bill.lines, bill.pay_in, bill.pay_out, bill.fee, bill.unread) == (3, 10_550, 200, 62, 0)
    told = [(one["order_no"], one["operation"], one["amount"], one["credit"], one["fee"]) for one in lines]
    assert told == [
        ("A1", "purchase", "10000", "true", "60"),
        ("A2", "purchase", "550", "true", "3"),
        ("R1", "refund", "200", "false", "-1"),
    ]
    assert [one["original_order_no"] for one in lines] == ["", "", "A1"]
    assert lines[0]["note"] == "一号"
    assert not any("openid" in one["raw"] or "182****01" in one["raw"] for one in lines), (
        "only columns of the map are kept"
    )


@pytest.mark.parametrize("name", WRITERS)
def test_a_day_without_trades_is_a_file_too(tmp_path: Path, name: str) -> None:
    bill, lines = read(tmp_path, name, WRITERS[name][0]([]))
    assert (bill.lines, lines) == (0, [])


def half(text: str) -> str:
    return text[: text.index("\r\n", len(text) // 2) + 2]


def cut(text: str) -> str:
    return text[: text.index("A2") + 20]


def twice(text: str) -> str:
    return text + text


def shifted(text: str) -> str:
    return text.replace("A2", "A2,", 1)


def swap(text: str, *pairs: str) -> str:
    for old, new in zip(pairs[::2], pairs[1::2], strict=True):
        text = text.replace(old, new)
    return text


BAD: dict[str, tuple[Callable[[str], str], str, str]] = {
    "half a file": (half, "", "is there 0 times"),
    "a row cut off": (cut, "", "columns, and the header row has"),
    "the file twice": (twice, "", "is there 2 times"),
    "shifted columns": (shifted, "", "columns, and the header row has"),
    "wrong count": (lambda text: swap(text, "合计：2笔", "合计：3笔", "\r\n`3,", "\r\n`4,"), "", "count says"),
    "wrong sum": (lambda text: swap(text, "105.50元", "105.51元", "`105.50,", "`105.51,"), "", "in_sum says 10551 fen"),
    "an amount that is none": (lambda text: swap(text, ",5.50", ",5.5o", "`5.50", "`5.5o"), "", "yuan with at most two"),
    "three decimals": (lambda text: swap(text, ",5.50", ",5.501", "`5.50", "`5.501"), "", "yuan with at most two"),
    "UTF-16": (lambda text: text, "utf-16", "text in UTF-16"),
    "UTF-16 without a mark": (lambda text: text, "utf-16-le", "text in UTF-16"),
    "a heading gone": (lambda text: text.replace("商户订单号", "订单", 1), "", "column 商户订单号 is there 0 times"),
    "nothing": (lambda text: "", "", "the file is nothing"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("what", BAD)
def test_a_bad_bill_is_refused_as_a_whole_and_its_fault_is_named(
    tmp_path: Path, name: str, what: str
) -> None:
    change, encoding, named = BAD[what]
    text = WRITERS[name][0](TRADES)
    changed = change(text)
    assert changed != text or encoding, "the test changes nothing"
    with pytest.raises(BillRefused, match=named) as refused:
        read(tmp_path, name, changed, encoding)
    assert "182****01" not in str(refused.value)
    assert "openid" not in str(refused.value)
    assert [one.name for one in tmp_path.iterdir()] == ["bill.csv"], "nothing is left behind"


def test_yesterdays_bill_under_todays_date_is_named(tmp_path: Path) -> None:
    old = [replace(one, at="2026-08-31 10:00:00") for one in TRADES]
    with pytest.raises(
        BillRefused,
        match=r"3 of 3 rows cannot be read; the first: line 6, column 完成时间: .* a time of 2026-09-01",
    ):
        read(tmp_path, "alipay", alipay(old))


def test_gbk_that_is_utf8_and_utf8_that_is_gbk_are_named(tmp_path: Path) -> None:
    with pytest.raises(BillRefused, match="text in UTF-8; allowed: text in gb18030"):
        read(tmp_path, "alipay", alipay(TRADES), "utf-8")
    with pytest.raises(BillRefused, match="text in GBK"):
        read(tmp_path, "wechat", wechat(TRADES), "gb18030")


def test_a_row_that_cannot_be_understood_is_kept_with_its_text_if_the_totals_hold(tmp_path: Path) -> None:
    odd = replace(TRADES[1], order_no="A2 水")
    bill, lines = read(tmp_path, "wechat", wechat([TRADES[0], odd, TRADES[2]]))
    assert (bill.lines, bill.unread, bill.pay_in) == (3, 1, 10_000)
    assert lines[1]["unread"].startswith("line 3, column 商户订单号: got 4 characters; allowed: ")
    assert (lines[1]["order_no"], lines[1]["amount"], lines[1]["credit"]) == ("", "0", "false")
    assert "A2 水" in lines[1]["raw"]


def test_more_rows_than_a_person_looks_at_refuse_the_file(tmp_path: Path) -> None:
    many = [replace(TRADES[0], order_no=f"B{n} 水") for n in range(21)]
    assert read(tmp_path, "wechat", wechat([*TRADES, *many[:20]]))[0].unread == 20
    with pytest.raises(BillRefused, match="21 of 24 rows cannot be read"):
        read(tmp_path, "wechat", wechat([*TRADES, *many]))
