"""Where a line of a channel's file belongs: every placement, as a table."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest

from tests.placing import Ours, Placement, facts_of, missing_there, place, place_all
from zhangfang.channels.port import Operation
from zhangfang.payments import State
from zhangfang.reconciliation.placing import PLACES, decide
from zhangfang.reconciliation.rules import (
    BreakClass,
    NewBreak,
    settlement_differs,
    unknown_bank_line,
)

DAY = date(2026, 9, 1)
NOW = datetime(2026, 9, 1, tzinfo=UTC)
OURS, BREAK = UUID(int=256), UUID(int=512)


def intent(amount: int = 100, **other: Any) -> Ours:
    made: dict[str, Any] = {
        "id": OURS, "kind": Operation.COLLECTION, "merchant": "mer_1", "order_no": "A1", "idempotency_key": "A1",
        "request_digest": b"", "amount": amount, "fee": 1, "description": "", "channel": "up",
        "channel_order_no": "c1", "requested_at": NOW, "business_date": DAY, "template": "P2", "voucher": UUID(int=0),
        "undo_voucher": UUID(int=0), "state": State.SUCCESS, "created_at": NOW, "settle_date": DAY,
    }  # fmt: skip
    return Ours(**made | other)


def refund(amount: int = 100, **other: Any) -> Ours:
    return intent(amount, kind=Operation.REFUND, template="R1", **other)


def line(amount: int = 100, **other: Any) -> dict[str, Any]:
    made = {
        "line_no": 7,
        "settle_date": DAY,
        "order_no": "c1",
        "channel_ref": "Q1",
        "amount": amount,
        "credit": True,
        "operation": "collection",
    }
    return made | {"adjustment": False, "note": "M-1", "unread": "", "raw": ""} | other


def adjustment(signed: int, ref: str = "Q1") -> dict[str, Any]:
    return line(abs(signed), credit=signed > 0, adjustment=True, order_no="", channel_ref=ref)


def late(template: str) -> dict[tuple[str, str], dict[str, Any]]:
    return {("missing_there", "c1"): {"id": BREAK, "template": template, "intent": OURS}}


def differing(difference: int) -> dict[tuple[str, str], dict[str, Any]]:
    return {("amount_differs", "Q1"): {"id": BREAK, "difference": difference, "intent": OURS}}


def opened(kind: BreakClass, ours: int | None, theirs: int | None, template: str, **other: Any) -> NewBreak:
    key = "Q1" if kind is BreakClass.AMOUNT_DIFFERS else "Q1/2026-09-01/7"
    return NewBreak(kind, other.pop("key", key), other.pop("intent", OURS), ours, theirs, template, **other)


HERE, DIFFERS, TWICE = BreakClass.MISSING_HERE, BreakClass.AMOUNT_DIFFERS, BreakClass.DUPLICATE
NONE: dict[tuple[str, str], dict[str, Any]] = {}


@pytest.mark.parametrize(
    ("row", "ours", "breaks", "expected"),
    [
        pytest.param(line(), intent(), NONE, Placement("matched", OURS), id="the same amount"),
        pytest.param(line(credit=False), refund(), NONE, Placement("matched", OURS), id="a refund"),
        pytest.param(
            line(101), intent(), NONE, Placement("matched", OURS, opened(DIFFERS, 100, 101, "B1")),
            id="a pay-in of a fen more is a long item",
        ),
        pytest.param(
            line(98), intent(), NONE, Placement("matched", OURS, opened(DIFFERS, 100, 98, "B5-")),
            id="a pay-in of two fen less is a short item",
        ),
        pytest.param(
            line(101, credit=False), refund(), NONE, Placement("matched", OURS, opened(DIFFERS, -100, -101, "B5-")),
            id="a refund of which they took more is a short item",
        ),
        pytest.param(
            line(99, credit=False), refund(), NONE, Placement("matched", OURS, opened(DIFFERS, -100, -99, "B1")),
            id="a refund of which they took less is a long item",
        ),
        pytest.param(
            line(), None, NONE, Placement("break", opens=opened(HERE, None, 100, "B1", note="M-1", intent=None)),
            id="a pay-in that nobody asked for",
        ),
        pytest.param(
            line(credit=False), None, NONE,
            Placement("break", opens=opened(HERE, None, -100, "B5-", note="M-1", intent=None)),
            id="a refund that nobody asked for",
        ),
        pytest.param(
            line(), intent(state=State.FAILED), NONE,
            Placement("break", opens=opened(HERE, None, 100, "B1", note="ours is a collection, FAILED")),
            id="a pay-in that we hold failed",
        ),
        pytest.param(
            line(99), intent(state=State.MANUAL), NONE,
            Placement("break", opens=opened(HERE, None, 99, "B1", note="ours is a collection, MANUAL")),
            id="a pay-in that is still open, because the amount contradicts it",
        ),
        pytest.param(
            line(credit=False), intent(), NONE,
            Placement("break", opens=opened(HERE, None, -100, "B5-", note="ours is a collection, SUCCESS")),
            id="money that goes the other way",
        ),
        pytest.param(
            line(), intent(matched_on=date(2026, 8, 31)), NONE,
            Placement("break", opens=opened(TWICE, None, 100, "B1", note="listed on 2026-08-31 too")),
            id="a pay-in that an earlier file has listed",
        ),
        pytest.param(
            line(credit=False), refund(matched_on=DAY), NONE,
            Placement("break", opens=opened(TWICE, None, -100, "B5-", note="listed on 2026-09-01 too")),
            id="a refund that is listed twice",
        ),
        pytest.param(
            line(), intent(), late("B4"), Placement("late", OURS, None, BREAK, "B5"), id="a pay-in that came late"
        ),
        pytest.param(
            line(credit=False), refund(), late(""), Placement("late", OURS, None, BREAK, "S2"),
            id="a refund that came late",
        ),
        pytest.param(
            line(90), intent(), late("B4"),
            Placement("late", OURS, opened(DIFFERS, 100, 90, "B5-"), BREAK, "B5"),
            id="a pay-in that came late, and with another amount",
        ),
        pytest.param(
            adjustment(-1), None, differing(1), Placement("adjusted", OURS, None, BREAK, "mirror"),
            id="an adjustment of what was too much",
        ),
        pytest.param(
            adjustment(2), None, differing(-2), Placement("adjusted", OURS, None, BREAK, "mirror"),
            id="an adjustment of what was too little",
        ),
        pytest.param(
            adjustment(1), None, differing(1),
            Placement("break", opens=opened(HERE, None, 1, "B1", note="an adjustment of nothing we know", intent=None)),
            id="an adjustment that makes it worse",
        ),
        pytest.param(
            adjustment(-3), None, NONE,
            Placement(
                "break", opens=opened(HERE, None, -3, "B5-", note="an adjustment of nothing we know", intent=None)
            ),
            id="an adjustment of nothing",
        ),
    ],
)  # fmt: skip
def test_every_line_of_a_file_has_one_place(
    row: dict[str, Any], ours: Ours | None, breaks: dict[Any, Any], expected: Placement
) -> None:
    assert place(row, ours, breaks) == expected
    found = PLACES[decide(facts_of(row, ours, breaks))]
    opens = expected.opens.kind if expected.opens else ""
    assert (found.status, found.opens, found.cure) == (expected.status, opens, expected.cure)


def test_the_second_line_of_one_order_number_is_a_duplicate() -> None:
    rows = [line(), line(line_no=8)]
    first, second = place_all(rows, {"c1": intent()}, {})
    assert (first.status, first.opens) == ("matched", None)
    assert second.opens == opened(
        TWICE, None, 100, "B1", note="listed on 2026-09-01 too", key="Q1/2026-09-01/8"
    )


def test_one_break_is_cured_by_one_adjustment_only() -> None:
    first, second = place_all([adjustment(-1), adjustment(-1)], {}, differing(1))
    assert first.cures == BREAK
    assert second.opens is not None
    assert second.opens.theirs == -1


def test_what_no_line_shows_is_a_short_item_for_a_pay_in_and_stays_in_transit_for_a_refund() -> None:
    assert missing_there(intent()) == NewBreak(BreakClass.MISSING_THERE, "c1", OURS, 100, None, "B4")
    assert missing_there(refund()) == NewBreak(BreakClass.MISSING_THERE, "c1", OURS, -100, None, "")


@pytest.mark.parametrize(
    ("credit", "kind", "theirs", "template"),
    [(True, BreakClass.UNKNOWN_RECEIPT, 5, "X1"), (False, BreakClass.UNKNOWN_DEBIT, -5, "X2")],
)
def test_a_bank_line_without_explanation_is_unknown(
    credit: bool, kind: BreakClass, theirs: int, template: str
) -> None:
    row = {"credit": credit, "amount": 5, "sequence": "12", "text": "账户管理费"}
    assert unknown_bank_line(row) == NewBreak(kind, "12", None, None, theirs, template, "账户管理费")


@pytest.mark.parametrize(
    ("amount", "credit", "net", "template", "difference"),
    [
        (90, True, 100, "B5-", -10),
        (110, True, 100, "B1", 10),
        (50, False, 100, "B5-", -150),
        (5, True, -5, "B1", 10),
    ],
)
def test_a_settlement_of_another_amount_leaves_its_difference_in_suspense(
    amount: int, credit: bool, net: int, template: str, difference: int
) -> None:
    made = settlement_differs({"credit": credit, "amount": amount, "sequence": "9"}, DAY, net)
    assert (made.template, made.difference, made.note) == (template, difference, "settlement of 2026-09-01")
