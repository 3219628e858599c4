"""The read models say what is in the books: every figure equals its lines, to the fen."""

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from tests.console import CHANNELS, NOW, TODAY, YESTERDAY, Seeded, make_seeded
from zhangfang.closing import trial
from zhangfang.console.reading import books, channels, merchants, payments, reconciliation, today
from zhangfang.console.reading.model import Payment
from zhangfang.console.reading.payments import Filter
from zhangfang.console.reading.search import search

PAY_IN = ("purchase", "collection")
EVERY = (*PAY_IN, "refund", "void", "payout")


@pytest.fixture(scope="module")
def seeded(postgres_url: str) -> Seeded:
    return make_seeded(postgres_url)


@pytest.fixture
async def pool(seeded: Seeded) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(seeded.url, min_size=1, max_size=4) as opened:
        yield opened


async def test_the_pay_in_figure_is_the_sum_of_the_rows_that_its_link_lists(pool: asyncpg.Pool) -> None:
    figures = await today.figures(pool, TODAY)
    since, until = today.day_bounds(TODAY)
    listed = await payments.total(pool, Filter(PAY_IN, ("SUCCESS",), since=since, until=until))
    assert (figures.pay_in_count, figures.pay_in_fen) == (listed.count, listed.fen)
    assert figures.pay_in_fen > 0


async def test_payouts_and_refunds_are_the_sums_of_their_rows(pool: asyncpg.Pool) -> None:
    figures = await today.figures(pool, TODAY)
    payouts = await payments.total(pool, Filter(("payout",), ("SUCCESS",)))
    refunds = await payments.total(pool, Filter(("refund", "void"), ("SUCCESS",)))
    assert (figures.payout_count, figures.payout_fen) == (payouts.count, payouts.fen)
    assert (figures.refund_count, figures.refund_fen) == (refunds.count, refunds.fen)
    assert (figures.payout_open, figures.payout_returned) == (1, 1)


async def test_the_hours_of_the_day_sum_to_the_pay_in_figure(pool: asyncpg.Pool) -> None:
    hours = await today.hours(pool, TODAY)
    assert len(hours) == 24
    assert sum(hour.today_fen for hour in hours) == (await today.figures(pool, TODAY)).pay_in_fen
    assert sum(hour.before_fen for hour in hours) == (await today.figures(pool, YESTERDAY)).pay_in_fen
    assert sum(hour.unknown for hour in hours) == 1


async def test_the_unknown_figure_counts_what_the_list_of_the_unknown_shows(pool: asyncpg.Pool) -> None:
    figures = await today.figures(pool, TODAY)
    unknown = [row for row in await payments.doubtful(pool) if row.state == "UNKNOWN"]
    assert figures.unknown_count == len(unknown) == 2
    assert figures.unknown_fen == sum(row.amount for row in unknown)
    assert figures.unknown_oldest == min(row.unknown_since for row in unknown if row.unknown_since)


async def test_what_waits_for_a_person_is_listed_one_by_one(pool: asyncpg.Pool) -> None:
    waiting = await today.waiting(pool, TODAY)
    errands = await today.errands(pool, TODAY)
    assert waiting.errands == len(errands)
    assert sorted(errand.what for errand in errands) == [
        "break",
        "freeze",
        "manual",
        "register",
        "returned",
        "untold",
    ]
    assert [errand.since for errand in errands] == sorted(errand.since for errand in errands)


async def test_a_long_list_is_counted_up_to_a_bound(pool: asyncpg.Pool) -> None:
    """Beyond the bound it says that there is more; up to it the count and the sum are exact."""
    every = await payments.total(pool, Filter(EVERY))
    assert not every.more
    assert await payments.total(pool, Filter(EVERY), every.count) == every
    cut = await payments.total(pool, Filter(EVERY), every.count - 1)
    assert (cut.count, cut.more) == (every.count - 1, True)


