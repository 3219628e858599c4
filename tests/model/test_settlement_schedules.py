"""Random terms, splits, refunds in any order and settlement runs that are cut off anywhere: every fen goes somewhere once.

Two oracles look at the books, and neither shares code with settlement: a list of what was paid, refunded and split, added up
merchant by merchant; and the auditor's SQL, which derives each posting on the merchants' accounts from the rows.
"""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import zhangfang_audit
from tests.clock import SetClock
from tests.conftest import _database
from tests.people import agree_terms
from tests.search import MORE
from tests.treasury import Cut, Treasury, at, cut_off, listed, treasury
from zhangfang.channels.port import Answer, Verdict
from zhangfang.kernel.calendar import china_day
from zhangfang.kernel.errors import ZhangfangError
from zhangfang.kernel.sql import load
from zhangfang.merchants import Merchant, Terms, get_merchant, terms_on
from zhangfang.payments import Intent, NewShare, Split, State, StepKind, split_payment, weigh
from zhangfang.payments.accept.requests import shared
from zhangfang.settlement import settle

AUDIT = load(zhangfang_audit.__name__, "books.sql")
DAYS = 5
LATER = 60  # days of runs after the last payment: every cycle and reserve is over by then


@dataclass
class World:
    """The platform, three merchants, and what was done to them: the oracle's own book."""

    house: Treasury
    rng: random.Random
    first: date
    merchants: list[Merchant] = field(default_factory=list)
    paid: list[Intent] = field(default_factory=list)
    refunds: list[Intent] = field(default_factory=list)
    number: int = 0

    def key(self) -> str:
        self.number += 1
        return f"k{self.merchants[0].id[-6:]}{self.number}"

    async def begin(self) -> None:
        """Create merchants whose terms change in the middle of the days."""
        self.house.clock.set(at(self.first - timedelta(days=2), 9))
        self.merchants = [await self.house.merchant() for _ in range(3)]
        for one in self.merchants:
            for since in (self.first, self.first + timedelta(days=2)):
                await agree_terms(self.house, one.id, self.terms(since))
        self.merchants = [await get_merchant(self.house.pool, one.id) for one in self.merchants]
        await self.house.paid(
            await self.house.merchant(), 9999, self.first, fee=9999
        )  # our own money in the reserve

    def terms(self, since: date) -> Terms:
        rng = self.rng
        made = Terms(
            since, 1, auto_payout=rng.random() < 0.3, keep_fee_on_refund=rng.random() < 0.8,
            cycle=rng.choice(["", "D+0", "T+0", "T+2", "W3", "M3"]), least_fen=rng.choice([0, 0, 1500]),
            when_short=rng.choice(["refuse", "guarantee", "advance", "advance"]), advance_fen=rng.choice([500, 5000]),
        )  # fmt: skip
        held = rng.random() < 0.6
        return replace(made, reserve_ppm=rng.choice([1, 333_333, 500_000]), reserve_days=4) if held else made

    async def day(self, day: date) -> None:
        """Take payments, let some be refunded or split again, and bring file and money on the next morning."""
        house = self.house
        house.clock.set(at(day, 12))
        house.acquirer.answer = Answer(Verdict.SUCCESS, settle_date=day)
        today = [await self.pay(day) for _ in range(self.rng.randint(1, 6))]
        await self.others()
        await house.filed(day, [listed(n, one) for n, one in enumerate(today, 1)])
        await house.settled(day)

    async def pay(self, day: date) -> Intent:
        seller, *others = self.rng.sample(self.merchants, 3)
        intent = await self.house.asked(seller, self.rng.choice([1, 7, 1000, 2999]), state=State.UNKNOWN)
        if self.rng.random() < 0.3:
            intent = await self.on_top(intent)
        if self.rng.random() < 0.6:
            intent = await self.with_parts(intent, others)
        proof = Answer(Verdict.SUCCESS, amount=intent.amount, settle_date=day)
        await weigh(self.house.desk, intent, StepKind.ANSWER, proof)
        self.paid.append(await self.house.now(intent))
        return self.paid[-1]

    async def on_top(self, intent: Intent) -> Intent:
        """Let the payer pay the fee in addition, as it would have been stored."""
        await self.house.pool.execute(
            "UPDATE intent SET amount = amount + fee, surcharge = fee WHERE id = $1", intent.id
        )
        return await self.house.now(intent)

    async def with_parts(self, intent: Intent, others: list[Merchant]) -> Intent:
        """Give the payment parts, as it would have been stored with them."""
        parts = [
            NewShare(one.id, 0, self.rng.choice([1000, 333_333, 480_000]))
            for one in others[: self.rng.randint(1, 2)]
        ]
        split = Split(
            tuple(parts), self.rng.choice(["seller", "all"]), self.rng.choice(["proportional", "seller"])
        )
        try:
            with_parts = await shared(self.house.pool, intent, split)
        except ZhangfangError:  # a part comes to nothing
            return intent
        pool = self.house.pool
        await pool.execute("DELETE FROM intent WHERE id = $1", intent.id)
        assert await self.house.desk.journal.insert(with_parts, [])
        await pool.execute("UPDATE intent SET state = 'UNKNOWN' WHERE id = $1", intent.id)
        return await self.house.now(intent)

    async def others(self) -> None:
        for _ in range(self.rng.randint(0, 7)):
            if self.paid:
                await self.rng.choice(
                    [self.refund, self.refund, self.refund, self.split_later, self.resolve]
                )()

    async def refund(self) -> None:
        paid = await self.house.now(self.rng.choice(self.paid[-7:]))
        day, seller = (
            china_day(paid.created_at),
            next(one for one in self.merchants if one.id == paid.merchant),
        )
        kept = paid.surcharge if terms_on(seller, day).keep_fee_on_refund else 0
        if left := paid.amount - paid.refunded - kept:
            verdict = self.rng.choice([Verdict.SUCCESS, Verdict.UNKNOWN, Verdict.UNKNOWN])
            was, self.house.acquirer.answer = self.house.acquirer.answer, Answer(verdict)
            self.refunds.append(
                await self.house.undo(seller, paid, self.rng.choice([left, left, 1 + left // 2]))
            )
            self.house.acquirer.answer = was

    async def resolve(self) -> None:
        """Let a refund of unknown outcome end."""
        for one in self.refunds:
            now = await self.house.now(one)
            if now.state is State.UNKNOWN:
                verdict = self.rng.choice([Verdict.SUCCESS, Verdict.FAILED])
                await weigh(self.house.desk, now, StepKind.QUERY, Answer(verdict, amount=now.amount))
                return

    async def split_later(self) -> None:
        paid = await self.house.now(self.rng.choice(self.paid[-7:]))
        seller = next(one for one in self.merchants if one.id == paid.merchant)
        other = self.rng.choice([one for one in self.merchants if one is not seller])
        split = Split((NewShare(other.id, 0, 250_000),), refund_from=paid.refund_from or "seller")
        key, house = self.key(), self.house
        asking = [
            split_payment(desk.pool, desk.ledger, desk.clock, seller, paid.id, split, key)
            for desk in (cut_off(house.desk, self.rng.randint(0, 6)), house.desk)
        ]
        for one in asking:  # the first may be cut off; the second finds what it did
            with contextlib.suppress(Cut, ZhangfangError):
                await one

    async def run(self, day: date) -> None:
        """Settle, cut off at any step, once or twice; then to the end."""
        self.house.clock.set(at(day, 23))
        for _ in range(self.rng.randint(0, 2)):
            with contextlib.suppress(Cut):
                await settle(cut_off(self.house.desk, self.rng.randint(0, 14)), day)
            await self.house.quiet()
        await settle(self.house.desk, day)
        await self.house.quiet()

    async def check(self) -> None:
        """Ask both oracles."""
        for name in ("subledger_breaks", "unowned"):
            wrong = await self.house.pool.fetch(f"{AUDIT.shared}\n{AUDIT[name]}")
            assert not wrong, (name, [dict(row) for row in wrong])
        owed = await self.owed()
        for one in self.merchants:
            has = -sum([await self.house.balance(code, one.id) for code in (2321, 2322, 2323)])
            advanced = await self.house.balance(1223, one.id)
            assert has - advanced == owed[one.id], (one.id, has, advanced, owed[one.id])
            assert advanced <= 5000
            assert advanced == await self.advanced(one), (
                "what refunds were advanced and no batch has paid back"
            )
        assert await self.house.balance(1241) == -await self.house.balance(2242)

    async def advanced(self, merchant: Merchant) -> int:
        refunds = [await self.house.now(one) for one in self.refunds if one.merchant == merchant.id]
        back = "SELECT coalesce(sum(recovered), 0)::bigint FROM settlement WHERE merchant = $1"
        standing = sum(one.advanced for one in refunds if one.state not in (State.FAILED, State.REFUSED))
        parts = "SELECT * FROM split_back WHERE receiver = $1 AND advanced > 0"
        for row in await self.house.pool.fetch(parts, merchant.id):
            of = next(one for one in self.refunds if one.id == row["refund"])
            standing += row["advanced"] * (
                (await self.house.now(of)).state not in (State.FAILED, State.REFUSED)
            )
        return standing - int(await self.house.pool.fetchval(back, merchant.id))

    async def owed(self) -> Counter[str]:
        """Add up what each merchant is owed, from what was done."""
        owed: Counter[str] = Counter()
        for one in self.paid:
            now = await self.house.now(one)
            owed[now.merchant] += now.amount - now.fee
            for row in await self.house.pool.fetch("SELECT * FROM split WHERE payment = $1", one.id):
                owed[now.merchant] -= row["amount"]
                owed[row["receiver"]] += row["amount"]
        for one in self.refunds:
            now = await self.house.now(one)
            if now.state not in (State.FAILED, State.REFUSED):
                owed[now.merchant] -= now.amount - now.fee
                for row in await self.house.pool.fetch("SELECT * FROM split_back WHERE refund = $1", one.id):
                    owed[now.merchant] += row["amount"]
                    owed[row["receiver"]] -= row["amount"]
        for row in await self.house.pool.fetch(
            "SELECT merchant, amount + fee AS fen FROM intent WHERE kind = 'payout' AND state = 'SUCCESS'"
        ):
            owed[row["merchant"]] -= row["fen"]
        return owed

    async def check_end(self) -> None:
        """Nothing is forgotten: what is pending is below a least amount or carried, and no reserve is held."""
        pool = self.house.pool
        assert not await pool.fetch("SELECT FROM split_order WHERE state = 'OPEN'")
        small = await pool.fetchval("SELECT count(*) FROM intent WHERE splitting IS NOT NULL")
        assert small == 0
        for one in self.merchants:
            pending, held = [-await self.house.balance(code, one.id) for code in (2321, 2323)]
            open_ = await pool.fetchval(
                "SELECT coalesce(sum(owed), 0)::bigint FROM settlement WHERE merchant = $1", one.id
            )
            least = max(terms.least_fen for terms in one.later_terms)
            assert pending + open_ < max(least, 1), (pending, open_, least)
            assert held == 0, held
            assert await self.house.balance(1223, one.id) >= 0, "no more is paid back than was advanced"
        for row in await pool.fetch("SELECT * FROM settlement"):
            assert row["posted_at"] is not None
            assert 0 <= row["owed"] <= row["carried"]


PHASES = (Phase.explicit, Phase.reuse, Phase.generate)  # an example costs too much to be made smaller


@settings(max_examples=6 * MORE, deadline=None, phases=PHASES, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32))
def test_every_fen_of_every_payment_goes_somewhere_once(seed: int, stage: "Stage") -> None:
    stage.first += timedelta(days=91)
    stage.runner.run(play(World(stage.house, random.Random(seed), stage.first)))


async def play(world: World) -> None:
    """Play some days, with runs on each, and then runs until nothing is due any more."""
    await world.house.pool.execute("UPDATE merchant SET state = 'closed'")  # those of the example before
    await world.begin()
    for n in range(DAYS):
        await world.day(world.first + timedelta(days=n))
        await world.run(world.first + timedelta(days=n + 1))
    for _ in range(20):
        await world.resolve()
    await world.check()
    for n in (1, 2, 5, 6, 8, 12, 20, 33, 40, LATER):
        await world.run(world.first + timedelta(days=DAYS + n))
    await world.check()
    await world.check_end()


class Stage:
    """One platform for all examples; each has its own quarter."""

    def __init__(self, runner: asyncio.Runner, house: Treasury) -> None:
        self.runner = runner
        self.house = house
        self.first = date(2026, 6, 2)


@pytest.fixture
def stage(postgres_url: str, template: str) -> Iterator[Stage]:
    with asyncio.Runner() as runner:
        stack = contextlib.AsyncExitStack()

        async def enter() -> Treasury:
            url = await stack.enter_async_context(
                contextlib.asynccontextmanager(_database)(postgres_url, template)
            )
            return await stack.enter_async_context(treasury(url, SetClock()))

        try:
            yield Stage(runner, runner.run(enter()))
        finally:
            runner.run(stack.aclose())
