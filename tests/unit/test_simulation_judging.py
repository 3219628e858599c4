"""What the simulator takes for a breach of the law, and what it has to leave alone for some days."""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from zhangfang.kernel.clock import CHINA
from zhangfang.payments import PLATFORM
from zhangfang_drill.law import judging
from zhangfang_drill.law.judging import Found
from zhangfang_drill.law.movements import Movement, Truth

DAY = date(2026, 9, 1)
NIGHT = datetime(2026, 9, 1, 22, 45, tzinfo=CHINA)
ROW = {
    "id": UUID(int=1), "order_no": "A1", "merchant": "m", "channel": "unionpay", "channel_order_no": "c1",
    "kind": "payout", "amount": 100, "state": "SUCCESS", "created_at": NIGHT - timedelta(hours=5),
    "returned_at": None, "business_date": DAY,
}  # fmt: skip


def truth(**changes: Any) -> Truth:
    """Return a book of UnionPay with the one order, done on the first of September."""
    usual: dict[str, Any] = {
        "bank": "unionpay", "seq": 1, "key": "A1", "order_no": "c1", "operation": "payout", "amount": 100,
        "state": "SUCCESS", "settle_date": "2026-09-01", "original": "", "fee": 0, "paid_in": "", "back_in": "",
    }  # fmt: skip
    movement = Movement(**(usual | changes))
    return Truth({(movement.bank, movement.order_no): movement})


def judged(book: Truth, *, evidence: Any = None, closed: datetime = NIGHT, **row: Any) -> list[int]:
    """Return the rules that the order has broken."""
    found = Found()
    judging.judge(found, book, ROW | row, evidence, closed)
    return [one.rule for one in found.violations]


def test_success_here_and_there_is_right_and_success_here_alone_breaks_rule_2() -> None:
    assert judged(truth()) == []
    assert judged(truth(state="FAILED")) == [2]
    assert judged(Truth()) == [2]
    assert judged(truth(bank="cmb", state="PENDING"), channel="cmb") == []  # its debit is on the statement
    assert judged(truth(bank="cmb", state="PENDING", settle_date=""), channel="cmb") == [2]


def test_a_failure_of_what_the_bank_has_done_needs_the_banks_own_word() -> None:
    silence, word, absence = (
        {"failed": failed, "absent": absent}
        for failed, absent in ((False, False), (True, False), (False, True))
    )
    assert judged(truth(), state="FAILED", evidence=silence) == [2]
    assert judged(truth(), state="FAILED", evidence=absence) == [3]
    assert judged(truth(), state="FAILED", evidence=word) == []


@pytest.mark.parametrize(
    ("state", "movement"), [("MANUAL", "SUCCESS"), ("PARKED", "FAILED"), ("REDIRECTED", "PENDING")]
)
def test_who_waits_for_people_or_for_the_payer_has_a_reason(state: str, movement: str) -> None:
    assert judged(truth(state=movement), state=state, closed=NIGHT + timedelta(days=9)) == []


def test_an_order_that_only_a_late_line_will_show_is_left_for_three_days() -> None:
    late = [judged(truth(), state="UNKNOWN", closed=NIGHT + timedelta(days=days)) for days in range(5)]
    assert late == [[], [], [], [2], [2]]
    assert judged(truth(state="FAILED", settle_date=""), state="UNKNOWN") == [2]


def test_a_bank_whose_statement_shows_every_payout_at_once_is_never_late() -> None:
    book = truth(bank="cmb")
    assert judged(book, state="UNKNOWN", channel="cmb") == [2]
    assert judged(book, state="UNKNOWN", channel="cmb", created_at=NIGHT + timedelta(minutes=1)) == []


def test_a_payout_that_has_come_back_is_the_banks_secret_until_its_file_tells() -> None:
    def back(told: str, returned_at: datetime | None = None, **row: Any) -> tuple[set[str], list[int]]:
        found, book = Found(), truth(state="RETURNED", back_in=told)
        channels = judging.coming_back(found, book, [ROW | {"returned_at": returned_at} | row], DAY)
        return channels, [one.rule for one in found.violations]

    assert back("") == ({"unionpay"}, [])
    assert back("2026-09-02") == ({"unionpay"}, [])
    assert back("2026-09-01") == (set(), [5])
    assert back("2026-09-01", NIGHT) == (set(), [])
    assert back("2026-09-01", state="FAILED") == (set(), [])


def test_a_debit_that_the_bank_made_up_is_its_secret_until_it_is_paid() -> None:
    def secret(**changes: str) -> set[str]:
        return judging.made_up(truth(**({"operation": "purchase"} | changes)))

    assert secret() == set()
    assert secret(key="extra-A1") == secret(key="") == {"unionpay"}
    assert secret(key="extra-A1", paid_in="2026-09-01") == set()
    assert secret(key="", operation="void") == set()


def test_two_debits_that_stand_break_rule_6_and_one_that_was_given_back_does_not() -> None:
    def twice(*given_back: int) -> list[int]:
        book = truth(operation="collection")
        for n, amount in enumerate((100, *given_back)):
            kind = "refund" if n else "collection"
            more = truth(order_no=f"d{n}", operation=kind, amount=amount, original="d0" if n else "")
            book.of |= more.of
        stored = dict.fromkeys(book.of, ROW)
        found = Found()
        judging.debited_once(found, book, stored)
        return [one.rule for one in found.violations]

    assert twice() == [6]
    assert twice(99) == [6]
    assert twice(100) == []


def test_an_order_that_the_bank_made_up_is_nobodys_even_when_people_have_filled_it_in() -> None:
    def rules(key: str, amount: int) -> list[int]:
        found = Found()
        stored = {("unionpay", "c1"): ROW | {"kind": "collection", "amount": amount}}
        judging.known(found, truth(key=key, operation="purchase"), stored)
        return [one.rule for one in found.violations]

    assert rules("extra-A1", 101) == []
    assert rules("A1", 100) == [4]


def test_what_a_break_gives_back_to_its_payer_is_no_merchants_money() -> None:
    given_back = ROW | {"kind": "refund", "fee": 0, "booked": True}
    assert judging.claim(given_back) == -100
    assert judging.claim(given_back | {"merchant": PLATFORM}) == 0
