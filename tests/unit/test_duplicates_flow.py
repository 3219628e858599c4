"""From suspicion to the payer's money back: who said so, which vouchers, what the merchant reads, and what is refused."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from tests.clock import SetClock
from tests.duplicates import heal, no_guard, paid_as, twice
from tests.people import LIN, WANG
from tests.people import approve_newest as approve
from tests.treasury import DAY, NEXT, Cut, Treasury, at, cut_off, listed, stray, treasury
from zhangfang.approvals import OWNER, PLATFORM, NotAnOperator, Person, SecondPerson, operator
from zhangfang.channels.port import Answer, Operation, Order, Verdict
from zhangfang.duplicates import (
    Case,
    CaseState,
    DoesNotFit,
    NoCase,
    advance,
    cases,
    confirm,
    confirm_all,
    dismiss,
    find,
    get,
    masked,
    steps,
    to_confirm,
)
from zhangfang.duplicates.store import queries
from zhangfang.kernel.driver import run_due
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import prefixed
from zhangfang.merchants import Merchant
from zhangfang.payments import Intent, NotAllowed, Request, State, accept, intent_job
from zhangfang.statements import statement

WHY = "the caller asked twice"
MANY = 40


@pytest.fixture
async def house(database_url: str, clock: SetClock) -> AsyncIterator[Treasury]:
    async with treasury(database_url, clock) as made:
        await no_guard(made)
        yield made


async def look(house: Treasury) -> list[UUID]:
    await find(house.desk.pool, house.desk.clock, house.clock.now() - timedelta(days=3))
    return await to_confirm(house.pool)


async def one(house: Treasury, merchant: Merchant, number: str = "RENT-9-01") -> tuple[Case, Intent]:
    _, goes = await twice(house, merchant, number)
    (id_,) = await look(house)
    return await get(house.pool, id_), goes


async def reversal(house: Treasury, id_: UUID) -> Intent:
    case = await get(house.pool, id_)
    assert case.reversal is not None
    found = await house.desk.journal.by_id(case.reversal)
    assert found is not None
    return found


async def shown(house: Treasury, merchant: Merchant, day: object = DAY) -> tuple[int, int, int]:
    made = await statement(house.desk.pool, merchant.id, merchant.name, day)  # type: ignore[arg-type]
    assert made.opening + sum(line.credit - line.debit for line in made.entries) == made.closing
    return made.opening, len(made.entries), made.closing


async def test_before_the_cut_off_it_is_voided_with_all_of_its_fee_and_the_pair_is_masked(
    house: Treasury,
) -> None:
    merchant = await house.merchant(keep_fee_on_refund=True)
    case, goes = await one(house, merchant)
    assert await house.balances(2321, 2361) == (-2 * 9940, -120)
    assert await shown(house, merchant) == (0, 4, 2 * 9940)
    assert (await confirm(house.desk.pool, house.desk.clock, case.id, LIN, WHY)).state is CaseState.REVERSING
    await heal(house, house.clock)
    undone = await reversal(house, case.id)
    assert (undone.kind, undone.template, undone.fee, undone.state) == ("void", "U1", 60, State.SUCCESS)
    assert (await house.now(goes)).voided
    assert await house.balances(2321, 2361, 3013) == (-9940, -60, -10_000)
    case = await get(house.pool, case.id)
    assert (case.state, case.masked, case.confirmed_by) == (CaseState.DONE, True, "lin")
    assert await shown(house, merchant) == (0, 2, 9940)
    assert [(row.net, row.lines) for row in await masked(house.pool, case.id)] in (
        [(9940, 2), (-9940, 2)], [(-9940, 2), (9940, 2)])  # fmt: skip


async def test_each_reversed_is_eight_legs_in_the_books_and_four_lines_off_the_statements(
    house: Treasury,
) -> None:
    """The report's count, 227 × 8 = 1,816 and 227 × 4 = 908, at a size that a test has time for."""
    merchant = await house.merchant()
    doubles = [
        goes for _, goes in await asyncio.gather(*(twice(house, merchant, f"R{n}") for n in range(MANY)))
    ]
    before = len((await statement(house.desk.pool, merchant.id, "", DAY)).entries)
    heard: list[int] = []
    ids = await look(house)
    assert (
        await confirm_all(
            house.desk.pool, house.desk.clock, ids, LIN, WHY, lambda done, of: heard.append(done)
        )
        == {}
    )
    assert heard == list(range(1, MANY + 1))
    await heal(house, house.clock, rounds=20)
    assert {case.state for case in await cases(house.pool, limit=500)} == {CaseState.DONE}
    ended = [case.reversal for case in await cases(house.pool, limit=500)]
    legs = await house.pool.fetchval(
        "SELECT 2 * count(*) FROM transfer WHERE flags & 202 = 0 AND memo = ANY($1)",
        [d.id for d in doubles] + ended,
    )
    assert legs == 8 * MANY
    after = await statement(house.desk.pool, merchant.id, "", DAY)
    assert before - len(after.entries) == 2 * MANY  # the doubles' own; their reversals' are not on it either
    assert await house.pool.fetchval("SELECT sum(lines) FROM masked_voucher") == 4 * MANY
    assert after.closing == MANY * 9940 == -(await house.balance(2321, merchant.id))


