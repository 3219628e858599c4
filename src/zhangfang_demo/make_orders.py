"""Makes the business day that ships with the demo, or one of another size; the same call makes the same day.

    python -m zhangfang_demo.make_orders --orders 10000 --out my.csv

Companies, people and accounts are invented: an account begins with 99, which no bank's card does, and its last digit
is never the check digit that a card would have.
"""

import argparse
import csv
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import cycle
from pathlib import Path
from random import Random
from zlib import crc32

from zhangfang.channels.port import PAY_INS, Operation
from zhangfang.kernel.calendar import UNIONPAY_CUTOFF, add_working_days
from zhangfang.kernel.clock import CHINA
from zhangfang.kernel.money import fen_to_yuan
from zhangfang_demo.orders import MERCHANT_COLUMNS, ORDERS, SHIPPED_COLUMNS

DAY = date(2026, 5, 26)  # a Tuesday; the next working day is the next day
SEED = 20260526
SHIPPED = 2_220
FEWEST = 100

# Weight of each hour of the day: a climb in the morning, a dip at noon, a long evening.
HOURS = dict(enumerate((2, 5, 9, 11, 9, 4, 4, 8, 9, 9, 8, 6, 8, 8, 6, 3), start=7))
AFTER_CUTOFF_PER_MILLE = 7
REFUNDED_PER_MILLE = 15
LATE_REFUNDS_PER_MILLE = 3
PERIODS = {
    0: "3",
    1: "6",
    2: "12",
    3: "3",
    59: "3",
    58: "12",
}  # of 60 purchases that cost enough: 20 and on, by card
SHARES = ((100,), (50,), (100,), (20, 30), (100,), (35,))  # percent of a payment, one or two refunds of it

FIRST, SECOND = "栖禾云檐拾澜岑青砚野葵", "川安里舟原"  # 55 names of two characters
SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗"
GIVEN = (
    *("子涵", "雨桐", "一鸣", "思远", "嘉怡", "浩然", "欣妍", "晨曦", "明轩", "若溪"),
    *("文博", "静姝", "立群", "晓彤", "建国", "秀英", "桂芳", "志强", "海燕", "玉梅"),
)
BANKS = ("招商银行", "中国工商银行", "中国建设银行", "交通银行")


@dataclass(frozen=True, slots=True)
class Price:
    """How amounts of one thing are spread: log-normal around `median` yuan, cut to `step` fen, less `off` fen."""

    weight: int
    median: int
    sigma: float
    step: int
    off: int = 0


@dataclass(frozen=True, slots=True)
class Industry:
    """What a merchant's name ends in, how many of 100 pay-ins are collections, and what it takes money for."""

    suffix: str
    collections: int
    prices: dict[str, Price]


INDUSTRIES = (
    Industry(
        "房产经纪有限公司",
        55,
        {
            "commission": Price(5, 9_000, 0.6, 1),
            "deposit": Price(3, 2_000, 0.5, 500_00),
            "fee": Price(2, 300, 0.4, 1),
        },
    ),
    Industry(
        "公寓租赁有限公司",
        90,
        {
            "rent": Price(6, 2_800, 0.45, 10_00),
            "deposit": Price(1, 3_000, 0.4, 100_00),
            "bills": Price(3, 160, 0.6, 1),
        },
    ),
    Industry(
        "电子商务有限公司",
        20,
        {
            "goods": Price(7, 90, 1.0, 1_00, 10),
            "parcels": Price(2, 45, 0.8, 1),
            "devices": Price(1, 2_600, 0.7, 1_00),
        },
    ),
    Industry(
        "灵活用工服务有限公司",
        60,
        {
            "wages": Price(6, 4_200, 0.9, 1),
            "service": Price(3, 260, 0.7, 1_00),
            "insurance": Price(1, 60, 0.3, 1),
        },
    ),
)
LOWEST, HIGHEST = 5_00, 50_000_00


@dataclass(frozen=True, slots=True, eq=False)
class Firm:
    """A merchant: one row of merchants.csv, and what its prices are made from."""

    row: tuple[str, ...]
    industry: Industry
    pays_by_hand: bool
    payout_fee: int

    @property
    def code(self) -> str:
        """Return the merchant's code."""
        return self.row[0]


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """An order that has no number yet."""

    firm: Firm
    kind: Operation
    time: datetime
    amount: int
    original: "Draft | None" = None
    account: str = ""
    name: str = ""


