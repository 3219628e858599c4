"""The pure parts: money as text, files to take away, the timeline, the words for a length of time."""

import csv
import io
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhangfang.console.pages.today import difference, layers
from zhangfang.console.reading.model import Payment, Step
from zhangfang.console.timeline import timeline
from zhangfang.web.export import Cell, Fen
from zhangfang.web.money import MINUS, money
from zhangfang.web.sheet import write_csv
from zhangfang.web.tables import FINAL, STEPS
from zhangfang.web.words import Words

NOON = datetime(2026, 9, 1, 4, tzinfo=UTC)


def payment(state: str = "SUCCESS") -> Payment:
    return Payment(
        id=UUID(int=1), kind="collection", merchant="m", merchant_name="M", order_no="o", amount=100, fee=0,
        description="", channel="unionpay", channel_order_no="c", channel_ref=None, state=state, code=None,
        message=None, account_tail="", business_date=date(2026, 9, 1), settle_date=None, created_at=NOON,
        decided_at=None, unknown_since=None, next_action_at=None, queries=0, refunded=0, voided=False,
        returned_at=None, matched_on=None, arrived_seq=None,
    )  # fmt: skip


def step(n: int, kind: str, verdict: str = "", state: str = "", code: str = "") -> Step:
    return Step(UUID(int=n + 1), NOON + timedelta(seconds=n), kind, verdict, state, code, "", "")


@given(st.integers(-(10**14), 10**14))
def test_money_reads_back_as_the_same_fen(fen: int) -> None:
    text = money(fen).striptags()
    assert int(text.replace(",", "").replace(".", "").replace(MINUS, "-")) == fen
    assert len(text.rpartition(".")[2]) == 2
    assert "-" not in money(fen)


def test_what_is_not_known_is_a_dash_and_never_a_zero() -> None:
    assert money(None).striptags() == "—"
    assert "0" not in money(None)
    assert money(0).striptags() == "0.00"
    assert money(-5).striptags() == "−0.05"


def csv_of(head: list[str], row: list[Cell]) -> str:
    out = io.BytesIO()
    write_csv("", head, [row], out)
    return out.getvalue().decode("utf-8-sig")


@given(st.lists(st.text(max_size=30), min_size=1, max_size=5))
def test_no_text_of_a_csv_can_become_a_formula(cells: list[str]) -> None:
    body = csv_of(["h"] * len(cells), cells)
    _, row, *rest = csv.reader(io.StringIO(body, newline=""))
    assert rest == []
    for written, cell in zip(row, cells, strict=True):
        assert not written.startswith(("=", "+", "-", "@", "\r", "\n"))
        assert written.endswith(cell)
        assert len(written) <= len(cell) + 1


def test_a_negative_amount_stays_a_number_in_a_csv_and_a_long_number_stays_text() -> None:
    body = csv_of(["a", "b"], [Fen(-5), "232600000000000000001"])
    assert body.splitlines()[1] == "-0.05,\t232600000000000000001"


STATES = ["", "SENDING", "UNKNOWN", "ACCEPTED", "SUCCESS"]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(sorted(STEPS)),
            st.sampled_from(["", "unknown", "success"]),
            st.sampled_from(STATES),
        ),
        max_size=12,
    )
)
def test_a_final_payment_has_one_filled_seal_if_any_step_carries_its_state(
    steps: list[tuple[str, str, str]],
) -> None:
    stored = [step(n, *parts) for n, parts in enumerate(steps)]
    filled = [row for row in timeline(payment(), stored) if row.tone == "settled"]
    assert len(filled) == (1 if any(one.state == "SUCCESS" for one in stored) else 0)
    assert sum(row.count for row in timeline(payment(), stored)) == len(stored)


