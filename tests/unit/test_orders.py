"""The CSV of a business day: what is read, and what is refused in which words."""

import dataclasses
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import date, datetime, time, timedelta
from pathlib import Path

import pytest

from zhangfang.channels.port import PAY_INS, Operation, PartyAccount
from zhangfang.fees import Ask, fee, rule_for
from zhangfang.kernel.clock import CHINA
from zhangfang.kernel.errors import ZhangfangError
from zhangfang.merchants import FeeKind, NewMerchant
from zhangfang_demo import csv_rows, make_orders
from zhangfang_demo.csv_rows import OrdersInvalid
from zhangfang_demo.orders import (
    COLUMNS,
    MERCHANT_COLUMNS,
    MERCHANTS,
    ORDERS,
    SHIPPED_COLUMNS,
    DemoOrder,
    business_day,
    read_merchants,
    read_orders,
)


def check(path: Path, merchants: list[NewMerchant]) -> list[str]:
    """Return the problems of a file of orders, none if the day can be played."""
    try:
        read_orders(path, merchants)
    except OrdersInvalid as error:
        return error.problems
    return []


HEADER = ",".join(COLUMNS)
ACCOUNT, NAME = "9900001234567890123", "王子涵"
COLLECTION = f"A-1,M001,collection,2026-05-26 09:00:00,100.00,,{ACCOUNT},{NAME}"
PURCHASE = "A-2,M001,purchase,2026-05-26 09:00:01,12.3,,,"
REFUND = "R-1,M001,refund,2026-05-26 10:00:00,40,A-1,,"
PAYOUT = "P-1,M001,payout,2026-05-27 13:00:00,50.00,,,"
GOOD = (COLLECTION, PURCHASE, REFUND, PAYOUT)
CUTOFF = datetime(2026, 5, 26, 23, tzinfo=CHINA)


@pytest.fixture(scope="module")
def merchants() -> list[NewMerchant]:
    return read_merchants()


@pytest.fixture(scope="module")
def shipped() -> list[DemoOrder]:
    return read_orders()


def put(path: Path, *rows: str, header: str = HEADER, encoding: str = "utf-8") -> Path:
    path.write_bytes("\n".join([header, *rows, ""]).encode(encoding))
    return path


def problems(folder: Path, *rows: str, header: str = HEADER) -> list[str]:
    """The words in which a file is refused; that nothing of it is returned is part of it."""
    with pytest.raises(OrdersInvalid) as caught:
        read_orders(put(folder / "my.csv", *rows, header=header))
    return caught.value.problems


def problem(folder: Path, *rows: str, header: str = HEADER) -> str:
    (only,) = problems(folder, *rows, header=header)
    assert ACCOUNT not in only
    assert NAME not in only
    return only


def test_a_day_is_read_in_fen_and_aware_times(tmp_path: Path) -> None:
    collection, purchase, refund, payout = read_orders(put(tmp_path / "my.csv", *GOOD))
    nine = datetime(2026, 5, 26, 9, tzinfo=CHINA)
    assert collection == DemoOrder(
        "A-1", "M001", Operation.COLLECTION, nine, 10000, None, PartyAccount(ACCOUNT, NAME)
    )
    assert (purchase.amount, purchase.account, purchase.kind) == (1230, None, Operation.PURCHASE)
    assert (refund.original, refund.amount) == ("A-1", 4000)
    assert payout.account is None
    assert business_day([payout, collection]) == date(2026, 5, 26)


def test_orders_come_in_the_order_of_time_whatever_the_order_of_lines(tmp_path: Path) -> None:
    assert read_orders(put(tmp_path / "a.csv", *reversed(GOOD))) == read_orders(
        put(tmp_path / "b.csv", *GOOD)
    )


def test_an_order_does_not_show_the_account_when_it_is_printed(tmp_path: Path) -> None:
    shown = repr(read_orders(put(tmp_path / "my.csv", *GOOD)))
    assert ACCOUNT not in shown
    assert NAME not in shown


def test_a_byte_order_mark_crlf_and_blank_rows_are_no_trouble(tmp_path: Path) -> None:
    plain = read_orders(put(tmp_path / "plain.csv", *GOOD))
    marked = put(tmp_path / "marked.csv", *GOOD, "", ",,,,,,,", encoding="utf-8-sig")
    marked.write_bytes(marked.read_bytes().replace(b"\n", b"\r\n"))
    assert read_orders(marked) == plain


