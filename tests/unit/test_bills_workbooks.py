"""A bank's XLSX is read by a map; macros, formulas, bombs and sheets that reach too far are refused."""

import csv
import zipfile
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from tests.bills import DAY
from zhangfang.bills import Bill, BillRefused, ColumnMap, read_file, workbook
from zhangfang.bills.model import Column, Word

MAP = ColumnMap(
    name="bank",
    format="xlsx",
    skip=1,
    foot="合计",
    columns=(
        Column("日期", "time"), Column("订单", "order_no"), Column("类型", "operation"), Column("金额", "amount"),
        Column("手续费", "fee"),
    ),
    words=(Word("operation", "收款", "collection"), Word("operation", "付款", "payout")),
    totals=("合计,{count},,{any},{fee_sum}",),
)  # fmt: skip
AT = datetime(2026, 9, 1, 9, 30)
ROWS: tuple[tuple[Any, ...], ...] = (
    ("某银行对账单",),
    ("日期", "订单", "类型", "金额", "手续费"),
    (AT, "A1", "收款", 1234.5, 0.6),
    (AT, 20260901123456, "付款", 0.07, ""),
    ("合计", 2, "", 1234.57, 0.6),
)


def write(
    path: Path, rows: Sequence[Sequence[Any]] = ROWS, then: Callable[[Any, Any], object] | None = None
) -> Path:
    with xlsxwriter.Workbook(path) as book:
        moment, page = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}), book.add_worksheet("流水")
        for at, row in enumerate(rows):
            for column, cell in enumerate(row):
                if isinstance(cell, datetime):
                    page.write_datetime(at, column, cell, moment)
                else:
                    page.write(at, column, cell)
        if then:
            then(book, page)
    return path


def read(source: Path, one: ColumnMap = MAP) -> tuple[Bill, list[dict[str, str]]]:
    bill = read_file(source, one, DAY, source.with_name("lines.csv"))
    with bill.path.open(encoding="utf-8", newline="") as lines:
        return bill, list(csv.DictReader(lines))


def test_a_workbook_becomes_lines(tmp_path: Path) -> None:
    bill, lines = read(write(tmp_path / "b.xlsx"))
    assert (bill.lines, bill.pay_in, bill.pay_out, bill.fee) == (2, 123_450, 7, 60)
    assert [(one["line_no"], one["order_no"], one["operation"], one["amount"]) for one in lines] == [
        ("3", "A1", "collection", "123450"),
        ("4", "20260901123456", "payout", "7"),
    ]


def test_a_number_that_has_lost_its_digits_is_not_believed(tmp_path: Path) -> None:
    rows = [*ROWS[:3], (AT, 2026090112345678, *ROWS[3][2:]), ROWS[4]]
    bill, lines = read(write(tmp_path / "b.xlsx", rows))
    assert bill.unread == 1
    assert "column 订单" in lines[1]["unread"]


def test_a_million_empty_rows_cost_nothing(tmp_path: Path) -> None:
    def empty(book: Any, page: Any) -> None:
        bold = book.add_format({"bold": True})
        for row in range(10, 50_000, 7):
            page.write_blank(row, 0, None, bold)
        page.write_blank(1_048_575, 9, None, bold)

    assert read(write(tmp_path / "b.xlsx", then=empty))[0].lines == 2


def formula(column: int) -> Callable[[Any, Any], object]:
    return lambda _, page: page.write_formula(2, column, "=1+1", None, 1234.5)


def macros(source: Path) -> None:
    with zipfile.ZipFile(source, "a") as archive:
        archive.writestr("xl/vbaProject.bin", b"x")


def bomb(source: Path) -> None:
    with zipfile.ZipFile(source, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/a.xml", b" " * 30_000_000)


def entities(source: Path) -> None:
    with zipfile.ZipFile(source, "a") as archive:
        archive.writestr("xl/worksheets/sheet2.xml", b'<!DOCTYPE x [<!ENTITY a "b">]><worksheet/>')


def cut(source: Path) -> None:
    source.write_bytes(source.read_bytes()[:-2000])


def no_zip(source: Path) -> None:
    source.write_bytes(b"\xd0\xcf\x11\xe0" + b"\0" * 600)


BAD: dict[str, tuple[Any, Any, str]] = {
    "formula": (formula(3), None, "cell D3, column 金额: holds a formula"),
    "far away": (
        lambda _, page: page.write(1_000_000, 15_000, "x"),
        None,
        "reaches to row 1000001 and column 15001",
    ),
    "macros": (None, macros, "has macros"),
    "a bomb": (None, bomb, "unpacks to"),
    "entities": (None, entities, "declares entities"),
    "cut off": (None, cut, "a damaged ZIP"),
    "an old XLS": (None, no_zip, "a damaged ZIP"),
    "two sheets": (lambda book, _: book.add_worksheet("b"), None, "has 2 sheets, and none is chosen"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_workbook_is_refused(tmp_path: Path, what: str) -> None:
    then, change, named = BAD[what]
    source = write(tmp_path / "b.xlsx", then=then)
    if change:
        change(source)
    with pytest.raises(BillRefused, match=named):
        read(source)


def test_a_formula_beside_the_columns_of_the_map_is_no_harm(tmp_path: Path) -> None:
    assert read(write(tmp_path / "b.xlsx", then=formula(7)))[0].lines == 2


def test_wrong_totals_refuse_the_workbook(tmp_path: Path) -> None:
    with pytest.raises(BillRefused, match="count says 3 rows, and the rows are 2"):
        read(write(tmp_path / "b.xlsx", [*ROWS[:4], ("合计", 3, "", 1234.57, 0.6)]))


def test_a_column_has_its_number() -> None:
    assert [workbook._column(name) for name in (b"A", b"Z", b"AA", b"XFD")] == [0, 25, 26, 16383]