async def test_after_the_cut_off_it_is_refunded_and_both_days_statements_agree_without_it(
    house: Treasury,
) -> None:
    merchant = await house.merchant(keep_fee_on_refund=True)
    case, _ = await one(house, merchant)
    house.clock.set(at(NEXT, 9))
    house.acquirer.answer = Answer(Verdict.SUCCESS, settle_date=NEXT)
    await confirm(house.desk.pool, house.desk.clock, case.id, LIN, WHY)
    await heal(house, house.clock)
    undone = await reversal(house, case.id)
    assert (undone.kind, undone.template, undone.fee) == ("refund", "U1", 60)
    assert await shown(house, merchant, DAY) == (0, 2, 9940)
    assert await shown(house, merchant, NEXT) == (9940, 0, 9940)


async def test_a_released_statement_is_not_changed_so_the_pair_stays_on_it(house: Treasury) -> None:
    merchant = await house.merchant()
    case, _ = await one(house, merchant)
    await house.pool.execute(
        "INSERT INTO statement VALUES ($1, $2, 0, 19880, 4, 1, '', $3)", merchant.id, DAY, house.clock.now()
    )
    await confirm(house.desk.pool, house.desk.clock, case.id, LIN, WHY)
    await heal(house, house.clock)
    case = await get(house.pool, case.id)
    assert (case.state, case.masked) == (CaseState.DONE, False)
    assert "is released, so both stay visible: 2026-09-01" in case.note
    assert await shown(house, merchant) == (0, 6, 9940)


async def settled(house: Treasury, merchant: Merchant) -> tuple[Case, Intent]:
    stays, goes = await twice(house, merchant, "RENT-9-01")
    await house.filed(DAY, [listed(1, stays), listed(2, goes)])
    await house.settled(DAY)
    await house.settle()
    house.acquirer.answer = Answer(Verdict.SUCCESS, settle_date=NEXT)
    (id_,) = await look(house)
    return await get(house.pool, id_), await house.now(goes)


async def test_what_was_settled_is_adjusted_by_two_people_and_stays_visible(house: Treasury) -> None:
    merchant = await house.merchant()
    case, goes = await settled(house, merchant)
    assert (await confirm(house.desk.pool, house.desk.clock, case.id, LIN, WHY)).state is CaseState.APPROVAL
    await heal(house, house.clock)
    assert (await get(house.pool, case.id)).reversal is None
    for name in ("lin", "Lin", " ＬＩＮ "):
        with pytest.raises(SecondPerson, match="another person"):
            await approve(house.desk, case_of(case), operator(name))
    await approve(house.desk, case_of(case), WANG)
    await heal(house, house.clock)
    undone = await reversal(house, case.id)
    assert (undone.kind, undone.template, undone.fee, undone.state) == ("refund", "U2", 60, State.SUCCESS)
    assert await house.balances(2321, 2322, 2361, 3013) == (0, -9940, -60, -10_000)
    case = await get(house.pool, case.id)
    assert (case.state, case.masked, case.confirmed_by, case.approved_by) == (
        CaseState.DONE,
        False,
        "lin",
        "wang",
    )
    assert (await house.now(goes)).refunded == 10_000


async def test_the_database_itself_refuses_one_person_for_two(house: Treasury) -> None:
    case, _ = await settled(house, await house.merchant())
    await confirm(house.desk.pool, house.desk.clock, case.id, LIN, WHY)
    with pytest.raises(asyncpg.CheckViolationError):
        await house.pool.execute("UPDATE duplicate SET approved_by = 'LIN' WHERE id = $1", case.id)