def test_columns_may_stand_in_any_order_and_the_currency_beside_them(tmp_path: Path) -> None:
    header = ",".join([*reversed(COLUMNS), "currency"])
    rows = [",".join([*reversed(row.split(",")), "CNY"]) for row in GOOD]
    assert read_orders(put(tmp_path / "a.csv", *rows, header=header)) == read_orders(
        put(tmp_path / "b.csv", *GOOD)
    )


def test_a_payout_may_name_its_payee(tmp_path: Path) -> None:
    (order,) = read_orders(put(tmp_path / "my.csv", PAYOUT.removesuffix(",,") + f",{ACCOUNT},{NAME}"))
    assert order.account == PartyAccount(ACCOUNT, NAME)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("100.00", "12.345", "amount: got '12.345'; allowed: yuan with at most two decimals"),
        ("100.00", "100.000", "amount: got '100.000'"),
        ("100.00", "0", "amount: got '0'; allowed: yuan"),
        ("100.00", "0.00", "amount: got '0.00'"),
        ("100.00", "-5", "amount: got '-5'"),
        ("100.00", "", "amount: got nothing"),
        ("100.00", "ten", "amount: got text of 3 characters"),
        ("100.00", "1e3", "amount: got text of 3 characters"),
        ("100.00", '"1,000.00"', "amount: got text of 8 characters"),
        (
            "100.00",
            "10000000000.00",
            "amount: got text of 14 characters; allowed: yuan with at most two decimals",
        ),
        ("100.00", ACCOUNT, "amount: got text of 19 characters"),
        ("M001", "M099", "merchant: got 'M099'; allowed: the code of a merchant"),
        ("M001", "", "merchant: got nothing"),
        ("M001", "9900001234567890123", "merchant: got text of 19 characters"),
        (
            "collection",
            "void",
            "kind: got text of 4 characters; allowed: purchase or collection or refund or payout",
        ),
        ("collection", "Collection", "kind: got text of 10 characters"),
        (
            "09:00:00",
            "25:00:00",
            "time: got text of 19 characters; allowed: a real time in China as YYYY-MM-DD",
        ),
        ("2026-05-26", "2026-02-30", "time: got text"),
        ("2026-05-26", "2026/05/26", "time: got text"),
        ("2026-05-26 ", "2026-05-26T", "time: got text"),
        ("2026-05-26", "9999-12-31", "time: got text"),
        ("09:00:00", "09:00:00Z", "time: got text"),
        ("A-1", "", "order_no: got nothing; allowed: 1 to 64"),
        ("A-1", "A" * 65, "order_no: got text of 65 characters"),
        ("A-1", "A 1", "order_no: got text of 3 characters"),
        ("A-1", "单号", "order_no: got text of 2 characters"),
        (",,9", ",A-2,9", "original: got text of 3 characters; allowed: nothing for a collection"),
        (ACCOUNT, "", "account: got nothing; allowed: 8 to 32 digits"),
        (ACCOUNT, "6.22E+18", "account: got text of 8 characters"),
        (NAME, "", "name: got nothing; allowed: 1 to 60"),
        (NAME, " 王", "name: got text of 2 characters"),
        (NAME, "王&李", "name: got text of 3 characters"),
        (NAME, '"王\n李"', "name: got text of 3 characters"),
        (f",{NAME}", "", "row: got 7 fields; allowed: 8 fields"),
        (NAME, f"{NAME},", "row: got 9 fields; allowed: 8 fields"),
        ("collection", "purchase", "account, name: got something; allowed: nothing for a purchase"),
    ],
)
def test_a_wrong_field_is_named_with_its_line(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in COLLECTION
    said = problem(tmp_path, PURCHASE, COLLECTION.replace(old, new, 1))
    assert said.startswith(f"line 3: {words}")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (REFUND.replace("A-1", ""), "original: got nothing"),
        (REFUND.replace("A-1", "A-9"), "original: got a number that is not in the file"),
        (REFUND.replace("M001", "M002"), "original: got the number of another merchant's order, line 2"),
        (REFUND.replace("A-1", "R-0"), "original: got the number of a refund, line 4"),
        (REFUND.replace("A-1", "R-1"), "original: got the number of a refund, line 5"),
        (
            REFUND.replace("10:00:00", "08:59:00"),
            "time: got a refund no later than its payment; allowed: after 2026-05-26 09:00:00+08:00, line 2",
        ),
        (REFUND.replace("10:00:00", "09:00:00"), "time: got a refund no later"),
        (
            REFUND.replace(",40,", ",70.01,"),
            "amount: got more than is left of the payment in line 2; allowed: at most 70.00",
        ),
        (REFUND.replace("R-1", "R-0"), "order_no: got the number of line 4; allowed: a number of its own"),
        (
            PAYOUT.replace("05-27", "05-28"),
            "time: got 2026-05-28; allowed: 2026-05-26 (the day of the first order",
        ),
        (
            PAYOUT.replace(",50.00,,", ",50.00,A-1,"),
            "original: got text of 3 characters; allowed: nothing for a payout",
        ),
        (f"{PAYOUT}{NAME}", "account: got nothing"),
        (
            REFUND.replace("A-1,,", f"A-1,{ACCOUNT},"),
            "account, name: got something; allowed: nothing for a refund",
        ),
    ],
)
def test_rows_that_do_not_fit_each_other_are_named(tmp_path: Path, row: str, words: str) -> None:
    earlier = "R-0,M001,refund,2026-05-26 09:30:00,30.00,A-1,,"
    assert problem(tmp_path, COLLECTION, PURCHASE, earlier, row).startswith(f"line 5: {words}")


