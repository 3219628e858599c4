"""CMB's connector against its sandbox: payouts, batches, payrolls, returns, notices and the statement, over real sockets."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import pytest

from tests.wire.cmb_site import ACCOUNT, AT_HOME, OPENING, Site, served
from zhangfang.channels.abilities import BatchChannel, ReturningChannel
from zhangfang.channels.port import BankChannel, Notification, NotifyingChannel, Verdict
from zhangfang.kernel.clock import CHINA

TODAY = date(2026, 9, 1)
FRIDAY, MONDAY = datetime(2026, 9, 4, 10, tzinfo=CHINA), datetime(2026, 9, 7, 10, tzinfo=CHINA)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with served(tmp_path) as site:
        yield site


async def test_a_payout_is_put_forward_then_paid_and_stands_on_the_statement(site: Site) -> None:
    for ability in (BankChannel, BatchChannel, NotifyingChannel, ReturningChannel):
        assert isinstance(site.bank, ability)
    order = site.order()
    first = await site.bank.send(order)
    assert (first.verdict, first.code) == (Verdict.ACCEPTED, "BNK")
    await site.wait(seconds=2)
    paid = await site.bank.query(order)
    assert (paid.verdict, paid.amount, paid.channel_ref) == (Verdict.SUCCESS, 1230, first.channel_ref)
    (line,) = (await site.bank.statement(ACCOUNT, "")).lines
    assert (line.reference, line.request_no, line.credit) == (order.order_no, first.channel_ref, False)
    (movement,) = await site.ask("GET", "/movements")
    assert (movement["order_no"], movement["key"], movement["state"]) == (order.order_no, "M-1", "SUCCESS")


@pytest.mark.parametrize("fault", ["refused", "throttle", "maintenance"])
async def test_a_bank_that_did_nothing_proves_nothing_by_saying_so_and_is_asked(
    site: Site, fault: str
) -> None:
    order = site.order()
    await site.plan("M-1", fault)
    assert (await site.bank.send(order)).verdict is Verdict.UNKNOWN
    assert (await site.bank.query(order)).verdict is Verdict.NOT_FOUND
    assert (await site.bank.send(order)).verdict is Verdict.ACCEPTED
    assert await site.balance() == OPENING - 1230


@pytest.mark.parametrize("fault", ["lost_answer", "garbled_answer", "bad_signature", "wrong_chain"])
async def test_an_answer_that_cannot_be_believed_is_unknown_and_the_payout_was_made(
    site: Site, fault: str
) -> None:
    order = site.order()
    await site.plan("M-1", fault)
    assert (await site.bank.send(order)).verdict is Verdict.UNKNOWN
    await site.wait(seconds=2)
    assert (await site.bank.query(order)).verdict is Verdict.SUCCESS
    assert await site.balance() == OPENING - 1230


async def test_a_message_that_the_bank_calls_malformed_has_failed_and_nothing_was_taken(site: Site) -> None:
    order = site.order()
    assert order.account is not None
    blank = replace(order, account=replace(order.account, name=" "))  # no door of ours lets it in any more
    refused = await site.bank.send(blank)
    assert (refused.verdict, refused.code) == (Verdict.FAILED, "SBX0010")
    assert (await site.bank.query(order)).verdict is Verdict.NOT_FOUND
    assert await site.balance() == OPENING


async def test_a_hidden_payout_sent_again_by_the_same_reference_is_paid_once(site: Site) -> None:
    order = site.order()
    await site.plan("M-1", "not_found_first")
    assert (await site.bank.send(order)).verdict is Verdict.UNKNOWN
    assert (await site.bank.query(order)).verdict is Verdict.NOT_FOUND
    again = await site.bank.send(order)
    assert (again.verdict, again.code) == (Verdict.UNKNOWN, "FABZ002")  # in use: no failure
    other = await site.bank.send(replace(order, amount=1231))
    assert (other.verdict, other.code) == (Verdict.UNKNOWN, "FABZ002")
    assert (await site.bank.query(order)).verdict is Verdict.NOT_FOUND
    await site.wait(seconds=2)
    assert (await site.bank.query(order)).verdict is Verdict.SUCCESS
    assert await site.balance() == OPENING - 1230


@pytest.mark.parametrize(("key", "verdict"), [("M-2", Verdict.MANUAL), ("M-1", Verdict.ACCEPTED)])
async def test_a_payout_in_doubt_is_for_a_person_until_the_bank_knows(
    site: Site, key: str, verdict: Verdict
) -> None:
    order = site.order(key)
    await site.plan(key, "pending_first")
    await site.bank.send(order)
    await site.wait(minutes=5)
    assert (await site.bank.query(order)).verdict is verdict
    await site.wait(minutes=5)
    assert (await site.bank.query(order)).verdict is Verdict.SUCCESS


@pytest.mark.parametrize(
    ("fault", "elsewhere"), [("decline", False), ("account_type", True), ("contradict", False)]
)
async def test_an_immediate_failure_is_definite(site: Site, fault: str, elsewhere: bool) -> None:
    order = site.order()
    await site.plan("M-1", fault)
    answer = await site.bank.send(order)
    assert (answer.verdict, answer.elsewhere) == (Verdict.FAILED, elsewhere)
    assert (await site.bank.query(order)).verdict is Verdict.FAILED
    lines = (await site.bank.statement(ACCOUNT, "")).lines
    assert [line.reference for line in lines] == ([order.order_no] if fault == "contradict" else [])


async def test_a_payout_that_is_declined_later_moved_no_money(site: Site) -> None:
    order = site.order()
    await site.plan("M-1", "decline_later")
    assert (await site.bank.send(order)).verdict is Verdict.ACCEPTED
    await site.wait(seconds=2)
    assert (await site.bank.query(order)).verdict is Verdict.FAILED
    assert (await site.bank.statement(ACCOUNT, "")).lines == []


async def test_the_latest_attempt_of_a_reference_counts_where_an_earlier_one_failed(site: Site) -> None:
    """The bank lets a failed reference be used again; we never do, and a failure beside a success is for a person."""
    order = site.order()
    await site.plan("M-1", "decline")
    first = await site.bank.send(order)
    second = await site.bank.send(order)
    await site.wait(seconds=2)
    answer = await site.bank.query(order)
    assert (first.verdict, second.verdict, answer.verdict) == (
        Verdict.FAILED,
        Verdict.ACCEPTED,
        Verdict.SUCCESS,
    )
    assert answer.channel_ref == second.channel_ref > first.channel_ref


def returned(found: Sequence[Notification]) -> list[tuple[str, Verdict]]:
    return [(one.order_no, one.answer.verdict) for one in found]


async def test_a_late_return_is_told_by_the_list_of_returns_the_query_and_the_statement(site: Site) -> None:
    await site.at(FRIDAY)
    order = site.order()
    await site.plan("M-1", "returned")
    await site.bank.send(order)
    await site.wait(seconds=2)
    assert (await site.bank.query(order)).verdict is Verdict.SUCCESS
    assert await site.bank.late_returns(FRIDAY.date(), MONDAY.date()) == []
    await site.at(MONDAY)
    found = await site.bank.late_returns(FRIDAY.date(), MONDAY.date())
    assert returned(found) == [(order.order_no, Verdict.RETURNED)]
    assert (found[0].answer.amount, found[0].answer.settle_date) == (1230, MONDAY.date())
    assert (await site.bank.query(order)).verdict is Verdict.RETURNED
    _, back = (await site.bank.statement(ACCOUNT, "")).lines
    assert (back.credit, back.reversal, back.reference) == (True, True, order.order_no)


async def test_a_batch_is_taken_whole_and_each_item_has_an_end_of_its_own(site: Site) -> None:
    good, bad, slow = (site.order(key, amount) for key, amount in (("M-1", 100), ("M-2", 200), ("M-3", 300)))
    await site.ask("PUT", "/faults", {"keyed": {"M-2": ["decline"], "M-3": ["pending_first"]}})
    batch = site.batch(good, bad, slow)
    assert (await site.bank.query_batch(batch)).answer.verdict is Verdict.NOT_FOUND
    assert (await site.bank.send_batch(batch)).verdict is Verdict.ACCEPTED
    assert (await site.bank.query_batch(batch)).answer.verdict is Verdict.ACCEPTED
    again = await site.bank.send_batch(batch)
    assert (again.verdict, again.code) == (Verdict.UNKNOWN, "FABZ002")
    await site.wait(seconds=2)
    half = await site.bank.query_batch(batch)
    assert half.items[good.order_no].verdict is Verdict.SUCCESS
    assert half.items[bad.order_no].verdict is Verdict.FAILED
    await site.wait(minutes=10)
    whole = await site.bank.query_batch(batch)
    assert whole.answer.verdict is Verdict.SUCCESS
    assert {number: answer.verdict for number, answer in whole.items.items()} == {
        good.order_no: Verdict.SUCCESS,
        bad.order_no: Verdict.FAILED,
        slow.order_no: Verdict.SUCCESS,
    }
    assert (await site.bank.query(slow)).verdict is Verdict.SUCCESS  # an item is a payment like any other
    lines = (await site.bank.statement(ACCOUNT, "")).lines
    assert sorted(line.reference for line in lines) == sorted([good.order_no, slow.order_no])


async def test_a_batch_of_more_items_than_a_page_comes_back_complete(site: Site) -> None:
    batch = site.batch(*(site.order(f"M-{number}", 1) for number in range(501)))
    assert (await site.bank.send_batch(batch)).verdict is Verdict.ACCEPTED
    await site.wait(seconds=2)
    found = await site.bank.query_batch(batch)
    assert found.answer.verdict is Verdict.SUCCESS
    assert set(found.items) == {order.order_no for order in batch.orders}
    assert {answer.verdict for answer in found.items.values()} == {Verdict.SUCCESS}
    assert await site.balance() == OPENING - 501


@pytest.mark.parametrize("fault", ["lost_answer", "not_found_first", "garbled_answer", "bad_signature"])
async def test_a_batch_whose_answer_is_lost_is_there_and_is_not_taken_twice(site: Site, fault: str) -> None:
    batch = site.batch(site.order())
    number = "202609011000000001"
    await site.plan(number, fault)
    assert (await site.bank.send_batch(batch)).verdict is Verdict.UNKNOWN
    assert (await site.ask("GET", "/faults"))["met"] == {fault: 1}
    if fault == "not_found_first":
        assert (await site.bank.query_batch(batch)).answer.verdict is Verdict.NOT_FOUND
        assert (await site.bank.send_batch(batch)).verdict is Verdict.UNKNOWN
        assert (await site.bank.query_batch(batch)).answer.verdict is Verdict.NOT_FOUND
    await site.wait(seconds=2)
    assert (await site.bank.query_batch(batch)).answer.verdict is Verdict.SUCCESS
    assert await site.balance() == OPENING - 1230


async def test_a_payroll_is_for_persons_at_this_bank_and_its_returns_are_told_too(tmp_path: Path) -> None:
    async with served(tmp_path, payroll_mode="00101", account_name="账房客户备付金") as site:
        await site.at(FRIDAY)
        paid, back = site.order("M-1", 100, AT_HOME), site.order("M-2", 200, AT_HOME)
        await site.plan("M-2", "returned")
        batch = site.batch(paid, back)
        assert (await site.bank.send_batch(batch)).verdict is Verdict.ACCEPTED
        await site.wait(seconds=2)
        found = await site.bank.query_batch(batch)
        assert found.answer.verdict is Verdict.SUCCESS
        assert {answer.verdict for answer in found.items.values()} == {Verdict.SUCCESS}
        assert (await site.bank.query(paid)).verdict is Verdict.NOT_FOUND  # it is no payment of BB1PAYQR
        await site.at(MONDAY)
        returns = await site.bank.late_returns(FRIDAY.date(), MONDAY.date())
        assert (back.order_no, Verdict.RETURNED) in returned(returns)
        assert (await site.bank.query_batch(batch)).items[back.order_no].verdict is Verdict.RETURNED


async def about_orders(site: Site, count: int) -> list[Notification]:
    """The notices that are about payouts; each movement of the account brings one more, about none."""
    found = [site.bank.notification({}, body) for body in await site.noticed(count)]
    return [one for one in found if one is not None]


async def test_a_payout_that_ended_is_told_and_so_is_its_return(site: Site) -> None:
    await site.at(FRIDAY)
    order = site.order()
    await site.plan("M-1", "returned")
    await site.bank.send(order)
    await site.wait(seconds=2)
    (paid,) = await about_orders(site, 2)
    assert (paid.order_no, paid.answer.verdict, paid.answer.amount) == (order.order_no, Verdict.SUCCESS, 1230)
    await site.at(MONDAY)
    _, back = await about_orders(site, 4)
    assert (back.order_no, back.answer.verdict, back.answer.amount) == (
        order.order_no,
        Verdict.RETURNED,
        1230,
    )


@pytest.mark.parametrize(
    ("fault", "verdicts"),
    [
        ("notify_repeated", [Verdict.SUCCESS] * 3),
        ("notify_disordered", [Verdict.SUCCESS, Verdict.ACCEPTED]),
        ("notify_late", [Verdict.SUCCESS]),
    ],
)
async def test_a_notice_may_come_late_again_or_after_what_came_later(
    site: Site, fault: str, verdicts: list[Verdict]
) -> None:
    await site.plan("M-1", fault)
    await site.bank.send(site.order())
    await site.wait(seconds=2)
    found = await about_orders(site, 1 + len(verdicts))
    assert [one.answer.verdict for one in found] == verdicts


async def test_a_lost_notice_never_comes_and_the_query_knows(site: Site) -> None:
    order, other = site.order(), site.order("M-2")
    await site.plan("M-1", "notify_lost")
    await site.bank.send(order)
    await site.bank.send(other)
    await site.wait(seconds=2)
    (told,) = await about_orders(site, 3)
    assert told.order_no == other.order_no
    assert (await site.ask("GET", "/faults"))["met"] == {"notify_lost": 1}
    assert (await site.bank.query(order)).verdict is Verdict.SUCCESS


async def test_the_number_of_a_payment_that_was_made_and_denied_is_in_use(site: Site) -> None:
    """Else a lost answer and a re-send under the same number would pay twice, through no fault of ours."""
    await site.plan("M-1", "contradict", "not_found_first")
    order = site.order("M-1")
    assert (await site.bank.send(order)).verdict is Verdict.UNKNOWN
    again = await site.bank.send(order)
    assert (again.verdict, again.code) == (Verdict.UNKNOWN, "FABZ002")
    assert [row["denied"] for row in await site.ask("GET", "/movements")] == [True]


THROTTLE = {"on": True, "query_seconds": 0.5, "account_seconds": 0.8}


async def test_with_the_throttle_on_the_banks_pace_is_kept_and_no_payout_waits_for_it(tmp_path: Path) -> None:
    """In short seconds: the bank's own are 2 and 10. Payouts go out in the midst of queries that wait their turn."""
    async with served(
        tmp_path, query_gap_seconds=0.5, statement_gap_seconds=0.8, timeout_seconds=4.0
    ) as site:
        await site.ask("PUT", "/throttle", THROTTLE)
        orders = [site.order(f"M-{number}", 1) for number in range(4)]
        sent = await asyncio.gather(*(site.bank.send(order) for order in orders))
        assert {answer.verdict for answer in sent} == {Verdict.ACCEPTED}
        await site.wait(seconds=2)
        later = [site.order(f"N-{number}", 1) for number in range(10)]
        queried = asyncio.gather(*(site.bank.query(order) for order in orders))
        read = asyncio.gather(*(site.bank.statement(ACCOUNT, "") for _ in range(2)))
        returns = asyncio.create_task(site.bank.late_returns(TODAY, TODAY))
        sent = await asyncio.gather(*(site.bank.send(order) for order in later))
        assert {answer.verdict for answer in sent} == {Verdict.ACCEPTED}
        answers = await queried
        assert any(answer.verdict is Verdict.SUCCESS for answer in answers)
        assert all(answer.code != "CDCServer" for answer in answers)
        assert all(page.lines for page in await read)
        assert await returns == []
        assert (await site.ask("GET", "/throttle"))["refused"] == 0


