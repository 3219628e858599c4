"""The law of the unknown as a table: every state, every verdict."""

import hashlib
from dataclasses import replace
from datetime import date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhangfang.channels.cmb import Cmb
from zhangfang.channels.port import DEFINITE, MOVED, Answer, Operation, Rules, Verdict
from zhangfang.channels.unionpay import UnionPay
from zhangfang.kernel.clock import CHINA
from zhangfang.payments import FINAL, OPEN, Intent, State
from zhangfang.payments.course.proof import whole
from zhangfang.payments.course.rules import MANUAL_WAIT, NOT_SENT_WAIT, Decision, decide

NOW = datetime(2026, 9, 1, 10, tzinfo=CHINA)
WAITS = tuple(timedelta(seconds=s) for s in (1, 2, 4))
RULES = Rules(WAITS, 3)
INTENT = Intent(
    id=UUID(int=1),
    kind=Operation.COLLECTION,
    merchant="mer_1",
    order_no="A1",
    idempotency_key="A1",
    request_digest=hashlib.sha256(b"").digest(),
    amount=1000,
    fee=6,
    description="",
    channel="unionpay",
    channel_order_no="0" * 32,
    requested_at=NOW,
    business_date=date(2026, 9, 1),
    template="P2",
    voucher=UUID(int=2),
    undo_voucher=UUID(int=3),
    state=State.SENDING,
    created_at=NOW,
)

# The state that an answer to a query leads to, in the order of VERDICTS; "!" is a contradiction, "=" no change.
VERDICTS = ("success", "failed", "returned", "accepted", "unknown", "not_found", "not_sent", "manual")
TABLE = """
CREATED     SUCCESS  FAILED  SUCCESS  =         =        =        =        =
PARKED      SUCCESS  FAILED  SUCCESS  =         =        =        =        =
REDIRECTED  SUCCESS  FAILED  SUCCESS  =         =        =        =        MANUAL
SENDING     SUCCESS  FAILED  SUCCESS  ACCEPTED  UNKNOWN  UNKNOWN  UNKNOWN  MANUAL
ACCEPTED    SUCCESS  FAILED  SUCCESS  =         =        UNKNOWN  =        MANUAL
UNKNOWN     SUCCESS  FAILED  SUCCESS  =         =        =        =        MANUAL
MANUAL      SUCCESS  FAILED  SUCCESS  =         =        =        =        =
SUCCESS     =        !       =        =         =        =        =        =
FAILED      !        =       !        =         =        =        =        =
REFUSED     !        =       !        =         =        =        =        =
CLOSED      !        =       !        =         =        =        =        =
"""
ROWS = [line.split() for line in TABLE.strip().splitlines()]
CELLS = [(State(row[0]), Verdict(v), cell) for row in ROWS for v, cell in zip(VERDICTS, row[1:], strict=True)]


def weighed(
    verdict: Verdict, *, amount: int | None = None, asked: bool = True, same_day: bool = True, **held: object
) -> Decision:
    rules = RULES
    intent = replace(INTENT, **held)  # type: ignore[arg-type]
    return decide(intent, verdict, amount, rules, asked=asked, now=NOW, same_day=same_day)


def test_the_table_has_every_state_and_every_verdict() -> None:
    assert {(state, verdict) for state, verdict, _ in CELLS} == {(s, v) for s in State for v in Verdict}


@pytest.mark.parametrize(("state", "verdict", "cell"), CELLS)
def test_each_verdict_of_a_query_leads_each_state_where_the_table_says(
    state: State, verdict: Verdict, cell: str
) -> None:
    made = weighed(verdict, state=state)
    assert made.state is (state if cell in "=!" else State(cell))
    assert made.contradiction is (cell == "!")
    assert made.final is (made.state in FINAL)
    assert (made.wait is None) is made.final, "an open intent is looked at again, a final one is not"


@pytest.mark.parametrize("state", sorted(OPEN))
@pytest.mark.parametrize("verdict", [v for v in Verdict if v not in ("success", "failed", "returned")])
@pytest.mark.parametrize("asked", [True, False])
def test_nothing_but_a_definite_verdict_ends_an_intent(state: State, verdict: Verdict, asked: bool) -> None:
    assert not weighed(verdict, state=state, asked=asked, not_found=99, queries=99).final


def test_only_the_answer_to_the_sending_itself_proves_that_nothing_left() -> None:
    made = weighed(Verdict.NOT_SENT, asked=False)
    assert (made.state, made.wait) == (State.CREATED, NOT_SENT_WAIT)
    assert weighed(Verdict.NOT_SENT, asked=True).state is State.UNKNOWN
    assert weighed(Verdict.NOT_SENT, asked=False, state=State.UNKNOWN).state is State.UNKNOWN


@pytest.mark.parametrize("verdict", sorted(DEFINITE))
@pytest.mark.parametrize("amount", [999, 1001, 1, 0])
@pytest.mark.parametrize("state", sorted(OPEN))
def test_definite_evidence_of_another_amount_goes_to_people_and_moves_nothing(
    verdict: Verdict, amount: int, state: State
) -> None:
    made = weighed(verdict, amount=amount, state=state)
    assert (made.state, made.wait, made.amount_differs) == (State.MANUAL, MANUAL_WAIT, True)


@pytest.mark.parametrize("state", sorted(FINAL))
@pytest.mark.parametrize("verdict", sorted(DEFINITE))
def test_money_of_another_amount_contradicts_every_final_state(state: State, verdict: Verdict) -> None:
    made = weighed(verdict, amount=1, state=state)
    same = weighed(verdict, amount=1000, state=state)
    assert made.state is state
    assert made.contradiction is (verdict in MOVED or same.contradiction)