async def test_where_the_merchants_money_is_short_it_waits_and_sends_nothing(house: Treasury) -> None:
    merchant = await house.merchant()
    case, _ = await settled(house, merchant)
    await house.payout(merchant, 15_000)
    await confirm(house.desk.pool, house.desk.clock, case.id, LIN, WHY)
    await approve(house.desk, case_of(case), WANG)
    await heal(house, house.clock)
    case = await get(house.pool, case.id)
    assert (case.state, case.reversal) == (CaseState.REVERSING, None)
    # 10,000 less its fee of 60, less what is there: 19,880 − 15,100
    assert "tried again later: 51.60" in case.note
    more = await paid_as(house, merchant, "RENT-9-02", 10_000)
    await house.pool.execute("UPDATE intent SET settle_date = $2 WHERE id = $1", more.id, NEXT)
    await house.filed(NEXT, [listed(1, more)])
    house.on_bank(10_000, text=f"{house.acquirer.name} settles {NEXT}", day=NEXT + timedelta(days=1))
    await house.read()
    await house.settle(NEXT + timedelta(days=1))
    await heal(house, house.clock)
    assert (await get(house.pool, case.id)).state is CaseState.DONE
    assert await house.balances(2321, 2322) == (0, -(19_880 - 15_100 + 9_940 - 9_940))


async def test_money_that_is_settled_between_the_decision_and_the_reversal_needs_the_second_person(
    house: Treasury,
) -> None:
    merchant = await house.merchant()
    stays, goes = await twice(house, merchant, "RENT-9-01")
    (id_,) = await look(house)
    await confirm(house.desk.pool, house.desk.clock, id_, LIN, WHY)
    await house.filed(DAY, [listed(1, stays), listed(2, goes)])
    await house.settled(DAY)
    await house.settle()
    await heal(house, house.clock)
    case = await get(house.pool, id_)
    assert (case.state, case.reversal) == (CaseState.APPROVAL, None)
    assert await house.pool.fetchval("SELECT count(*) FROM intent WHERE kind IN ('refund', 'void')") == 0


async def test_a_case_waits_while_its_reversal_is_unknown_and_makes_no_second_one(house: Treasury) -> None:
    merchant = await house.merchant()
    case, _ = await one(house, merchant)
    house.acquirer.answer = Answer(Verdict.UNKNOWN)
    await confirm(house.desk.pool, house.desk.clock, case.id, LIN, WHY)
    await heal(house, house.clock)
    waiting = await get(house.pool, case.id)
    assert (waiting.state, waiting.note) == (CaseState.REVERSING, "the reversal has no outcome yet: UNKNOWN")
    house.acquirer.answer = Answer(Verdict.SUCCESS, settle_date=DAY)
    house.clock.advance(seconds=60)
    await heal(house, house.clock)
    assert (await get(house.pool, case.id)).state is CaseState.DONE
    assert await house.pool.fetchval("SELECT count(*) FROM intent WHERE kind IN ('refund', 'void')") == 1


async def test_a_void_that_definitely_failed_is_followed_by_a_refund_under_new_ids(house: Treasury) -> None:
    merchant = await house.merchant()
    case, _ = await one(house, merchant)

    async def no_voids(order: Order) -> Answer:
        if order.operation is Operation.VOID:
            return Answer(Verdict.FAILED, "35", "cut off")
        return Answer(Verdict.SUCCESS, settle_date=DAY)

    house.acquirer.send = no_voids  # type: ignore[method-assign]
    await confirm(house.desk.pool, house.desk.clock, case.id, LIN, WHY)
    await heal(house, house.clock)
    rows = await house.pool.fetch(
        "SELECT kind, state FROM intent WHERE kind IN ('refund', 'void') ORDER BY id"
    )
    assert [tuple(row) for row in rows] == [("void", "FAILED"), ("refund", "SUCCESS")]
    assert await house.balances(2321, 2361) == (-9940, -60)
    assert await shown(house, merchant) == (0, 2, 9940)


async def test_a_refund_that_the_channel_refuses_is_left_to_a_person_who_may_try_again(
    house: Treasury,
) -> None:
    merchant = await house.merchant()
    case, _ = await one(house, merchant)
    house.clock.set(at(NEXT, 9))
    house.acquirer.answer = Answer(Verdict.FAILED, "77", "too old")
    await confirm(house.desk.pool, house.desk.clock, case.id, LIN, WHY)
    await heal(house, house.clock)
    left = await get(house.pool, case.id)
    assert (left.state, left.note) == (CaseState.PERSON, "the channel refused the refund: 77 too old")
    assert await house.balances(2321, 2361, 3013) == (-2 * 9940, -120, 0)
    house.acquirer.answer = Answer(Verdict.SUCCESS, settle_date=NEXT)
    await confirm(house.desk.pool, house.desk.clock, case.id, LIN, "the channel has allowed it")
    await heal(house, house.clock)
    assert (await get(house.pool, case.id)).state is CaseState.DONE


