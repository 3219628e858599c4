"""No table that validates and no request can break the choice; no row un-parks what it does not name."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.routing import CHANNELS
from zhangfang.channels.port import AccountType, Operation
from zhangfang.routing import Ask, Fate, Health, Kind, TableInvalid, decide, make_tables, shape, write_csv

Row = dict[str, str]
ROUTED = ("purchase", "collection", "payout")
OURS = ("unionpay", "cmb", "epcc")  # a small world, so that a request meets its rows
CLASSES = ("I", "basic", "basic2")
MEDIA = ("card", "corporate")
HOURS = ("00:00", "08:30", "17:00", "24:00")
START = datetime(2026, 1, 1, tzinfo=UTC)
SEEDS = range(1_500)


def route_row(random: Random) -> Row:
    operation = random.choice(ROUTED)
    purchase, low = operation == "purchase", random.randint(1, 50)
    return {
        "operation": operation,
        "product": random.choice(("cashier", "alipay_app")) if purchase else "",
        "channel": random.choice(OURS),
        "min_fen": str(low),
        "max_fen": str(random.choice((low, 800, 2_000))),
        "instalments": random.choice(("0", "0 3", "0 12")) if purchase else "0",
        "opens": random.choice(HOURS),
        "closes": random.choice(HOURS),
        "rate_ppm": str(random.randint(0, 1_000_000)),
        "fixed_fen": str(random.randint(0, 100)),
        "priority": str(random.randint(1, 3)),
        "share": str(random.randint(1, 1000)),
        "agreement": random.choice(("", "yes")) if operation == "collection" else "",
        "mark": "G",
    }


def type_row(random: Random) -> Row:
    class_, allowed = random.choice(CLASSES), random.random() < 0.7
    return {
        "channel": random.choice(OURS),
        "operation": random.choice(ROUTED),
        "holder": "personal" if class_ == "I" else "corporate",
        "class": class_,
        "medium": random.choice(MEDIA),
        "support": "allowed" if allowed else "unsupported",
        "limit_fen": random.choice(("", "", str(random.randint(1, 2_000)))) if allowed else "",
        "bound_only": random.choice(("", "", "yes")) if allowed else "",
        "mark": "K",
    }


def cell(row: Row) -> tuple[str, ...]:
    return row["channel"], row["operation"], row["holder"], row["class"], row["medium"]


def routes_of(random: Random) -> list[Row]:
    rows = [route_row(random) for _ in range(random.randint(6, 16))]
    return list({tuple(row.values())[:8]: row for row in rows}.values())


def types_of(random: Random) -> list[Row]:
    rows = [type_row(random) for _ in range(random.randint(10, 60))]
    return list({cell(row): row for row in rows}.values())


def ask_of(random: Random) -> Ask:
    operation = random.choice([*map(Operation, ROUTED)] * 8 + list(Operation))
    products = ("cashier", "alipay_app", "") if operation is Operation.PURCHASE else ("",) * 9 + ("other",)
    class_ = random.choice(CLASSES)
    type_ = AccountType("personal" if class_ == "I" else "corporate", class_, random.choice(MEDIA))
    return Ask(
        operation,
        random.randint(1, 1_500),
        START + timedelta(minutes=random.randint(0, 500_000)),
        UUID(int=random.getrandbits(128)),
        random.choice(products),
        random.choice((type_, type_, type_, None)),
        random.choice((0,) * 8 + (3, 99)),
        random.choice(("",) * 8 + (*OURS, "nobody")),
        random.random() < 0.5,
    )


def health_of(random: Random) -> Health:
    def ways() -> frozenset[tuple[str, Operation]]:
        chosen = [
            (random.choice(OURS), Operation(random.choice(ROUTED))) for _ in range(random.randint(0, 3))
        ]
        return frozenset(chosen)

    present = random.choice((OURS,) * 6 + (("cmb",), ()))
    return Health(frozenset(present), ways(), ways())


def check_a_choice(seed: int) -> Fate:
    """Check one request against what every rule says of it on its own, and return its fate."""
    random = Random(seed)
    routes, types, health, ask = routes_of(random), types_of(random), health_of(random), ask_of(random)
    tried = random.choice(((),) * 6 + (("cmb",), OURS))
    tables = make_tables(5, routes, types)
    made = decide(tables, health, ask, tried)
    assert made == decide(tables, health, ask, tried)
    assert (made.version, bool(made.reason)) == (5, True)
    assert (made.channel == "") == (made.fate is Fate.REFUSE)
    if made.fate is Fate.REFUSE:
        return made.fate
    assert made.channel in health.present - set(tried)
    assert ask.fixed in ("", made.channel)
    assert any(
        (row["channel"], row["operation"]) == (made.channel, ask.operation)
        and int(row["min_fen"]) <= ask.amount <= int(row["max_fen"])
        and str(ask.instalments) in row["instalments"].split()
        and (row["agreement"] == "" or ask.fixed == made.channel)
        for row in routes
    )
    known = {cell(row): row for row in types}
    row = known.get((made.channel, ask.operation.value, *(ask.type or ("", "", ""))))
    if made.fate is Fate.PARK:
        assert ask.operation is Operation.PAYOUT
        assert row is None
    elif ask.type is not None or ask.operation is not Operation.PURCHASE:
        assert row is not None
        assert row["support"] == "allowed"
        assert ask.bound or not row["bound_only"]
        assert not row["limit_fen"] or ask.amount <= int(row["limit_fen"])
    assert made.fate is not Fate.GO or (made.channel, ask.operation) not in health.open
    return made.fate


def test_every_request_has_a_fate_and_goes_only_where_every_rule_lets_it() -> None:
    met = Counter(check_a_choice(seed) for seed in SEEDS)
    assert min(met[fate] for fate in Fate) >= 20, met


def test_a_row_un_parks_only_what_it_names() -> None:
    met: Counter[str] = Counter()
    for seed in SEEDS:
        random = Random(seed)
        routes, types, health, extra = (
            routes_of(random),
            types_of(random),
            health_of(random),
            type_row(random),
        )
        ask = replace(ask_of(random), operation=Operation.PAYOUT, product="", instalments=0)
        if ask.type is not None and random.random() < 0.5:
            extra |= {
                "operation": "payout",
                **dict(zip(("holder", "class", "medium"), ask.type, strict=True)),
            }
        if cell(extra) in map(cell, types):
            continue
        before = decide(make_tables(1, routes, types), health, ask)
        after = decide(make_tables(1, routes, [*types, extra]), health, ask)
        if ask.type is None or cell(extra)[1:] != ("payout", *ask.type):
            assert after == before
            met["other, parked before"] += before.fate is Fate.PARK
        elif before.fate is Fate.PARK and after.fate is Fate.GO:
            assert (extra["support"], extra["channel"]) == ("allowed", after.channel)
            met["its own"] += 1
    assert met["other, parked before"] >= 50
    assert met["its own"] >= 5, met


def test_what_is_written_is_read_again() -> None:
    for seed in range(100):
        types, routes = types_of(Random(seed)), routes_of(Random(seed))
        assert shape.read(Kind.ACCOUNT_TYPES, write_csv(Kind.ACCOUNT_TYPES, types)) == types
        assert shape.read(Kind.ROUTES, write_csv(Kind.ROUTES, routes)) == routes


def test_one_broken_field_of_a_good_table_is_named_by_line_and_column() -> None:
    for seed in range(300):
        random = Random(seed)
        kind = random.choice(list(Kind))
        rows = routes_of(random) if kind is Kind.ROUTES else types_of(random)
        at, column = random.randrange(len(rows)), random.choice(shape.COLUMNS[kind])
        rows[at] = rows[at] | {column: random.choice(("?", "²", "\0", "no such word"))}
        with pytest.raises(TableInvalid) as caught:
            shape.read(kind, write_csv(kind, rows))
        assert any(one.startswith(f"line {at + 2}: {column}: got ") for one in caught.value.problems)


FIELDS = st.one_of(
    st.text(max_size=8), st.sampled_from(("payout", "cmb", "1", "0", "24:00", "yes", "", '"', "²"))
)


@given(st.sampled_from(list(Kind)), st.booleans(), st.lists(st.lists(FIELDS, max_size=15), max_size=5))
def test_any_text_is_read_or_refused_with_the_line_that_is_wrong(
    kind: Kind, headed: bool, lines: list[list[str]]
) -> None:
    header = ",".join(shape.COLUMNS[kind]) if headed else "a,b"
    rows, problems = read(kind, "\n".join([header, *map(",".join, lines)]))
    assert all(one.startswith(("line ", "file: ")) for one in problems)
    assert bool(rows) != bool(problems)
    made = make_tables(1, rows, []) if kind is Kind.ROUTES else make_tables(1, [], rows)
    assert decide(made, Health(frozenset(CHANNELS)), Ask(Operation.PAYOUT, 1, START, UUID(int=1))).reason


def read(kind: Kind, text: str) -> tuple[list[shape.Row], list[str]]:
    """Return the rows, or what is wrong."""
    try:
        return shape.read(kind, text), []
    except TableInvalid as error:
        return [], error.problems
