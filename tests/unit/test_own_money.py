"""The company's own money leaves the reserve: by two people, never more than its own, and ended by evidence alone."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.clock import SetClock
from tests.own_money import OURS, closed, earned, named, proposed
from tests.people import LIN, WANG, ZHAO, seen
from tests.treasury import ALIAS, DAY, NEXT, Cut, Treasury, cut_off, listed, treasury
from zhangfang import adjustments, approvals, payments
from zhangfang.channels.port import Answer, PartyAccount, Verdict
from zhangfang.kernel.driver import run_due
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.sql import load
from zhangfang.payments import Intent, NoOwnAccount, State, intent_job
from zhangfang.payments.course.own import most_of
from zhangfang_audit.books.audit import HELD

audit = load("zhangfang_audit", "books.sql")
OWN = 2361, 1222, 1225, 3014, 3015


@pytest.fixture
async def house(database_url: str, clock: SetClock) -> AsyncIterator[Treasury]:
    async with treasury(database_url, clock) as made:
        yield made
        for check in ("subledger_breaks", "unowned", "mirror"):
            assert await made.pool.fetch(f"{audit['shared']}\n{audit[check]}") == [], check
        amount = await made.pool.fetchrow(f"{audit['shared']}\n{audit['amounts']}")
        taken = amount["collected_fen"] - amount["refunded_fen"] - amount["fees_fen"]
        assert taken == sum(amount[name] for name in HELD), "money in, against where it is"


async def withdrawn(house: Treasury, fen: int) -> None:
    """Let two people decide that so much leaves."""
    await payments.approve_withdrawal(house.desk, *await seen(house.pool, await proposed(house, fen)), WANG)


async def driven(house: Treasury) -> Intent:
    """Let the driver do all that is due, and return the withdrawal."""
    for _ in range(3):
        await house.pool.execute("UPDATE intent SET lease_until = NULL")
        await run_due(house.pool, house.clock.now(), intent_job(house.desk))
        await house.quiet()
        house.clock.advance(seconds=61)
    return (await payments.withdrawals(house.pool))[0]


async def test_fees_leave_as_a_payout_that_the_bank_books_once(house: Treasury) -> None:
    await earned(house)
    await named(house)
    assert await house.balances(*OWN, 1241) == (-600, 600, 0, 0, 0, 100), "the channel's 100 are due"
    await withdrawn(house, 500)
    intent = await driven(house)
    (order,) = house.bank.sent
    assert (order.account, order.amount, intent.state) == (OURS, 500, State.SUCCESS)
    assert await house.balances(*OWN) == (-100, 100, 500, -500, 0)
    house.on_bank(-500, reference=order.order_no)
    await house.read()
    assert await house.balances(*OWN, 1003, 2321) == (-100, 100, 500, 0, 0, 99_400, -99_400)
    assert house.bank.balance == 99_400, "the bank's own book has what customers own"
    line = await house.pool.fetchrow("SELECT template, intent FROM bank_line ORDER BY sequence DESC")
    assert (line["template"], line["intent"]) == ("D5", intent.id)
    reserve = await adjustments.reserve_of(house.pool, NEXT)
    assert (reserve.even, reserve.gap, reserve.short) == (True, 0, 0)


async def test_no_more_leaves_than_is_the_companys_however_often_it_is_asked_for(house: Treasury) -> None:
    await earned(house)
    with pytest.raises(NoOwnAccount, match="name one by two people"):
        await proposed(house, 1)
    await named(house)
    with pytest.raises(
        InvalidInput, match=r"5\.01, more than may leave the reserve now; allowed: up to 5\.00"
    ):
        await proposed(house, 501)
    first = await proposed(house, 500)
    with pytest.raises(approvals.NoProposal, match="lin has proposed one already"):
        await proposed(house, 1)
    await payments.approve_withdrawal(house.desk, *await seen(house.pool, first), WANG)
    with pytest.raises(InvalidInput, match=r"up to 0\.00"):
        await proposed(house, 1)  # it is decided, and not booked yet
    await driven(house)
    with pytest.raises(InvalidInput, match=r"up to 0\.00"):
        await proposed(house, 1)


async def test_what_has_gone_meanwhile_is_refused_at_the_approval_and_held_back_before_the_booking(
    house: Treasury,
) -> None:
    await earned(house)
    await named(house)
    id_ = await proposed(house, 400)
    await house.pool.execute(
        "UPDATE bank_line SET balance = balance - 200"
    )  # the bank has less than the books
    with pytest.raises(
        InvalidInput, match=r"4\.00, more than may leave the reserve now; allowed: up to 3\.00"
    ):
        await payments.approve_withdrawal(house.desk, *await seen(house.pool, id_), WANG)
    await house.pool.execute("UPDATE bank_line SET balance = balance + 200")
    await payments.approve_withdrawal(house.desk, *await seen(house.pool, id_), WANG)
    await house.pool.execute("UPDATE bank_line SET balance = balance - 200")
    held = await driven(house)
    assert (held.state, held.message) == (State.PARKED, "own money: only 3.00 may leave the reserve now")
    assert (house.bank.sent, await house.balances(*OWN)) == ([], (-600, 600, 0, 0, 0))
    await house.pool.execute("UPDATE bank_line SET balance = balance + 200")
    assert (await driven(house)).state is State.SUCCESS


async def test_fees_whose_payments_have_not_arrived_stay(house: Treasury) -> None:
    merchant = await house.merchant()
    one = await house.paid(merchant, 100_000)
    await house.filed(DAY, [listed(1, one)])
    await closed(house)
    await named(house)
    assert await house.balances(2361, 1222) == (-600, 600), "income, and not at the bank"
    house.on_bank(700_000, text="from somewhere")  # other money lies there
    await house.read()
    assert await payments.may_leave(house.pool, house.clock, ALIAS) == 0
    await house.settled(DAY)
    assert await payments.may_leave(house.pool, house.clock, ALIAS) == 600


async def test_what_is_promised_to_a_merchant_stays_until_it_is_booked(house: Treasury) -> None:
    await earned(house)
    merchant, now = await house.merchant(), house.clock.now()
    await house.pool.execute(  # two people have decided it, and the ledger has not answered
        "INSERT INTO advance (id, merchant, proposal, amount, business_date, made_at) VALUES ($1, $2, $3, 200, $4, $5)",
        uuid4(), merchant.id, uuid4(), DAY, now,
    )  # fmt: skip
    assert await payments.may_leave(house.pool, house.clock, ALIAS) == 300


async def test_a_failure_gives_it_back_and_unknown_does_not(house: Treasury) -> None:
    await earned(house)
    await named(house)
    house.bank.answer = Answer(Verdict.UNKNOWN)
    await withdrawn(house, 500)
    assert (await driven(house)).state is State.UNKNOWN
    assert await house.balances(*OWN) == (-100, 100, 500, -500, 0)
    house.bank.answer = Answer(Verdict.FAILED, "77", "no such account", elsewhere=True)
    failed = await driven(house)
    assert (failed.state, failed.attempt) == (State.FAILED, 1)
    assert await house.balances(*OWN) == (-600, 600, 0, 0, 0)
    house.bank.answer = Answer(Verdict.SUCCESS)
    await withdrawn(house, 500)
    assert (await driven(house)).state is State.SUCCESS


async def test_a_return_brings_it_back_into_the_reserve(house: Treasury) -> None:
    await earned(house)
    await named(house)
    await withdrawn(house, 500)
    intent = await driven(house)
    house.on_bank(-500, reference=intent.channel_order_no)
    house.on_bank(500, reference=intent.channel_order_no, reversal=True)
    await house.read()
    assert await house.balances(*OWN, 1003) == (-600, 600, 0, 0, 0, 99_900)
    templates = await house.pool.fetch("SELECT template FROM bank_line ORDER BY sequence")
    assert [row["template"] for row in templates] == ["S5", "D5", "O8"]
    assert await payments.may_leave(house.pool, house.clock, ALIAS) == 500


async def test_cut_off_anywhere_it_leaves_once(house: Treasury) -> None:
    await earned(house)
    await named(house)
    id_, digest = await seen(house.pool, await proposed(house, 500))
    await payments.approve_withdrawal(house.desk, id_, digest, WANG)
    for steps in range(40):
        desk = cut_off(house.desk, steps)
        intent = (await payments.withdrawals(house.pool))[0]
        if intent.state is State.SUCCESS:
            break
        await house.pool.execute("UPDATE intent SET lease_until = NULL")
        try:
            await payments.advance(desk, intent)
        except Cut:
            continue
    assert steps > 5
    assert len({order.order_no for order in house.bank.sent}) == 1
    assert await house.balances(*OWN) == (-100, 100, 500, -500, 0)
    assert await payments.approve_withdrawal(house.desk, id_, digest, ZHAO) == (
        await payments.approve_withdrawal(house.desk, id_, digest, WANG)
    )
    assert len(await payments.withdrawals(house.pool)) == 1


async def test_it_goes_to_the_account_that_was_named_when_it_was_proposed(house: Treasury) -> None:
    await earned(house)
    await named(house)
    id_ = await proposed(house, 500)
    other = PartyAccount("6222000000000067", "某支付公司", "corporate", "另一银行")
    made = await payments.propose_own_account(
        house.pool, house.desk.vault, house.clock, other, LIN, "a new bank"
    )
    await payments.approve_own_account(
        house.pool, house.desk.vault, house.clock, *await seen(house.pool, made), WANG
    )
    with pytest.raises(NoOwnAccount, match="has another one by now"):
        await payments.approve_withdrawal(house.desk, *await seen(house.pool, id_), WANG)
    held = await payments.own_account(house.pool)
    assert held is not None
    assert (held.tail, held.name_masked, held.approved_by) == ("0067", "某**", "lin and wang")
    kept = await house.pool.fetch("SELECT content FROM proposal UNION ALL SELECT token FROM kept_account")
    assert not [row for row in kept if "0000000000" in row[0] or "支付公司" in row[0]], (
        "nothing is in the clear"
    )


FEN = st.integers(0, 60)


@given(own=st.integers(-100, 1_000), coming=FEN, recognised=st.integers(-100, 1_000), due=FEN, sought=FEN,
       leaving=FEN, promised=FEN, differs=st.integers(-60, 60), claims=st.integers(0, 1_000))  # fmt: skip
def test_after_the_most_has_left_the_bank_has_what_customers_own(
    own: int,
    coming: int,
    recognised: int,
    due: int,
    sought: int,
    leaving: int,
    promised: int,
    differs: int,
    claims: int,
) -> None:
    """The oracle counts the other way round: what the bank has, beside what is owed there."""
    figures = {
        "own": own, "coming": coming, "recognised": recognised, "due": due, "sought": sought, "leaving": leaving,
        "promised": promised,
    }  # fmt: skip
    books = claims + own - due - sought - coming  # by double entry; what comes is not there
    bank = books + differs
    left = most_of(figures, books, bank)
    assert 0 <= left <= max(0, recognised)
    if left:
        assert bank - left - leaving - promised >= claims
        assert min(bank, books) >= left
