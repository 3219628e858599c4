import base64
import hashlib
import re
import zipfile
import zlib
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.unionpay_bank import MER_ID, content, zipped, zm_row, zme_row
from zhangfang.channels import unread
from zhangfang.channels.port import ChannelFile, FileLine, MalformedMessage, Operation
from zhangfang.channels.unionpay import zmfile, zmrows

DAY = date(2026, 12, 31)
NAME = f"{MER_ID}_20261231.zip"
ZM = f"INN26123188ZM_{MER_ID}"
ZME = f"INN26123188ZME_{MER_ID}"


def parse(text: str, name: str = NAME) -> ChannelFile:
    return zmfile.parse(text, name, MER_ID, DAY)


def rows(*lines: bytes) -> str:
    return content({ZM: b"\r\n".join(lines) + b"\r\n"})


def packed(data: bytes) -> str:
    return base64.b64encode(zlib.compress(data)).decode()


def line(row: bytes) -> FileLine:
    (only,) = parse(rows(row)).lines
    return only


def test_a_transaction_is_read_by_its_columns() -> None:
    read = line(zm_row({35: "静态码收款", 41: "original01"}))
    assert (read.line_no, read.order_no, read.channel_ref) == (1, "order0001", "123456789012345678901")
    assert (read.operation, read.amount, read.credit, read.fee) == (Operation.PURCHASE, 12345, True, 37)
    assert (read.adjustment, read.original_order_no, read.note) == (False, "original01", "静态码收款")


def test_chinese_text_before_a_column_does_not_move_it() -> None:
    read = line(zm_row({31: "阳光花园物业服务中心", 35: "物业费", 41: "original01"}))
    assert (read.note, read.original_order_no) == ("物业费", "original01")
    assert "阳光花园物业服务中心" in read.raw


@pytest.mark.parametrize(
    ("txn_type", "sign", "operation"),
    [
        ("01", "C", Operation.PURCHASE),
        ("11", "C", Operation.COLLECTION),
        ("04", "D", Operation.REFUND),
        ("31", "D", Operation.VOID),
        ("12", "D", Operation.PAYOUT),
        ("99", "C", None),
    ],
)
def test_the_type_gives_the_operation_and_the_sign_the_direction(
    txn_type: str, sign: str, operation: Operation | None
) -> None:
    read = line(zm_row({20: txn_type, 17: f"{sign}000000012345", 16: "D000000000000"}))
    assert (read.operation, read.credit, read.fee) == (operation, sign == "C", 0)


def test_an_adjustment_names_its_original_and_follows_the_transactions() -> None:
    file = parse(
        content({ZME: zme_row() + b"\n", ZM: zm_row() + b"\n" + zm_row() + b"\n", "INN_other": b"?"})
    )
    assert [each.line_no for each in file.lines] == [1, 2, 3]
    read = file.lines[2]
    assert (read.adjustment, read.order_no, read.operation) == (True, "", None)
    assert (read.amount, read.credit, read.fee) == (1, False, 0)
    assert (read.channel_ref, read.original_order_no) == ("123456789012345678901", "order0001")


def test_a_payout_that_came_back_is_an_adjustment_that_brings_money() -> None:
    back = zme_row({1: "E12", 7: "000000003000", 15: "C000000000000", 16: "C000000003000"})
    (read,) = parse(content({ZM: b"", ZME: back})).lines
    assert (read.adjustment, read.operation, read.credit) == (True, Operation.PAYOUT, True)
    assert (read.amount, read.fee, read.order_no) == (3000, 0, "")
    assert (read.original_order_no, read.channel_ref) == ("order0001", "123456789012345678901")


@pytest.mark.parametrize(
    ("surcharge", "fee"), [("D00000000360", 397), ("C00000000360", 37), ("C00000000000", 37), ("", 37)]
)
def test_only_a_surcharge_that_the_merchant_bears_is_a_fee(surcharge: str, fee: int) -> None:
    assert line(zm_row({38: surcharge, 39: "06"})).fee == fee


def test_a_file_has_its_day_its_name_and_the_digest_of_the_bytes_received() -> None:
    text = rows(zm_row())
    file = parse(text)
    assert (file.channel, file.settle_date, file.name) == ("unionpay", DAY, NAME)
    assert file.digest == hashlib.sha256(base64.b64decode(text)).hexdigest()


def test_a_day_without_transactions_is_an_empty_file() -> None:
    assert parse(content({ZM: b""})).lines == ()


def test_an_account_that_the_bank_forgot_to_mask_is_masked() -> None:
    read = line(zm_row({6: "6222021234567890123"}))
    assert "622202****0123" in read.raw
    assert "6222021234567890123" not in read.raw


