"""Two people end an UNKNOWN: nobody alone, only by what can be proven, and never against what was proven before."""

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import pytest

from tests.clock import SetClock
from tests.people import LIN, WANG, seen
from tests.treasury import DAY, Cut, Treasury, cut_off, listed, treasury
from zhangfang.approvals import PLATFORM, NoProposal, NotAnOperator, SecondPerson, get, operator, withdraw
from zhangfang.channels.port import Answer, Operation, Verdict
from zhangfang.kernel.errors import InvalidInput
from zhangfang.payments import (
    NotAllowed,
    NotFound,
    Outcome,
    State,
    StepKind,
    approve_outcome,
    outcomes,
    propose_outcome,
    weigh,
)

PAID = Outcome(State.SUCCESS, "the channel's letter says paid", "letter 2026/113", 10_000, DAY, "Q77")
NOT_PAID = Outcome(State.FAILED, "the channel's letter says not paid", "letter 2026/114")


@pytest.fixture
async def house(database_url: str, clock: SetClock) -> AsyncIterator[Treasury]:
    async with treasury(database_url, clock) as made:
        yield made


@pytest.mark.parametrize("state", [State.UNKNOWN, State.MANUAL])
async def test_two_people_end_it_in_success_and_its_books_follow(house: Treasury, state: State) -> None:
    intent = await house.asked(await house.merchant(), 10_000, state=state)
    id_ = await propose_outcome(house.desk.pool, house.desk.clock, intent.id, PAID, LIN)
    assert (await house.now(intent)).state is state
    assert (await approve_outcome(house.desk, *await seen(house.pool, id_), WANG)).state is State.SUCCESS
    now = await house.now(intent)
    assert (now.state, now.settle_date, now.channel_ref) == (State.SUCCESS, DAY, "Q77")
    assert await house.balances(3011, 2321, 2361) == (10_000, -9940, -60)
    (step,) = [one for one in await house.desk.journal.steps(intent.id) if one.kind is StepKind.PERSON]
    assert (
        step.message == "lin proposed, wang approved: the channel's letter says paid; proof: letter 2026/113"
    )
    acts = await house.pool.fetch("SELECT operator, act FROM operator_act ORDER BY seq")
    assert [tuple(row) for row in acts] == [("lin", "propose"), ("wang", "approve"), ("wang", "done")]
    assert await outcomes(house.pool) == []


async def test_two_people_end_a_refund_in_failure_and_the_merchant_has_the_money_again(
    house: Treasury,
) -> None:
    merchant = await house.merchant()
    paid = await house.paid(merchant, 10_000)
    house.acquirer.answer = Answer(Verdict.UNKNOWN)
    refund = await house.undo(merchant, paid, 10_000)
    assert (await house.now(refund)).state is State.UNKNOWN
    assert await house.balances(2321, 2361, 3013) == (0, 0, -10_000)
    id_ = await propose_outcome(house.desk.pool, house.desk.clock, refund.id, NOT_PAID, LIN)
    assert (await approve_outcome(house.desk, *await seen(house.pool, id_), WANG)).state is State.FAILED
    assert await house.balances(2321, 2361, 3013) == (-9940, -60, 0)
    assert (await house.now(paid)).refunded == 0


async def test_nobody_approves_their_own_outcome_however_they_write_their_name(house: Treasury) -> None:
    intent = await house.asked(await house.merchant(), 10_000)
    id_ = await propose_outcome(house.desk.pool, house.desk.clock, intent.id, PAID, LIN)
    for name in ("lin", "Lin", " LIN ", "Ｌｉｎ"):
        with pytest.raises(SecondPerson, match="another person"):
            await approve_outcome(house.desk, *await seen(house.pool, id_), operator(name))
    assert (await house.now(intent)).state is State.UNKNOWN


@pytest.mark.parametrize(
    ("field", "outcome"),
    [
        ("amount", Outcome(State.SUCCESS, "paid", "letter", 9_999, DAY, "Q77")),
        ("amount", Outcome(State.SUCCESS, "paid", "letter", None, DAY, "Q77")),
        ("settle_date", Outcome(State.SUCCESS, "paid", "letter", 10_000, None, "Q77")),
        ("settle_date", Outcome(State.SUCCESS, "paid", "letter", 10_000, DAY + timedelta(days=1), "Q77")),
        ("settle_date", Outcome(State.SUCCESS, "paid", "letter", 10_000, DAY - timedelta(days=1), "Q77")),
        ("channel_ref", Outcome(State.SUCCESS, "paid", "letter", 10_000, DAY, " ")),
        ("reason", Outcome(State.FAILED, "no", "letter")),
        ("evidence", Outcome(State.FAILED, "not paid", "")),
        ("amount", Outcome(State.FAILED, "not paid", "letter", 10_000)),
        ("state", Outcome(State.CLOSED, "never paid", "letter")),
    ],
)
async def test_an_outcome_that_proves_nothing_is_refused(
    house: Treasury, field: str, outcome: Outcome
) -> None:
    intent = await house.asked(await house.merchant(), 10_000)
    with pytest.raises(InvalidInput, match=field):
        await propose_outcome(house.desk.pool, house.desk.clock, intent.id, outcome, LIN)
    with pytest.raises(NotAnOperator):
        await propose_outcome(house.desk.pool, house.desk.clock, intent.id, PAID, PLATFORM)
    assert await outcomes(house.pool) == []


