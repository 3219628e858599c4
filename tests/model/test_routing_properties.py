"""No table that validates and no request can break the choice; no row un-parks what it does not name."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.routing import CHANNELS
from zhangfang.channels.port import AccountType, Operation
from zhangfang.routing import Ask, Fate, Health, Kind, TableInvalid, decide, make_tables, shape, write_csv

Row = dict[str, str]
ROUTED = ("purchase", "collection", "payout")
CLASSES = ("I", "II", "III", "basic", "basic2")
MEDIA = ("card", "corporate")
HOURS = ("00:00", "08:30", "17:00", "24:00")


def numbers(low: int, high: int) -> st.SearchStrategy[str]:
    return st.integers(low, high).map(str)


@st.composite
def route_rows(draw: st.DrawFn) -> Row:
    operation = draw(st.sampled_from(ROUTED))
    low = draw(st.integers(1, 1_000))
    purchase = operation == "purchase"
    return {
        "operation": operation,
        "product": draw(st.sampled_from(("cashier", "alipay_app"))) if purchase else "",
        "channel": draw(st.sampled_from(CHANNELS)),
        "min_fen": str(low),
        "max_fen": draw(numbers(low, 2_000)),
        "instalments": draw(st.sampled_from(("0", "0 3", "12"))) if purchase else "0",
        "opens": draw(st.sampled_from(HOURS)),
        "closes": draw(st.sampled_from(HOURS)),
        "rate_ppm": draw(numbers(0, 1_000_000)),
        "fixed_fen": draw(numbers(0, 100)),
        "priority": draw(numbers(1, 3)),
        "share": draw(numbers(1, 1000)),
        "agreement": draw(st.sampled_from(("", "yes"))) if operation == "collection" else "",
        "mark": "G",
    }


@st.composite
def type_rows(draw: st.DrawFn) -> Row:
    class_ = draw(st.sampled_from(CLASSES))
    allowed = draw(st.booleans())
    return {
        "channel": draw(st.sampled_from(CHANNELS)),
        "operation": draw(st.sampled_from(ROUTED)),
        "holder": "personal" if class_.startswith("I") else "corporate",
        "class": class_,
        "medium": draw(st.sampled_from(MEDIA)),
        "support": "allowed" if allowed else "unsupported",
        "limit_fen": draw(st.one_of(st.just(""), numbers(1, 2_000))) if allowed else "",
        "bound_only": draw(st.sampled_from(("", "yes"))) if allowed else "",
        "mark": "K",
    }


def cell(row: Row) -> tuple[str, ...]:
    return row["channel"], row["operation"], row["holder"], row["class"], row["medium"]


ROUTES = st.lists(route_rows(), min_size=1, max_size=12)
TYPES = st.lists(type_rows(), min_size=1, max_size=40, unique_by=cell)
ACCOUNTS = st.builds(
    AccountType, st.sampled_from(("personal", "corporate")), st.sampled_from(CLASSES), st.sampled_from(MEDIA)
)
ASKS = st.builds(
    Ask,
    operation=st.sampled_from(list(Operation)),
    amount=st.integers(1, 2_500),
    at=st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)).map(lambda at: at.replace(tzinfo=UTC)),
    key=st.uuids(),
    product=st.sampled_from(("", "cashier", "alipay_app", "other")),
    type=st.one_of(st.none(), ACCOUNTS),
    instalments=st.sampled_from((0, 3, 12, 99)),
    fixed=st.sampled_from(("", "", "", *CHANNELS, "nobody")),
    bound=st.booleans(),
)
WAYS = st.frozensets(st.tuples(st.sampled_from(CHANNELS), st.sampled_from(list(Operation))))
HEALTH = st.builds(Health, st.frozensets(st.sampled_from(CHANNELS)), WAYS, WAYS)


@given(ROUTES, TYPES, HEALTH, ASKS, st.sets(st.sampled_from(CHANNELS)))
def test_every_request_has_a_fate_and_goes_only_where_every_rule_lets_it(
    routes: list[Row], types: list[Row], health: Health, ask: Ask, tried: set[str]
) -> None:
    tables = make_tables(5, routes, types)
    made = decide(tables, health, ask, tried)
    assert made == decide(tables, health, ask, tried)
    assert made.version == 5
    assert made.reason
    assert (made.channel == "") == (made.fate is Fate.REFUSE)
    if made.fate is Fate.REFUSE:
        return
    assert made.channel in health.present - tried
    assert ask.fixed in ("", made.channel)
    fits = [
        row for row in routes
        if (row["channel"], row["operation"]) == (made.channel, ask.operation)
        and int(row["min_fen"]) <= ask.amount <= int(row["max_fen"])
        and str(ask.instalments) in row["instalments"].split()
        and (row["agreement"] == "" or ask.fixed == made.channel)
    ]  # fmt: skip
    assert fits
    named = {cell(row): row for row in types}
    row = named.get((made.channel, ask.operation.value, *(ask.type or ("", "", ""))))
    if made.fate is Fate.PARK:
        assert ask.operation is Operation.PAYOUT
        assert row is None
    elif ask.type is not None or ask.operation is not Operation.PURCHASE:
        assert row is not None
        assert row["support"] == "allowed"
        assert ask.bound or not row["bound_only"]
        assert not row["limit_fen"] or ask.amount <= int(row["limit_fen"])
    if made.fate is Fate.GO:
        assert (made.channel, ask.operation) not in health.open


@given(ROUTES, TYPES, HEALTH, ASKS, type_rows())
def test_a_row_un_parks_only_what_it_names(
    routes: list[Row], types: list[Row], health: Health, ask: Ask, extra: Row
) -> None:
    assume(cell(extra) not in {cell(row) for row in types})
    ask = replace(ask, operation=Operation.PAYOUT, product="", instalments=0)
    before = decide(make_tables(1, routes, types), health, ask)
    after = decide(make_tables(1, routes, [*types, extra]), health, ask)
    if ask.type is None or cell(extra)[1:] != ("payout", *ask.type):
        assert after == before
    elif before.fate is Fate.PARK and after.fate is Fate.GO:
        assert extra["support"] == "allowed"
        assert after.channel == extra["channel"]


@given(TYPES, ROUTES)
def test_what_is_written_is_read_again(types: list[Row], routes: list[Row]) -> None:
    assert shape.read(Kind.ACCOUNT_TYPES, write_csv(Kind.ACCOUNT_TYPES, types)) == types
    first = {tuple(row.values())[:8]: row for row in routes}
    kept = list(first.values())
    assert shape.read(Kind.ROUTES, write_csv(Kind.ROUTES, kept)) == kept


@settings(max_examples=300)
@given(st.sampled_from(list(Kind)), st.data())
def test_any_text_is_read_or_refused_with_the_line_that_is_wrong(kind: Kind, data: st.DataObject) -> None:
    header = ",".join(shape.COLUMNS[kind])
    fields = st.one_of(
        st.text(max_size=8), st.sampled_from(("payout", "cmb", "1", "0", "24:00", "yes", "", '"', "²"))
    )
    lines = data.draw(st.lists(st.lists(fields, max_size=15).map(",".join), max_size=5))
    text = "\n".join([data.draw(st.sampled_from([header, header, "a,b", ""])), *lines])
    try:
        rows = shape.read(kind, text)
    except TableInvalid as error:
        assert error.problems
        assert all(one.startswith(("line ", "file: ")) for one in error.problems)
    else:
        made = make_tables(1, rows, []) if kind is Kind.ROUTES else make_tables(1, [], rows)
        decide(
            made,
            Health(frozenset(CHANNELS)),
            Ask(Operation.PAYOUT, 1, datetime(2026, 1, 1, tzinfo=UTC), UUID(int=1)),
        )