@pytest.mark.parametrize("wanted", [
    Filter(EVERY, ("UNKNOWN", "MANUAL")), Filter(PAY_IN, fact="VOIDED"), Filter(PAY_IN, fact="REFUNDED"),
    Filter(PAY_IN, fact="PART_REFUNDED"), Filter(("payout",), fact="RETURNED"), Filter(("refund", "void")),
    Filter(PAY_IN, channel="unionpay", until=today.day_bounds(TODAY)[1]),
])  # fmt: skip
async def test_each_filter_lists_what_it_names(pool: asyncpg.Pool, wanted: Filter) -> None:
    """The rows of a filter are those of the whole list that it is true of, in the same order, and as many as it counts."""
    every = await payments.page(pool, Filter(EVERY), None, 10_000)
    named = [row.id for row in every if _fits(row, wanted)]
    assert [row.id for row in await payments.page(pool, wanted, None, 10_000)] == named
    assert (await payments.total(pool, wanted)).count == len(named) > 0
    numbered = Filter(wanted.kinds, number=every[0].order_no)
    assert every[0].kind not in wanted.kinds or (await payments.page(pool, numbered, None, 10))[0] == every[0]


def _fits(row: Payment, wanted: Filter) -> bool:
    facts = {
        None: True, "VOIDED": row.voided, "RETURNED": row.returned_at is not None,
        "REFUNDED": row.refunded == row.amount and not row.voided, "PART_REFUNDED": 0 < row.refunded < row.amount,
    }  # fmt: skip
    return (
        row.kind in wanted.kinds
        and (wanted.states is None or row.state in wanted.states)
        and wanted.channel in (None, row.channel)
        and (wanted.until is None or row.created_at < wanted.until)
        and facts[wanted.fact]
    )


@pytest.mark.parametrize(("ok", "age", "holds"), [
    (True, 0, True), (True, 59, True), (True, 60, False), (True, 3600, False), (False, 1, False), (True, -1, False),
])  # fmt: skip
async def test_the_seal_holds_only_on_a_good_audit_younger_than_a_minute(
    seeded: Seeded, ok: bool, age: int, holds: bool
) -> None:
    connection = await asyncpg.connect(seeded.url)
    change = connection.transaction()
    await change.start()
    try:
        await connection.execute("DELETE FROM audit_result")
        assert not (await today.seal(connection, NOW)).holds
        await connection.execute(
            "INSERT INTO audit_result VALUES ($1, $2, '{}')", NOW - timedelta(seconds=age), ok
        )
        assert (await today.seal(connection, NOW)).holds is holds
    finally:
        await change.rollback()
        await connection.close()


async def test_the_trial_balance_is_even_and_its_days_join(pool: asyncpg.Pool) -> None:
    before, now = await trial.trial_balance(pool, YESTERDAY), await trial.trial_balance(pool, TODAY)
    for balances in (before, now):
        assert sum(b.closing for b in balances) == 0
        assert sum(b.debit for b in balances) == sum(b.credit for b in balances)
    closing = {b.account: b.closing for b in before}
    assert {b.account: b.opening for b in now} == closing
    assert any(closing.values())


async def test_the_balance_of_this_moment_is_the_trial_balance_by_code(pool: asyncpg.Pool) -> None:
    standing = await books.standing(pool)
    folded = trial.by_code(await trial.trial_balance(pool, TODAY))
    assert {(b.book, b.code): b.closing for b in folded} == standing
    assert next(b for b in folded if b.code == 2321).accounts == 4
    assert await books.first_unequal(pool) is None


async def test_a_history_carries_the_balance_after_each_entry(pool: asyncpg.Pool) -> None:
    for balance in await trial.trial_balance(pool, TODAY):
        assert balance.account is not None
        entries = [entry async for page in books.every_entry(pool, balance.account) for entry in page]
        running = 0
        for entry in reversed(entries):
            running += (entry.debit or 0) - (entry.credit or 0)
            assert entry.balance == running
        assert running == balance.closing


async def test_a_history_comes_in_pages_without_a_gap(pool: asyncpg.Pool) -> None:
    account = next(b.account for b in await trial.trial_balance(pool, TODAY) if b.code == 2361)
    assert account is not None
    whole = [entry.seq async for page in books.every_entry(pool, account) for entry in page]
    first = await books.history(pool, account, None, 7)
    second = await books.history(pool, account, first[-1].seq, 7)
    assert [entry.seq for entry in (*first, *second)] == whole[:14]