async def test_only_what_has_no_outcome_can_be_ended_and_one_proposal_waits_at_a_time(
    house: Treasury,
) -> None:
    merchant = await house.merchant()
    with pytest.raises(NotAllowed, match="SUCCESS"):
        await propose_outcome(
            house.desk.pool, house.desk.clock, (await house.paid(merchant, 10_000)).id, NOT_PAID, LIN
        )
    with pytest.raises(NotFound):
        await propose_outcome(house.desk.pool, house.desk.clock, UUID(int=1), NOT_PAID, LIN)
    intent = await house.asked(merchant, 10_000)
    id_ = await propose_outcome(house.desk.pool, house.desk.clock, intent.id, PAID, LIN)
    with pytest.raises(NoProposal, match="proposed one already"):
        await propose_outcome(house.desk.pool, house.desk.clock, intent.id, NOT_PAID, WANG)
    await withdraw(house.pool, house.clock, id_, LIN)
    with pytest.raises(NoProposal, match="withdrawn"):
        await approve_outcome(house.desk, *await seen(house.pool, id_), WANG)
    other = await propose_outcome(house.desk.pool, house.desk.clock, intent.id, NOT_PAID, WANG)
    assert (await approve_outcome(house.desk, *await seen(house.pool, other), LIN)).state is State.FAILED


async def test_evidence_that_comes_first_stands_and_the_approval_changes_nothing(house: Treasury) -> None:
    intent = await house.asked(await house.merchant(), 10_000)
    id_ = await propose_outcome(house.desk.pool, house.desk.clock, intent.id, NOT_PAID, LIN)
    await weigh(house.desk, intent, StepKind.QUERY, Answer(Verdict.SUCCESS, amount=10_000, settle_date=DAY))
    assert (await approve_outcome(house.desk, *await seen(house.pool, id_), WANG)).state is State.SUCCESS
    (row,) = await outcomes(house.pool, every=True)
    assert row[0].result == "other evidence had ended it: SUCCESS"
    assert await house.breaks() == []


async def test_a_file_that_says_otherwise_opens_a_break_and_overwrites_nothing(house: Treasury) -> None:
    intent = await house.asked(await house.merchant(), 10_000)
    await approve_outcome(
        house.desk,
        *await seen(
            house.pool, await propose_outcome(house.desk.pool, house.desk.clock, intent.id, NOT_PAID, LIN)
        ),
        WANG,
    )
    await house.filed(DAY, [listed(1, intent)])
    assert (await house.now(intent)).state is State.FAILED
    (row,) = await house.breaks()
    assert (row["class"], row["intent"], row["theirs"]) == ("missing_here", intent.id, 10_000)
    await weigh(
        house.desk, await house.now(intent), StepKind.NOTIFICATION, Answer(Verdict.SUCCESS, amount=10_000)
    )
    assert {row["class"] for row in await house.breaks()} == {"missing_here", "contradiction"}


async def test_an_approval_that_is_cut_off_anywhere_is_taken_up_and_booked_once(house: Treasury) -> None:
    merchant = await house.merchant()
    for cut in range(30):
        intent = await house.asked(merchant, 10_000)
        id_ = await propose_outcome(house.desk.pool, house.desk.clock, intent.id, PAID, LIN)
        try:
            await approve_outcome(cut_off(house.desk, cut), *await seen(house.pool, id_), WANG)
        except Cut:
            if (await get(house.pool, id_)).result is None:
                await approve_outcome(house.desk, *await seen(house.pool, id_), WANG)
        else:
            break
        assert (await house.now(intent)).state is State.SUCCESS, cut
        assert await house.balance(3011) == (cut + 1) * 10_000, cut
    else:
        raise AssertionError("it never came to its end")
    assert cut > 4
    assert await outcomes(house.pool) == []
    acts = await house.pool.fetchval("SELECT count(*) FROM operator_act WHERE act = 'approve'")
    assert acts == cut + 1


async def test_a_purchase_of_which_nobody_knows_is_ended_as_failed_and_can_be_paid_no_more(
    house: Treasury,
) -> None:
    intent = await house.asked(await house.merchant(), 10_000, Operation.PURCHASE, State.MANUAL)
    await approve_outcome(
        house.desk,
        *await seen(
            house.pool, await propose_outcome(house.desk.pool, house.desk.clock, intent.id, NOT_PAID, LIN)
        ),
        WANG,
    )
    assert (await house.now(intent)).state is State.FAILED
