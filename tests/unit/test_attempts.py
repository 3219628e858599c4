"""Another attempt: only where nothing was sent or after a definite failure, with numbers of its own, and paid once."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.clock import SetClock
from tests.desk import PAYER, Shop, open_shop
from tests.mandates import sign
from tests.people import LIN, WANG
from tests.routing import CLASS_2, ROW, bring_live, table
from tests.treasury import Cut, cut_off
from zhangfang import approvals
from zhangfang.assembly.proposals import approve
from zhangfang.channels.port import Answer, Operation, PartyAccount, Verdict
from zhangfang.ledger import Book, account_id
from zhangfang.mandates import MandateLimit
from zhangfang.merchants import Merchant
from zhangfang.payments import (
    Desk,
    Intent,
    NotAllowed,
    OperationStopped,
    Request,
    State,
    StepKind,
    accept,
    notified,
    parked,
    refuse_parked,
    weigh,
)
from zhangfang.payments.course import steps
from zhangfang.payments.course.ending import conclude
from zhangfang.routing import Kind

COMPANY = PartyAccount(
    "9550880012345678", "青禾置业", "corporate", class_=CLASS_2.class_, id_no="91330106MA00000000"
)
CLOSED = Answer(Verdict.FAILED, "05", "closed at this hour", elsewhere=True)


@pytest.fixture
async def shop(database_url: str, tmp_path: Path, clock: SetClock) -> AsyncIterator[Shop]:
    async with open_shop(database_url, tmp_path, clock) as opened:
        yield opened


async def earlier(shop: Shop, intent: Intent) -> list[tuple[Any, ...]]:
    sql = "SELECT number, channel, channel_order_no, sent FROM attempt WHERE intent = $1 ORDER BY number"
    return [tuple(row) for row in await shop.desk.pool.fetch(sql, intent.id)]


async def in_transit(shop: Shop, channel: str) -> int:
    """Return what lies in 3014 of a channel, in fen."""
    id_ = account_id(Book.CUSTOMERS, 3014, channel)
    held = (await shop.desk.ledger.account_balances([id_]))[id_]
    return held.credits + held.credits_pending - held.debits - held.debits_pending


async def stop(shop: Shop, channel: str) -> None:
    sql = "INSERT INTO channel_stop VALUES ($1, 'payout', 'drill', 'lin', now())"
    await shop.desk.pool.execute(sql, channel)
    shop.desk.gate._stops_read = 0.0


async def test_what_the_channel_itself_will_not_do_goes_by_another_under_new_numbers_and_is_paid_once(
    shop: Shop,
) -> None:
    merchant = await shop.merchant(100_000)
    shop.cmb.on_send["A1"] = ["not_here"]
    first = await shop.ask(merchant, Operation.PAYOUT, "A1", 5_000)
    assert (first.state, first.channel, first.attempt) == (State.CREATED, "unionpay", 2)
    await shop.settle_down()
    paid = await shop.reload(first)
    (old,) = await earlier(shop, first)
    assert (paid.state, paid.channel) == (State.SUCCESS, "unionpay")
    assert (old[0], old[1], old[3]) == (1, "cmb", True)
    assert old[2] != paid.channel_order_no
    assert shop.unionpay.debits[Operation.PAYOUT, "A1"] == 1
    assert not shop.cmb.debits[Operation.PAYOUT, "A1"]
    assert (await in_transit(shop, "cmb"), await in_transit(shop, "unionpay")) == (0, 5_000)
    assert (await shop.balances(merchant.id))[2322] == 100_000 - 5_050


async def test_where_no_channel_is_left_the_definite_failure_ends_it_and_the_money_is_back(
    shop: Shop,
) -> None:
    merchant = await shop.merchant(100_000)
    shop.cmb.on_send["A1"] = ["not_here"]
    shop.unionpay.on_send["A1"] = ["not_here"]
    payout = await shop.ask(merchant, Operation.PAYOUT, "A1", 5_000)
    await shop.settle_down()
    payout = await shop.reload(payout)
    assert (payout.state, payout.attempt) == (State.FAILED, 2)
    assert (await in_transit(shop, "cmb"), await in_transit(shop, "unionpay")) == (0, 0)
    assert (await shop.balances(merchant.id))[2322] == 100_000


async def test_a_failure_that_is_the_payees_own_goes_nowhere_else(shop: Shop) -> None:
    merchant = await shop.merchant(100_000)
    shop.cmb.on_send["A1"] = ["decline"]
    payout = await shop.ask(merchant, Operation.PAYOUT, "A1", 5_000)
    assert (payout.state, payout.attempt) == (State.FAILED, 1)


async def test_an_unknown_outcome_goes_nowhere_else_however_long_it_takes(shop: Shop) -> None:
    merchant = await shop.merchant(100_000)
    shop.cmb.on_send["A1"] = ["lost_answer"]
    shop.cmb.on_query["A1"] = ["no_answer"] * 5
    payout = await shop.ask(merchant, Operation.PAYOUT, "A1", 5_000)
    await stop(shop, "cmb")
    for _ in range(5):
        shop.clock.advance(hours=1)
        await shop.forget_leases()
        await shop.drive()
        payout = await shop.reload(payout)
        assert (payout.state, payout.attempt, payout.channel) == (State.UNKNOWN, 1, "cmb")
    assert not shop.unionpay.debits


async def test_what_has_not_left_goes_by_another_channel_when_its_own_is_stopped(shop: Shop) -> None:
    merchant = await shop.merchant(100_000)
    shop.cmb.on_send["A1"] = ["not_sent"]
    payout = await shop.ask(merchant, Operation.PAYOUT, "A1", 5_000)
    assert payout.state is State.CREATED
    await stop(shop, "cmb")
    await shop.settle_down()
    payout = await shop.reload(payout)
    assert (payout.state, payout.channel) == (State.SUCCESS, "unionpay")
    assert [(row[1], row[3]) for row in await earlier(shop, payout)] == [("cmb", False)]
    assert (await in_transit(shop, "cmb"), await in_transit(shop, "unionpay")) == (0, 5_000)


async def test_a_channel_that_it_left_without_being_heard_is_waited_for_when_the_other_will_not_do_it(
    shop: Shop,
) -> None:
    merchant = await shop.merchant(100_000)
    shop.cmb.on_send["A1"] = ["not_sent"]
    shop.unionpay.on_send["A1"] = ["not_here"]
    payout = await shop.ask(merchant, Operation.PAYOUT, "A1", 5_000)
    await stop(shop, "cmb")
    await shop.settle_down(8)
    payout = await shop.reload(payout)
    assert (payout.state, payout.channel, payout.attempt) == (State.CREATED, "cmb", 3)
    await shop.desk.pool.execute("DELETE FROM channel_stop")
    shop.desk.gate._stops_read = 0.0
    await shop.settle_down()
    payout = await shop.reload(payout)
    assert (payout.state, payout.channel) == (State.SUCCESS, "cmb")
    assert [(row[1], row[3]) for row in await earlier(shop, payout)] == [("cmb", False), ("unionpay", True)]
    assert (await in_transit(shop, "cmb"), await in_transit(shop, "unionpay")) == (5_000, 0)


async def test_evidence_about_an_attempt_that_had_ended_moves_nothing_and_is_kept(shop: Shop) -> None:
    merchant = await shop.merchant(100_000)
    shop.unionpay.on_send["A1"] = ["pending"]
    shop.cmb.on_send["A1"] = ["lost_answer"]
    before = await shop.ask(merchant, Operation.PAYOUT, "A1", 5_000)
    await weigh(shop.desk, before, StepKind.QUERY, CLOSED)
    await weigh(shop.desk, before, StepKind.QUERY, Answer(Verdict.SUCCESS, "00", amount=5_000))
    body = shop.cmb.message(before.channel_order_no)
    await notified(shop.desk, shop.cmb, {}, body)
    now = await shop.reload(before)
    assert (now.state, now.attempt, now.channel) == (State.CREATED, 2, "unionpay")
    said = [
        step.verdict for step in await shop.desk.journal.steps(now.id) if step.kind is StepKind.NOTIFICATION
    ]
    assert said == ["success"]
    assert (await in_transit(shop, "cmb"), await in_transit(shop, "unionpay")) == (0, 0)


async def test_the_ledger_is_asked_while_no_connection_is_held_and_one_connection_is_enough(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure, a refusal, another attempt: each gives money back, and none of them waits under a row's lock."""
    merchant = await shop.merchant(100_000)
    made = [
        await shop.ask(merchant, Operation.PAYOUT, f"P{n}", 5_000, account=COMPANY if n == 2 else PAYER)
        for n in range(3)
    ]
    shop.cmb.on_send["P3"] = ["not_sent"]
    made.append(await shop.ask(merchant, Operation.PAYOUT, "P3", 5_000))
    pool = await asyncpg.create_pool(shop.url, min_size=1, max_size=1)
    desk = Desk(pool, shop.desk.ledger, shop.desk.channels, shop.desk.vault, shop.clock)
    ask = shop.desk.ledger.create_transfers
    asked: list[int] = []

    async def watched(transfers: Any) -> Any:
        asked.append(pool.get_size() - pool.get_idle_size())
        return await ask(transfers)

    monkeypatch.setattr(shop.desk.ledger, "create_transfers", watched)
    async with asyncio.timeout(60):  # a second connection would never come
        await weigh(desk, made[0], StepKind.QUERY, Answer(Verdict.FAILED, "64"))
        await weigh(desk, made[1], StepKind.QUERY, CLOSED)
        await refuse_parked(desk, made[2].id, LIN, "the bank does not take it", 10**9)
        await stop(shop, "cmb")
        desk.gate._stops_read = 0.0
        await steps.advance(desk, await shop.reload(made[3]))
        await desk.gate.router.close()
        await pool.close()
    assert asked
    assert set(asked) == {0}
    ended = [(one.state, one.attempt) for one in [await shop.reload(one) for one in made]]
    assert ended == [(State.FAILED, 1), (State.CREATED, 2), (State.REFUSED, 1), (State.CREATED, 2)]
    assert (await shop.balances(merchant.id))[2322] == 100_000


