"""Long silence: whatever was left open for 40, 70 or 400 days ends in each way, and its money goes where it belongs.

Every id that a step books with was stored when the thing began; the ledger has to take it whenever the step falls due.
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.clock import SetClock
from tests.desk import PAYER, Shop, open_shop
from tests.people import LIN, WANG, seen
from tests.routing import CLASS_2, ROW, bring_live, table
from tests.treasury import DAY, Treasury, at, listed, stray, treasury
from zhangfang.channels.port import Answer, Operation, Verdict
from zhangfang.kernel.driver import run_due
from zhangfang.payments import (
    Outcome,
    State,
    StepKind,
    approve_outcome,
    intent_job,
    propose_outcome,
    refuse_parked,
    weigh,
)
from zhangfang.reconciliation import approve, finish_returns, propose
from zhangfang.routing import Kind

DAYS = [40, 70, 400]
COMPANY = replace(PAYER, medium="corporate", class_=CLASS_2.class_)
START = 1_000_000  # fen available for payouts


@pytest.fixture
async def shop(database_url: str, tmp_path: Path, clock: SetClock) -> AsyncIterator[Shop]:
    async with open_shop(database_url, tmp_path, clock) as opened:
        yield opened


@pytest.fixture
async def house(database_url: str, clock: SetClock) -> AsyncIterator[Treasury]:
    async with treasury(database_url, clock) as made:
        yield made


@pytest.mark.parametrize("days", DAYS)
async def test_payments_left_open_end_in_each_way(shop: Shop, days: int) -> None:
    """Of each kind one ends in success, one in failure; evidence comes from the channel, or from two people."""
    merchant = await shop.merchant(START)
    paid = await shop.ask(merchant, Operation.COLLECTION, "A0", 90_000)
    await shop.settle_down()
    lost = ["lost_request"]
    shop.unionpay.on_send |= {name: list(lost) for name in ("A1", "A2", "R1", "R2")}
    shop.cmb.on_send |= {name: list(lost) for name in ("O1", "O2", "O3")}
    made = {
        **{name: await shop.ask(merchant, Operation.COLLECTION, name, 1000) for name in ("A1", "A2")},
        **{name: await shop.ask(merchant, Operation.PURCHASE, name, 1000) for name in ("P1", "P2")},
        **{
            name: await shop.ask(merchant, Operation.REFUND, name, 500, original=paid.id)
            for name in ("R1", "R2")
        },
        **{name: await shop.ask(merchant, Operation.PAYOUT, name, 5000) for name in ("O1", "O2", "O3")},
    }
    before = await shop.balances(merchant.id)
    shop.clock.advance(days=days)
    for name, one in made.items():
        good = not name.endswith("2")
        answer = Answer(Verdict.SUCCESS if good else Verdict.FAILED, "00", amount=one.amount)
        now = await shop.reload(one)
        if one.kind in (Operation.COLLECTION, Operation.PAYOUT):
            await _by_two(shop, now.id, good=good)
        else:
            await weigh(shop.desk, now, StepKind.NOTIFICATION, answer)
        assert (await shop.reload(one)).state is (State.SUCCESS if good else State.FAILED)
    await weigh(
        shop.desk, await shop.reload(made["O3"]), StepKind.QUERY, Answer(Verdict.RETURNED, amount=5000)
    )
    after = await shop.balances(merchant.id)
    fee = paid.fee * 500 // paid.amount
    assert after[2321] - before[2321] == 2 * (1000 - 6) + 500 - fee, "two pay-ins, and one refund that failed"
    assert after[2322] - before[2322] == 5050 + 5000, "a payout that failed, and one that came back"
    assert (after[3013], after[3015]) == (500, 5000)


async def _by_two(shop: Shop, id_: object, *, good: bool) -> None:
    intent = await shop.desk.journal.by_id(id_)  # type: ignore[arg-type]
    assert intent is not None
    today = shop.clock.now().date()
    said = (intent.amount, today, "ref1") if good else (None, None, "")
    outcome = Outcome(State.SUCCESS if good else State.FAILED, "the bank says so", "letter 7", *said)
    proposal = await propose_outcome(shop.desk.pool, shop.clock, intent.id, outcome, LIN)
    await approve_outcome(shop.desk, *await seen(shop.desk.pool, proposal), WANG)


@pytest.mark.parametrize("days", DAYS)
async def test_parked_payouts_and_returns_end_in_each_way(shop: Shop, days: int) -> None:
    merchant = await shop.merchant(START)
    ended, released = [
        await shop.ask(merchant, Operation.PAYOUT, name, 5000, account=COMPANY) for name in ("K1", "K2")
    ]
    sent = await shop.ask(merchant, Operation.PAYOUT, "O1", 5000)
    await weigh(shop.desk, sent, StepKind.QUERY, Answer(Verdict.SUCCESS, amount=5000))
    assert (await shop.balances(merchant.id))[2322] == START - 3 * 5050
    shop.clock.advance(days=days)
    await refuse_parked(shop.desk, ended.id, LIN, "the bank will never take it", 10**9)
    assert (await shop.reload(ended)).state is State.REFUSED
    await bring_live(shop.desk.pool, shop.clock, Kind.ACCOUNT_TYPES, await table(shop.desk.pool, extra=[ROW]))
    await shop.desk.gate.router.refresh()
    await shop.settle_down()
    assert (await shop.reload(released)).state is State.SUCCESS
    await weigh(
        shop.desk, await shop.reload(sent), StepKind.NOTIFICATION, Answer(Verdict.RETURNED, amount=5000)
    )
    assert (await shop.reload(sent)).returned_at == shop.clock.now()
    assert (await shop.balances(merchant.id))[2322] == START - 5050 - 50, "one is paid; of the other its fee"


@pytest.mark.parametrize("days", DAYS)
async def test_breaks_left_open_are_cured_in_each_way(house: Treasury, days: int) -> None:
    merchant = await house.merchant()
    lost = [await house.paid(merchant, 700), await house.paid(merchant, 300)]
    strays = [stray(n, 100 * n, note=f"S{n}") for n in (1, 2, 3)]
    await house.filed(DAY, strays)
    await house.settled(DAY)
    house.on_bank(50, text="汇错款")
    await house.read()
    open_ = {row["theirs"] or -row["ours"]: row for row in await house.breaks()}
    assert len(open_) == 6
    later = DAY + timedelta(days=days)
    house.clock.set(at(later, 15))
    house.acquirer.answer = Answer(Verdict.SUCCESS, settle_date=later)
    for theirs, cure in ((100, "B2"), (200, "B3"), (300, "B8"), (-700, "B7")):
        id_ = open_[theirs]["id"]
        made = await propose(
            house.pool, house.clock, house.desk.journal, id_, cure, LIN, merchant=merchant.id
        )
        await approve(house.desk, *await seen(house.pool, made), WANG)
    house.on_bank(-50, text="汇错款", reversal=True, day=later)  # the bank takes its mistake back
    await house.read()
    await house.filed(later, [listed(1, lost[1])])  # and the file lists a payment late
    await run_due(house.pool, house.clock.now(), intent_job(house.desk))  # it sends the refund of B3
    await house.pool.execute("UPDATE intent SET lease_until = NULL")
    house.clock.advance(minutes=5)
    await run_due(house.pool, house.clock.now(), intent_job(house.desk))
    assert await finish_returns(house.pool, house.clock) == 1
    assert [row for row in await house.breaks() if row["cleared_at"] is None] == []
    assert await house.balances(2351, 1242, 2352, 3013) == (0, 0, 0, -200)