def test_a_refund_of_a_payout_is_refused(tmp_path: Path) -> None:
    row = REFUND.replace("05-26", "05-27").replace("10:", "14:").replace("A-1", "P-1")
    assert "the number of a payout, line 3" in problem(tmp_path, COLLECTION, PAYOUT, row)


def test_a_number_that_a_purchase_and_a_collection_share_cannot_be_refunded(tmp_path: Path) -> None:
    said = problem(tmp_path, COLLECTION, PURCHASE.replace("A-2", "A-1"), REFUND)
    assert "line 4: original: got a number that lines 2 and 3 have" in said


def test_one_number_may_serve_two_kinds_and_two_merchants(tmp_path: Path) -> None:
    rows = (COLLECTION, REFUND.replace("R-1", "A-1"), COLLECTION.replace("M001", "M002"))
    assert len(read_orders(put(tmp_path / "my.csv", *rows))) == 3


def test_the_whole_of_a_payment_may_be_refunded_in_parts(tmp_path: Path) -> None:
    later = REFUND.replace("R-1", "R-2").replace(",40,", ",60,").replace("05-26", "05-27")
    assert len(read_orders(put(tmp_path / "my.csv", COLLECTION, REFUND, later))) == 3


def test_after_a_friday_the_next_working_day_is_monday(tmp_path: Path) -> None:
    friday = COLLECTION.replace("05-26", "05-29")
    assert len(read_orders(put(tmp_path / "a.csv", friday, PAYOUT.replace("05-27", "06-01")))) == 2
    assert "or 2026-06-01" in problem(tmp_path, friday, PAYOUT.replace("05-27", "05-30"))


