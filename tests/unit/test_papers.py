"""A paper says the same in every form: the same content in the same bytes, nothing lost, nothing run as a formula."""

import csv
import io
from datetime import UTC, datetime

import openpyxl
import pypdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zhangfang.papers import Column, Fen, Paper, Table, TooLong, as_bytes, made, pdf
from zhangfang.papers.bands import Band, Box, Section, pages, wrapped

AT = datetime(2026, 5, 26, 3, 30, tzinfo=UTC)
COLUMNS = (Column("序号 No.", 10), Column("单号 Order", 60), Column("金额 Amount", 30, right=True))


def paper(rows: int = 3, order: str = "A-1") -> Paper:
    table = Table(
        "交易 Payments",
        COLUMNS,
        [(n, order, Fen(n * 12345)) for n in range(rows)],
        [("", "合计 Total", Fen(-5))],
    )
    facts = (
        ("商户 Merchant", "青禾公寓"),
        ("业务日 Business date", "2026-05-26"),
        ("单位 Unit", "人民币元 CNY"),
    )
    return Paper(
        "交易对账单 Payment statement", AT, [table], facts, ["证书 Certificate ZM-0526-1", "SHA-256 a17c3e52"]
    )


def texts(document: bytes) -> list[str]:
    return [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(document)).pages]


@pytest.mark.parametrize("form", ["csv", "xlsx", "pdf"])
def test_the_same_paper_is_the_same_bytes(form: str) -> None:
    assert as_bytes(form, paper()) == as_bytes(form, paper())
    assert as_bytes(form, paper()) != as_bytes(form, paper(order="A-2"))


async def test_a_process_of_its_own_makes_the_same_bytes() -> None:
    assert b"".join([chunk async for chunk in made("pdf", paper())]) == as_bytes("pdf", paper())


def test_a_csv_is_for_machines_and_runs_nothing() -> None:
    rows = list(csv.reader(io.StringIO(as_bytes("csv", paper(2, "=1+1")).decode("utf-8-sig"), newline="")))
    assert rows[1] == ["商户 Merchant", "青禾公寓"]
    assert rows[5:9] == [
        [column.title for column in COLUMNS], ["0", "'=1+1", "0.00"], ["1", "'=1+1", "123.45"],
        ["", "合计 Total", "-0.05"],
    ]  # fmt: skip
    assert rows[-1] == ["SHA-256 a17c3e52"]


def test_a_workbook_has_texts_as_texts_and_amounts_as_numbers() -> None:
    sheet = openpyxl.load_workbook(io.BytesIO(as_bytes("xlsx", paper(2, "=1+1")))).active
    assert sheet is not None
    rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
    assert rows[4][0] == "序号 No."
    assert rows[6] == [1, "=1+1", 123.45]
    assert sheet.cell(7, 2).data_type == "s"


def test_a_pdf_has_every_row_its_pages_are_counted_and_each_has_the_foot() -> None:
    found = texts(as_bytes("pdf", paper(150)))
    assert len(found) > 1
    for n, page in enumerate(found, 1):
        assert f"第 {n} 页，共 {len(found)} 页 page {n} of {len(found)}" in page.replace("  ", " ")
        assert "ZM-0526-1" in page
        assert "SHA-256 a17c3e52" in page
        assert "金额 Amount" in page
    assert "18,394.05" in found[-1]
    assert "−0.05" in found[-1]
    assert "青禾公寓" in found[0]


def test_what_the_font_lacks_prints_as_a_geta_mark_and_is_listed() -> None:
    (page,) = texts(as_bytes("pdf", paper(2, "😀一\u202e龘")))
    assert "〓一" in page
    assert "U+202E × 2" in page
    assert "U+1F600 × 2" in page


def test_rare_characters_of_the_standard_are_printed() -> None:
    """Some of 通用规范汉字表 are no characters of GB 2312, and some lie outside the first plane."""
    (page,) = texts(as_bytes("pdf", paper(1, "堃昇犇翀鑫玥煜㛃𠅤")))
    assert "堃昇犇翀鑫玥煜㛃𠅤" in page
    assert "字体中没有" not in page


def test_a_pdf_too_long_to_print_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "MOST_ROWS", 2)
    with pytest.raises(TooLong, match="2 rows at most"):
        as_bytes("pdf", paper(3))


@given(st.text(alphabet="ab 一二", min_size=1, max_size=60), st.integers(2, 9))
def test_a_wrapped_text_loses_only_spaces_at_the_end_of_its_lines(text: str, width: int) -> None:
    lines = wrapped(text, width, 1, lambda letter: 2 if letter in "一二" else 1)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(sum(2 if letter in "一二" else 1 for letter in line) <= width for line in lines)


@settings(max_examples=60)
@given(st.lists(st.lists(st.integers(1, 40), max_size=8), min_size=1, max_size=4), st.integers(40, 120))
def test_every_line_stands_on_one_page_in_its_order_and_no_page_is_too_full(
    heights: list[list[int]], room: int
) -> None:
    sections, wanted = [], []
    for s, bands in enumerate(heights):
        head = Band([Box(0, 10, [f"head {s}"])], 8)
        texts = [[f"{s}.{b}.{n}" for n in range(lines)] for b, lines in enumerate(bands)]
        sections.append(Section([Band([Box(0, 10, lines)], 8) for lines in texts], [head]))
        wanted += [line for lines in texts for line in lines]
    made = pages(sections, room)
    drawn = [line for page in made for band in page for box in band.boxes for line in box.lines]
    assert [line for line in drawn if not line.startswith("head")] == wanted
    assert all(sum(band.height for band in page) <= room + 1e-6 for page in made)