async def test_a_list_comes_in_pages_with_every_row_once(pool: asyncpg.Pool) -> None:
    seen: list[UUID] = []
    before = None
    while rows := await payments.page(pool, Filter(PAY_IN), before, 17):
        seen += [row.id for row in rows]
        before = rows[-1].id
    assert len(seen) == len(set(seen)) == (await payments.total(pool, Filter(PAY_IN))).count
    assert seen == sorted(seen, reverse=True)


async def test_the_chips_count_every_row_of_the_list(pool: asyncpg.Pool) -> None:
    counts = await payments.counts(pool, Filter(EVERY))
    assert sum(counts.states.values()) == (await payments.total(pool, Filter(EVERY))).count
    assert set(counts.states) == {
        "CREATED", "REDIRECTED", "SENDING", "ACCEPTED", "UNKNOWN", "MANUAL", "SUCCESS", "FAILED", "REFUSED", "CLOSED",
    }  # fmt: skip
    assert dict(counts.facts) == {"RETURNED": 1, "PART_REFUNDED": 1, "REFUNDED": 1, "VOIDED": 1}


@pytest.mark.parametrize("fact", payments.FACTS)
async def test_each_later_fact_finds_its_payment(pool: asyncpg.Pool, seeded: Seeded, fact: str) -> None:
    rows = await payments.page(pool, Filter(EVERY, fact=fact), None, 10)
    assert [row.id for row in rows] == [seeded.by_state[fact]]


async def test_a_filter_by_merchant_and_minute_leaves_all_others_out(pool: asyncpg.Pool) -> None:
    everything = await payments.page(pool, Filter(PAY_IN), None, 1000)
    merchant, since, until = everything[40].merchant, everything[80].created_at, everything[10].created_at
    wanted = [p.id for p in everything if p.merchant == merchant and since <= p.created_at < until]
    filtered = await payments.page(
        pool, Filter(PAY_IN, merchant=merchant, since=since, until=until), None, 1000
    )
    assert [row.id for row in filtered] == wanted != []


async def test_a_dossier_holds_evidence_vouchers_and_where_it_is_listed(
    pool: asyncpg.Pool, seeded: Seeded
) -> None:
    dossier = await payments.dossier(pool, seeded.by_state["MATCHED"])
    assert dossier is not None
    assert dossier.payment.amount == sum(line.debit or 0 for line in dossier.lines if line.code == 3011)
    assert sum(line.debit or 0 for line in dossier.lines) == sum(line.credit or 0 for line in dossier.lines)
    assert [line.amount for line in dossier.listed] == [dossier.payment.amount]
    assert dossier.facts.settled_on == TODAY
    assert [step.kind for step in dossier.steps][:2] == ["received", "sent"]
    assert await payments.dossier(pool, UUID(int=1)) is None


async def test_a_refunded_payment_names_what_undid_it(pool: asyncpg.Pool, seeded: Seeded) -> None:
    dossier = await payments.dossier(pool, seeded.by_state["PART_REFUNDED"])
    assert dossier is not None
    assert [undo.amount for undo in dossier.undone_by] == [dossier.payment.refunded]


async def test_a_file_differs_from_our_payments_by_its_breaks(pool: asyncpg.Pool) -> None:
    (file,) = await reconciliation.files(pool, YESTERDAY, ("unionpay",))
    breaks = await reconciliation.breaks(pool, YESTERDAY)
    assert file.theirs_fen is not None
    assert file.theirs_fen - file.ours_fen == sum(b.difference for b in breaks)
    assert (file.lines, file.matched, file.breaks) == (file.lines, file.lines - 1, 2)


async def test_a_file_that_has_not_arrived_has_no_figures_of_its_own(pool: asyncpg.Pool) -> None:
    (file,) = await reconciliation.files(pool, TODAY, ("unionpay",))
    assert (file.name, file.theirs_fen, file.fee_fen, file.matched_at) == (None, None, None, None)
    assert file.not_due > 0


