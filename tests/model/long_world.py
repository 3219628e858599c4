"""Two years of a platform in minutes: real database, real ledger, real timetable, and banks with books of their own.

Each order has a plan: how it ends, and after how many days. Until then its channel is silent. What the platform believes
in the end is compared with the banks' books, summed up here without any of the platform's code.
"""

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any

from tests.clock import SetClock
from tests.people import LIN, WANG, approve_newest, close_through, seen
from tests.treasury import ACCOUNT, Acquirer, Bank, Treasury, at
from zhangfang.channels.port import Answer, FileLine, Operation, Order, Verdict
from zhangfang.closing import period
from zhangfang.closing.day import Day
from zhangfang.closing.timetable import begin, job
from zhangfang.kernel.calendar import china_day
from zhangfang.kernel.driver import run_due
from zhangfang.merchants import Merchant
from zhangfang.payments import (
    FINAL,
    Intent,
    Outcome,
    Request,
    State,
    StepKind,
    accept,
    approve_outcome,
    intent_job,
    propose_outcome,
    weigh,
)  # fmt: skip
from zhangfang.payments.people.stops import approve_opening, open_again, stop
from zhangfang.reconciliation import finish_returns, propose

BEGIN = date(2026, 9, 1)
ENDS = {(kind, state) for kind in ("collection", "refund", "payout") for state in ("SUCCESS", "FAILED")}
HOUR = 11, 40  # all tasks of the timetable are due
END = BEGIN + timedelta(days=730)  # everything that was begun ends by this day
# Days without an answer. While a payment has no outcome no date after it is closed, so those of 400 days are few.
HELD_OPEN = (0, 0, 0, 0, 0, 0, 1, 3, 20, 40, 70)
LONGEST = 400


@dataclass
class Entry:
    """An order in a bank's book. Its end is known on `ends`; the bank is silent about it before that day."""

    order: Order
    ends: date
    success: bool
    returned: date | None = None


@dataclass
class Silent:
    """What both banks share: a book, and orders that they say nothing about until their day."""

    clock: SetClock
    plans: dict[
        str, tuple[int, bool]
    ]  # by the merchant's number: days of silence, and whether the money moves
    book: dict[str, Entry] = field(default_factory=dict)

    def take(self, order: Order) -> Answer:
        """Write a new order into the book; a repeated number changes nothing."""
        days, success = self.plans.get(order.key, (0, True))
        day = china_day(self.clock.now())
        self.book.setdefault(order.order_no, Entry(order, day + timedelta(days=days), success))
        return self.tell(order.order_no)

    def tell(self, order_no: str) -> Answer:
        """Say what became of an order, or nothing before its day."""
        entry = self.book.get(order_no)
        if entry is None:
            return Answer(Verdict.NOT_FOUND)
        if china_day(self.clock.now()) < entry.ends:
            return Answer(Verdict.UNKNOWN, message="no answer")
        if not entry.success:
            return Answer(Verdict.FAILED, "51")
        ref = f"Q{order_no[:20]}"
        return Answer(
            Verdict.SUCCESS, "00", channel_ref=ref, amount=entry.order.amount, settle_date=self.day(entry)
        )

    def day(self, entry: Entry) -> date | None:
        """Return the settlement date that the bank says; an account at a bank has none."""
        return None


class Network(Acquirer):
    """An acquirer whose files list what succeeded on a day; money without an order of ours is in `strays`."""

    def __init__(self, shared: Silent) -> None:
        """Take the book."""
        super().__init__()
        self.shared = shared
        self.strays: dict[date, list[FileLine]] = {}
        shared.day = lambda entry: entry.ends  # type: ignore[method-assign]

    async def send(self, order: Order) -> Answer:
        return self.shared.take(order)

    async def query(self, order: Order) -> Answer:
        return self.shared.tell(order.order_no)

    def of(self, day: date) -> list[FileLine]:
        """Return the lines of a day, those of orders first."""
        done = [one for one in self.shared.book.values() if one.success and one.ends == day]
        lines = [
            FileLine(
                n, one.order.order_no, f"Q{one.order.order_no[:20]}", one.order.operation, one.order.amount,
                one.order.operation is Operation.COLLECTION, 0, note=one.order.key,
            )
            for n, one in enumerate(done, 1)
        ]  # fmt: skip
        return lines + self.strays.get(day, [])

    def net(self, day: date) -> int:
        """Return what the network pays for a day, in fen; below zero if it takes."""
        return sum(line.amount if line.credit else -line.amount for line in self.of(day))


