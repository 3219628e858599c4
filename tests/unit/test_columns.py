import io
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhangfang.channels import cells, columns
from zhangfang.channels.columns import Column, Layout, Row, read
from zhangfang.channels.port import FileLine, MalformedMessage, Operation
from zhangfang.channels.zipped import only_entry

KINDS = {"PAY": Operation.PURCHASE, "REFUND": Operation.REFUND}
LAYOUT = Layout(
    {
        "订单号": Column("order_no"),
        "流水号": Column("channel_ref"),
        "type": Column("operation", cells.one_of(KINDS)),
        "amount": Column("amount", cells.fen),
        "sign": Column("credit", cells.one_of({"C": True, "D": False})),
        "fee": Column("fee", cells.yuan),
        "note": Column("note", shown=lambda cell: "*" * len(cell)),
    },
    totals=("amount", "fee"),
)
STRICT = Layout(
    {
        **LAYOUT.columns,
        "订单号": Column("order_no", cells.number),
        "流水号": Column("channel_ref", cells.number),
    },
    LAYOUT.totals,
)
HEADER = "note,订单号,other,流水号,type,amount,sign,fee"
PAY = "物业费,A1,?,9001,PAY,12345,C,0.37"
BACK = '"a, b",A2,?,9002,REFUND,45,D,0'
FOOTER = "#,count=2,amount=12390,fee=37"


def csv(*lines: str) -> bytes:
    return "\r\n".join(lines).encode()


def whole() -> list[Row]:
    return read(csv(HEADER, PAY, BACK, FOOTER, ""), LAYOUT)


def refusal(*lines: str, layout: Layout = LAYOUT) -> str:
    with pytest.raises(MalformedMessage) as caught:
        read(csv(*lines), layout)
    return str(caught.value)


def test_rows_are_read_by_the_names_of_their_columns_in_whatever_order_they_stand() -> None:
    pay, back = (row.file_line() for row in whole())
    assert pay == FileLine(
        line_no=2, order_no="A1", channel_ref="9001", operation=Operation.PURCHASE, amount=12345, credit=True,
        fee=37, note="物业费", raw="A1,9001,PAY,12345,C,0.37,***",
    )  # fmt: skip
    assert (back.line_no, back.operation, back.credit, back.note) == (3, Operation.REFUND, False, "a, b")


def test_a_column_that_the_map_does_not_name_is_not_kept_and_a_masked_one_is_kept_masked() -> None:
    kept = "".join(row.raw for row in whole())
    assert "?" not in kept
    assert "物业费" not in kept


def test_gb18030_and_a_byte_order_mark_before_utf8_are_read() -> None:
    lines = "\n".join((HEADER, PAY, BACK, FOOTER))
    gb = Layout(LAYOUT.columns, LAYOUT.totals, "GB18030")
    assert read(lines.encode("gb18030"), gb) == read(lines.encode("utf-8-sig"), LAYOUT)


@pytest.mark.parametrize(
    ("cell", "bad", "named"),
    [
        ("12345", "1.5", "column amount: got 3 characters; allowed: 1 to 15 digits"),
        ("12345", "-1", "column amount"),
        ("12345", "1e3", "column amount"),
        ("12345", "１２", "column amount"),
        ("12345", "9" * 5000, "column amount: got 5000 characters"),
        ("0.37", "0.375", "column fee: got 5 characters; allowed: yuan"),
        ("0.37", "-0", "column fee"),
        ("A1,", "A1,,", "9 columns, the first line has 8"),
        (",0.37", "", "7 columns"),
        ("物业费", '"', "no CSV"),
        ("物业费", "x" * 200_000, "no CSV"),
    ],
)
def test_a_cell_that_does_not_fit_is_named_by_line_and_column(cell: str, bad: str, named: str) -> None:
    said = refusal(HEADER, PAY.replace(cell, bad), BACK, FOOTER)
    assert named in said
    assert "line 2" in said or '"' in bad  # an open quote is found where the file ends


@pytest.mark.parametrize(
    ("footer", "named"),
    [
        ("#,count=3,amount=12390,fee=37", "count: is not the 2"),
        ("#,count=2,amount=12391,fee=37", "amount: is not the 12390"),
        ("#,count=2,amount=12390", "must have count, amount, fee"),
        ("#,count=2,amount=12390,fee=37,fee=37", "must have"),
        ("#,count=2,amount=12390,fee=37,more=1", "must have"),
        ("#", "must have"),
        ("", "not complete"),
        (FOOTER + "\n" + PAY, "not the last line"),
    ],
)
def test_a_file_whose_last_line_does_not_agree_is_not_believed(footer: str, named: str) -> None:
    assert named in refusal(HEADER, PAY, BACK, footer)


@pytest.mark.parametrize(
    ("header", "named"),
    [
        (HEADER.replace("sign", "Sign"), "column sign is there 0 times"),
        (HEADER.replace("other", "sign"), "column sign is there 2 times"),
        ("", "column 订单号 is there 0 times"),
    ],
)
def test_a_header_has_each_column_once(header: str, named: str) -> None:
    assert named in refusal(header)


@pytest.mark.parametrize(
    ("cell", "bad", "named"),
    [
        ("PAY", "pay", "line 2, column type: got 3 characters; allowed: PAY, REFUND"),
        (",C,", ",+,", "line 2, column sign"),
        ("A1", "订单", "line 2, column 订单号: got 2 characters; allowed: at most 64 visible ASCII"),
        ("A1", "A\0", "line 2, column 订单号: got 5 characters"),
    ],
)
def test_a_row_that_cannot_be_read_is_kept_if_the_sums_hold(cell: str, bad: str, named: str) -> None:
    data = csv(HEADER, PAY.replace(cell, bad), BACK, FOOTER)
    unread, back = columns.lines(data, STRICT, Row.file_line)
    assert named in unread.unread
    assert (unread.line_no, unread.order_no, unread.amount) == (2, "", 0)
    assert "9001" in unread.raw
    assert back == read(data, STRICT)[1].file_line()