@pytest.mark.parametrize(
    ("cells", "part"),
    [
        ({7: "00000001234x"}, "line 2, column 7 .amount."),
        ({7: ""}, "line 2, column 7 .amount."),
        ({7: "-1"}, "line 2, column 7 .amount."),
        ({16: "000000000037"}, "line 2, column 16 .fee."),
        ({12: "订单0001"}, "line 2, column 12 .orderId."),
        ({17: "X000000012345"}, "line 2, column 17 .settlement amount."),
        ({38: "300000000000"}, "line 2, column 38 .instalment surcharge."),
        ({17: "C"}, "line 2, column 17 .settlement amount."),
        ({28: "777290058110049"}, "line 2, column 28 .merchant."),
        ({28: ""}, "line 2, column 28 .merchant."),
    ],
)
def test_a_row_whose_column_cannot_be_read_is_kept_and_the_column_is_named(
    cells: dict[int, str], part: str
) -> None:
    good, bad = parse(rows(zm_row(), zm_row(cells | {35: "物业费"}))).lines
    assert good == line(zm_row())
    assert re.search(part, bad.unread)
    assert (bad.line_no, bad.order_no, bad.amount, bad.fee, bad.operation) == (2, "", 0, 0, None)
    assert "物业费" in bad.raw


@pytest.mark.parametrize(
    ("cells", "part"),
    [
        ({17: "777290058110049"}, "ZME_ file, line 1, column 17 .merchant."),
        ({22: "123456789012345678901"}, "ZME_ file, line 1, column 22"),
        ({16: ""}, "ZME_ file, line 1, column 16"),
    ],
)
def test_a_column_of_an_adjustment_that_cannot_be_read_is_named(cells: dict[int, str], part: str) -> None:
    _, bad = parse(content({ZM: zm_row(), ZME: zme_row(cells)})).lines
    assert re.search(part, bad.unread)
    assert not bad.adjustment


@pytest.mark.parametrize(
    ("row", "part"),
    [
        (zm_row()[:60], "column 6 .account.: the row ends after 60 bytes"),
        (zm_row()[:-1], "column 42 .reserved.: the row ends after 606 bytes"),
        (zm_row() + b" ", "column 42: the row has 608 bytes instead of 607"),
        (zm_row() + zm_row(), "column 42 .reserved.: no space"),
        (zm_row()[:19] + zm_row()[20:], "column 5 .transmission time.: no space after byte 45"),
        (zm_row()[:3] + b"|" + zm_row()[4:], "column 1 .transaction code.: no space after byte 3"),
        (zm_row().replace(b"order0001", b"order000\xff"), "column 12 .orderId."),
    ],
)
def test_a_row_that_does_not_fit_the_layout_says_where(row: bytes, part: str) -> None:
    _, bad = parse(rows(zm_row(), row)).lines
    assert re.search(f"line 2, {part}", bad.unread)


def test_a_chinese_character_counts_as_two_bytes_not_one() -> None:
    row = zm_row({35: "物业费"}).decode("gbk").encode("utf-8")  # three bytes each: the wrong charset
    with pytest.raises(
        MalformedMessage, match=r"1 of 1 rows cannot be read.*column 42: the row has 610 bytes"
    ):
        parse(rows(row))


def test_a_fee_that_is_given_back_is_below_zero() -> None:
    back = {16: "C000000000037", 17: "D000000012308", 20: "04"}
    read = line(zm_row(back))
    assert (read.operation, read.amount, read.credit, read.fee) == (Operation.REFUND, 12345, False, -37)


@given(place=st.integers(), byte=st.integers(0, 255).filter(lambda byte: byte != 10))
def test_no_byte_of_a_text_column_changes_what_is_read(place: int, byte: int) -> None:
    """Also half a GBK character: what nothing is matched on is read as it comes."""
    row = bytearray(zm_row({31: "阳光花园物业服务中心", 35: "静态码收款"}))
    texts = [at for number in (5, 25, 31, 35, 42) for at in columns(number)]
    row[texts[place % len(texts)]] = byte
    read = parse(rows(zm_row(), bytes(row))).lines[1]
    assert replace(read, note="", raw="") == replace(line(zm_row()), line_no=2, note="", raw="")
    assert (read.note + read.raw).encode()
    assert "\0" not in read.note + read.raw


