"""Statements in camt.053, MT940 and by a map become the same lines; one that is not whole is refused."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import mt940 as oracle
import pytest

from tests.bills import DAY, Move, camt, mt940
from zhangfang.bills import BillRefused, ColumnMap, Statement, read_by_map, read_camt, read_mt940
from zhangfang.bills.model import Column, Word
from zhangfang.channels.port import StatementLine
from zhangfang.kernel.clock import CHINA

MOVES = (
    Move(13_000, "B1", text="unionpay settles 2026-08-31"),
    Move(-2_500, "B2", reference="0a1b2c"),
    Move(2_500, "B3", reference="0a1b2c", reversal=True),
    Move(1, "B4", text="租金"),
)
READERS: dict[str, tuple[Callable[..., str], Callable[[Path], list[Statement]]]] = {
    "camt": (camt, read_camt),
    "mt940": (mt940, read_mt940),
}


def read(folder: Path, name: str, text: str | bytes) -> list[Statement]:
    source = folder / "statement"
    source.write_bytes(text.encode() if isinstance(text, str) else text)
    return READERS[name][1](source)


def told(line: StatementLine) -> tuple[object, ...]:
    return line.sequence, line.amount, line.credit, line.balance, line.reference, line.text, line.reversal


@pytest.mark.parametrize("name", READERS)
def test_a_statement_becomes_lines_with_their_balances(tmp_path: Path, name: str) -> None:
    (one,) = read(tmp_path, name, READERS[name][0](100, MOVES))
    assert (one.opening, one.closing) == (100, 13_101)
    assert [told(line) for line in one.lines] == [
        ("B1", 13_000, True, 13_100, "", "unionpay settles 2026-08-31", False),
        ("B2", 2_500, False, 10_600, "0a1b2c", "", False),
        ("B3", 2_500, True, 13_100, "0a1b2c", "", True),
        ("B4", 1, True, 13_101, "", "租金", False),
    ]
    assert one.lines[0].booked_at == datetime(2026, 9, 1, tzinfo=CHINA)
    moments = [line.booked_at for line in one.lines]
    assert moments == sorted(set(moments)), "lines of a day keep their order"


@pytest.mark.parametrize("name", READERS)
def test_an_overdrawn_account_and_a_day_without_movements(tmp_path: Path, name: str) -> None:
    (one,) = read(tmp_path, name, READERS[name][0](-500, MOVES[1:2]))
    assert (one.opening, one.closing) == (-500, -3_000)
    (one,) = read(tmp_path, name, READERS[name][0](700, ()))
    assert (one.opening, one.closing, list(one.lines)) == (700, 700, [])


@pytest.mark.parametrize("pages", [1, 2, 3])
def test_mt940_is_read_as_another_library_reads_it(tmp_path: Path, pages: int) -> None:
    text = mt940(100, MOVES, pages=pages)
    (one,) = read(tmp_path, "mt940", text)
    theirs = [entry.data for entry in oracle.parse(text).transactions]
    signed = [int(entry["amount"].amount * 100) for entry in theirs]
    assert [line.amount if line.credit else -line.amount for line in one.lines] == signed
    assert [line.sequence for line in one.lines] == [entry["bank_reference"] for entry in theirs]
    assert [line.booked_at.date() for line in one.lines] == [entry["entry_date"] for entry in theirs]


@pytest.mark.parametrize(
    ("value", "entry", "booked"),
    [
        ("260101", "1231", date(2025, 12, 31)),
        ("251231", "0101", date(2026, 1, 1)),
        ("240228", "0229", date(2024, 2, 29)),
    ],
)
def test_an_entry_date_has_the_year_next_to_the_value_date(
    tmp_path: Path, value: str, entry: str, booked: date
) -> None:
    text = mt940(0, MOVES[:1]).replace(":61:2609010901", f":61:{value}{entry}")
    assert read(tmp_path, "mt940", text)[0].lines[0].booked_at.date() == booked


def test_a_number_that_comes_again_is_numbered(tmp_path: Path) -> None:
    (one,) = read(tmp_path, "camt", camt(0, [MOVES[0], replace(MOVES[3], ref="B1")]))
    assert [line.sequence for line in one.lines] == ["B1", "B1/2"]


WHOLE = {name: writer(100, MOVES) for name, (writer, _) in READERS.items()}
TAXED = '<!DOCTYPE x [<!ENTITY a "1">]>'
BAD: dict[str, tuple[str, str | bytes, str]] = {
    "camt: half": ("camt", WHOLE["camt"][:900], "no XML, or not whole"),
    "camt: entities": ("camt", WHOLE["camt"].replace("<Document", f"{TAXED}<Document", 1), "declares a DTD or entities"),
    "camt: another version": ("camt", WHOLE["camt"].replace("001.08", "001.02"), "allowed: camt.053.001.08"),
    "camt: no closing balance": ("camt", WHOLE["camt"].replace("CLBD", "CLAV"), "no balance CLBD"),
    "camt: two opening balances": ("camt", WHOLE["camt"].replace("CLBD", "OPBD"), "balance OPBD is there 2 times"),
    "camt: an entry dropped": ("camt", WHOLE["camt"].replace("<Cd>BOOK", "<Cd>PDNG", 1), "make 1.01, and the closing"),
    "camt: an unknown status": ("camt", WHOLE["camt"].replace("<Cd>BOOK", "<Cd>DONE", 1), "entry 1: status"),
    "camt: another currency": ("camt", WHOLE["camt"].replace('"CNY">130', '"USD">130', 1), "not in CNY"),
    "camt: a wrong count": (
        "camt",
        camt(100, MOVES, extra="<TxsSummry><TtlNtries><NbOfNtries>5</NbOfNtries></TtlNtries></TxsSummry>"),
        "TtlNtries says 5 entries, and 4 are booked",
    ),
    "camt: a page": (
        "camt",
        camt(100, MOVES, extra="<StmtPgntn><PgNb>1</PgNb><LastPgInd>false</LastPgInd></StmtPgntn>"),
        "page 1 of several",
    ),
    "camt: no such date": ("camt", WHOLE["camt"].replace("BookgDt><Dt>2026-09-01", "BookgDt><Dt>2026-09-31"), "BookgDt"),
    "mt940: half": ("mt940", WHOLE["mt940"][:150], ":62F: or :62M: 0 times"),
    "mt940: wrong closing": ("mt940", mt940(100, MOVES, closing=13_100), "the closing balance is 131.00"),
    "mt940: a page missing": ("mt940", mt940(100, MOVES, pages=2).split(":20:")[1].join([":20:", ""]), "ends without :62F:"),
    "mt940: first page gone": ("mt940", ":20:" + mt940(100, MOVES, pages=2).split(":20:")[2], "first page is missing"),
    "mt940: the middle page missing": (
        "mt940",
        ":20:".join([(parts := mt940(100, MOVES, pages=3).split(":20:"))[0], parts[1], parts[3]]),
        "a page is missing",
    ),
    "mt940: UTF-16": ("mt940", WHOLE["mt940"].encode("utf-16"), "text in UTF-16"),
    "mt940: a point": ("mt940", WHOLE["mt940"].replace("130,00N", "130.00N"), "a field :61:"),
    "mt940: a field of none": ("mt940", WHOLE["mt940"].replace(":86:", ":99:", 1), "which MT940 does not have"),
    "mt940: nothing": ("mt940", "", "no field :20:"),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_a_bad_statement_is_refused_as_a_whole_and_its_fault_is_named(tmp_path: Path, what: str) -> None:
    name, text, named = BAD[what]
    with pytest.raises(BillRefused, match=named):
        read(tmp_path, name, text)


BY_MAP = ColumnMap(
    name="citic",
    kind="statement",
    columns=(
        Column("流水号", "sequence"), Column("时间", "time"), Column("收入", "amount_in"), Column("支出", "amount_out"),
        Column("余额", "balance"), Column("摘要", "text"), Column("对方", "counterparty"),
    ),
)  # fmt: skip
ROWS = (
    "1,2026-09-01 09:00:00,130.00,,131.00,结算,张三丰",
    '2,2026-09-01 10:00:00,,"1,0.50",120.50,付款,',
    "3,2026-09-01 11:00:00,0.50,0.00,121.00,,",
)


@pytest.mark.parametrize("rows", [ROWS, ROWS[::-1]], ids=["oldest first", "newest first"])
def test_a_statement_by_a_map_is_proven_by_its_balances(tmp_path: Path, rows: tuple[str, ...]) -> None:
    source = tmp_path / "s.csv"
    source.write_text(
        "\n".join(["流水号,时间,收入,支出,余额,摘要,对方", *rows]).replace("1,0.50", "10.50"), "utf-8"
    )
    (one,) = read_by_map(source, BY_MAP)
    assert (one.opening, one.closing) == (100, 12_100)
    assert [(line.sequence, line.amount, line.credit) for line in one.lines] == [
        ("1", 13_000, True), ("2", 1_050, False), ("3", 50, True),
    ]  # fmt: skip
    assert one.lines[0].counterparty == "张**"
    lines = source.read_text("utf-8").replace("120.50", "120.51")
    source.write_text(lines, "utf-8")
    with pytest.raises(BillRefused, match=r"line \d: the balance does not follow"):
        read_by_map(source, BY_MAP)


def test_a_map_with_a_direction_column(tmp_path: Path) -> None:
    columns = (
        Column("no", "sequence"),
        Column("day", "time"),
        Column("sum", "amount"),
        Column("way", "direction"),
        Column("left", "balance"),
    )
    words = (Word("direction", "贷", "in"), Word("direction", "借", "out"))
    one = ColumnMap(name="b", kind="statement", columns=columns, words=words, time="%Y%m%d")
    source = tmp_path / "s.csv"
    source.write_text("no,day,sum,way,left\n7,20260901,5.00,贷,15.00\n8,20260901,6.00,借,9.00\n", "utf-8")
    (made,) = read_by_map(source, one)
    assert [(line.amount, line.credit, line.booked_at.date()) for line in made.lines] == [
        (500, True, DAY),
        (600, False, DAY),
    ]
    source.write_text("no,day,sum,way,left\n7,20260901,5.00,收,15.00\n", "utf-8")
    with pytest.raises(BillRefused, match="line 2, column way: got 1 characters; allowed: 贷, 借"):
        read_by_map(source, one)