def test_a_file_of_which_no_row_can_be_read_is_refused() -> None:
    data = csv(HEADER, PAY.replace("PAY", "x"), BACK.replace("REFUND", "x"), FOOTER)
    with pytest.raises(MalformedMessage, match="2 of 2 rows cannot be read; the first: line 2, column type"):
        columns.lines(data, STRICT, Row.file_line)


@given(st.integers(0, 8), st.integers(0, 255).filter(lambda byte: byte not in b'\n\r,"'))
def test_no_byte_of_a_text_column_changes_what_is_read(place: int, byte: int) -> None:
    """But for those that divide rows and columns."""
    for encoding in columns.ENCODINGS:
        layout = Layout(STRICT.columns, STRICT.totals, encoding)
        data = bytearray("\n".join((HEADER, PAY, BACK, FOOTER)).encode(encoding))
        at = data.index("物业费".encode(encoding))
        data[at + place % len("物业费".encode(encoding))] = byte
        found = columns.lines(bytes(data), layout, Row.file_line)
        assert [replace(line, note="", raw="") for line in found] == [
            replace(row.file_line(), note="", raw="") for row in whole()
        ]
        assert "\0" not in found[0].note + found[0].raw
        assert found[0].note.encode()


@given(st.integers(0, 4), st.integers(0, 255))
def test_a_changed_amount_refuses_the_file_whose_sums_it_breaks(place: int, byte: int) -> None:
    data = bytearray(csv(HEADER, PAY, BACK, FOOTER))
    at = data.index(b"12345") + place
    if data[at] == byte:
        return
    data[at] = byte
    with pytest.raises(MalformedMessage):
        columns.lines(bytes(data), STRICT, Row.file_line)


def test_a_file_that_is_too_large_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "MAX_BYTES", 10)
    assert "at most 10 are read" in refusal(HEADER)


def test_an_empty_day_is_a_header_and_a_footer_of_zeros() -> None:
    assert read(csv(HEADER, "#,count=0,amount=0,fee=0"), LAYOUT) == []


def test_days_and_moments_are_of_china_and_written_exactly_so() -> None:
    assert cells.day("%Y%m%d")("20261123") == date(2026, 11, 23)
    assert cells.moment("%Y-%m-%d %H:%M:%S")("2026-11-23 08:00:00") == datetime(2026, 11, 23, tzinfo=UTC)
    for bad in ("2026-1-2", "2026-13-01", "", "２０２６-01-02"):
        with pytest.raises(ValueError, match=r"a time"):
            cells.day("%Y-%m-%d")(bad)


def test_signed_amounts_have_a_minus_where_they_are_below_zero() -> None:
    assert (cells.signed_fen("-5"), cells.signed_yuan("-0.05"), cells.yuan("12.3")) == (-5, -5, 1230)
    for bad in ("+5", "--5", "5-", ""):
        with pytest.raises(ValueError, match=r"digits"):
            cells.signed_fen(bad)


@given(st.binary(max_size=400))
def test_no_bytes_crash_the_reader(data: bytes) -> None:
    for encoding in columns.ENCODINGS:
        try:
            read(data, Layout(LAYOUT.columns, LAYOUT.totals, encoding))
        except MalformedMessage:
            continue


@given(st.integers(0, 200), st.integers(0, 255))
def test_a_changed_byte_is_refused_or_leaves_the_sums_as_they_were(place: int, byte: int) -> None:
    data = bytearray(csv(HEADER, PAY, BACK, FOOTER))
    data[place % len(data)] = byte
    try:
        rows = read(bytes(data), LAYOUT)
    except MalformedMessage:
        return
    assert sum(row.values["amount"] for row in rows) == 12390


def zipped(entries: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def test_the_one_entry_of_a_zip_is_inflated() -> None:
    assert only_entry(zipped({"a.csv": b"rows", "readme.txt": b"?"}), ".csv", 4) == b"rows"


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (zipped({"a.csv": bytes(5_000_000)}), "more than 1000 bytes"),
        (zipped({"a.csv": b"", "b.csv": b""}), "2 entries"),
        (zipped({"a.txt": b""}), "0 entries"),
        (zipped({f"{n}.csv": b"" for n in range(101)}), "101 entries"),
        (zipped({"a.csv": b"x"}, zipfile.ZIP_BZIP2), "another way than DEFLATE"),
        (b"PK\x03\x04", "damaged ZIP"),
        (zipped({"a.csv": b"rows" * 100})[:-30], "damaged ZIP"),
        (zipped({"a.csv": b"rows"}, zipfile.ZIP_STORED).replace(b"rows", b"sowr"), "damaged ZIP"),
    ],
    ids=["bomb", "two", "none", "many", "bzip2", "start", "cut", "changed"],
)
def test_a_zip_that_is_damaged_or_a_bomb_is_refused(data: bytes, named: str) -> None:
    with pytest.raises(MalformedMessage, match=named):
        only_entry(data, ".csv", 1000)


@given(st.binary(max_size=300), st.integers(0, 300))
def test_no_bytes_crash_the_unpacking(noise: bytes, cut: int) -> None:
    whole_zip = zipped({"a.csv": b"rows"})
    for data in (noise, whole_zip[:cut] + noise, noise + whole_zip[cut:]):
        try:
            only_entry(data, ".csv", 1000)
        except MalformedMessage:
            continue
