"""Splits through the API and in the books: with the payment, later, refunded, repeated, refused."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.clock import SetClock
from tests.people import agree_terms
from tests.treasury import DAY, NEXT, Cut, Treasury, at, cut_off, listed, treasury
from zhangfang.channels.port import Answer, Operation, Verdict
from zhangfang.kernel.errors import InvalidInput
from zhangfang.merchants import Merchant, Terms, get_merchant
from zhangfang.payments import (
    Intent,
    KeyReused,
    NewShare,
    NotAllowed,
    NotFound,
    Request,
    Split,
    State,
    accept,
    finish_splits,
    split_payment,
)


@pytest.fixture
async def house(database_url: str, clock: SetClock) -> AsyncIterator[Treasury]:
    async with treasury(database_url, clock) as made:
        house = made
        house.clock.set(at(DAY, 12))
        yield house


async def later(
    house: Treasury, seller: Merchant, paid: Intent, key: str, *parts: NewShare, **more: Any
) -> Any:
    desk = more.pop("desk", house.desk)
    return await split_payment(desk.pool, desk.ledger, desk.clock, seller, paid.id, Split(parts, **more), key)


async def pending(house: Treasury, *merchants: Merchant) -> list[int]:
    return [-await house.balance(2321, one.id) for one in merchants]


async def test_a_payment_is_split_with_its_success_and_settled_to_each(house: Treasury) -> None:
    seller, one, other = [await house.merchant() for _ in range(3)]
    split = Split((NewShare(one.id, 3000), NewShare(other.id, 0, 333_333)))
    asked = Request(Operation.PURCHASE, "N-1", 10_000, "N-1", split=split)
    house.acquirer.answer = Answer(Verdict.SUCCESS, settle_date=DAY)
    intent, new = await accept(house.desk, seller, asked)
    assert (new, intent.shared) == (True, 6333)
    assert (await accept(house.desk, seller, asked))[1] is False
    assert await pending(house, seller, one, other) == [0, 0, 0], "nothing before the success"
    from zhangfang.payments import ask

    await ask(house.desk, await house.now(intent))
    paid = await house.now(intent)
    assert paid.state is State.SUCCESS
    assert await pending(house, seller, one, other) == [9940 - 6333, 3000, 3333]
    await house.filed(DAY, [listed(1, paid)])
    await house.settled(DAY)
    assert await house.settle() == []
    assert await house.balances(2321, 2322) == (0, -9940)
    assert [await house.balance(2322, who.id) for who in (seller, one, other)] == [-3607, -3000, -3333]


async def test_a_later_split_is_booked_once_whoever_asks_and_wherever_it_was_cut_off(house: Treasury) -> None:
    seller, one = [await house.merchant() for _ in range(2)]
    paid = await house.paid(seller, 1000)
    for after in range(20):
        try:
            order, _ = await later(
                house, seller, paid, "k", NewShare(one.id, 300), desk=cut_off(house.desk, after)
            )
            break
        except Cut:
            continue
    assert after > 2
    assert (order.state, order.shares) == ("DONE", ((one.id, 300),))
    assert await pending(house, seller, one) == [694, 300]
    assert (await later(house, seller, paid, "k", NewShare(one.id, 300)))[1] is False
    with pytest.raises(KeyReused):
        await later(house, seller, paid, "k", NewShare(one.id, 301))


async def test_an_open_split_holds_settlement_and_refunds_back_and_a_run_finishes_it(house: Treasury) -> None:
    seller, one = [await house.merchant() for _ in range(2)]
    (paid,) = await house.arrived(seller, 1000)
    with pytest.raises(Cut):
        await later(house, seller, paid, "k", NewShare(one.id, 300), desk=cut_off(house.desk, 2))
    assert (await house.now(paid)).splitting is not None
    with pytest.raises(NotAllowed, match="being split"):
        await house.undo(seller, paid, 10)
    await house.settle()
    assert [await house.balance(2322, who.id) for who in (seller, one)] == [-694, -300]
    await finish_splits(house.desk.pool, house.desk.ledger, house.clock)
    assert await house.balances(2322) == (-994,)


async def test_a_split_that_pending_money_does_not_cover_is_refused_and_leaves_nothing(
    house: Treasury,
) -> None:
    seller, one = await house.merchant(keep_fee_on_refund=True), await house.merchant()
    paid, other = await house.paid(seller, 1000), await house.paid(seller, 500)
    await house.undo(seller, other, 500)
    assert await pending(house, seller) == [991], "the kept fee is lent by the first payment"
    for _ in range(2):
        order, _ = await later(house, seller, paid, "k", NewShare(one.id, 994))
        assert (order.state, order.reason) == ("REFUSED", "EXCEEDS_CREDITS")
    now = await house.now(paid)
    assert (now.shared, now.splitting) == (0, None)
    assert await house.pool.fetchval("SELECT count(*) FROM split") == 0
    order, _ = await later(house, seller, paid, "another", NewShare(one.id, 991))
    assert (order.state, await pending(house, seller, one)) == ("DONE", [0, 991])


@pytest.mark.parametrize(
    ("refund_from", "expected"),
    [("proportional", [(2500, 3473), (5000, 1000)]), ("seller", [(2500, 4250), (0, 0)])],
)
async def test_a_refund_takes_back_from_receivers_in_the_stated_order(
    house: Treasury, refund_from: str, expected: list[tuple[int, int]]
) -> None:
    seller, one = [await house.merchant() for _ in range(2)]
    paid = await house.paid(seller, 10_000)
    await later(house, seller, paid, "k", NewShare(one.id, 5000), refund_from=refund_from)
    await house.undo(seller, paid, 1000)
    first = 500 if refund_from == "proportional" else 0
    assert await pending(house, seller, one) == [4940 - 1000 + 6 + first, 5000 - first]
    await house.undo(seller, paid, 9000)
    assert await pending(house, seller, one) == [0, 0]


async def test_a_refund_takes_back_available_money_of_a_receiver_and_gives_it_back_if_it_fails(
    house: Treasury,
) -> None:
    seller, one = [await house.merchant() for _ in range(2)]
    (paid,) = await house.arrived(seller, 10_000)
    await later(house, seller, paid, "k", NewShare(one.id, 4000))
    await house.settle()
    house.acquirer.answer = Answer(Verdict.FAILED)
    refund = await house.undo(seller, paid, 5000)
    assert (refund.template, refund.state) == ("R2", State.FAILED)
    assert [await house.balance(2322, who.id) for who in (seller, one)] == [-5940, -4000]
    house.acquirer.answer = Answer(Verdict.SUCCESS, settle_date=NEXT)
    await house.undo(seller, paid, 10_000)
    assert await house.balances(2321, 2322, 3013) == (0, 0, -10_000)


async def test_a_refund_is_refused_if_a_receiver_lacks_its_part(house: Treasury) -> None:
    seller, one = [await house.merchant() for _ in range(2)]
    (paid,) = await house.arrived(seller, 10_000)
    await later(house, seller, paid, "k", NewShare(one.id, 4000))
    await house.settle()
    await house.payout(one, 3800)
    refund = await house.undo(seller, paid, 5000)
    assert (refund.state, refund.code) == (State.REFUSED, "exceeds_credits")
    assert (await house.now(paid)).refunded == 0
    assert await house.balance(2322, seller.id) == -5940


async def test_what_cannot_be_split_says_why(house: Treasury) -> None:
    seller, one, other = [await house.merchant() for _ in range(3)]
    paid = await house.paid(seller, 1000)
    part = NewShare(one.id, 100)
    with pytest.raises(NotFound):
        await later(house, other, paid, "k1", part)
    with pytest.raises(InvalidInput, match="at most 994 fen"):
        await later(house, seller, paid, "k2", NewShare(one.id, 995))
    with pytest.raises(NotAllowed, match="no active merchant"):
        await later(house, seller, paid, "k3", NewShare("mer_01m00000000000000000000000", 1))
    await later(house, seller, paid, "k4", part)
    with pytest.raises(NotAllowed, match="has a part already"):
        await later(house, seller, paid, "k5", part)
    with pytest.raises(NotAllowed, match="allowed: the same"):
        await later(house, seller, paid, "k6", NewShare(other.id, 1), refund_from="seller")
    await house.undo(seller, paid, 100)
    with pytest.raises(NotAllowed, match="without a refund"):
        await later(house, seller, paid, "k7", NewShare(other.id, 1))
    (settled,) = await house.arrived(seller, 1000)
    await house.settle()
    with pytest.raises(NotAllowed, match="still pending"):
        await later(house, seller, settled, "k8", NewShare(other.id, 1))
    with pytest.raises(NotAllowed, match="that succeeded"):
        await later(house, seller, await house.asked(seller, 5), "k9", NewShare(other.id, 1))


async def test_the_reserve_pays_a_refund_that_available_money_does_not_cover(house: Treasury) -> None:
    merchant = await house.merchant()
    house.clock.set(at(DAY, 9))
    terms = Terms(NEXT, 1, False, False, reserve_ppm=500_000, reserve_days=3, when_short="guarantee")
    await agree_terms(house, merchant.id, terms)
    merchant = await get_merchant(house.pool, merchant.id)
    paid, _ = await house.arrived(merchant, 10_000, 2000)
    await house.settle()
    assert await house.balances(2322, 2323) == (-5964, -5964)
    await house.payout(merchant, 5000)
    house.acquirer.answer = Answer(Verdict.UNKNOWN)
    refund = await house.undo(merchant, paid, 3000)
    assert (refund.template, refund.state) == ("R3.guarantee", State.UNKNOWN)
    assert await house.balances(2322, 2323) == (-864, -5964 + 3000 - 18)
    release_on = await house.pool.fetchval("SELECT release_on FROM settlement")
    await house.settle(release_on)
    row = await house.pool.fetchrow("SELECT * FROM settlement ORDER BY run_date DESC LIMIT 1")
    assert (row["released"], row["absorbed"], row["lines"]) == (2982, 2982, 0)
    assert await house.balances(2322, 2323) == (-864 - 2982, 0)
    from zhangfang.payments import StepKind, weigh

    await weigh(house.desk, await house.now(refund), StepKind.QUERY, Answer(Verdict.FAILED))
    assert await house.balances(2323) == (-2982,)
    await house.settle(release_on.replace(day=release_on.day + 2))
    assert await house.balances(2322, 2323) == (-864 - 5964, 0)


async def test_a_receiver_on_another_shard_of_the_ledger_is_refused_by_name(house: Treasury) -> None:
    seller, one = [await house.merchant() for _ in range(2)]
    paid = await house.paid(seller, 1000)
    await house.pool.execute("INSERT INTO head (shard, epoch, seq, at) VALUES (1, 0, 0, now())")
    await house.pool.execute("UPDATE account SET shard = 1 WHERE subject = $1", one.id)
    with pytest.raises(NotAllowed, match="another shard"):
        await later(house, seller, paid, "k", NewShare(one.id, 300))
    assert await house.pool.fetchval("SELECT count(*) FROM split") == 0
