"""The table of places decides as the plain code did that placed lines one by one, for one line and for any set of lines."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any
from unittest.mock import patch
from uuid import UUID, uuid4

import asyncpg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.clock import SetClock
from tests.placing import Ours, Placement, facts_of, place_all
from tests.search import MORE
from zhangfang.channels.port import Operation
from zhangfang.kernel.ids import born_at, new_id
from zhangfang.payments import Intent, State
from zhangfang.reconciliation import files
from zhangfang.reconciliation.books import NotBooked
from zhangfang.reconciliation.placing import FACTS, PLACES, decide
from zhangfang.reconciliation.receiving import COLUMNS

DAY = date(2026, 9, 1)
NOW = datetime(2026, 9, 1, 2, tzinfo=UTC)
_channels = count(1)

# An order number of ours: kind, state, amount, the file that listed it, returned, arrived, its open break of a date before.
OURS = st.tuples(
    st.sampled_from(["collection", "purchase", "refund", "payout", "payout"]),
    st.sampled_from(["SUCCESS", "SUCCESS", "SUCCESS", "FAILED", "MANUAL"]),
    st.integers(1, 2),
    st.sampled_from([None, None, None, DAY - timedelta(days=1)]),
    st.booleans(),
    st.sampled_from([None, None, "", "17"]),
    st.sampled_from([None, None, "B4", ""]),
)
# A line: what it is, whose number it has (some are nobody's), its reference, amount and direction.
LINES = st.tuples(
    st.sampled_from(["plain", "plain", "plain", "return", "adjustment", "unread"]),
    st.integers(0, 3), st.integers(0, 3), st.integers(1, 3), st.booleans(),
)  # fmt: skip
DIFFERENCES = st.lists(
    st.tuples(st.integers(0, 3), st.integers(-3, 3).filter(bool)), max_size=2, unique_by=lambda one: one[0]
)

RETURNED = ("payout", "SUCCESS", 1, None, True, None, None)
BACK_TWICE = [("return", 0, 0, 1, True), ("return", 0, 1, 1, True), ("plain", 0, 2, 1, False)]


def line_of(n: int, made: tuple[str, int, int, int, bool]) -> dict[str, Any]:
    """Return a row of `file_line`."""
    what, number, ref, amount, credit = made
    other = what in ("return", "adjustment")
    return {
        "line_no": n, "settle_date": DAY, "order_no": "" if other or what == "unread" else f"c{number}",
        "channel_ref": f"Q{ref}", "operation": {"return": "payout", "plain": "collection"}.get(what),
        "amount": amount, "credit": credit or what == "return", "fee": 0, "adjustment": other,
        "original_order_no": f"c{number}" if other else "", "note": f"M{n} {{state}}", "raw": "",
        "unread": "what {note}" if what == "unread" else "",
    }  # fmt: skip


def intent_of(n: int, ours: Any, channel: str = "up") -> Ours:
    kind, state, amount, matched, back, arrived, _ = ours
    ids: Any = {name: new_id(SetClock()) for name in ("id", "voucher", "undo_voucher")}
    made: dict[str, Any] = {
        "kind": Operation(kind), "merchant": channel, "order_no": f"o{n}", "idempotency_key": f"o{n}", "request_digest": b"",
        "amount": amount, "fee": 0, "description": "", "channel": channel, "channel_order_no": f"{channel}c{n}",
        "requested_at": NOW, "business_date": DAY + timedelta(days=90), "template": "P2", "state": State(state),
        "created_at": NOW, "updated_at": NOW, "matched_on": matched, "returned_at": NOW if back else None,
        "arrived_seq": arrived,
    }  # fmt: skip
    return Ours(**ids | made)


def test_every_combination_of_facts_has_a_place() -> None:
    """And each row of the table is the place of one at least."""
    assert {decide(facts) for facts in range(1 << len(FACTS))} == set(range(len(PLACES)))


@given(LINES, st.none() | OURS, DIFFERENCES)
def test_the_table_places_one_line_as_plain_code_does(made: Any, ours: Any, differences: Any) -> None:
    line = line_of(7, made) | {"order_no": "upc0", "original_order_no": "upc0"}
    intent = intent_of(0, ours) if ours else None
    breaks: dict[Any, Any] = {
        ("amount_differs", f"Q{ref}"): {"id": uuid4(), "difference": fen, "intent": None}
        for ref, fen in differences
    }
    if intent and ours[6] is not None:
        breaks["missing_there", "upc0"] = {"id": uuid4(), "template": ours[6], "intent": intent.id}
    (expected,) = place_all([line], {"upc0": intent} if intent else {}, breaks)
    place = PLACES[decide(facts_of(line, intent, breaks))]
    opens = expected.opens
    assert (place.status, place.opens, place.cure) == (
        expected.status,
        opens.kind if opens else "",
        expected.cure,
    )
    if opens:
        longer, _, shorter = place.template.partition("|")
        assert opens.template == (longer if opens.difference > 0 else shorter)
        said = {
            "kind": intent and intent.kind,
            "state": intent and intent.state,
            "listed_on": intent and intent.matched_on,
        }
        assert place.note.format(**said, says=line["unread"] or line["note"]) == opens.note


@pytest.fixture
async def pool(database_url: str) -> Any:
    async with asyncpg.create_pool(database_url, min_size=1, max_size=2) as made:
        yield made


@settings(max_examples=60 * MORE, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    ours=st.lists(OURS, max_size=3), made=st.lists(LINES, max_size=9), differences=DIFFERENCES,
    chunk=st.sampled_from([1, 2, 3, 100]),
)  # fmt: skip
@example(ours=[RETURNED], made=BACK_TWICE, differences=[], chunk=1)
@example(ours=[RETURNED], made=BACK_TWICE, differences=[], chunk=100)
@example(ours=[], made=[("adjustment", 0, 1, 1, False)] * 2, differences=[(1, 1)], chunk=1)
@example(ours=[], made=[("adjustment", 0, 1, 1, False)] * 2, differences=[(1, 1)], chunk=100)
async def test_a_set_is_placed_as_its_lines_are_one_by_one(
    pool: asyncpg.Pool, ours: Sequence[Any], made: Sequence[Any], differences: Any, chunk: int
) -> None:
    channel = f"ch{next(_channels)}"
    intents = {f"{channel}c{n}": intent_of(n, one, channel) for n, one in enumerate(ours)}
    lines = [line_of(n, one) for n, one in enumerate(made, 1)]
    for line in lines:
        for name in ("order_no", "original_order_no"):
            line[name] = line[name] and channel + line[name]
    breaks = [
        stood("missing_there", number, channel, intent.amount, intent.id, one[6])
        for (number, intent), one in zip(intents.items(), ours, strict=True)
        if one[6] is not None
    ] + [stood("amount_differs", f"Q{ref}", channel, fen, None, "B1") for ref, fen in differences]
    await _store(pool, channel, intents.values(), lines, breaks)
    open_ = {(one["class"], one["key"]): one for one in breaks}
    expected = place_all(lines, intents, open_)
    keys = [(one.opens.kind.value, one.opens.key) for one in expected if one.opens] + list(open_)
    with patch.object(files, "CHUNK", chunk):
        if len(keys) > len(set(keys)):
            with pytest.raises(NotBooked, match="two breaks"):
                await files.place(pool, SetClock(), channel, DAY)
            return
        await files.place(pool, SetClock(), channel, DAY)
    await _compare(pool, channel, lines, intents, expected)


def stood(
    class_: str, key: str, channel: str, fen: int, intent: UUID | None, template: str
) -> dict[str, Any]:
    """Return a break that was open before."""
    ids = {name: new_id(SetClock()) for name in ("id", "voucher", "cure_voucher")}
    return ids | {
        "class": class_, "channel": channel, "settle_date": DAY, "key": key, "intent": intent, "difference": fen,
        "note": "", "template": template, "opened_at": NOW - timedelta(days=1),
    }  # fmt: skip


async def _store(pool: asyncpg.Pool, channel: str, intents: Any, lines: Any, breaks: Any) -> None:
    needed = tuple(name for name in Intent.__slots__ if name != "lease_until")
    rows = [tuple(getattr(one, name) for name in needed) for one in intents]
    async with pool.acquire() as connection:
        await connection.copy_records_to_table("intent", records=rows, columns=needed)
        listed = [(one.id, one.matched_on) for one in intents if one.matched_on]
        await connection.copy_records_to_table(
            "intent_match", records=listed, columns=("intent", "matched_on")
        )
        file = ("channel", "settle_date", "status")
        rows = [(channel, DAY, "matched", *(line[name] for name in COLUMNS)) for line in lines]
        await connection.copy_records_to_table("file_line", records=rows, columns=(*file, *COLUMNS))
        if breaks:
            names = tuple(breaks[0])
            rows = [tuple(one[name] for name in names) for one in breaks]
            await connection.copy_records_to_table("break", records=rows, columns=names)
        await connection.execute(_FILE, channel, DAY, NOW)


_FILE = """
INSERT INTO channel_file (
    channel, settle_date, name, digest, lines, received_at, pay_in_voucher, refund_voucher, fee_voucher, void_voucher,
    arrival_voucher, pay_in_fen, refund_fen, fee_fen, net_fen
) SELECT $1, $2, '', '', 0, $3, i, i, i, i, i, 0, 0, 0, 0 FROM gen_random_uuid() i
"""


async def _compare(
    pool: asyncpg.Pool, channel: str, lines: Any, intents: dict[str, Ours], expected: Sequence[Placement]
) -> None:
    rows = await pool.fetch("SELECT * FROM placed_line WHERE channel = $1 ORDER BY line_no", channel)
    assert [(row["status"], row["intent"]) for row in rows] == [(one.status, one.intent) for one in expected]
    opened = [one.opens for one in expected if one.opens]
    rows = await pool.fetch(
        "SELECT * FROM break WHERE channel = $1 AND opened_at = $2", channel, SetClock().now()
    )
    names = ("class", "key", "intent", "ours", "theirs", "difference", "template", "note")
    assert sorted(map(str, ([row[name] for name in names] for row in rows))) == sorted(
        map(str, ([one.kind.value, *(getattr(one, name) for name in names[1:])] for one in opened))
    )
    assert all(born_at(row["id"]) == SetClock().now() and row["voucher"].int & 0xFF == 0 for row in rows)
    cured = {one.cures: one.cure for one in expected if one.cures}
    rows = await pool.fetch(
        "SELECT id, cure FROM break WHERE channel = $1 AND cure IS NOT NULL AND cured_on = $2", channel, DAY
    )
    assert {row["id"]: row["cure"] for row in rows} == cured
    proven = {
        one.intent: (one.status, line["line_no"])
        for one, line in zip(expected, lines, strict=True)
        if one.intent
    }
    back = {
        one.intent: n["line_no"] for one, n in zip(expected, lines, strict=True) if one.status == "returned"
    }
    for intent in intents.values():
        row = await pool.fetchrow(
            "SELECT m.*, i.arrived_seq FROM intent i LEFT JOIN intent_match m ON m.intent = i.id WHERE i.id = $1",
            intent.id,
        )
        assert row["matched_on"] == (intent.matched_on or (DAY if intent.id in proven else None))
        assert row["arrived_seq"] == (f"{DAY}/{back[intent.id]}" if intent.id in back else intent.arrived_seq)
