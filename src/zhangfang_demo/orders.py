"""A business day as a CSV: what merchants ask for, and when. The whole file is read before any of it is collected.

The columns are described in `data/README.md`. An error names the line, the field, the shape of what came and what is
allowed; account numbers and names are never repeated in it.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TypeVar

from zhangfang.channels.port import PAY_INS, Operation, PartyAccount
from zhangfang.kernel.calendar import add_working_days, china_day
from zhangfang.kernel.clock import CHINA
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.money import MAX_FEN, fen_to_yuan, yuan_to_fen
from zhangfang.merchants import BankAccount, FeeKind, FeeRule, NewMerchant
from zhangfang.merchants.rules import check_new
from zhangfang_demo.csv_rows import Problem, Row, invalid, read_rows

ORDERS = Path(__file__).parent / "data" / "orders.csv"
MERCHANTS = Path(__file__).parent / "data" / "merchants.csv"

COLUMNS = ("order_no", "merchant", "kind", "time", "amount", "original", "account", "name")
OPTIONAL = ("currency", "product", "instalments")
SHIPPED_COLUMNS = (*COLUMNS, "product", "instalments")
MERCHANT_COLUMNS = (
    *("code", "name", "auto_payout", "purchase_ppm", "collection_ppm", "payout_fen", "settlement_days"),
    *("account", "account_name", "bank", "medium"),
)

_KINDS = {kind.value: kind for kind in (*PAY_INS, Operation.REFUND, Operation.PAYOUT)}
_PRODUCTS = {
    True: {"": "", "cashier": "cashier", "alipay_app": "alipay_app"},
    False: {"": ""},
}  # of purchases, of all else
_PERIODS = {True: {"": 0, "3": 3, "6": 6, "12": 12}, False: {"": 0}}
_ORDER_NO = re.compile(r"[A-Za-z0-9._:/#@-]{1,64}")
_TIME = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")
_ACCOUNT = re.compile(r"[0-9]{8,32}")
_NAME = re.compile(
    r"[^&={}\[\]]{1,60}"
)  # UnionPay sends it within `{k=v&k=v}` (ACP 5.1.0, customerInfo): no escapes
# What may be repeated in an error: too short to be the account number that stands in the wrong column.
_SHORT_NUMBER = re.compile(r"-?[0-9]{1,7}(\.[0-9]{1,6})?")
_SHORT_CODE = re.compile(r"[A-Z][0-9]{1,5}")
_NUMBER = re.compile(r"[0-9]{1,9}")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class DemoOrder:
    """One row: `amount` in fen, `time` aware and in China, `original` the order number of the payment to refund.

    `account` is the payer of a collection, or the payee of a payout; a payout without one goes to the merchant's
    settlement account. `product` and `instalments` are those of a purchase.
    """

    order_no: str
    merchant: str
    kind: Operation
    time: datetime
    amount: int
    original: str | None = None
    account: PartyAccount | None = None
    product: str = ""
    instalments: int = 0


def read_orders(path: Path = ORDERS, merchants: Iterable[NewMerchant] | None = None) -> list[DemoOrder]:
    """Return the orders of a file in the order of time, or raise `OrdersInvalid`. `merchants`: those that ship."""
    codes = {merchant.external_ref for merchant in (read_merchants() if merchants is None else merchants)}
    orders, problems = read_rows(path, COLUMNS, OPTIONAL, lambda row: _order(row, codes))
    whole = not problems
    problems += [*_outside_days(orders), *_duplicates(orders), *_bad_refunds(orders, whole)]
    if problems:
        raise invalid(path, problems)
    return sorted(orders.values(), key=lambda order: order.time)


def read_merchants(path: Path = MERCHANTS) -> list[NewMerchant]:
    """Return the merchants of a file, each with its code as `external_ref`, or raise `OrdersInvalid`."""
    merchants, problems = read_rows(path, MERCHANT_COLUMNS, (), _merchant)
    first = _first_lines(merchants, lambda merchant: merchant.external_ref)
    problems += [
        (line, InvalidInput("code", f"the code of line {first[merchant.external_ref]}", "a code of its own"))
        for line, merchant in merchants.items()
        if first[merchant.external_ref] != line
    ]
    if problems:
        raise invalid(path, problems)
    return list(merchants.values())


def business_day(orders: Iterable[DemoOrder]) -> date:
    """Return the day in China of the first order in time: D. There is at least one order."""
    return china_day(min(order.time for order in orders))


# One row


def _order(row: Row, codes: Collection[str | None]) -> DemoOrder:
    if row.get("currency", "CNY") != "CNY":
        raise InvalidInput("currency", f"text of {len(row['currency'])} characters", "CNY")
    kind = _one_of("kind", row["kind"], _KINDS)
    return DemoOrder(
        order_no=_order_no("order_no", row["order_no"]),
        merchant=_code(row["merchant"], codes),
        kind=kind,
        time=_time(row["time"]),
        amount=_amount(row["amount"]),
        original=_original(row["original"], kind),
        account=_account(row["account"], row["name"], kind),
        product=_one_of("product", row.get("product", ""), _PRODUCTS[kind is Operation.PURCHASE]),
        instalments=_one_of("instalments", row.get("instalments", ""), _PERIODS[kind is Operation.PURCHASE]),
    )


def _merchant(row: Row) -> NewMerchant:
    fees = (
        FeeRule(FeeKind.PURCHASE, _number("purchase_ppm", row)),
        FeeRule(FeeKind.COLLECTION, _number("collection_ppm", row)),
        FeeRule(FeeKind.PAYOUT, 0, _number("payout_fen", row)),
    )
    new = NewMerchant(
        name=row["name"],
        external_ref=row["code"],
        auto_payout=_one_of("auto_payout", row["auto_payout"], {"yes": True, "no": False}),
        settlement_days=_number("settlement_days", row),
        fee_rules=fees,
        settlement_account=BankAccount(row["account"], row["account_name"], row["medium"], row["bank"]),
    )
    check_new(new)
    return new


def _one_of(field: str, text: str, allowed: dict[str, T]) -> T:
    if text not in allowed:
        raise InvalidInput(field, _shape(text), " or ".join(allowed))
    return allowed[text]


def _number(field: str, row: Row) -> int:
    if not _NUMBER.fullmatch(row[field]):
        raise InvalidInput(field, _shape(row[field]), "a whole number, 0 or more")
    return int(row[field])


def _order_no(field: str, text: str) -> str:
    if not _ORDER_NO.fullmatch(text):
        raise InvalidInput(field, _shape(text), "1 to 64 ASCII letters, digits or - _ . : / # @")
    return text


def _code(text: str, codes: Collection[str | None]) -> str:
    if text not in codes:
        raise InvalidInput("merchant", _shape(text, _SHORT_CODE), "the code of a merchant in merchants.csv")
    return text


def _time(text: str) -> datetime:
    try:
        if _TIME.fullmatch(text):
            return datetime.fromisoformat(text).replace(tzinfo=CHINA)
    except ValueError:  # 30 February, 25 o'clock
        pass
    raise InvalidInput("time", _shape(text), "a real time in China as YYYY-MM-DD HH:MM:SS, 2000 to 2099")


def _amount(text: str) -> int:
    try:
        fen = yuan_to_fen(text)
    except InvalidInput:
        fen = 0
    if not 1 <= fen <= MAX_FEN:
        allowed = f"yuan with at most two decimals, 0.01 to {fen_to_yuan(MAX_FEN)}"
        raise InvalidInput("amount", _shape(text, _SHORT_NUMBER), allowed)
    return fen


def _original(text: str, kind: Operation) -> str | None:
    if kind is Operation.REFUND:
        return _order_no("original", text)
    if text:
        raise InvalidInput("original", _shape(text), f"nothing for a {kind}, only for a refund")
    return None


def _account(number: str, name: str, kind: Operation) -> PartyAccount | None:
    if not number and not name and kind is not Operation.COLLECTION:
        return None
    if kind not in (Operation.COLLECTION, Operation.PAYOUT):
        raise InvalidInput("account, name", "something", f"nothing for a {kind}")
    if not _ACCOUNT.fullmatch(number):
        raise InvalidInput("account", _shape(number), "8 to 32 digits")
    if not _NAME.fullmatch(name) or not name.isprintable() or name != name.strip():
        allowed = "1 to 60 printable characters, no space at either end, none of &={}[]"
        raise InvalidInput("name", _shape(name), allowed)
    return PartyAccount(number, name)


def _shape(text: str, shown: re.Pattern[str] | None = None) -> str:
    """Return what an error may say of a value: itself if it is of the pattern `shown`, else no more than its length."""
    if not text:
        return "nothing"
    return f"'{text}'" if shown and shown.fullmatch(text) else f"text of {len(text)} characters"


# The rows together


def _outside_days(orders: dict[int, DemoOrder]) -> Iterator[Problem]:
    if not orders:
        return
    first = min(orders, key=lambda line: orders[line].time)
    day = business_day(orders.values())
    following = add_working_days(day, 1)
    allowed = f"{day} (the day of the first order in time, line {first}) or {following}, the next working day"
    for line, order in orders.items():
        if order.time.date() not in (day, following):
            yield line, InvalidInput("time", f"{order.time.date()}", allowed)


def _duplicates(orders: dict[int, DemoOrder]) -> Iterator[Problem]:
    first = _first_lines(orders, _identity)
    for line, order in orders.items():
        if (other := first[_identity(order)]) != line:
            allowed = f"a number of its own for each {order.kind} of a merchant"
            yield line, InvalidInput("order_no", f"the number of line {other}", allowed)


def _identity(order: DemoOrder) -> tuple[str, Operation, str]:
    return order.merchant, order.kind, order.order_no


def _bad_refunds(orders: dict[int, DemoOrder], whole: bool) -> Iterator[Problem]:
    """Fold refunds in the order of time into their payments. `whole` is false if rows of the file could not be read."""
    bearers: dict[str, dict[int, DemoOrder]] = defaultdict(dict)
    for line in _first_lines(orders, _identity).values():
        bearers[orders[line].order_no][line] = orders[line]
    left = {line: order.amount for line, order in orders.items()}
    refunds = [(line, order) for line, order in orders.items() if order.kind is Operation.REFUND]
    for line, refund in sorted(refunds, key=lambda each: each[1].time):
        candidates = bearers.get(refund.original or "", {})
        if not candidates and not whole:
            continue  # its payment may be a row that could not be read
        try:
            paid = _payment_of(refund, candidates)
            _check_refund(refund, paid, orders[paid], left[paid])
            left[paid] -= refund.amount
        except InvalidInput as error:
            yield line, error


def _payment_of(refund: DemoOrder, candidates: dict[int, DemoOrder]) -> int:
    """Return the line of the payment that a refund names, of the rows that bear this number."""
    own = {line: order for line, order in candidates.items() if order.merchant == refund.merchant}
    paid = [line for line, order in own.items() if order.kind in PAY_INS]
    if len(paid) == 1:
        return paid[0]
    if paid:
        shape = f"a number that lines {' and '.join(map(str, paid))} have"
    elif own:
        line, order = next(iter(own.items()))
        shape = f"the number of a {order.kind}, line {line}"
    elif candidates:
        shape = f"the number of another merchant's order, line {next(iter(candidates))}"
    else:
        shape = "a number that is not in the file"
    raise InvalidInput("original", shape, "the number of one purchase or collection of the same merchant")


def _check_refund(refund: DemoOrder, line: int, paid: DemoOrder, left: int) -> None:
    if refund.time <= paid.time:
        raise InvalidInput("time", "a refund no later than its payment", f"after {paid.time}, line {line}")
    if refund.amount > left:
        shape = f"more than is left of the payment in line {line}"
        raise InvalidInput("amount", shape, f"at most {fen_to_yuan(left)}")


def _first_lines(rows: dict[int, T], identity: Callable[[T], object]) -> dict[object, int]:
    first: dict[object, int] = {}
    for line, row in rows.items():
        first.setdefault(identity(row), line)
    return first