@pytest.mark.parametrize("after", range(4))
async def test_an_ending_that_is_cut_off_anywhere_is_finished_and_no_evidence_comes_between(
    shop: Shop, after: int
) -> None:
    merchant = await shop.merchant(100_000)
    payout = await shop.ask(merchant, Operation.PAYOUT, "A1", 5_000)
    with contextlib.suppress(Cut):
        await weigh(cut_off(shop.desk, after), payout, StepKind.QUERY, Answer(Verdict.FAILED, "64"))
    begun = (await shop.reload(payout)).ending is not None
    ended = (await shop.reload(payout)).state is State.FAILED
    await weigh(
        shop.desk, await shop.reload(payout), StepKind.NOTIFICATION, Answer(Verdict.SUCCESS, amount=5_000)
    )
    now = await shop.reload(payout)
    assert now.ending is None
    assert now.state is (State.FAILED if begun or ended else State.SUCCESS)
    given_back = now.state is State.FAILED
    assert (await shop.balances(merchant.id))[2322] == 100_000 - (0 if given_back else 5_050)
    breaks = await shop.desk.pool.fetchval("SELECT count(*) FROM break")
    assert breaks == given_back, "a success after a failure is a contradiction"


async def test_two_answers_that_send_it_elsewhere_send_it_once(shop: Shop) -> None:
    merchant = await shop.merchant(100_000)
    shop.cmb.on_send["A1"] = ["lost_request"]
    before = await shop.ask(merchant, Operation.PAYOUT, "A1", 5_000)
    await asyncio.gather(*(weigh(shop.desk, before, StepKind.QUERY, CLOSED) for _ in range(4)))
    assert (await shop.reload(before)).attempt == 2
    await shop.settle_down()
    assert shop.unionpay.debits[Operation.PAYOUT, "A1"] == 1
    assert (await shop.balances(merchant.id))[2322] == 100_000 - 5_050