def test_a_currency_that_is_not_cny_is_refused(tmp_path: Path) -> None:
    said = problem(tmp_path, COLLECTION + ",CNY", PURCHASE + ",USD", header=HEADER + ",currency")
    assert said == "line 3: currency: got text of 3 characters; allowed: CNY"


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (HEADER.replace(",amount", ""), "one without amount;"),
        (HEADER + ",remark", "one with an unknown column at position 9;"),
        (HEADER + ",name", "one twice with name;"),
        (HEADER.replace("name", "Name"), "one without name; one with an unknown column at position 8;"),
        (HEADER.replace(",", ";"), "columns parted by semicolons; a comma parts them"),
        (HEADER.replace(",", "\t"), "columns parted by tabs; a comma parts them"),
        (HEADER.replace(",", "|"), "columns parted by bars; a comma parts them"),
        (HEADER.replace(",", " "), "one without order_no, merchant"),
        (COLLECTION, "one without order_no, merchant, kind, time, amount, original, account, name; one with"),
    ],
)
def test_a_wrong_header_says_what_is_wrong_and_repeats_no_data(
    tmp_path: Path, header: str, words: str
) -> None:
    said = problem(tmp_path, COLLECTION, header=header)
    assert said.startswith(f"line 1: header: got {words}")
    assert said.endswith(f"allowed: {HEADER}")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "file: got an empty file"),
        (b"\xef\xbb\xbf\r\n \n", "file: got an empty file"),
        (HEADER.encode(), "line 1: file: got a header without rows"),
        (f"{HEADER}\n{PURCHASE}\n{COLLECTION}".encode("gbk"), "line 3: file: got bytes that are not UTF-8"),
        (f"{HEADER}\n{COLLECTION}".encode("utf-16"), "file: got text in UTF-16"),
        (f"{HEADER}\n{PURCHASE}\n\0".encode(), "line 3: file: got a NUL byte"),
        (f'{HEADER}\n{PURCHASE}\n"{COLLECTION}'.encode(), "line 3: row: got what is no CSV"),
        (f"{HEADER}\n{PURCHASE}\n{'x' * 200_000},".encode(), "line 3: row: got what is no CSV"),
        (f"{HEADER}\n{COLLECTION}".encode()[:-1], "line 2: file: got bytes that are not UTF-8"),
        (f"{HEADER}\n{PURCHASE}"[:-10].encode(), "line 2: row: got 4 fields"),
    ],
)
def test_a_file_that_is_no_csv_of_orders_is_refused(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "my.csv"
    path.write_bytes(data)
    with pytest.raises(OrdersInvalid) as caught:
        read_orders(path)
    assert caught.value.problems[0].startswith(words)
    assert "my.csv" in str(caught.value)


@pytest.mark.parametrize("name", [".", "none.csv", "a\0b"])
def test_a_path_that_is_no_file_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(OrdersInvalid, match="allowed: a CSV that can be read"):
        read_orders(tmp_path / name)


def test_more_rows_or_bytes_than_a_day_may_have_are_refused(
    tmp_path: Path, merchants: list[NewMerchant], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(tmp_path / "my.csv", *GOOD)
    monkeypatch.setattr(csv_rows, "MAX_ROWS", 4)
    assert check(path, merchants) == []
    monkeypatch.setattr(csv_rows, "MAX_ROWS", 3)
    assert check(path, merchants) == ["line 5: file: got more rows; allowed: at most 3 rows"]
    monkeypatch.setattr(csv_rows, "MAX_BYTES", 100)
    assert check(path, merchants) == ["file: got more; allowed: at most 100 bytes"]


def test_twenty_problems_are_listed_by_line_and_the_others_counted(tmp_path: Path) -> None:
    rows = [PURCHASE.replace("A-2", f"A-{n}").replace("12.3", "0") for n in range(30)]
    with pytest.raises(OrdersInvalid) as caught:
        read_orders(put(tmp_path / "my.csv", COLLECTION, *rows))
    lines = str(caught.value).splitlines()
    assert [line.split(":")[0] for line in lines[1:21]] == [f"line {n}" for n in range(3, 23)]
    assert lines[21:] == ["and 10 more"]
    assert len(caught.value.problems) == 20
    assert isinstance(caught.value, ZhangfangError)


def test_problems_of_rows_and_between_rows_are_told_together_in_the_order_of_lines(tmp_path: Path) -> None:
    said = problems(
        tmp_path, COLLECTION, REFUND.replace("40", "400"), PURCHASE.replace("12.3", "x"), COLLECTION
    )
    assert [each.split(": got")[0] for each in said] == [
        "line 3: amount",
        "line 4: amount",
        "line 5: order_no",
    ]


def test_a_refund_is_not_blamed_for_a_payment_that_could_not_be_read(tmp_path: Path) -> None:
    assert problem(tmp_path, PURCHASE, COLLECTION.replace("100.00", "x"), REFUND).startswith("line 3: amount")


def test_check_returns_the_problems_or_none(tmp_path: Path, merchants: list[NewMerchant]) -> None:
    path = put(tmp_path / "my.csv", *GOOD)
    assert check(path, merchants) == []
    assert check(path, merchants[1:])[0].startswith("line 2: merchant: got 'M001'")
    assert len(check(path, [])) == 4


# Merchants


def test_merchants_are_read_with_fees_and_settlement_account(merchants: list[NewMerchant]) -> None:
    first = merchants[0]
    assert (first.external_ref, first.settlement_days) == ("M001", 1)
    today = date(2026, 5, 26)
    assert fee(rule_for(first.fee_rules, Ask(FeeKind.PURCHASE), today), 100_00) == 60
    assert fee(rule_for(first.fee_rules, Ask(FeeKind.COLLECTION), today), 100_00) == 50
    assert fee(rule_for(first.fee_rules, Ask(FeeKind.PAYOUT), today), 100_00) == 200
    assert first.settlement_account is not None
    assert first.settlement_account.name == first.name


def test_55_merchants_ship_and_40_of_them_are_paid_out_by_themselves(merchants: list[NewMerchant]) -> None:
    assert len({merchant.external_ref for merchant in merchants}) == 55
    assert len({merchant.name for merchant in merchants}) == 55
    assert Counter(merchant.auto_payout for merchant in merchants) == {True: 40, False: 15}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("yes", "true", "auto_payout: got text of 4 characters; allowed: yes or no"),
        ("6000", "0.6", "purchase_ppm: got text of 3 characters; allowed: a whole number"),
        ("6000", "6000000", "rate_ppm: got the integer 6000000"),
        ("corporate", "company", "account.medium: got 7 characters"),
        ("9900001", "990000x", "account.number: got U+0078 at position 7"),
        ("M900", "M 900", "external_ref: got 5 characters"),
    ],
)
def test_a_wrong_merchant_is_refused(tmp_path: Path, old: str, new: str, words: str) -> None:
    row = f"M900,示例,yes,6000,5000,200,1,{ACCOUNT},示例,招商银行,corporate"
    header = ",".join(MERCHANT_COLUMNS)
    assert len(read_merchants(put(tmp_path / "good.csv", row, header=header))) == 1
    with pytest.raises(OrdersInvalid) as caught:
        read_merchants(put(tmp_path / "bad.csv", row.replace(old, new), header=header))
    assert caught.value.problems[0].startswith(f"line 2: {words}")