class Vaulted(Bank):
    """The bank of our account: payouts debit it, returns credit it, and the network settles into it."""

    def __init__(self, shared: Silent) -> None:
        """Take the book."""
        super().__init__()
        self.shared = shared
        self.page = 200
        self.listed: set[tuple[str, str]] = set()

    async def send(self, order: Order) -> Answer:
        return self.shared.take(order)

    async def query(self, order: Order) -> Answer:
        entry = self.shared.book.get(order.order_no)
        if entry and entry.returned and china_day(self.shared.clock.now()) >= entry.returned:
            return Answer(Verdict.RETURNED, amount=order.amount)
        return self.shared.tell(order.order_no)


def rounded(value: Fraction) -> int:
    """Return a fraction of fen rounded half up."""
    return int(value + Fraction(1, 2))


def fee_of(amount: int) -> int:
    """Return the fee of a pay-in: 0.6 %."""
    return rounded(Fraction(amount * 6, 1000))


def net(one: Order | FileLine) -> int:
    """Return what a pay-in leaves to its merchant."""
    return one.amount - fee_of(one.amount)


class LongWorld:
    """A platform that grows old. `visit` goes to a day, and the timetable catches up with all days before it."""

    def __init__(self, house: Treasury, seed: int, folder: Path) -> None:
        """Put the banks with books in the place of the house's own."""
        self.house = house
        self.chance = Random(seed)
        self.plans: dict[str, tuple[int, bool]] = {}
        self.network = Network(Silent(house.clock, self.plans))
        self.bank = Vaulted(Silent(house.clock, self.plans))
        house.acquirer, house.bank = self.network, self.bank
        house.desk.channels = {"unionpay": self.network, "cmb": self.bank}
        house.desk.acquirers = {"unionpay": self.network}
        self.day = Day(house.desk, (house.account,))
        self.merchants: list[Merchant] = []
        self.owner: dict[str, str] = {}  # the merchant of each number
        self.paid: list[Intent] = []
        self.later: list[tuple[date, Any]] = []  # what people do on a day to come
        self.settled = BEGIN  # the network has paid the days before it
        self.met: dict[str, int] = {}
        self._number = 0

    @property
    def today(self) -> date:
        """Return the day in China."""
        return china_day(self.house.clock.now())

    async def start(self) -> None:
        """Open the merchants, and plan the timetable."""
        for n in range(3):
            self.merchants.append(await self.house.merchant(auto_payout=n == 0, external_ref=f"M{n}"))
        await begin(self.day)

    # --- a day --------------------------------------------------------------------------------------------------

    async def visit(self, day: date) -> None:
        """Let time pass to a day: the banks' books go on, the timetable runs, people do what they had planned.

        People come last: a stop that they end today was there when the days before it were settled.
        """
        self.house.clock.set(at(day, *HOUR))
        self._banks()
        await self.run()
        await self._people()
        await self.run()

    async def run(self) -> None:
        """Run the timetable and the driver until nothing is due at this moment."""
        pool, now = self.house.pool, self.house.clock.now()
        payments = intent_job(self.house.desk)
        for _ in range(4000):
            done = await run_due(pool, now, payments) + await run_due(pool, now, job(self.day))
            await self.house.quiet()
            if not done:
                break
        await finish_returns(pool, self.house.clock)

    def _banks(self) -> None:
        """Make the files of the days that are over, and write on the statement what the banks did."""
        while self.settled < self.today:
            self.network.files[self.settled] = self.network.of(self.settled)
            if net := self.network.net(self.settled):
                self.house.on_bank(net, text=f"unionpay settles {self.settled}", day=self.today)
            self.settled += timedelta(days=1)
        for number, entry in self.bank.shared.book.items():
            self._line(number, "O5", entry.success and entry.ends <= self.today, -entry.order.amount)
            self._line(
                number, "O8", entry.returned is not None and entry.returned <= self.today, entry.order.amount
            )

    def _line(self, number: str, what: str, due: bool, signed: int) -> None:
        if due and (number, what) not in self.bank.listed:
            self.bank.listed.add((number, what))
            self.house.on_bank(signed, reference=number, day=self.today)

    # --- what merchants and people do ---------------------------------------------------------------------------

    def name(self, merchant: Merchant, days: int, success: bool) -> str:
        """Return a new number, and note its plan."""
        self._number += 1
        name = f"L{self._number}"
        self.plans[name], self.owner[name] = (days, success), merchant.id
        return name

    def wait(self, *days: int) -> int:
        """Return one of these numbers of days at random, none that goes beyond the end."""
        return self.chance.choice([n for n in days if self.today + timedelta(days=n) <= END] or [0])

    def count(self, what: str) -> None:
        """Count that something was met."""
        self.met[what] = self.met.get(what, 0) + 1

    async def ask(self, merchant: Merchant, kind: Operation, amount: int, **other: Any) -> Intent:
        """Ask for something whose end its channel hides for some days."""
        days, success = self.wait(*HELD_OPEN), self.chance.random() < 0.5
        name = self.name(merchant, days, success)
        request = Request(kind, name, amount, name, **({"account": ACCOUNT} | other))
        intent, _ = await accept(self.house.desk, merchant, request)
        await self.house.quiet()
        self.count(f"{kind} {'open for long' if days > 61 else 'soon'} {'done' if success else 'failed'}")
        return intent

    async def act(self) -> None:
        """Do one thing of a merchant or of the world at random."""
        merchant = self.chance.choice(self.merchants)
        await self.chance.choice(ACTS)(self, merchant)

    async def _collect(self, merchant: Merchant) -> None:
        await self.collect(merchant, self.wait(*HELD_OPEN), self.chance.random() < 0.75)

    async def collect(self, merchant: Merchant, days: int, success: bool) -> None:
        """Ask for a pay-in with this plan; two people may end one that stays open for long."""
        amount = self.chance.randint(1, 500_000)
        intent = await self.house.asked(merchant, amount, fee=fee_of(amount))
        self.plans[intent.order_no], self.owner[intent.order_no] = (days, success), merchant.id
        order = Order(
            Operation.COLLECTION, intent.channel_order_no, intent.requested_at, amount, intent.order_no
        )
        await self.network.send(order)
        await self.house.pool.execute(
            "UPDATE intent SET next_action_at = $2 WHERE id = $1", intent.id, self.house.clock.now()
        )
        self.paid.append(intent)
        self.count(f"collection {'open for long' if days > 61 else 'soon'} {'done' if success else 'failed'}")
        if LONGEST > days > 61 and self.chance.random() < 0.5:
            self.after(self.wait(40, 70), self._end_by_people(intent, success))

    async def _refund(self, merchant: Merchant) -> None:
        done = [one for one in self.paid if (await self.house.now(one)).state is State.SUCCESS]
        if done:
            original = self.chance.choice(done)
            of = next(one for one in self.merchants if one.id == original.merchant)
            with suppress(Exception):  # more than is left of the payment, or of the merchant's money
                await self.ask(
                    of, Operation.REFUND, self.chance.randint(1, original.amount), original=original.id
                )

    async def _payout(self, merchant: Merchant) -> None:
        with suppress(Exception):  # a stop
            intent = await self.ask(merchant, Operation.PAYOUT, self.chance.randint(1, 100_000))
            entry = self.bank.shared.book.get((await self.house.now(intent)).channel_order_no)
            if entry and entry.success and self.chance.random() < 0.4:
                entry.returned = entry.ends + timedelta(days=self.wait(1, 40, 70, 300))
                self.after((entry.returned - self.today).days, self._told_returned(intent))

    async def _stray(self, merchant: Merchant) -> None:
        """The network took money that we never asked for; two people cure the break, soon or a year later."""
        number, amount = f"S{self._number}", self.chance.randint(100, 50_000)
        self._number += 1
        line = FileLine(
            900 + len(self.network.strays),
            number,
            f"Q{number}",
            Operation.COLLECTION,
            amount,
            True,
            0,
            note=number,
        )
        self.network.strays.setdefault(self.today, []).append(line)
        cure = self.chance.choice(("B2", "B8"))
        self.after(2 + self.wait(*HELD_OPEN[4:], LONGEST), self._cure(number, cure, merchant, amount))

    async def _stop(self, _: Merchant) -> None:
        """A person stops payouts, of one bank or of both, and opens them again days later.

        Shortly before, the merchant that is paid out by itself took a payment: the payout of its settlement goes by the
        other bank, or has to wait.
        """
        pool, clock, banks = self.house.pool, self.house.clock, self.chance.choice(("cmb", "cmb unionpay"))
        await self.collect(self.merchants[0], 0, success=True)
        for name in banks.split():
            await stop(pool, clock, name, "payout", "maintenance", LIN)
        self.after(self.wait(3, 20, 70), self._open_again(banks))
        self.count(f"stop of {banks}")

    async def _open_again(self, banks: str) -> None:
        pool, clock = self.house.pool, self.house.clock
        for name in banks.split():
            if made := await open_again(pool, clock, name, "payout", "it is over", LIN):
                await approve_opening(pool, clock, *await seen(pool, made), WANG)

    def after(self, days: int, what: Any) -> None:
        """Let people do something in so many days."""
        self.later.append((self.today + timedelta(days=days), what))

    async def _people(self) -> None:
        due = [what for day, what in self.later if day <= self.today]
        self.later = [one for one in self.later if one[0] > self.today]
        for what in due:
            await what

    async def _end_by_people(self, intent: Intent, success: bool) -> None:
        """Two people end what the channel does not; the channel's book says so too from now on."""
        entry = self.network.shared.book[intent.channel_order_no]
        if (await self.house.now(intent)).state in FINAL or entry.ends <= self.today:
            return  # the channel has spoken
        entry.ends = self.today
        state = State.SUCCESS if success else State.FAILED
        said = Outcome(state, "the bank wrote a letter", "letter 12")
        if success:
            said = Outcome(
                state,
                "the bank wrote a letter",
                "letter 12",
                intent.amount,
                self.today,
                f"Q{intent.channel_order_no[:20]}",
            )
        made = await propose_outcome(self.house.pool, self.house.clock, intent.id, said, LIN)
        await approve_outcome(self.house.desk, *await seen(self.house.pool, made), WANG)
        self.count("ended by people")

    async def _told_returned(self, intent: Intent) -> None:
        now = await self.house.now(intent)
        if now.state is State.SUCCESS:
            await weigh(self.house.desk, now, StepKind.QUERY, Answer(Verdict.RETURNED, amount=intent.amount))
            self.count("returned")

    async def _cure(self, number: str, cure: str, merchant: Merchant, amount: int) -> None:
        row = await self.house.pool.fetchrow(
            "SELECT id FROM break WHERE cleared_at IS NULL AND key LIKE '%' || $1 || '%'", number
        )
        if row is None:  # the day's file has not been read yet
            self.after(3, self._cure(number, cure, merchant, amount))
            return
        desk, to = self.house.desk, merchant.id if cure == "B2" else None
        await propose(desk.pool, desk.clock, desk.journal, row["id"], cure, LIN, to)
        await approve_newest(self.house.desk, row["id"], WANG)
        self.count(f"cured by {cure}")
        if cure == "B2":
            self.owner[number] = merchant.id

    async def close_month(self) -> None:
        """Close the books through the end of the month before last, if nothing is in the way."""
        first = self.today.replace(day=1)
        with suppress(period.NotClosable):
            await close_through(self.house, first - timedelta(days=1))
            self.count("month closed")

    async def every_end(self) -> None:
        """Go on with refunds and payouts until there are some that succeeded and some that failed."""
        for _ in range(50):
            if await self._ends() >= ENDS:
                return
            for act in (LongWorld._refund, LongWorld._payout):
                await act(self, self.chance.choice(self.merchants))
            await self.run()

    async def _ends(self) -> set[tuple[str, str]]:
        rows = await self.house.pool.fetch(
            "SELECT DISTINCT kind, state FROM intent WHERE state IN ('SUCCESS', 'FAILED')"
        )
        return {(row["kind"], row["state"]) for row in rows}

    # --- in the end ---------------------------------------------------------------------------------------------

    async def check(self) -> None:
        """Assert that nothing is forgotten, and that the books are those of the banks."""
        pool = self.house.pool
        open_ = await pool.fetch(
            "SELECT kind, state, code, message, requested_at FROM intent WHERE state <> ALL($1)", list(FINAL)
        )
        assert not open_, [dict(row) for row in open_]
        breaks = await pool.fetch(
            "SELECT class, channel, settle_date, key, ours, theirs, note FROM break WHERE cleared_at IS NULL"
        )
        assert not breaks, [tuple(row) for row in breaks]
        undone = await pool.fetch(
            "SELECT kind, key, note FROM task WHERE done_at IS NULL AND kind IN"
            " ('file', 'settlement', 'close', 'roll', 'statements') AND next_action_at < $1",
            self.house.clock.now(),
        )
        assert not undone, [tuple(row) for row in undone][:5]
        unpaid = await pool.fetchval(
            "SELECT count(*) FROM settlement s JOIN merchant m ON m.id = s.merchant"
            " WHERE m.auto_payout AND s.payout IS NULL AND s.amount > 100"
        )
        assert unpaid == 0, f"{unpaid} automatic payouts were forgotten"
        assert await self._ends() == ENDS, "not every end was met"
        late = await pool.fetchval(
            "SELECT count(*) FROM settlement s JOIN intent i ON i.id = s.payout"
            " WHERE i.business_date > (s.posted_at AT TIME ZONE 'Asia/Shanghai')::date"
        )
        assert late, "no automatic payout had to wait for another day than that of its settlement"
        assert await self.house.balance(1003) == self.bank.balance
        assert await self.house.balances(3011, 3012, 3013, 3014, 3015, 2351) == (0,) * 6
        for merchant in self.merchants:
            owed = await self.house.balance(2321, merchant.id) + await self.house.balance(2322, merchant.id)
            assert -owed == self.owed(merchant.id), (
                f"{merchant.external_ref}: {-owed}, not {self.owed(merchant.id)}"
            )

    def owed(self, merchant: str) -> int:
        """Return what the banks' books leave to a merchant, in fen."""
        both = [*self.network.shared.book.values(), *self.bank.shared.book.values()]
        mine = [one for one in both if one.success and self._of(one.order.key) == merchant]
        total = sum(
            net(line)
            for lines in self.network.strays.values()
            for line in lines
            if self._of(line.note) == merchant
        )
        for one in mine:
            if (
                one.order.operation is Operation.PAYOUT
            ):  # by either bank; the fee of one that came back is kept
                total -= 100 + one.order.amount * (one.returned is None)
            elif one.order.operation is Operation.COLLECTION:
                total += net(one.order) - self._given_back(one.order)
        return total

    def _given_back(self, paid: Order) -> int:
        """Return what refunds took of a pay-in, less the fee that came back with them."""
        back = sum(
            one.order.amount
            for one in self.network.shared.book.values()
            if one.success and one.order.original_order_no == paid.order_no
        )
        return back - rounded(Fraction(fee_of(paid.amount) * back, paid.amount))

    def _of(self, key: str) -> str | None:
        """Return whose number it is; an automatic payout's number begins with the merchant's own name."""
        named = {one.external_ref: one.id for one in self.merchants}
        return self.owner.get(key) or named.get(key.partition("-")[0])


ACTS = (
    LongWorld._collect,
    LongWorld._collect,
    LongWorld._collect,
    LongWorld._refund,
    LongWorld._payout,
    LongWorld._payout,
    LongWorld._stray,
    LongWorld._stop,
)