async def park(shop: Shop, merchant: Merchant) -> Intent:
    return await shop.ask(merchant, Operation.PAYOUT, "A1", 5_000, account=COMPANY)


async def test_a_type_that_no_table_knows_is_parked_with_its_money_held_until_a_release_knows_it(
    shop: Shop,
) -> None:
    merchant = await shop.merchant(100_000)
    payout = await park(shop, merchant)
    assert (payout.state, payout.account_type) == (State.PARKED, str(CLASS_2))
    assert (await shop.balances(merchant.id))[2322] == 100_000 - 5_050
    await shop.settle_down(3)
    assert (await shop.reload(payout)).state is State.PARKED
    assert not shop.cmb.sent
    assert not shop.unionpay.sent

    await bring_live(shop.desk.pool, shop.clock, Kind.ACCOUNT_TYPES, await table(shop.desk.pool, extra=[ROW]))
    await shop.desk.gate.router.refresh()
    await shop.settle_down()
    payout = await shop.reload(payout)
    assert (payout.state, payout.channel) == (State.SUCCESS, "cmb")
    assert shop.cmb.debits[Operation.PAYOUT, "A1"] == 1
    assert (await shop.balances(merchant.id))[2322] == 100_000 - 5_050


async def test_a_person_ends_what_is_parked_once_and_the_money_is_the_merchants_again(shop: Shop) -> None:
    merchant = await shop.merchant(100_000)
    payout = await park(shop, merchant)
    assert [one.id for one in await parked(shop.desk.pool)] == [payout.id]
    await refuse_parked(shop.desk, payout.id, LIN, "the bank does not take it", 10**9)
    payout = await shop.reload(payout)
    assert (payout.state, payout.code) == (State.REFUSED, "parked")
    assert (await shop.balances(merchant.id))[2322] == 100_000
    with pytest.raises(NotAllowed, match="REFUSED"):
        await refuse_parked(shop.desk, payout.id, LIN, "again", 10**9)
    acts = await shop.desk.pool.fetch("SELECT operator, reason FROM operator_act ORDER BY seq")
    assert [tuple(row) for row in acts] == [
        ("lin", "the bank does not take it"),
        ("lin", "done"),
        ("lin", "again"),
        ("lin", "the payout is REFUSED; allowed: one that is PARKED"),
    ]