def test_a_code_is_given_to_one_merchant(tmp_path: Path) -> None:
    row = f"M900,示例,yes,6000,5000,200,1,{ACCOUNT},示例,招商银行,corporate"
    with pytest.raises(OrdersInvalid, match="line 3: code: got the code of line 2"):
        read_merchants(put(tmp_path / "two.csv", row, row, header=",".join(MERCHANT_COLUMNS)))


# The day that ships


def test_the_day_that_ships_is_a_tuesday_of_four_kinds_and_55_merchants(shipped: list[DemoOrder]) -> None:
    assert business_day(shipped) == date(2026, 5, 26)
    kinds = Counter(order.kind for order in shipped)
    pay_ins = sum(kinds[kind] for kind in PAY_INS)
    assert 2_100 <= pay_ins <= 2_200
    assert 0.55 < kinds[Operation.COLLECTION] / pay_ins < 0.65
    assert len({order.merchant for order in shipped if order.kind in PAY_INS}) == 55
    refunds = Counter(order.time.day for order in shipped if order.kind is Operation.REFUND)
    assert 35 <= refunds[26] <= 45
    assert 3 <= refunds[27] <= 10
    assert kinds[Operation.PAYOUT] >= 15


def test_what_ships_stands_at_the_hours_of_its_kind(shipped: list[DemoOrder]) -> None:
    hours: dict[tuple[bool, int], Counter[int]] = defaultdict(Counter)
    for order in shipped:
        hours[order.kind in PAY_INS, order.time.day][order.time.hour] += 1
    taken = hours[True, 26]
    assert set(taken) == set(range(7, 24))
    assert taken[12] < taken[10] / 2 > taken[13]
    assert 10 <= taken[23] <= 40
    assert max(order.time for order in shipped if order.kind in PAY_INS) < CUTOFF + timedelta(minutes=40)
    assert set(hours) == {(True, 26), (False, 26), (False, 27)}
    assert 23 not in hours[False, 26]
    assert set(hours[False, 27]) <= {13, 14, 15, 16}


def test_amounts_that_ship_are_between_5_and_50_000_yuan(shipped: list[DemoOrder]) -> None:
    amounts = [order.amount for order in shipped if order.kind in PAY_INS]
    assert min(amounts) >= 5_00
    assert max(amounts) <= 50_000_00


