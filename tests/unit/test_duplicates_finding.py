"""A double payment is known by its business key, and by nothing that two rents of one tenant have in common as well."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from tests.clock import SetClock
from tests.duplicates import no_guard, paid_as, twice
from tests.treasury import DAY, Treasury, listed, stray, treasury
from zhangfang.channels.port import Answer, FileLine, Operation, Verdict
from zhangfang.duplicates import CaseState, cases, find
from zhangfang.kernel.ids import new_id
from zhangfang.payments import State, StepKind, weigh

LEGITIMATE = 2_000


@pytest.fixture
async def house(database_url: str, clock: SetClock) -> AsyncIterator[Treasury]:
    async with treasury(database_url, clock) as made:
        await no_guard(made)
        yield made


async def look(house: Treasury) -> int:
    return await find(house.desk.pool, house.desk.clock, house.clock.now() - timedelta(days=3))


async def test_two_payments_of_one_number_are_one_case_and_the_first_stays(house: Treasury) -> None:
    merchant = await house.merchant()
    stays, goes = await twice(house, merchant, "RENT-9-01")
    assert await look(house) == 1
    (case,) = await cases(house.pool)
    assert (case.keep, case.intent, case.state, case.amount) == (
        stays.id,
        goes.id,
        CaseState.SUSPECTED,
        10_000,
    )
    assert await look(house) == 0


async def test_three_payments_of_one_number_are_two_cases_and_one_stays(house: Treasury) -> None:
    merchant = await house.merchant()
    stays, one = await twice(house, merchant, "RENT-9-01")
    other = await paid_as(house, merchant, "RENT-9-01", 10_000)
    assert await look(house) == 2
    assert {(case.keep, case.intent) for case in await cases(house.pool)} == {
        (stays.id, one.id),
        (stays.id, other.id),
    }


async def test_none_of_2000_legitimate_pairs_of_one_payer_amount_and_day_is_taken_for_one(
    house: Treasury,
) -> None:
    """Two flats, two rents, the same sum on the same day from the same card. Among them are three that are double."""
    merchant = await house.merchant()
    model = await paid_as(house, merchant, "MODEL", 10_000)
    rows = [
        (new_id(house.clock), f"FLAT-{n}-{flat}", model.id) for n in range(LEGITIMATE) for flat in ("A", "B")
    ]
    ids, numbers, of = (list(column) for column in zip(*rows, strict=True))
    await house.pool.execute(
        "INSERT INTO intent (id, kind, merchant, order_no, idempotency_key, request_digest, amount, fee, description,"
        " account_token, account_tail, channel, channel_order_no, requested_at, business_date, template, voucher,"
        " undo_voucher, state, settle_date, created_at, updated_at)"
        " SELECT n.id, m.kind, m.merchant, n.number, n.number, m.request_digest, m.amount, m.fee, m.description,"
        " m.account_token, m.account_tail, m.channel, n.number, m.requested_at, m.business_date, m.template, n.id, n.id,"
        " m.state, m.settle_date, m.created_at, m.updated_at"
        " FROM unnest($1::uuid[], $2::text[], $3::uuid[]) AS n (id, number, model) JOIN intent m ON m.id = n.model",
        ids, numbers, of,
    )  # fmt: skip
    doubled = {f"FLAT-{n}-A" for n in (0, 7, LEGITIMATE - 1)}
    for number in doubled:
        await paid_as(house, merchant, number, 10_000)
    assert await look(house) == len(doubled)
    assert {case.order_no for case in await cases(house.pool)} == doubled


async def test_one_number_of_two_merchants_is_no_pair(house: Treasury) -> None:
    await paid_as(house, await house.merchant(), "RENT-9-01", 10_000)
    await paid_as(house, await house.merchant(), "RENT-9-01", 10_000)
    assert await look(house) == 0


async def test_what_did_not_succeed_or_was_given_back_is_no_pair(house: Treasury) -> None:
    merchant = await house.merchant()
    failed = await house.asked(merchant, 10_000)
    await weigh(house.desk, failed, StepKind.QUERY, Answer(Verdict.FAILED))
    await paid_as(house, merchant, failed.order_no, 10_000)
    stays, goes = await twice(house, merchant, "RENT-9-01")
    await house.undo(merchant, goes, 10_000)
    assert (await house.now(stays)).state is State.SUCCESS
    assert await look(house) == 0


async def test_a_payment_long_ago_is_found_when_its_number_is_paid_again(house: Treasury) -> None:
    merchant = await house.merchant()
    first = await paid_as(house, merchant, "RENT-9-01", 10_000)
    month = timedelta(days=30)
    await house.pool.execute(
        "UPDATE intent SET created_at = created_at - $2::interval, settle_date = settle_date - 30 WHERE id = $1",
        first.id, month,
    )  # fmt: skip
    again = await paid_as(house, merchant, "RENT-9-01", 10_000)
    assert await look(house) == 1
    assert (await cases(house.pool))[0].intent == again.id


async def test_what_does_not_fit_the_flow_is_left_to_a_person_with_the_reason(house: Treasury) -> None:
    merchant = await house.merchant()
    await paid_as(house, merchant, "A", 10_000)
    await paid_as(house, merchant, "A", 9_000)
    _, goes = await twice(house, merchant, "B")
    await house.undo(merchant, goes, 100)
    stays, _ = await twice(house, merchant, "C")
    await house.undo(merchant, stays, 100)
    assert await look(house) == 3
    found = {case.order_no: case for case in await cases(house.pool)}
    assert {case.state for case in found.values()} == {CaseState.PERSON}
    assert "amounts differ" in found["A"].note
    assert "refunded already" in found["B"].note
    assert "helped already" in found["C"].note


async def test_a_line_of_the_channel_with_the_number_of_a_success_is_a_double(house: Treasury) -> None:
    merchant = await house.merchant()
    paid = await paid_as(house, merchant, "RENT-9-01", 10_000)
    await house.filed(DAY, [listed(1, paid), stray(2, 10_000, note="RENT-9-01"), stray(3, 9_999, note="RENT-9-01"),
                            stray(4, 10_000, note="RENT-9-02"), stray(5, 10_000)])  # fmt: skip
    assert await look(house) == 1
    (case,) = await cases(house.pool)
    assert (case.keep, case.intent, case.amount, case.merchant) == (paid.id, None, 10_000, merchant.id)


async def test_a_line_that_may_be_another_merchants_stays_a_break(house: Treasury) -> None:
    paid = await paid_as(house, await house.merchant(), "RENT-9-01", 10_000)
    other = await house.merchant()
    waiting = await house.asked(other, 500)
    await house.pool.execute("UPDATE intent SET order_no = 'RENT-9-01' WHERE id = $1", waiting.id)
    await house.filed(DAY, [listed(1, paid), stray(2, 10_000, note="RENT-9-01")])
    assert await look(house) == 0
    assert (await house.one_break())["class"] == "missing_here"


async def test_an_earlier_attempt_that_was_paid_after_its_definite_failure_is_a_double(
    house: Treasury,
) -> None:
    paid = await paid_as(house, await house.merchant(), "RENT-9-01", 10_000)
    await house.pool.execute(
        "INSERT INTO attempt (intent, number, channel, channel_order_no, requested_at, business_date, voucher,"
        " undo_voucher, sent, code, message, ended_at)"
        " SELECT id, 1, channel, 'earlier', requested_at, business_date, $2, $2, true, '64', '', created_at"
        " FROM intent WHERE id = $1", paid.id, new_id(house.clock),
    )  # fmt: skip
    line = FileLine(2, "earlier", "Qearlier", Operation.COLLECTION, 10_000, True, 0)
    await house.filed(DAY, [listed(1, paid), line])
    assert await look(house) == 1
    assert (await cases(house.pool))[0].keep == paid.id


async def test_a_number_of_the_channels_that_is_listed_twice_is_left_to_a_person(house: Treasury) -> None:
    paid = await paid_as(house, await house.merchant(), "RENT-9-01", 10_000)
    line = listed(1, paid)
    await house.filed(DAY, [line, listed(2, paid)])
    assert await look(house) == 1
    (case,) = await cases(house.pool)
    assert case.state is CaseState.PERSON
    assert "one number of its own twice" in case.note