async def test_above_what_one_person_may_move_in_a_day_a_parked_payout_is_ended_by_two(shop: Shop) -> None:
    merchant, pool = await shop.merchant(100_000), shop.desk.pool
    one, two = [
        await shop.ask(merchant, Operation.PAYOUT, order, 5_000, account=COMPANY) for order in ("A1", "A2")
    ]
    assert await refuse_parked(shop.desk, one.id, LIN, "the bank does not take it", 9_999) is None
    id_ = await refuse_parked(shop.desk, two.id, LIN, "nor this one", 9_999)
    assert id_ is not None
    assert (await shop.reload(two)).state is State.PARKED
    assert (await shop.balances(merchant.id))[2322] == 100_000 - 5_050
    seen = (await approvals.get(pool, id_)).seen
    with pytest.raises(approvals.SecondPerson):
        await approve(shop.desk, id_, seen, LIN)
    with pytest.raises(approvals.NoProposal):
        await refuse_parked(shop.desk, two.id, LIN, "once more", 9_999)
    for _ in range(2):  # and once more after a crash
        assert (await approve(shop.desk, id_, seen, WANG)).result == "refused"
    assert (await shop.reload(two)).state is State.REFUSED
    assert (await shop.balances(merchant.id))[2322] == 100_000
    evidence = [step.message for step in await shop.desk.journal.steps(two.id)]
    assert "lin and wang: nor this one" in evidence


async def test_a_payout_that_was_paid_meanwhile_is_not_ended_by_an_approval(shop: Shop) -> None:
    merchant = await shop.merchant(100_000)
    payout = await park(shop, merchant)
    id_ = await refuse_parked(shop.desk, payout.id, LIN, "the bank does not take it", 4_999)
    assert id_ is not None
    await bring_live(shop.desk.pool, shop.clock, Kind.ACCOUNT_TYPES, await table(shop.desk.pool, extra=[ROW]))
    await shop.desk.gate.router.refresh()
    await shop.settle_down()
    done = await approve(shop.desk, id_, (await approvals.get(shop.desk.pool, id_)).seen, WANG)
    assert done.result == "not done: the payout is SUCCESS; allowed: one that is PARKED"
    assert (await shop.balances(merchant.id))[2322] == 100_000 - 5_050


