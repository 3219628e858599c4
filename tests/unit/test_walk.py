"""The walk in the documents is the way that a collection really takes through the code."""

import re
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import zhangfang
from tests.clock import SetClock
from tests.mandates import sign
from tests.treasury import ACCOUNT, ALIAS, DAY, NEXT, Acquirer, Treasury, at, listed, treasury
from zhangfang.channels.port import Answer, Notification, Operation, Verdict
from zhangfang.closing.dayend import close_day
from zhangfang.kernel.ids import new_id
from zhangfang.payments import Request, State, accept, notified
from zhangfang.statements import release

SOURCE = Path(zhangfang.__path__[0])
PAGE = Path(__file__).parents[2] / "docs" / "concepts" / "walk.md"
WALK = re.findall(r"^\| \d+ \| .*?\| `([\w/]+\.py:\w+)` \|", PAGE.read_text("utf-8"), re.MULTILINE)


@dataclass
class Notifying(Acquirer):
    """A channel that accepts a collection and notifies of it later."""

    def notification(self, headers: Any, body: bytes) -> Notification:
        proof = Answer(Verdict.SUCCESS, amount=10_000, settle_date=DAY)
        return Notification(body.decode(), Operation.COLLECTION, proof)


@pytest.fixture
async def house(database_url: str, clock: SetClock) -> AsyncIterator[Treasury]:
    async with treasury(database_url, clock) as opened:
        yield opened


class Steps:
    """The functions of the walk in the order in which they are first met."""

    def __init__(self) -> None:
        self.met: list[str] = []

    def note(self, frame: FrameType, event: str, _: object) -> None:
        path = frame.f_code.co_filename
        if event == "call" and path.startswith(str(SOURCE)):
            name = f"{Path(path).relative_to(SOURCE).as_posix()}:{frame.f_code.co_name}"
            if name in WALK and name not in self.met:
                self.met.append(name)


async def test_a_collection_meets_the_functions_of_the_walk_in_their_order(house: Treasury) -> None:
    merchant = await house.merchant()
    await sign(house.desk, merchant.id, ACCOUNT)
    channel = Notifying(answer=Answer(Verdict.ACCEPTED))
    house.acquirer = house.desk.channels["unionpay"] = house.desk.acquirers["unionpay"] = channel  # type: ignore[index]
    desk, steps = house.desk, Steps()
    sys.setprofile(steps.note)
    try:
        wanted = Request(Operation.COLLECTION, "A1", 10_000, "A1", account=ACCOUNT)
        intent, _ = await accept(desk, merchant, wanted)
        await house.quiet()
        await notified(desk, channel, {}, intent.channel_order_no.encode())
        paid = await house.now(intent)
        assert paid.state is State.SUCCESS
        house.clock.set(at(NEXT, 9))
        await house.filed(DAY, [listed(1, paid)])
        await house.settled(DAY)
        await house.settle(NEXT)
        ids = (new_id(house.clock), new_id(house.clock))
        await close_day(desk.pool, desk.ledger, DAY, ("unionpay",), (ALIAS,), ids)
        house.clock.set(at(NEXT, 11, 30))
        assert await release(desk.pool, desk.clock, DAY)
    finally:
        sys.setprofile(None)
    assert len(WALK) == len(set(WALK)) > 12
    assert steps.met == WALK
