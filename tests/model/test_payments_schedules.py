"""Random schedules: lost requests, lost answers, crashes at any wait, two drivers, notifications in any order.

The bank keeps a book of its own. When everything has settled down, what the platform believes and what its ledger
holds must be what that book says, computed here one order after the other.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from tests.clock import SetClock
from tests.conftest import _database
from tests.crash import Crashes
from tests.desk import PAYER, Shop, open_shop
from tests.search import MORE
from zhangfang.channels.port import Operation
from zhangfang.kernel.driver import run_due
from zhangfang.merchants import Merchant
from zhangfang.payments import FINAL, Intent, Request, State, accept, notified, order_of

PAY_IN = (Operation.PURCHASE, Operation.COLLECTION)
UNDO = (Operation.REFUND, Operation.VOID)
START = 1_000_000  # fen available at first, for payouts

FATES = st.lists(
    st.sampled_from(
        ["done", "lost_request", "lost_answer", "late", "not_sent", "decline", "decline_later", "pending"]
    ),
    max_size=3,
)
QUERIES = st.lists(st.sampled_from(["truth", "no_answer", "not_found"]), max_size=5)


@dataclass(frozen=True)
class Plan:
    """One order: what is asked, how its requests and queries fare, and how often the merchant asks for it at once."""

    kind: Operation
    amount: int
    fates: list[str]
    queries: list[str]
    asked: int
    paid: bool


def plans(kinds: Sequence[Operation], most: int) -> st.SearchStrategy[list[Plan]]:
    amounts = st.one_of(st.integers(1, 400), st.integers(1, 300_000))
    one = st.builds(
        Plan,
        st.sampled_from(kinds),
        amounts,
        FATES,
        QUERIES,
        st.integers(1, 3),
        st.sampled_from([True, True, False]),
    )
    return st.lists(one, min_size=1, max_size=most)


ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("drive"), st.integers(1, 3)),
        st.tuples(st.just("wait"), st.sampled_from([1, 5, 30, 400])),
        st.tuples(st.just("leases"), st.just(0)),
        st.tuples(st.just("later"), st.sampled_from([15, 40, 400])),
        st.tuples(st.just("later"), st.sampled_from([15, 40, 400])),
        st.tuples(st.just("notify"), st.integers(0, 9)),
        st.tuples(st.just("deliver"), st.just(0)),
    ),
    max_size=14,
)
CRASHES = st.lists(st.one_of(st.none(), st.integers(0, 12)), max_size=10)


PHASES = (Phase.explicit, Phase.reuse, Phase.generate)  # an example costs too much to be made smaller


@settings(max_examples=60 * MORE, deadline=None, phases=PHASES, suppress_health_check=list(HealthCheck))
@given(
    first=plans((*PAY_IN, Operation.PAYOUT), 5),
    then=plans(UNDO, 4),
    acts=st.tuples(ACTS, ACTS),
    crashes=st.tuples(CRASHES, CRASHES),
)
def test_any_schedule_ends_with_the_books_that_the_banks_book_says(
    first: list[Plan],
    then: list[Plan],
    acts: tuple[list[Any], list[Any]],
    crashes: tuple[list[int | None], list[int | None]],
    stage: "Stage",
) -> None:
    stage.runner.run(play(stage, first, then, acts, crashes))


class Stage:
    """One shop for all examples; each has a merchant of its own. No dataclass: a report would show all that is in it."""

    def __init__(self, runner: asyncio.Runner, shop: Shop) -> None:
        """Hold the loop and what was opened in it."""
        self.runner = runner
        self.shop = shop


@pytest.fixture
def stage(postgres_url: str, template: str, tmp_path: Path) -> Any:
    with asyncio.Runner() as runner:

        async def enter(stack: contextlib.AsyncExitStack) -> Shop:
            url = await stack.enter_async_context(
                contextlib.asynccontextmanager(_database)(postgres_url, template)
            )
            return await stack.enter_async_context(open_shop(url, tmp_path, SetClock()))

        stack = contextlib.AsyncExitStack()
        shop = runner.run(enter(stack))
        yield Stage(runner, shop)
        runner.run(stack.aclose())


async def play(
    stage: Stage,
    first: list[Plan],
    then: list[Plan],
    acts: tuple[list[Any], list[Any]],
    crashes: tuple[list[int | None], list[int | None]],
) -> None:
    shop = stage.shop
    await reset(shop)
    merchant = await shop.merchant(START)
    before = await shop.balances(merchant.id)
    requests = [request_of(plan, f"{merchant.id[-6:]}{n}") for n, plan in enumerate(first)]
    await chapter(shop, merchant, list(zip(first, requests, strict=True)), acts[0], crashes[0])
    paid = [i for i in await intents(shop, merchant) if i.kind in PAY_IN and i.state is State.SUCCESS]
    if paid:
        undone = [
            undo_of(plan, f"{merchant.id[-6:]}u{n}", paid[n % len(paid)]) for n, plan in enumerate(then)
        ]
        await chapter(shop, merchant, list(zip(then, undone, strict=False)), acts[1], crashes[1])
    await check(shop, merchant, before)


async def reset(shop: Shop) -> None:
    """Leave what earlier examples left open alone, and begin a new day of the same month."""
    await shop.desk.pool.execute("UPDATE intent SET next_action_at = NULL")
    shop.clock.set(SetClock()._now)
    for bank in (shop.unionpay, shop.cmb):
        bank.deliver()
        bank.on_send.clear()
        bank.on_query.clear()


def request_of(plan: Plan, order_no: str) -> Request:
    account = None if plan.kind is Operation.PURCHASE else PAYER
    return Request(plan.kind, order_no, plan.amount, order_no, account=account)


def undo_of(plan: Plan, order_no: str, original: Intent) -> Request:
    whole = plan.kind is Operation.VOID or plan.amount > original.amount
    amount = original.amount if whole else plan.amount
    return Request(plan.kind, order_no, amount, order_no, original=original.id)


async def chapter(
    shop: Shop,
    merchant: Merchant,
    orders: list[tuple[Plan, Request]],
    acts: list[tuple[str, int]],
    crashes: list[int | None],
) -> None:
    """Ask for everything at once, play the acts with crashes, then let the machines be well and settle down."""
    factory = Crashes(crashes)
    asyncio.get_running_loop().set_task_factory(factory)  # type: ignore[arg-type]
    try:
        await asyncio.gather(*(place(shop, merchant, plan, request) for plan, request in orders))
        for act, number in acts:
            await do(shop, merchant, act, number)
    finally:
        asyncio.get_running_loop().set_task_factory(None)
    event(f"crashes: {min(factory.met, 3)}")
    for plan, request in orders:  # a merchant whose request failed asks again
        with contextlib.suppress(Exception):
            await accept(shop.desk, merchant, request)
        await pay(shop, merchant, plan, request)
    await shop.idle()
    for bank in (shop.unionpay, shop.cmb):
        bank.deliver()
        bank.on_send.clear()
        bank.on_query.clear()
    await shop.settle_down()


async def place(shop: Shop, merchant: Merchant, plan: Plan, request: Request) -> None:
    bank = shop.cmb if plan.kind is Operation.PAYOUT else shop.unionpay
    bank.on_send[request.order_no] = list(plan.fates)
    bank.on_query[request.order_no] = list(plan.queries)
    tasks = [asyncio.create_task(accept(shop.desk, merchant, request)) for _ in range(plan.asked)]
    made = await asyncio.gather(*tasks, return_exceptions=True)
    found = {intent.id for intent, _ in (one for one in made if isinstance(one, tuple))}
    assert len(found) <= 1, "the same request is one intent"
    await pay(shop, merchant, plan, request)


async def pay(shop: Shop, merchant: Merchant, plan: Plan, request: Request) -> None:
    """Let the payer of a purchase pay, or be refused, at the cashier."""
    if plan.kind is Operation.PURCHASE and plan.paid:
        for intent in await intents(shop, merchant):
            if intent.order_no == request.order_no and intent.kind is Operation.PURCHASE:
                shop.unionpay.do(
                    await order_of(shop.desk.pool, shop.desk.vault, shop.desk.journal, intent),
                    "FAILED" if "decline" in plan.fates else "SUCCESS",
                )


async def do(shop: Shop, merchant: Merchant, act: str, number: int) -> None:
    match act:
        case "drive":
            job = replace(shop.job, most=2)
            drivers = (run_due(shop.desk.pool, shop.clock.now(), job) for _ in range(number))
            await asyncio.gather(*drivers, return_exceptions=True)
        case "wait":
            shop.clock.advance(seconds=number)
        case "leases":
            await shop.idle()
            await shop.forget_leases()
        case "later":
            await do(shop, merchant, "leases", 0)
            shop.clock.advance(seconds=number)
            await do(shop, merchant, "drive", 2)
        case "deliver":
            shop.unionpay.deliver()
            shop.cmb.deliver()
        case "notify":
            known = [i for i in await intents(shop, merchant) if i.channel_order_no in shop.unionpay.book]
            if known:
                body = shop.unionpay.message(known[number % len(known)].channel_order_no)
                await asyncio.gather(
                    *(notified(shop.desk, shop.unionpay, {}, body) for _ in range(1 + number % 3))
                )


async def intents(shop: Shop, merchant: Merchant) -> list[Intent]:
    rows = await shop.desk.pool.fetch("SELECT * FROM intent WHERE merchant = $1 ORDER BY id", merchant.id)
    return [Intent.of(row) for row in rows]


async def check(shop: Shop, merchant: Merchant, before: dict[int, int]) -> None:
    """Compare states, counters and balances with what the bank's book says, one order after the other."""
    expected = dict(before)
    mine = await intents(shop, merchant)
    for one in mine:
        entry = shop.bank(one).book.get(one.channel_order_no)
        moved = entry is not None and entry.state == "SUCCESS"
        event(f"{one.kind} {one.state}")
        assert one.state in FINAL or (one.kind is Operation.PURCHASE and entry is None), (one, entry)
        if one.state is not State.REFUSED and one.state in FINAL:
            assert (one.state is State.SUCCESS) == moved, (one, entry)
        else:
            assert entry is None, "what was never sent is in no bank's book"
        everywhere = sum(bank.debits[one.kind, one.order_no] for bank in (shop.unionpay, shop.cmb))
        assert everywhere == moved, "never twice, by whatever channel"
        sent = shop.bank(one).sent[one.channel_order_no]
        assert all(order == sent[0] for order in sent), "a re-send is equal to the byte"
        if moved:
            book(expected, one)
    for one in mine:
        undone = [r for r in mine if r.original == one.id and r.state is State.SUCCESS]
        assert one.refunded == sum(r.amount for r in undone)
        assert one.fee_refunded == sum(r.fee for r in undone)
        assert one.voided == any(r.kind is Operation.VOID for r in undone)
        if undone and one.refunded == one.amount:
            assert one.fee_refunded == one.fee, "all parts together give the whole fee back"
    assert await shop.balances(merchant.id) == expected
    breaks = await shop.desk.pool.fetchval("SELECT count(*) FROM break")
    assert breaks == 0, "this bank never contradicts itself"


def book(balances: dict[int, int], one: Intent) -> None:
    """Book one order that the bank has done, in the words of the chart."""
    amount, fee = one.amount, one.fee
    match one.kind:
        case Operation.PURCHASE | Operation.COLLECTION:
            changes = {3011: amount, 2321: amount - fee, 2361: fee}
        case Operation.REFUND | Operation.VOID:
            changes = {3013: amount, 2321: fee - amount, 2361: -fee}
        case Operation.PAYOUT:
            changes = {3014: amount, 2322: -amount - fee, 2361: fee}
    for code, change in changes.items():
        balances[code] += change