async def test_an_unsupported_type_is_refused_on_acceptance_and_nothing_is_held(shop: Shop) -> None:
    merchant = await shop.merchant(100_000)
    account = PartyAccount("6222021234567890", "张三丰", "passbook", class_="III")
    with pytest.raises(NotAllowed, match="personal/III/passbook"):
        await shop.ask(merchant, Operation.PAYOUT, "A1", 5_000, account=account)
    assert (await shop.balances(merchant.id))[2322] == 100_000


async def test_a_new_payout_waits_for_nobody_when_every_channel_is_stopped(shop: Shop) -> None:
    merchant = await shop.merchant(100_000)
    await stop(shop, "cmb")
    await stop(shop, "unionpay")
    with pytest.raises(OperationStopped, match="payout"):
        await shop.ask(merchant, Operation.PAYOUT, "A1", 5_000)


async def test_a_hundred_collections_at_once_take_a_mandates_day_to_its_last_fen_and_not_one_more(
    shop: Shop,
) -> None:
    merchant = await shop.merchant()
    payer = PartyAccount("6222029999990001", "李四", "card")
    await sign(shop.desk, merchant.id, payer, "M-9", limit_each=100, limit_day=1_000, limit_month=1_000_000)
    requests = [
        Request(Operation.COLLECTION, f"C{n}", 70 + n % 31, f"C{n}", account=payer) for n in range(100)
    ]
    made = await asyncio.gather(
        *(accept(shop.desk, merchant, one) for one in requests), return_exceptions=True
    )
    await shop.idle()
    taken = sum(one[0].amount for one in made if isinstance(one, tuple))
    refused = [one for one in made if not isinstance(one, tuple)]
    assert all(isinstance(one, MandateLimit) for one in refused), refused
    assert 900 < taken <= 1_000
    again = await accept(
        shop.desk, merchant, next(r for r, m in zip(requests, made, strict=True) if isinstance(m, tuple))
    )
    assert not again[1], "what was accepted is found, whatever is left of the limit"


async def test_a_collection_that_failed_gives_its_part_of_the_limit_back_and_an_unknown_one_does_not(
    shop: Shop,
) -> None:
    merchant = await shop.merchant()
    payer = PartyAccount("6222029999990001", "李四", "card")
    await sign(shop.desk, merchant.id, payer, "M-9", limit_each=100, limit_day=100, limit_month=1_000)
    shop.unionpay.on_send["C1"] = ["decline"]
    shop.unionpay.on_send["C2"] = ["lost_request"]
    for number in ("C1", "C2"):
        await shop.ask(merchant, Operation.COLLECTION, number, 100, account=payer)
    with pytest.raises(MandateLimit, match="0 fen"):
        await shop.ask(merchant, Operation.COLLECTION, "C3", 1, account=payer)


async def test_a_collection_without_a_mandate_is_refused(shop: Shop) -> None:
    merchant, other = await shop.merchant(), await shop.merchant()
    stranger = PartyAccount("6222028888880002", "王五", "card")
    await sign(shop.desk, other.id, stranger, "M-8")
    with pytest.raises(Exception, match="mandate"):
        await shop.ask(merchant, Operation.COLLECTION, "C1", 100, account=stranger)
    assert (
        await shop.ask(other, Operation.COLLECTION, "C1", 100, account=stranger)
    ).kind is Operation.COLLECTION
    assert PAYER.number not in repr(stranger)


async def test_an_ending_that_was_carried_out_meanwhile_is_no_error(shop: Shop) -> None:
    """Other evidence may meet an ending, and carry it out, before the one who has stored it reads it again."""
    merchant = await shop.merchant(100_000)
    shop.cmb.on_send["A1"] = ["decline"]
    payout = await shop.ask(merchant, Operation.PAYOUT, "A1", 5_000)
    await shop.settle_down()
    ended = await shop.reload(payout)
    assert (ended.state, ended.ending) == (State.FAILED, None)
    assert await conclude(shop.desk, ended) == ended
    assert (await shop.balances(merchant.id))[2322] == 100_000