async def test_a_line_of_the_channel_goes_back_to_its_payer_and_no_merchant_is_touched(
    house: Treasury,
) -> None:
    merchant = await house.merchant()
    paid = await paid_as(house, merchant, "RENT-9-01", 10_000)
    await house.filed(DAY, [listed(1, paid), stray(2, 10_000, note="RENT-9-01")])
    house.clock.set(at(NEXT, 9))
    (id_,) = await look(house)
    assert await house.balances(2351, 2321) == (-10_000, -9940)
    await confirm(house.desk.pool, house.desk.clock, id_, LIN, WHY)
    house.acquirer.answer = Answer(Verdict.SUCCESS, settle_date=NEXT)
    await heal(house, house.clock)
    undone = await reversal(house, id_)
    assert (undone.kind, undone.template, undone.merchant, undone.state) == (
        "refund",
        "B3",
        "platform",
        State.SUCCESS,
    )
    assert await house.balances(2351, 2321, 2361, 3013) == (0, -9940, -60, -10_000)
    case = await get(house.pool, id_)
    assert (case.state, case.masked) == (CaseState.DONE, False)
    (row,) = await house.breaks()
    assert (row["cure"], row["cleared_at"] is not None) == ("B3", True)
    await house.filed(NEXT, [listed(1, undone)])
    assert await house.balances(3013) == (0,)


async def test_every_decision_is_kept_with_its_person_reason_and_voucher_for_ever(house: Treasury) -> None:
    merchant = await house.merchant()
    case, _ = await one(house, merchant)
    await confirm(house.desk.pool, house.desk.clock, case.id, LIN, WHY)
    await confirm(house.desk.pool, house.desk.clock, case.id, operator("Lin"), "again")  # it changes nothing
    await heal(house, house.clock)
    told = {step.act: step for step in await steps(house.pool, case.id)}
    assert {act: step.by for act, step in told.items()} == {
        "find": "platform", "confirm": "lin", "reverse": "platform", "mask": "platform"}  # fmt: skip
    assert told["reverse"].voucher == (await reversal(house, case.id)).voucher
    acts = await house.pool.fetch("SELECT operator, act, reason FROM operator_act ORDER BY seq")
    assert [tuple(row) for row in acts] == [("lin", "duplicate_confirm", WHY)]
    for text in (
        "UPDATE duplicate_step SET by = 'x'",
        "DELETE FROM duplicate_step",
        "DELETE FROM masked_voucher",
    ):
        with pytest.raises(asyncpg.RaiseError, match="append-only"):
            await house.pool.execute(text)


async def test_what_is_dismissed_is_over_and_what_has_begun_cannot_be(house: Treasury) -> None:
    merchant = await house.merchant()
    case, _ = await one(house, merchant)
    other, _ = await one_more(house, merchant)
    await dismiss(house.desk.pool, house.desk.clock, case.id, LIN, "two flats under one number")
    assert (await get(house.pool, case.id)).state is CaseState.DISMISSED
    with pytest.raises(DoesNotFit, match="DISMISSED"):
        await confirm(house.desk.pool, house.desk.clock, case.id, WANG, WHY)
    await confirm(house.desk.pool, house.desk.clock, other.id, LIN, WHY)
    with pytest.raises(DoesNotFit, match="whose reversal has not begun"):
        await dismiss(house.desk.pool, house.desk.clock, other.id, WANG, "no double")
    assert await look(house) == []


def case_of(case: Case) -> str:
    return prefixed("dup", case.id)


async def one_more(house: Treasury, merchant: Merchant) -> tuple[Case, Intent]:
    _, goes = await twice(house, merchant, "RENT-9-02")
    await look(house)
    (case,) = [case for case in await cases(house.pool) if case.intent == goes.id]
    return case, goes


