"""Days that nobody thinks of when a demo is written are played to their end, and their books balance.

One of them is played each time; `ZHANGFANG_DRILL_SEEDS` asks for all of them.
"""

import os
from datetime import date, datetime, time

import pytest

from tests.drill.day import BANKS, play
from tests.drill.outcome import check_books
from zhangfang.channels.port import Operation, PartyAccount
from zhangfang.kernel.clock import CHINA
from zhangfang_demo.orders import DemoOrder

pytestmark = [pytest.mark.drill, pytest.mark.timeout(600)]

NO_FAULTS: dict[str, dict[str, float]] = {bank: {} for bank in BANKS}
DAYS = (  # date, hour, kind of all pay-ins, whether all of them are refunded, breaks that can be planted
    (date(2028, 2, 29), 9, Operation.COLLECTION, True, 3),
    (date(2026, 5, 30), 8, Operation.COLLECTION, False, 5),  # a Saturday
    (date(2026, 12, 31), 23, Operation.COLLECTION, False, 3),  # all of it after the cut-off
    (date(2026, 5, 26), 22, Operation.PURCHASE, False, 3),
)
PLAYED = DAYS if "ZHANGFANG_DRILL_SEEDS" in os.environ else DAYS[:1]


def orders(day: date, hour: int, kind: Operation, refunded: bool) -> list[DemoOrder]:
    """Return a small day: all of it in one hour."""
    account = PartyAccount("9900000000000000017", "王子涵") if kind is Operation.COLLECTION else None
    at = [datetime.combine(day, time(hour, minute), CHINA) for minute in (5, 25)]
    paid = [DemoOrder(f"O-{n}", "M001", kind, at[0], 100_00 + n, None, account) for n in range(4)]
    back = [DemoOrder(f"B-{n}", "M001", Operation.REFUND, at[1], 100_00 + n, f"O-{n}") for n in range(4)]
    return paid + back * refunded


@pytest.mark.parametrize(("day", "hour", "kind", "refunded", "breaks"), PLAYED, ids=str)
def test_an_odd_day_is_played_to_its_end(
    day: date, hour: int, kind: Operation, refunded: bool, breaks: int
) -> None:
    played = play(faults=NO_FAULTS, asked=orders(day, hour, kind, refunded))
    check_books(played.audit)
    assert len(played.outcome.breaks) == breaks
    assert {row[0] for row in played.outcome.orders.values()} == {"SUCCESS"}