def test_a_failure_need_not_name_an_amount() -> None:
    assert weighed(Verdict.FAILED, amount=None).state is State.FAILED
    assert weighed(Verdict.SUCCESS, amount=1000).state is State.SUCCESS


DAYS_OFF = st.one_of(st.none(), st.integers(-500, 500))


@given(
    verdict=st.sampled_from(sorted(Verdict)),
    state=st.sampled_from(sorted(State)),
    kind=st.sampled_from(sorted(Operation)),
    amount=st.one_of(st.none(), st.just(1000), st.integers(0, 2000)),
    day=DAYS_OFF,
    seconds=st.one_of(st.none(), st.just(0), st.integers(-3, 3)),
    lacks=st.sampled_from(["", "currencyCode: missing"]),
    waited=st.integers(0, 800),
)
def test_money_moves_only_by_evidence_that_is_whole(
    verdict: Verdict,
    state: State,
    kind: Operation,
    amount: int | None,
    day: int | None,
    seconds: int | None,
    lacks: str,
    waited: int,
) -> None:
    now = NOW + timedelta(days=waited)
    settled = NOW.date() + timedelta(days=day) if day is not None else None
    moment = NOW + timedelta(seconds=seconds) if seconds is not None else None
    answer = Answer(verdict, amount=amount, settle_date=settled, requested_at=moment, lacks=lacks)
    intent = replace(INTENT, kind=kind, state=state)
    read = whole(intent, answer, now)
    made = decide(intent, read.verdict, read.amount, RULES, asked=True, now=now, same_day=True)
    if state in OPEN and made.final:
        assert verdict in DEFINITE
        assert seconds in (None, 0), "it is about this order"
        assert amount in (None, 1000)
        if made.state is State.SUCCESS:
            assert (amount, lacks) == (1000, "")
            assert day is None or -1 <= day <= waited + 10
            assert verdict is Verdict.SUCCESS or kind is Operation.PAYOUT
    good = amount == 1000 and not lacks and seconds in (None, 0) and (day is None or 0 <= day <= waited)
    if verdict is Verdict.SUCCESS and good and state in OPEN:
        assert made.state is State.SUCCESS, "and nothing that is whole is refused"


@pytest.mark.parametrize(
    ("kind", "end"),
    [
        (Operation.PURCHASE, State.CLOSED),
        (Operation.COLLECTION, State.FAILED),
        (Operation.REFUND, State.FAILED),
        (Operation.VOID, State.FAILED),
        (Operation.PAYOUT, State.FAILED),
    ],
)
@pytest.mark.parametrize("state", sorted(OPEN - {State.CREATED}))
def test_absence_from_every_file_and_then_not_found_is_evidence(
    kind: Operation, end: State, state: State
) -> None:
    made = weighed(Verdict.NOT_FOUND, kind=kind, state=state, absent_since=NOW)
    assert (made.state, made.resend) == (end, False)


def test_absence_alone_is_no_evidence() -> None:
    for verdict in (Verdict.UNKNOWN, Verdict.ACCEPTED, Verdict.NOT_SENT, Verdict.MANUAL):
        assert not weighed(verdict, state=State.UNKNOWN, absent_since=NOW).final


def test_not_found_counts_only_from_a_query_after_the_files() -> None:
    assert not weighed(Verdict.NOT_FOUND, asked=False, absent_since=NOW).final
    assert not weighed(Verdict.NOT_FOUND, absent_since=NOW + timedelta(seconds=1)).final
    assert not weighed(Verdict.NOT_FOUND, absent_since=None).final


def test_the_same_message_is_sent_again_after_as_many_not_founds_as_the_channel_says() -> None:
    several = [weighed(Verdict.NOT_FOUND, state=State.UNKNOWN, not_found=n).resend for n in range(5)]
    assert several == [False, False, True, True, True]


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"state": State.MANUAL}, "people are asking"),
        ({"state": State.REDIRECTED}, "the payer's browser sends, not we"),
        ({"same_day": False}, "it would be booked on another day"),
        ({"asked": False}, "only a query says what the channel does not know"),
        ({"absent_since": NOW}, "it ends"),
    ],
)
def test_nothing_is_sent_again_when(other: dict[str, object], why: str) -> None:
    held: dict[str, object] = {"state": State.UNKNOWN, "not_found": 9} | other
    assert not weighed(Verdict.NOT_FOUND, **held).resend, why  # type: ignore[arg-type]


def test_a_channel_that_forbids_it_is_never_sent_anything_twice() -> None:
    intent = replace(INTENT, state=State.UNKNOWN, not_found=99)
    made = decide(intent, Verdict.NOT_FOUND, None, Rules(WAITS, None), asked=True, now=NOW, same_day=True)
    assert not made.resend


def test_waits_are_the_channel_s_own_and_the_last_one_is_repeated() -> None:
    assert weighed(Verdict.ACCEPTED, asked=False, queries=0).wait == WAITS[0]
    asked = [weighed(Verdict.UNKNOWN, queries=n).wait for n in range(4)]
    assert asked == [WAITS[1], WAITS[2], WAITS[2], WAITS[2]]


def test_the_channels_own_rules_are_what_their_documents_say() -> None:
    assert UnionPay.rules[Operation.PURCHASE].resend_after_not_found is None
    assert Cmb.rules[Operation.PAYOUT].query_after[0] == timedelta(minutes=5)
    assert Cmb.rules[Operation.PAYOUT].resend_after_not_found == 1