@given(place=st.integers(), byte=st.integers(0, 255).filter(lambda byte: byte != 10))
def test_a_changed_byte_of_an_amount_is_read_as_it_stands_or_makes_the_row_unread(
    place: int, byte: int
) -> None:
    row = bytearray(zm_row())
    where = [at for number in (7, 16, 17) for at in columns(number)]
    row[where[place % len(where)]] = byte
    good, read = parse(rows(zm_row(), bytes(row))).lines
    assert good == line(zm_row())
    digits = all(chr(row[at]).isdigit() for at in columns(7))
    assert read.amount == (int(row[columns(7).start : columns(7).stop]) if digits and not read.unread else 0)


def columns(number: int) -> range:
    """Return the places of a column's bytes in a row of ZM."""
    widths = [width for _, width in zmrows.ZM_COLUMNS]
    start = sum(widths[: number - 1]) + number - 1
    return range(start, start + widths[number - 1])


def test_a_character_cut_in_two_is_kept_as_its_byte() -> None:
    name = "阳光花园物业服务中心有限公司分".encode("gbk")
    row = zm_row()
    at = columns(31)
    cut = row[: at.start] + (b"a" + name + name)[: len(at)] + row[at.stop :]
    read = line(cut)
    assert not read.unread
    assert "\\x" in read.raw


@pytest.mark.parametrize("bad", [1, unread.MOST, unread.MOST + 1])
def test_a_file_of_which_too_much_cannot_be_read_is_of_another_layout(bad: int) -> None:
    text = rows(*[zm_row()] * (bad + 1), *[zm_row({7: "x"})] * bad)
    if bad <= unread.MOST:
        assert sum(bool(one.unread) for one in parse(text).lines) == bad
        return
    with pytest.raises(MalformedMessage, match=r"21 of 43 rows cannot be read; the first: .*column 7"):
        parse(text)


def test_a_card_number_in_a_row_that_cannot_be_cut_is_masked() -> None:
    row = zm_row({6: "6222021234567890128"})[:-1]
    _, bad = parse(rows(zm_row(), row)).lines
    assert "622202****0128" in bad.raw
    assert "123456789012345678901" in bad.raw


@pytest.mark.parametrize("name", ["777290058110049_20261231.zip", f"{MER_ID}_20251231.zip"])
def test_a_file_of_another_merchant_or_day_is_refused(name: str) -> None:
    with pytest.raises(MalformedMessage, match="fileName"):
        parse(rows(zm_row()), name)


def test_a_file_cut_anywhere_is_refused() -> None:
    data = base64.b64decode(rows(zm_row(), zm_row()))
    archive = zipped({ZM: zm_row()})
    for cut in range(0, len(data), 7):
        with pytest.raises(MalformedMessage):
            parse(base64.b64encode(data[:cut]).decode())
    for cut in range(0, len(archive), 7):
        with pytest.raises(MalformedMessage):
            parse(packed(archive[:cut]))


def corrupted() -> str:
    archive = bytearray(zipped({ZM: zm_row()}))
    archive[60] ^= 0xFF
    return packed(bytes(archive))


def wrongly_packed() -> str:
    archive = bytearray(zipped({ZM: zm_row()}))
    archive[archive.index(b"PK\x01\x02") + 10] = zipfile.ZIP_LZMA
    return packed(bytes(archive))


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "missing"),
        ("not base64!", "base64"),
        ("eB==", "one spelling"),
        ("\u94f6", "base64"),
        (base64.b64encode(b"plain").decode(), "not DEFLATE"),
        (base64.b64encode(zlib.compress(b"x") + b"more").decode(), "one whole"),
        (packed(b"no zip"), "damaged ZIP"),
        (packed(zipped({"INN_other": b""})), "no entry named"),
        (packed(zipped({ZME: b""})), "no entry named"),
        (packed(zipped({f"ZM_{n}": b"" for n in range(101)})), "more than 100"),
        (corrupted(), "damaged ZIP"),
        (wrongly_packed(), "another way"),
    ],
)
def test_what_is_no_file_is_refused_with_the_layer_that_failed(text: str, part: str) -> None:
    with pytest.raises(MalformedMessage, match=part):
        parse(text)


def test_a_bomb_is_refused_in_either_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zmfile, "MAX_TEXT_BYTES", 10_000)
    with pytest.raises(MalformedMessage, match="unpacks to more than 10000 bytes"):
        parse(content({ZM: b" " * 10_001}))
    with pytest.raises(MalformedMessage, match="unpacks to more than 10000 bytes"):
        parse(content({ZM: b"\n" * 6_000, ZME: b"\n" * 6_000}))
    monkeypatch.setattr(zmfile, "MAX_ZIP_BYTES", 10_000)
    with pytest.raises(MalformedMessage, match="inflates to more than 10000 bytes"):
        parse(packed(b"\0" * 10_000_000))
