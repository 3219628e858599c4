"""Properties of the CSV of a business day: whatever the bytes, it is read as a whole or refused in words."""

import csv
import io
import tempfile
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zhangfang.api.mandates import NewMandate
from zhangfang.api.shapes import NewPayment, NewPayout, NewRefund
from zhangfang.channels.port import PAY_INS, Operation
from zhangfang.kernel.calendar import UNIONPAY_CUTOFF, is_working_day
from zhangfang.kernel.clock import CHINA
from zhangfang.kernel.money import fen_to_yuan
from zhangfang.payments import Request
from zhangfang.payments.accept.requests import check as check_request
from zhangfang_demo import make_orders, mandates
from zhangfang_demo.business_day import EVENING, MORNING, Plan
from zhangfang_demo.csv_rows import OrdersInvalid
from zhangfang_demo.orders import COLUMNS, SHIPPED_COLUMNS, DemoOrder, read_merchants, read_orders
from zhangfang_demo.planted import chosen
from zhangfang_demo.spectator import FARTHEST

MERCHANTS = read_merchants()
ACCOUNT, NAME = "9900001234567890123", "欧阳某某"
START = datetime(2026, 5, 26, 7, tzinfo=CHINA)
ROWS = (
    ("A-1", "M001", "collection", "2026-05-26 09:00:00", "100.00", "", ACCOUNT, NAME),
    ("A-2", "M002", "purchase", "2026-05-26 09:00:01", "12.30", "", "", ""),
    ("R-1", "M001", "refund", "2026-05-26 10:00:00", "40.00", "A-1", "", ""),
    ("P-1", "M002", "payout", "2026-05-27 13:00:00", "1.00", "", ACCOUNT, NAME),
)