@given(
    st.lists(st.sampled_from(sorted(STEPS)), max_size=8),
    st.sampled_from(["UNKNOWN", "SENDING", "ACCEPTED", "MANUAL", "CREATED"]),
)
def test_an_open_payment_has_no_filled_seal(kinds: list[str], state: str) -> None:
    stored = [step(n, kind, state="SUCCESS") for n, kind in enumerate(kinds)]
    assert all(row.tone != "settled" for row in timeline(payment(state), stored))


def test_evidence_from_outside_settles_rather_than_our_own_posting() -> None:
    rows = timeline(payment(), [step(0, "ledger", state="SUCCESS"), step(1, "query", "success", "SUCCESS")])
    assert [row.tone for row in rows] == ["evidence", "settled"]


def test_the_unknown_time_is_a_band_that_ends_with_its_length() -> None:
    rows = timeline(payment(), [
        step(0, "sent", state="SENDING"), step(30, "answer", "unknown", "UNKNOWN"),
        step(32, "query", "not_found", "UNKNOWN", "34"), step(34, "query", "not_found", "UNKNOWN", "34"),
        step(93, "query", "success", "SUCCESS", "00"), step(94, "notification", "success", "", "00"),
    ])  # fmt: skip
    assert [row.band for row in rows] == [False, True, True, False, False]
    assert rows[2].count == 2
    assert (rows[2].start, rows[2].end) == (NOON + timedelta(seconds=32), NOON + timedelta(seconds=34))
    assert rows[3].lasted == timedelta(seconds=63)
    assert [row.seal for row in rows] == ["发", "?", "查", "查", "知"]


def test_rows_that_differ_are_never_folded() -> None:
    rows = timeline(payment("UNKNOWN"), [
        step(0, "query", "not_found", code="34"), step(1, "query", "accepted", code="05"),
        step(2, "query", "not_found", code="34"),
    ])  # fmt: skip
    assert [row.count for row in rows] == [1, 1, 1]


@pytest.mark.parametrize(("seconds", "zh", "en"), [
    (0, "0 秒", "0 s"), (41, "41 秒", "41 s"), (63, "1 分 3 秒", "1 min 3 s"), (3600, "1 小时", "1 h"),
    (7560, "2 小时 6 分", "2 h 6 min"), (90_000, "1 天 1 小时", "1 d 1 h"), (-5, "0 秒", "0 s"),
])  # fmt: skip
def test_a_length_of_time_is_said_in_its_two_largest_units(seconds: int, zh: str, en: str) -> None:
    assert Words("zh").span(timedelta(seconds=seconds)) == zh
    assert Words("en").span(timedelta(seconds=seconds)) == en


def test_times_are_said_in_beijing_time() -> None:
    evening = datetime(2026, 8, 31, 16, 30, tzinfo=UTC)
    assert Words("en").moment(evening) == "1 Sep 00:30"
    assert Words("zh").moment(evening) == "9-01 00:30"
    assert Words("zh").day(date(2026, 9, 1)) == "2026年9月1日 星期二"


@given(st.dictionaries(st.sampled_from([1003, 3011, 3012, 2321, 2322, 3014, 2361]), st.integers(0, 10**12)))
def test_both_stacks_share_one_scale_and_sum_to_the_same_total(balances: dict[int, int]) -> None:
    held = {(1, code): fen for code, fen in balances.items() if code in (1003, 3011, 3012)}
    owed = {(1, code): -fen for code, fen in balances.items() if code in (2321, 2322, 3014, 2361)}
    owed[1, 2361] = owed.get((1, 2361), 0) - (sum(held.values()) + sum(owed.values()))
    standing = held | owed
    assert difference(standing) == 0
    sides = [layers(standing, side) or [] for side in ("held", "owed")]
    assert sum(layer.fen for layer in sides[0]) == sum(layer.fen for layer in sides[1])
    for side in sides:
        assert all(layer.height >= 0 and layer.y + layer.height <= 150.5 for layer in side)


def test_every_final_state_is_one_that_the_table_names() -> None:
    assert frozenset({"SUCCESS", "FAILED", "REFUSED", "CLOSED"}) == FINAL