def test_refunds_that_ship_come_30_minutes_after_their_payment_in_full_and_in_part(
    shipped: list[DemoOrder],
) -> None:
    paid = {(order.merchant, order.order_no): order for order in shipped if order.kind in PAY_INS}
    shares = set()
    for order in shipped:
        if order.kind is Operation.REFUND:
            original = paid[order.merchant, order.original or ""]
            assert order.time - original.time >= timedelta(minutes=30)
            shares.add(order.amount == original.amount)
    assert shares == {True, False}


@pytest.mark.parametrize("rows", [make_orders.SHIPPED, 10_000])
def test_what_is_asked_of_the_balance_stays_below_60_percent_of_it(
    tmp_path: Path, merchants: list[NewMerchant], rows: int
) -> None:
    path = tmp_path / "my.csv"
    make_orders.write(path, SHIPPED_COLUMNS, make_orders.orders(rows))
    by_code = {merchant.external_ref: merchant for merchant in merchants}
    available: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    for order in read_orders(path):
        rules, day = by_code[order.merchant].fee_rules, order.time.date()
        if order.kind in PAY_INS and order.time < CUTOFF:
            charged = fee(rule_for(rules, Ask(FeeKind(order.kind.value)), day), order.amount)
            available[order.merchant] += order.amount - charged
        elif order.kind is Operation.REFUND and order.time < CUTOFF:
            available[order.merchant] -= order.amount
        elif order.time > CUTOFF + timedelta(hours=12):
            assert not by_code[order.merchant].auto_payout
            asked[order.merchant] += order.amount
            if order.kind is Operation.PAYOUT:
                asked[order.merchant] += fee(rule_for(rules, Ask(FeeKind.PAYOUT), day), order.amount)
    assert len(asked) == 15
    assert [code for code in asked if asked[code] >= available[code] * 60 // 100] == []


def test_order_numbers_that_ship_are_short_and_plain(shipped: list[DemoOrder]) -> None:
    for order in shipped:
        assert len(order.order_no) <= 32
        assert order.order_no.startswith(f"{order.merchant}-{order.time:%y%m%d}-")
        assert order.order_no.replace("-", "").isalnum()


def test_accounts_that_ship_are_no_banks(shipped: list[DemoOrder], merchants: list[NewMerchant]) -> None:
    numbers = {order.account.number for order in shipped if order.account}
    numbers |= {merchant.settlement_account.number for merchant in merchants if merchant.settlement_account}
    for number in numbers:
        assert number.startswith("99")
        assert 16 <= len(number) <= 19
        digits = [int(digit) * (1 + at % 2) for at, digit in enumerate(reversed(number))]
        assert sum(value // 10 + value % 10 for value in digits) % 10 != 0  # a card's would be 0


def test_what_ships_is_what_the_generator_makes(tmp_path: Path) -> None:
    mine, firms = tmp_path / "orders.csv", tmp_path / "merchants.csv"
    make_orders.write(mine, SHIPPED_COLUMNS, make_orders.orders(make_orders.SHIPPED))
    make_orders.write(firms, MERCHANT_COLUMNS, [firm.row for firm in make_orders.firms()])
    assert mine.read_bytes() == ORDERS.read_bytes()
    assert firms.read_bytes() == MERCHANTS.read_bytes()


def test_the_generator_is_a_command(tmp_path: Path) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "zhangfang_demo.make_orders", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    out = tmp_path / "my.csv"
    assert run("--orders", "300", "--out", str(out)).returncode == 0
    assert len(read_orders(out)) == 300
    refused = run("--orders", "9", "--out", str(tmp_path / "none.csv"))
    assert (refused.returncode, refused.stderr.splitlines()[-1].split(": ", 1)[1]) == (
        2,
        "error: --orders: got 9; allowed: 100 or more",
    )
    assert not (tmp_path / "none.csv").exists()


def test_an_order_cannot_be_changed(shipped: list[DemoOrder]) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        shipped[0].amount = 1  # type: ignore[misc]


def test_a_moment_of_the_shipped_day_is_in_china(shipped: list[DemoOrder]) -> None:
    assert shipped[0].time.utcoffset() == timedelta(hours=8)
    assert shipped[0].time.time() >= time(7)