def written(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    header = COLUMNS if not rows or len(rows[0]) == len(COLUMNS) else SHIPPED_COLUMNS
    csv.writer(text).writerows([header, *rows])
    return text.getvalue().encode()


def read(data: bytes) -> list[DemoOrder]:
    with tempfile.NamedTemporaryFile(suffix=".csv") as file:
        file.write(data)
        file.flush()
        return read_orders(Path(file.name), MERCHANTS)


def attempt(data: bytes) -> tuple[list[DemoOrder], str]:
    """Return the orders, or the words in which the file is refused."""
    try:
        return read(data), ""
    except OrdersInvalid as error:
        return [], str(error)


GOOD = written(ROWS)


def api_takes(order: DemoOrder) -> None:
    """Raise unless the API would take the order: what was read is never refused for its form later."""
    account = order.account
    shape = {Operation.REFUND: NewRefund, Operation.PAYOUT: NewPayout}.get(order.kind, NewPayment)
    body = {"order_no": order.order_no, "amount": order.amount}
    body |= {"kind": order.kind.value} if order.kind in PAY_INS else {}
    body |= {"account": {"number": account.number, "name": account.name}} if account else {}
    msgspec.convert(body, shape)
    if (
        account or order.kind is not Operation.PAYOUT
    ):  # the settlement account of a payout comes with the call
        check_request(Request(order.kind, order.order_no, order.amount, "key", account=account))


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_random_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(OrdersInvalid):
        read(data)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes_after_a_header_are_refused_or_taken_by_the_api(data: bytes) -> None:
    for order in attempt(",".join(COLUMNS).encode() + b"\n" + data)[0]:
        api_takes(order)


@settings(deadline=None)
@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_a_changed_byte_is_refused_without_personal_data_or_taken_by_the_api(at: int, mask: int) -> None:
    touched = bytearray(GOOD)
    touched[at] ^= mask
    orders, words = attempt(bytes(touched))
    assert bool(words) != (len(orders) == len(ROWS))
    assert NAME not in words
    assert ACCOUNT[4:14] not in words
    for order in orders:
        api_takes(order)


@settings(deadline=None)
@given(st.integers(0, len(GOOD) - 1))
def test_a_file_cut_anywhere_is_refused_or_has_a_row_less(end: int) -> None:
    orders, words = attempt(GOOD[:end])
    assert bool(words) != bool(orders)
    assert len(orders) <= GOOD[:end].count(b"2026-")
    assert NAME not in words


@settings(deadline=None)
@given(st.integers(0, len(ROWS) - 1), st.integers(0, len(COLUMNS) - 1), st.text(max_size=70))
def test_any_text_in_any_field_is_refused_by_line_or_taken_by_the_api(
    row: int, column: int, text: str
) -> None:
    rows = [list(each) for each in ROWS]
    rows[row][column] = text
    orders, words = attempt(written(rows))
    assert bool(words) != (len(orders) == len(ROWS))
    assert all(each.startswith("line ") for each in words.splitlines()[1:])
    assert ACCOUNT not in words
    for order in orders:
        api_takes(order)


@settings(deadline=None)
@given(st.permutations(range(len(COLUMNS))))
def test_columns_that_changed_places_under_the_header_tell_no_account(places: list[int]) -> None:
    _, words = attempt(written([[row[place] for place in places] for row in ROWS]))
    assert ACCOUNT not in words
    assert NAME not in words


@settings(deadline=None)
@given(st.integers(1, 10**12 - 1))
def test_an_amount_is_read_to_the_fen(fen: int) -> None:
    row = ("A-1", "M001", "purchase", "2026-05-26 09:00:00", fen_to_yuan(fen), "", "", "")
    assert read(written([row]))[0].amount == fen


@settings(deadline=None)
@given(st.from_regex(r"[0-9]{1,12}\.[0-9]{3,8}", fullmatch=True))
def test_a_third_decimal_is_refused_even_if_it_is_zero(amount: str) -> None:
    row = ("A-1", "M001", "purchase", "2026-05-26 09:00:00", amount, "", "", "")
    with pytest.raises(OrdersInvalid, match="line 2: amount: "):
        read(written([row]))


REFUNDS = st.lists(st.tuples(st.integers(0, 2), st.integers(1, 60), st.integers(0, 900)), max_size=8)


@settings(deadline=None)
@given(REFUNDS)
def test_refunds_are_read_if_and_only_if_each_is_later_and_all_are_within_their_payment(
    refunds: list[tuple[int, int, int]],
) -> None:
    """Three payments of 100 fen, at minutes 0, 100 and 200; a refund is (payment, fen, minute)."""

    def row(no: str, kind: str, minute: int, fen: int, original: str = "") -> tuple[str, ...]:
        moment = f"{START + timedelta(minutes=minute):%Y-%m-%d %H:%M:%S}"
        return no, "M001", kind, moment, fen_to_yuan(fen), original, "", ""

    paid = [row(f"A-{n}", "purchase", 100 * n, 100) for n in range(3)]
    given_back = [
        row(f"R-{at}", "refund", minute, fen, f"A-{n}") for at, (n, fen, minute) in enumerate(refunds)
    ]
    allowed = all(minute > 100 * n for n, _, minute in refunds) and all(
        sum(fen for n, fen, _ in refunds if n == payment) <= 100 for payment in range(3)
    )
    orders, words = attempt(written([*given_back, *paid]))
    assert (len(orders) == 3 + len(refunds)) == allowed
    assert bool(words) != allowed


@settings(max_examples=15, deadline=None)
@given(st.integers(make_orders.FEWEST, 1_500), st.integers(0, 10**6))
def test_a_made_day_of_any_size_and_seed_has_as_many_rows_and_nothing_wrong(count: int, seed: int) -> None:
    rows = make_orders.orders(count, seed)
    assert rows == make_orders.orders(count, seed)
    orders = read(written(rows))
    assert len(orders) == count
    for order in orders:
        api_takes(order)


DAYS = st.dates(date(2000, 1, 1), date(2099, 12, 31)) | st.sampled_from(
    [date(2028, 2, 29), date(2026, 5, 30), date(2026, 12, 31), date(2026, 10, 1), date(2099, 12, 31)]
)


@settings(deadline=None)
@given(
    DAYS,
    st.lists(
        st.tuples(st.sampled_from(["purchase", "collection"]), st.integers(0, 23)), min_size=1, max_size=8
    ),
)
def test_a_day_that_is_accepted_has_all_that_it_is_played_by(day: date, asked: list[tuple[str, int]]) -> None:
    """Any date, any hours, any mix: its working days, its mandates and its hours are there."""
    rows = [
        (
            f"A-{n}",
            "M001",
            kind,
            f"{day} {hour:02d}:00:00",
            "1.00",
            "",
            *((ACCOUNT, NAME) if kind == "collection" else ("", "")),
        )
        for n, (kind, hour) in enumerate(asked)
    ]
    orders = read(written(rows))
    days = Plan(orders, MERCHANTS).days
    assert days[0] == day
    assert [*days] == sorted(set(days))
    assert all(map(is_working_day, days[1:]))
    for order in orders:
        if order.kind is Operation.COLLECTION:
            msgspec.convert(mandates.request(order, day), NewMandate)


@given(st.lists(st.text(min_size=1), unique=True))
def test_breaks_are_planted_in_what_a_day_has_and_no_line_has_two(plain: list[str]) -> None:
    found = chosen(plain)
    touched = [line for lines in found.values() for line in lines]
    assert len(touched) == min(len(plain), 2)
    assert len({*touched}) == len(touched)
    assert {*touched} <= {*plain}


def test_a_wait_in_the_evening_ends_before_the_cut_off_and_mornings_go_forward() -> None:
    evening = datetime.combine(START, EVENING, CHINA)
    assert (evening + FARTHEST).time() < UNIONPAY_CUTOFF
    hours = [hour for hour, *_ in MORNING]
    assert hours == sorted(set(hours))
