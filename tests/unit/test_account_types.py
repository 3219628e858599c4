"""The contract of every cell: what is decided equals what another reader of the CSV makes of the row."""

import csv
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import pytest

from zhangfang.channels.port import AccountType, Operation
from zhangfang.kernel.clock import CHINA
from zhangfang.routing import Ask, Choice, Fate, Health, Kind, Tables, decide, make_tables, shape

DATA = Path(__file__).parents[2] / "src/zhangfang/routing/data"
NOON = datetime(2026, 9, 1, 12, tzinfo=CHINA)
CLASSES = [("personal", c) for c in ("I", "II", "III")] + [
    ("corporate", c) for c in ("basic", "general", "special", "temporary", "basic2")
]
MEDIA = ("card", "credit", "passbook", "virtual", "corporate")
WAYS = {  # who does what, by the channels' own documents: not taken from the table
    "unionpay": ("purchase", "collection", "payout"),
    "chinaums": ("purchase",),
    "lakala": ("purchase",),
    "epcc": ("collection",),
    "cmb": ("payout",),
    "genericbank": ("payout",),
}
PRODUCT = {"chinaums": "alipay_app", "lakala": "alipay_app"}


class Line(NamedTuple):
    """A row as another reader sees it: only words."""

    support: str
    limit: str
    bound_only: str


def lines() -> dict[tuple[str, ...], Line]:
    with (DATA / "account_types.csv").open(encoding="utf-8", newline="") as file:
        return {tuple(row[:5]): Line(row[5], row[6], row[7]) for row in list(csv.reader(file))[1:]}


LINES = lines()


@pytest.fixture(scope="module")
def tables() -> Tables:
    return shipped()


def shipped() -> Tables:
    read = {kind: shape.read(kind, shape.shipped_text(kind)) for kind in Kind}
    return make_tables(0, read[Kind.ROUTES], read[Kind.ACCOUNT_TYPES])


def cells() -> Iterator[tuple[str, str, str, str, str]]:
    for channel, operations in WAYS.items():
        for operation in operations:
            for holder, class_ in CLASSES:
                for medium in MEDIA:
                    yield channel, operation, holder, class_, medium


def choice(tables: Tables, cell: tuple[str, str, str, str, str], amount: int, *, bound: bool) -> Choice:
    channel, operation, *type_ = cell
    ask = Ask(
        Operation(operation),
        amount,
        NOON,
        UUID(int=7),
        PRODUCT.get(channel, ""),
        AccountType(*type_),
        fixed=channel,
        bound=bound,
    )
    return decide(tables, Health(frozenset([channel])), ask)


def expected(cell: tuple[str, str, str, str, str], amount: int, *, bound: bool) -> Fate:
    line = LINES.get(cell)
    if line is None:
        return Fate.PARK if cell[1] == "payout" else Fate.REFUSE
    over = line.limit != "" and amount > int(line.limit)
    if line.support != "allowed" or over or (line.bound_only == "yes" and not bound):
        return Fate.REFUSE
    return Fate.GO


def test_every_cell_is_decided_as_its_row_says(tables: Tables) -> None:
    for cell in cells():
        limit = int(LINES[cell].limit or 0) if cell in LINES else 0
        for amount in {1, limit or 5_000, (limit or 5_000) + 1}:
            for bound in (False, True):
                made = choice(tables, cell, amount, bound=bound)
                assert made.fate is expected(cell, amount, bound=bound), (cell, amount, bound, made)
                assert made.channel == ("" if made.fate is Fate.REFUSE else cell[0])


def test_every_cell_of_a_known_class_is_explicit_and_basic2_is_in_none() -> None:
    assert {cell for cell in cells() if cell[3] != "basic2"} == set(LINES)
    assert len(LINES) == 280


def test_the_matrix_has_every_kind_of_cell() -> None:
    kinds = {(line.support, bool(line.limit), bool(line.bound_only)) for line in LINES.values()}
    assert kinds >= {
        ("allowed", False, False),
        ("allowed", True, False),
        ("allowed", False, True),
        ("unsupported", False, False),
    }


def test_a_refusal_names_the_type_and_why(tables: Tables) -> None:
    credit = choice(tables, ("cmb", "payout", "personal", "I", "credit"), 100, bound=False)
    assert credit.reason == "account type personal/I/credit is not supported for payout"
    third = choice(tables, ("cmb", "payout", "personal", "III", "card"), 200_001, bound=False)
    assert third.reason == "account type personal/III/card is allowed for payout up to 200000 fen only"
    special = choice(tables, ("cmb", "payout", "corporate", "special", "corporate"), 100, bound=False)
    assert (
        special.reason
        == "account type corporate/special/corporate is allowed for payout with the bound account only"
    )


def test_a_pay_in_whose_type_is_in_no_row_is_refused_for_nothing_of_it_could_be_held(tables: Tables) -> None:
    made = choice(tables, ("unionpay", "collection", "corporate", "basic2", "corporate"), 100, bound=True)
    assert made == Choice(
        Fate.REFUSE, "", 0, "account type corporate/basic2/corporate is in no table for collection"
    )


def test_a_payout_that_one_bank_does_not_support_and_another_does_not_know_is_parked() -> None:
    rows = list(shape.read(Kind.ACCOUNT_TYPES, shape.shipped_text(Kind.ACCOUNT_TYPES)))
    known = dict(rows[0]) | {"channel": "cmb", "operation": "payout", "holder": "corporate"}
    known |= {"class": "basic2", "medium": "corporate", "support": "unsupported", "limit_fen": ""}
    routes = shape.read(Kind.ROUTES, shape.shipped_text(Kind.ROUTES))
    type_ = AccountType("corporate", "basic2", "corporate")
    ask = Ask(Operation.PAYOUT, 100, NOON, UUID(int=1), type=type_)
    both = decide(make_tables(3, routes, [known]), Health(frozenset(["cmb", "genericbank"])), ask)
    assert (both.fate, both.channel, both.version) == (Fate.PARK, "genericbank", 3)
    alone = decide(make_tables(3, routes, [known]), Health(frozenset(["cmb"])), ask)
    assert alone.fate is Fate.REFUSE


def test_a_payout_or_collection_without_a_type_is_never_sent(tables: Tables) -> None:
    present = Health(frozenset(WAYS))
    payout = decide(tables, present, Ask(Operation.PAYOUT, 100, NOON, UUID(int=1)))
    collection = decide(tables, present, Ask(Operation.COLLECTION, 100, NOON, UUID(int=1)))
    assert (payout.fate, collection.fate) == (Fate.PARK, Fate.REFUSE)