@pytest.mark.parametrize(
    ("by", "reason"),
    [
        (operator(""), WHY),
        (operator("qian"), WHY),
        (PLATFORM, WHY),
        (OWNER, WHY),
        (LIN, "no"),
        (LIN, "x" * 201),
    ],
)
async def test_a_decision_without_a_name_or_a_reason_is_refused(
    house: Treasury, by: Person, reason: str
) -> None:
    merchant = await house.merchant()
    case, _ = await one(house, merchant)
    for decide in (confirm, dismiss):
        with pytest.raises((InvalidInput, NotAnOperator), match=r"operator|reason"):
            await decide(house.pool, house.desk.clock, case.id, by, reason)
    assert len(await steps(house.pool, case.id)) == 1


async def test_a_case_that_is_none_and_a_bulk_with_one_that_does_not_fit_say_so(house: Treasury) -> None:
    merchant = await house.merchant()
    case, _ = await one(house, merchant)
    with pytest.raises(NoCase):
        await confirm(house.desk.pool, house.desk.clock, UUID(int=1), LIN, WHY)
    refused = await confirm_all(house.desk.pool, house.desk.clock, [case.id, UUID(int=1)], LIN, WHY)
    assert list(refused) == [UUID(int=1)]


async def test_a_healing_that_is_cut_off_anywhere_is_taken_up_and_done_once(house: Treasury) -> None:
    """Ended at each of its calls to database and ledger, and then driven on: one reversal, one voucher, one mask."""
    merchant = await house.merchant()
    for cut in range(40):
        _, goes = await twice(house, merchant, f"CUT-{cut}")
        (id_,) = await look(house)
        await confirm(house.desk.pool, house.desk.clock, id_, LIN, WHY)
        ended = await _cut(house, id_, cut)
        await heal(house, house.clock)
        case = await get(house.pool, id_)
        assert (case.state, case.masked, case.attempt) == (CaseState.DONE, True, 1), cut
        assert (await house.now(goes)).refunded == 10_000
        made = await house.pool.fetchval("SELECT count(*) FROM intent WHERE original = $1", goes.id)
        assert made == 1, cut
        if not ended:
            break
    else:
        raise AssertionError("it never came to its end")
    assert await house.balance(2321) == -(cut + 1) * 9940
    assert await shown(house, merchant) == (0, 2 * (cut + 1), 9940 * (cut + 1))


async def _cut(house: Treasury, id_: UUID, cut: int) -> bool:
    """Advance a case until it is over with a desk that ends at some call; True if it came to that."""
    desk = cut_off(house.desk, cut)
    try:
        while (case := await get(house.pool, id_)).state is CaseState.REVERSING:
            await advance(desk, case)
            await house.quiet()
            await heal_intents(house)
    except Cut:
        await house.quiet()
        return True
    return False


async def heal_intents(house: Treasury) -> None:
    house.clock.advance(seconds=11)
    await house.pool.execute("UPDATE intent SET lease_until = NULL")
    await run_due(house.pool, house.clock.now(), intent_job(house.desk))
    await house.quiet()


async def test_two_processes_that_heal_one_case_at_once_make_one_reversal(house: Treasury) -> None:
    merchant = await house.merchant()
    case, goes = await one(house, merchant)
    case = await confirm(house.desk.pool, house.desk.clock, case.id, LIN, WHY)
    chosen = [await house.pool.fetchrow(queries.choose, case.id, "void", case.attempt) for _ in range(2)]
    assert [row is None for row in chosen] == [
        False,
        True,
    ]  # the second has read what the first had not yet changed
    await asyncio.gather(*(advance(house.desk, case) for _ in range(4)))
    await heal(house, house.clock)
    now = await get(house.pool, case.id)
    assert (now.state, now.attempt, now.masked) == (CaseState.DONE, 1, True)
    assert await house.pool.fetchval("SELECT count(*) FROM intent WHERE original = $1", goes.id) == 1


async def test_payments_takes_no_settled_money_back_without_the_second_person_under_its_own_lock(
    house: Treasury,
) -> None:
    merchant = await house.merchant()
    _, goes = await settled(house, merchant)
    unsettled = await paid_as(house, merchant, "RENT-9-03", 10_000)
    for original, template in ((goes, "U1"), (unsettled, "U2")):
        request = Request(
            Operation.REFUND, template, 10_000, template, original=original.id, template=template
        )
        with pytest.raises(NotAllowed, match="unlike when its reversal was decided"):
            await accept(house.desk, merchant, request)
    part = Request(Operation.REFUND, "part", 5_000, "part", original=unsettled.id, template="U1")
    with pytest.raises(NotAllowed, match="goes back whole"):
        await accept(house.desk, merchant, part)