async def test_who_keeps_no_pace_is_throttled_and_that_proves_nothing(site: Site) -> None:
    order = site.order()
    await site.bank.send(order)
    await site.wait(seconds=2)
    await site.ask("PUT", "/throttle", {"on": True})
    answers = [await site.bank.query(order) for _ in range(3)]
    assert [answer.verdict for answer in answers] == [Verdict.SUCCESS, Verdict.UNKNOWN, Verdict.UNKNOWN]
    assert (await site.ask("GET", "/throttle"))["refused"] == 2


async def test_without_intraday_lines_todays_wait_for_tomorrow(tmp_path: Path) -> None:
    async with served(tmp_path, intraday=False) as site:
        await site.bank.send(site.order())
        page = await site.bank.statement(ACCOUNT, "")
        assert page.lines == []
        await site.wait(days=1)
        assert len((await site.bank.statement(ACCOUNT, page.cursor)).lines) == 1


async def test_a_query_that_has_no_turn_in_time_is_not_sent_and_says_so(tmp_path: Path) -> None:
    async with served(tmp_path, query_gap_seconds=3600.0) as site:
        order = site.order()
        await site.bank.send(order)
        await site.wait(seconds=2)
        answer = await site.bank.query(order)
        assert (answer.verdict, answer.message) == (Verdict.NOT_SENT, "not asked: queue")
        assert (await site.bank.query_batch(site.batch(order))).answer.verdict is Verdict.NOT_SENT