def firms() -> list[Firm]:
    """Return the 55 merchants: 40 are paid out each day by themselves, 15 ask for it."""
    rng = Random(SEED)
    names = [first + second for second in SECOND for first in FIRST]
    return [_firm(rng, number, name) for number, name in enumerate(names, 1)]


def _firm(rng: Random, number: int, brand: str) -> Firm:
    industry = INDUSTRIES[number % len(INDUSTRIES)]
    name = brand + industry.suffix
    by_hand = number % 11 in (2, 5, 9)
    payout_fee = rng.choice((100, 150, 200))
    fees = (rng.choice(("5500", "6000", "6500")), rng.choice(("4500", "5000", "5500")), str(payout_fee))
    account = (account_number(rng, 16), name, rng.choice(BANKS), "corporate")
    row = (f"M{number:03d}", name, "no" if by_hand else "yes", *fees, "1", *account)
    return Firm(row, industry, by_hand, payout_fee)


def account_number(rng: Random, length: int) -> str:
    """Return an account number that no bank gives out."""
    digits = "99" + "".join(rng.choice("0123456789") for _ in range(length - 3))
    doubled = [int(digit) * (2 - at % 2) for at, digit in enumerate(reversed(digits))]
    check = -sum(value // 10 + value % 10 for value in doubled) % 10  # as on a card (ISO/IEC 7812-1)
    return f"{digits}{(check + 1) % 10}"


def orders(count: int, seed: int = SEED) -> list[tuple[str, ...]]:
    """Return `count` rows of orders.csv (`FEWEST` or more), in the order of time."""
    rng = Random(seed)
    merchants = firms()
    rng.shuffle(merchants)
    weights = [1 / rank**0.6 for rank in range(1, len(merchants) + 1)]  # few are large, many small
    payers = [(account_number(rng, 19), rng.choice(SURNAMES) + rng.choice(GIVEN)) for _ in range(count)]

    def pay_ins(number: int) -> list[Draft]:
        return [_pay_in(rng, firm, rng.choice(payers)) for firm in rng.choices(merchants, weights, k=number)]

    refunded, late = count * REFUNDED_PER_MILLE // 1000, count * LATE_REFUNDS_PER_MILLE // 1000
    payouts = 2 * sum(firm.pays_by_hand for firm in merchants)  # as many as there can be
    drafts = pay_ins(count - 2 * refunded - late - payouts)
    drafts += _refunds(rng, drafts, refunded)
    drafts += _next_day(rng, drafts, payers, late)
    drafts += pay_ins(count - len(drafts))  # more pay-ins never make a payout too large
    return _numbered(drafts)


def _pay_in(rng: Random, firm: Firm, payer: tuple[str, str]) -> Draft:
    kinds = list(firm.industry.prices.values())
    price = rng.choices(kinds, [kind.weight for kind in kinds])[0]
    drawn = int(
        rng.lognormvariate(math.log(price.median * 100), price.sigma)
    )  # fen; a price is drawn, not computed
    amount = min(max(drawn // price.step * price.step - price.off, LOWEST), HIGHEST)
    hour = rng.choices(list(HOURS), list(HOURS.values()))[0]
    moment = _at(DAY, time(hour), rng.randrange(3600))
    if rng.randrange(1000) < AFTER_CUTOFF_PER_MILLE:
        moment = _at(DAY, UNIONPAY_CUTOFF, rng.randrange(2400))
    if rng.randrange(100) < firm.industry.collections:
        return Draft(firm, Operation.COLLECTION, moment, amount, None, *payer)
    return Draft(firm, Operation.PURCHASE, moment, amount)


def _refunds(rng: Random, paid: Sequence[Draft], number: int) -> list[Draft]:
    """Return refunds of `number` payments on the same day, from 30 minutes after the payment until the cut-off."""
    early = [draft for draft in paid if draft.time < _at(DAY, time(22, 15))]
    refunds = []
    for draft, shares in zip(rng.sample(early, number), cycle(SHARES), strict=False):
        earliest = draft.time + timedelta(minutes=30)
        seconds = int((_at(DAY, UNIONPAY_CUTOFF) - earliest).total_seconds())
        for share in shares:
            moment = earliest + timedelta(seconds=rng.randrange(seconds))
            refunds.append(Draft(draft.firm, Operation.REFUND, moment, draft.amount * share // 100, draft))
    return refunds


def _next_day(
    rng: Random, drafts: Sequence[Draft], payers: Sequence[tuple[str, str]], late: int
) -> list[Draft]:
    """Return the payouts of merchants that ask for them, and of the first `late` merchants a refund each."""
    made: list[Draft] = []
    by_firm: dict[Firm, list[Draft]] = defaultdict(list)
    for draft in drafts:
        if draft.firm.pays_by_hand and draft.time < _at(DAY, UNIONPAY_CUTOFF):
            by_firm[draft.firm].append(draft)
    for firm, settled in by_firm.items():
        safe = safe_amount(settled)
        payouts = _payouts(rng, firm, safe * 70 // 100, rng.choice(payers))
        returned = {draft.original for draft in settled}
        small = [
            draft
            for draft in settled
            if draft.kind in PAY_INS and draft not in returned and draft.amount <= safe * 20 // 100
        ]
        if payouts and small and late:
            draft, late = rng.choice(small), late - 1
            amount = draft.amount * rng.choice((100, 100, 60)) // 100
            payouts.append(Draft(firm, Operation.REFUND, _next_afternoon(rng), amount, draft))
        made += payouts
    return made


def safe_amount(settled: Iterable[Draft]) -> int:
    """Return fen that a merchant will have for certain: 60 % of its pay-ins, less the three largest, less refunds.

    Some pay-ins of a demo fail, and any of them may.
    """
    amounts = sorted(draft.amount for draft in settled if draft.kind in PAY_INS)
    refunded = sum(draft.amount for draft in settled if draft.kind is Operation.REFUND)
    return max(sum(amounts[:-3]) * 60 // 100 - refunded, 0)


def _payouts(rng: Random, firm: Firm, most: int, payee: tuple[str, str]) -> list[Draft]:
    """Return one payout to the settlement account, or two: then a person is paid as well. Fees are within `most`."""
    shares: tuple[int, ...] = rng.choice(((100,), (60, 40)))
    amounts = [most * share // 100 // 10_00 * 10_00 - firm.payout_fee for share in shares]
    return [
        Draft(firm, Operation.PAYOUT, _next_afternoon(rng), amount, None, *account)
        for amount, account in zip(amounts, (("", ""), payee), strict=False)
        if amount > 0
    ]


def _next_afternoon(rng: Random) -> datetime:
    return _at(add_working_days(DAY, 1), time(13), rng.randrange(4 * 3600))


def _at(day: date, moment: time, seconds: int = 0) -> datetime:
    return datetime.combine(day, moment, CHINA) + timedelta(seconds=seconds)


def _numbered(drafts: Iterable[Draft]) -> list[tuple[str, ...]]:
    numbers: dict[Draft, str] = {}
    used: dict[str, int] = defaultdict(int)
    rows: list[tuple[str, ...]] = []
    for draft in sorted(drafts, key=lambda draft: draft.time):
        code = draft.firm.code
        used[code] += 1
        numbers[draft] = f"{code}-{draft.time:%y%m%d}-{used[code]:06d}"
        original = numbers[draft.original] if draft.original else ""
        amount = fen_to_yuan(draft.amount)
        moment = f"{draft.time:%Y-%m-%d %H:%M:%S}"
        paid = (draft.account, draft.name, *_product(numbers[draft], draft))
        rows.append((numbers[draft], code, draft.kind.value, moment, amount, original, *paid))
    return rows


def _product(number: str, draft: Draft) -> tuple[str, str]:
    """Return how a purchase is paid, by its number alone: a third in the wallet's app, some of those in instalments."""
    if draft.kind is not Operation.PURCHASE:
        return "", ""
    chance = crc32(number.encode()) % 60
    return ("alipay_app" if chance < 20 else "cashier"), (
        PERIODS.get(chance, "") if draft.amount > 600_00 else ""
    )


def write(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a CSV as it ships: UTF-8, lines that end with LF."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([columns, *rows])


def main() -> None:
    """Write the file that was asked for."""
    parser = argparse.ArgumentParser(description="Make a business day of orders for the demo.")
    parser.add_argument("--orders", type=int, default=SHIPPED, help=f"rows, {FEWEST} or more")
    parser.add_argument("--out", type=Path, default=ORDERS, help="the CSV of orders to write")
    parser.add_argument("--merchants", type=Path, help="write the CSV of merchants, too")
    asked = parser.parse_args()
    if asked.orders < FEWEST:
        parser.error(f"--orders: got {asked.orders}; allowed: {FEWEST} or more")
    write(asked.out, SHIPPED_COLUMNS, orders(asked.orders))
    if asked.merchants:
        write(asked.merchants, MERCHANT_COLUMNS, [firm.row for firm in firms()])


if __name__ == "__main__":
    main()