async def test_a_statement_equals_what_the_cash_accounts_posted(pool: asyncpg.Pool) -> None:
    (statement,) = await reconciliation.statements(pool, TODAY)
    assert statement.ours_fen == statement.theirs_fen != 0
    assert statement.lines == statement.posted == 4


async def test_a_break_shows_the_two_values_and_both_records(pool: asyncpg.Pool, seeded: Seeded) -> None:
    found = await reconciliation.breaks(pool, YESTERDAY)
    (differing,) = [b for b in found if not b.cleared_at]
    assert differing.intent == seeded.by_state["DIFFERING"]
    assert differing.ours is not None
    assert differing.theirs == differing.ours + 1
    assert differing.our_order == differing.their_order
    assert differing.their_line is not None
    cleared = [b for b in found if b.cleared_at]
    assert [(b.theirs, b.their_order) for b in cleared] == [(None, None)]


async def test_health_counts_what_was_asked_and_what_is_unanswered(pool: asyncpg.Pool) -> None:
    rows = {(row.channel, row.operation): row for row in await channels.health(pool, NOW, CHANNELS)}
    collection = rows["unionpay", "collection"]
    assert (collection.asked, collection.answered, collection.unknown) == (4, 2, 1)
    assert collection.asked_today - collection.answered_today == 2  # one unknown, one on its way
    assert rows["unionpay", "void"].stop_reason == "银联通知 15:00 前系统维护"
    assert rows["cmb", "payout"].stopped_at is None
    assert [row.channel for row in await channels.health(pool, NOW, CHANNELS)] == ["unionpay"] * 4 + ["cmb"]


@pytest.mark.parametrize("column", [
    "id", "order_no", "idempotency_key", "channel_order_no", "channel_ref",
])  # fmt: skip
async def test_any_number_of_a_payment_finds_it_alone(
    pool: asyncpg.Pool, seeded: Seeded, column: str
) -> None:
    wanted = seeded.by_state["MATCHED"]
    number = str(await pool.fetchval(f"SELECT {column} FROM intent WHERE id = $1", wanted))
    assert [hit.intent for hit in await search(pool, f"  {number} ")] == [wanted]


async def test_a_bank_number_finds_the_payout_it_belongs_to(pool: asyncpg.Pool, seeded: Seeded) -> None:
    for number in ("S000012R", "YUR" + "12".zfill(22), "REQ0000012"):
        assert [hit.intent for hit in await search(pool, number)] == [seeded.by_state["RETURNED"]]


async def test_our_number_in_base_36_is_read_as_the_bank_writes_it(
    pool: asyncpg.Pool, seeded: Seeded
) -> None:
    value, digits = seeded.by_state["RETURNED"].int, ""
    for _ in range(25):
        value, digit = divmod(value, 36)
        digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[digit] + digits
    assert [hit.intent for hit in await search(pool, digits)] == [seeded.by_state["RETURNED"]]


async def test_a_line_of_the_bank_without_a_payment_finds_its_day(pool: asyncpg.Pool) -> None:
    (hit,) = await search(pool, "S000017")
    assert (hit.what, hit.intent, hit.day) == ("bank", None, TODAY)


@pytest.mark.parametrize(
    "text", ["", "   ", "zzz", "%", "_", "pay_", "pay_" + "!" * 26, "'; DROP TABLE x", "\\", "0" * 99]
)
async def test_what_is_no_number_of_anything_finds_nothing(pool: asyncpg.Pool, text: str) -> None:
    assert await search(pool, text) == ()


async def test_a_merchant_is_found_by_a_part_of_its_name_and_its_money_is_in_the_books(
    pool: asyncpg.Pool,
) -> None:
    (hit,) = await search(pool, "青禾")
    found = await merchants.merchant(pool, hit.key, TODAY)
    assert found is not None
    balances = {(b.subject, b.code): -b.closing for b in await trial.trial_balance(pool, TODAY)}
    assert found.pending_fen == balances[hit.key, 2321]
    assert found.available_fen == balances[hit.key, 2322]
    everyone = await merchants.merchants(pool, TODAY)
    assert sum(m.pending_fen for m in everyone) == sum(v for (_, code), v in balances.items() if code == 2321)
    assert await merchants.merchant(pool, "mer_nobody", TODAY) is None
