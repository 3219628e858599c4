import base64
import hashlib
import zipfile
import zlib
from datetime import date

import pytest

from tests.unit.unionpay_bank import MER_ID, content, zipped, zm_row, zme_row
from zhangfang.channels.port import ChannelFile, FileLine, MalformedMessage, Operation
from zhangfang.channels.unionpay import zmfile

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
        ({16: "C000000000037"}, "line 2, column 16 .fee."),
        ({17: "X000000012345"}, "line 2, column 17 .settlement amount."),
        ({38: "300000000000"}, "line 2, column 38 .instalment surcharge."),
        ({17: "C"}, "line 2, column 17 .settlement amount."),
        ({28: "777290058110049"}, "line 2, column 28 .merchant."),
        ({28: ""}, "line 2, column 28 .merchant."),
    ],
)
def test_a_column_that_cannot_be_read_is_named(cells: dict[int, str], part: str) -> None:
    with pytest.raises(MalformedMessage, match=part):
        parse(rows(zm_row(), zm_row(cells)))


@pytest.mark.parametrize(
    ("cells", "part"),
    [
        ({17: "777290058110049"}, "ZME_ file, line 1, column 17 .merchant."),
        ({22: "123456789012345678901"}, "ZME_ file, line 1, column 22"),
        ({16: ""}, "ZME_ file, line 1, column 16"),
    ],
)
def test_a_column_of_an_adjustment_that_cannot_be_read_is_named(cells: dict[int, str], part: str) -> None:
    with pytest.raises(MalformedMessage, match=part):
        parse(content({ZM: b"", ZME: zme_row(cells)}))


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
    with pytest.raises(MalformedMessage, match=f"line 2, {part}"):
        parse(rows(zm_row(), row))


def test_a_chinese_character_counts_as_two_bytes_not_one() -> None:
    row = zm_row({35: "物业费"}).decode("gbk").encode("utf-8")  # three bytes each: the wrong charset
    with pytest.raises(MalformedMessage, match="column 42: the row has 610 bytes"):
        parse(rows(row))


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
