"""Texts whose columns have fixed widths, and files that come in a ZIP: read as they are meant, or refused within bounds."""

import zipfile
from pathlib import Path

import pytest

from tests.bills import DAY
from zhangfang.bills import BillRefused, ColumnMap, Said, raw_rows, read_by_map, read_file
from zhangfang.bills import apart as packed
from zhangfang.bills.check import faults
from zhangfang.bills.model import Bill, Column

FIXED = ColumnMap(
    name="fixed", format="fixed", encoding="gb18030", widths=(14, 8, 12, 10), header=False, head="明细", foot="合计",
    time="%Y%m%d%H%M%S",
    columns=(Column("1", "time"), Column("2", "order_no"), Column("3", "note"), Column("4", "amount")),
    totals=("合计{count}笔{sum}元",),
)  # fmt: skip
ROWS = ('20260901091500A1      张三,"丰"       100.00', "20260901091600A2      李四              5.50")
TEXT = "\n".join(("明细 2026-09-01", *ROWS, "合计2笔105.50元", ""))


def read(folder: Path, data: bytes, one: ColumnMap = FIXED, said: Said | None = None) -> tuple[Bill, str]:
    source = folder / "source"
    source.write_bytes(data)
    bill = read_file(source, one, DAY, folder / "lines.csv", said)
    return bill, bill.path.read_text("utf-8")


def test_a_text_with_fixed_widths_is_read_where_a_chinese_character_has_two(tmp_path: Path) -> None:
    bill, lines = read(tmp_path, TEXT.encode("gb18030"))
    assert (bill.lines, bill.pay_in, bill.unread) == (2, 10_550, 0)
    assert [line.split(",")[1] for line in lines.splitlines()[1:]] == ["A1", "A2"]
    assert '张三,""丰""' in lines
    assert raw_rows(tmp_path / "source", FIXED, 5)[1] == ["20260901091500", "A1", '张三,"丰"', "100.00"]


@pytest.mark.parametrize(
    ("row", "said"),
    [(ROWS[1] + "9", "line 3: 5 columns"), (ROWS[1][:20], "line 3: 2 columns")],
    ids=["too long", "cut off"],
)
def test_a_line_of_another_width_is_named(tmp_path: Path, row: str, said: str) -> None:
    with pytest.raises(BillRefused, match=said):
        read(tmp_path, TEXT.replace(ROWS[1], row).encode("gb18030"))


@pytest.mark.parametrize("widths", [(), (0, 9), (1,) * 201], ids=["none", "zero", "many"])
def test_widths_that_are_none_are_refused_by_name(widths: tuple[int, ...]) -> None:
    assert any("widths" in str(one) for one in faults(_with(widths=widths)))


def _with(**changed: object) -> ColumnMap:
    from msgspec.structs import replace

    return replace(FIXED, **changed)


def zipped(path: Path, members: dict[str, bytes]) -> bytes:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path.read_bytes()


def test_the_one_file_of_a_zip_is_read_as_it_would_be_alone(tmp_path: Path) -> None:
    alone = read(tmp_path, TEXT.encode("gb18030"))
    packed_ = read(tmp_path, zipped(tmp_path / "z", {"账单/": b"", "账单/bill.txt": TEXT.encode("gb18030")}))
    assert packed_[1] == alone[1]
    assert packed_[0].digest != alone[0].digest, "the digest is of the bytes as they came"


def test_a_statement_comes_in_a_zip_too(tmp_path: Path) -> None:
    names = ("sequence", "time", "amount", "balance")
    one = ColumnMap(
        name="st", kind="statement", signed=True, time="%Y-%m-%d", columns=tuple(Column(n, n) for n in names)
    )
    source = tmp_path / "s.zip"
    zipped(source, {"s.csv": b"sequence,time,amount,balance\nB1,2026-09-01,1.00,3.00\n"})
    assert [made.closing for made in read_by_map(source, one)] == [300]


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"a.csv": b"x", "b.csv": b"y"}, "2 members"),
        ({}, "damaged ZIP|0 members|text in"),
        ({"bomb.csv": b"0" * 3_000_000}, "unpacks to more than"),
    ],
    ids=["two", "none", "bomb"],
)
def test_a_zip_that_is_not_one_plain_file_is_refused(
    tmp_path: Path, members: dict[str, bytes], said: str
) -> None:
    with pytest.raises(BillRefused, match=said):
        read(tmp_path, zipped(tmp_path / "z", members))


def test_the_bound_is_on_what_comes_out_whatever_the_directory_of_the_zip_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed, "MOST_UNPACKED", 100)
    with pytest.raises(BillRefused, match="more than 100 bytes"):
        read(tmp_path, zipped(tmp_path / "z", {"a.csv": b"0123456789" * 11}))


def test_an_encrypted_or_damaged_zip_is_refused(tmp_path: Path) -> None:
    whole = bytearray(zipped(tmp_path / "z", {"a.csv": TEXT.encode("gb18030")}))
    at = whole.rindex(b"PK\x01\x02") + 8
    with pytest.raises(BillRefused, match="encrypted"):
        read(tmp_path, bytes(whole[:at] + bytes([whole[at] | 1]) + whole[at + 1 :]))
    with pytest.raises(BillRefused, match="damaged ZIP"):
        read(tmp_path, bytes(whole[: len(whole) // 2]))
