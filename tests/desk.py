"""A desk for tests: real database, real ledger, the channels' real rules, and banks in memory that misbehave on demand."""

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from uuid import UUID

from tests.clock import SetClock
from tests.ledger import running
from tests.mandates import sign
from tests.people import bound
from zhangfang.api import admit
from zhangfang.assembly.accounts import open_platform_accounts
from zhangfang.channels.cmb import Cmb
from zhangfang.channels.port import (
    Answer,
    ChannelFile,
    FileNotReady,
    ForgedMessage,
    Form,
    MalformedMessage,
    Notification,
    Operation,
    Order,
    PartyAccount,
    Reply,
    Rules,
    Verdict,
)
from zhangfang.channels.unionpay import UnionPay
from zhangfang.kernel.calendar import settlement_day
from zhangfang.kernel.database import connect
from zhangfang.kernel.driver import Job, run_due
from zhangfang.kernel.ids import new_id
from zhangfang.ledger import Balance, Book, LedgerClient, account_id, adjustment
from zhangfang.merchants import BankAccount, FeeKind, FeeRule, Merchant, NewMerchant
from zhangfang.payments import Desk, Intent, Request, accept, intent_job
from zhangfang.payments.course import steps
from zhangfang.vault import Vault, create_key_file

PAYER = PartyAccount("6222021234567890123", "张三丰", "card", "", "330106199001011234", "13800138000")
SECRETS = ("6222021234567890123", "张三丰", "330106199001011234", "13800138000")
NORMAL = {3011: 1, 3012: 1, 3013: -1, 3014: -1, 3015: 1, 2321: -1, 2322: -1, 2361: -1}  # debit or credit


@dataclass
class Entry:
    """One order in the bank's own book. `state` is SUCCESS, FAILED or PENDING."""

    order: Order
    state: str


@dataclass
class FakeBank:
    """A bank with a book of its own: it knows an order number, so that the same number is never done twice.

    `on_send` and `on_query` say, by the merchant's number, how the next requests fare; what is not said goes well:
    a request is done at once and answered ACCEPTED, a query is answered with what the book says.
    """

    name: str
    rules: Mapping[Operation, Rules]
    clock: SetClock
    book: dict[str, Entry] = field(default_factory=dict)
    in_flight: list[Order] = field(default_factory=list)
    sent: dict[str, list[Order]] = field(default_factory=lambda: defaultdict(list))
    on_send: dict[str, list[str]] = field(default_factory=dict)
    on_query: dict[str, list[str]] = field(default_factory=dict)
    debits: Counter[tuple[Operation, str]] = field(default_factory=Counter)
    account: str = "755900000000001"

    async def send(self, order: Order) -> Answer:
        """Meet the next of `on_send`.

        done, lost_request, lost_answer, late, not_sent, not_here, decline, decline_later, pending.
        """
        fate = _next(self.on_send, order.key, "done")
        if fate == "not_sent":
            return Answer(Verdict.NOT_SENT)
        self.sent[order.order_no].append(order)
        if fate == "not_here":
            return Answer(Verdict.FAILED, "05", "closed at this hour", elsewhere=True)
        if fate == "lost_request":
            return Answer(Verdict.UNKNOWN, message="no answer")
        if fate == "late":
            self.in_flight.append(order)
            return Answer(Verdict.UNKNOWN, message="no answer")
        if order.order_no in self.book:
            return Answer(Verdict.UNKNOWN, "12", "duplicate")
        state = {"decline": "FAILED", "decline_later": "FAILED", "pending": "PENDING"}.get(fate, "SUCCESS")
        self.do(order, state)
        if fate == "lost_answer":
            return Answer(Verdict.UNKNOWN, message="no answer")
        return Answer(Verdict.FAILED, "64") if fate == "decline" else Answer(Verdict.ACCEPTED, "00")

    async def query(self, order: Order) -> Answer:
        """Meet the next of `on_query`: no_answer, not_found, or the truth."""
        fate = _next(self.on_query, order.key, "truth")
        if fate == "no_answer":
            return Answer(Verdict.UNKNOWN, message="no answer")
        if fate == "not_found":
            return Answer(Verdict.NOT_FOUND, "34")
        return self.truth(order.order_no)

    def truth(self, order_no: str) -> Answer:
        """Return what the book says."""
        entry = self.book.get(order_no)
        if entry is None:
            return Answer(Verdict.NOT_FOUND, "34")
        verdict = {
            "SUCCESS": Verdict.SUCCESS,
            "FAILED": Verdict.FAILED,
            "RETURNED": Verdict.RETURNED,
            "PENDING": Verdict.ACCEPTED,
        }
        day = settlement_day(entry.order.requested_at) if self.name == "unionpay" else None
        return Answer(verdict[entry.state], "00", "", f"ref{order_no[:12]}", entry.order.amount, day)

    def do(self, order: Order, state: str = "SUCCESS") -> None:
        """Write an order into the book, unless its number is there."""
        if order.order_no not in self.book:
            self.book[order.order_no] = Entry(order, state)
            self.debits[order.operation, order.key] += state != "FAILED"

    def deliver(self) -> None:
        """Let what was on its way arrive, and what was pending succeed."""
        for order in self.in_flight:
            self.do(order)
        self.in_flight.clear()
        for entry in self.book.values():
            entry.state = "SUCCESS" if entry.state == "PENDING" else entry.state

    async def present(self, order: Order, return_url: str) -> Form:
        """Return a form without a signature."""
        return Form("https://bank.example/cashier", {"orderId": order.order_no, "frontUrl": return_url})

    def message(self, order_no: str) -> bytes:
        """Return the notification of an order; its `signature` is only a word here."""
        entry = self.book[order_no]
        held = {"orderId": order_no, "kind": entry.order.operation.value, "state": entry.state}
        return json.dumps(held | {"signature": "genuine"}).encode()

    def reply(self, *, taken: bool) -> Reply:
        """Say the word that this bank wants to hear."""
        return Reply("ok" if taken else "fail")

    def notification(self, headers: Mapping[str, str], body: bytes) -> Notification:
        """Read what `message` wrote."""
        try:
            held = json.loads(body)
            order_no, kind, genuine = held["orderId"], held["kind"], held["signature"] == "genuine"
        except (ValueError, KeyError, TypeError):
            raise MalformedMessage("notification: not readable") from None
        if not genuine:
            raise ForgedMessage("signature: does not verify")
        return Notification(order_no, Operation(kind), self.truth(order_no))

    async def file(self, settle_date: date) -> ChannelFile:
        """No test here reads files."""
        raise FileNotReady(f"{settle_date}")

    def settlement_of(self, text: str) -> date | None:
        """No test here reads statements."""
        return None


def _debit(one: Balance) -> int:
    return one.debits + one.debits_pending - one.credits - one.credits_pending


def _next(script: dict[str, list[str]], key: str, otherwise: str) -> str:
    left = script.get(key)
    return left.pop(0) if left else otherwise


@dataclass
class Shop:
    """The desk, its two banks, and helpers to play with."""

    desk: Desk
    unionpay: FakeBank
    cmb: FakeBank
    clock: SetClock
    job: Job
    url: str

    def bank(self, intent: Intent) -> FakeBank:
        """Return the bank that an intent goes to."""
        return {"unionpay": self.unionpay, "cmb": self.cmb}[intent.channel]

    async def merchant(self, available: int = 0, **other: object) -> Merchant:
        """Admit a merchant with 0.6 % on pay-ins and 50 fen a payout, and `available` fen."""
        rules = (
            FeeRule(FeeKind.PURCHASE, 6000),
            FeeRule(FeeKind.COLLECTION, 6000),
            FeeRule(FeeKind.PAYOUT, 0, 50),
        )
        account = BankAccount("6214830012345678", "青禾公寓", "corporate")
        new = NewMerchant(name="青禾公寓", fee_rules=rules, settlement_account=account, **other)  # type: ignore[arg-type]
        made = await admit(self.desk, new)
        await bound(self.desk.pool, made.id)
        await sign(self.desk, made.id, PAYER)
        if available:
            day = settlement_day(self.clock.now())
            moved = adjustment(
                new_id(self.clock), debit=(3012, "unionpay"), credit=(2322, made.id), amount=available,
                business_date=day, memo=new_id(self.clock),
            )  # fmt: skip
            await self.desk.ledger.create_transfers(moved)
        return made

    async def ask(
        self, merchant: Merchant, kind: Operation, order_no: str, amount: int, **other: object
    ) -> Intent:
        """Accept a request whose key is its order number, and wait for what it does in the background."""
        if kind in (Operation.COLLECTION, Operation.PAYOUT):
            other = {"account": PAYER} | other
        request = Request(kind, order_no, amount, order_no, **other)  # type: ignore[arg-type]
        intent, _ = await accept(self.desk, merchant, request)
        await self.idle()
        return await self.reload(intent)

    async def idle(self) -> None:
        """Wait for the first steps that go on behind an answer."""
        while steps._running:
            await asyncio.wait(set(steps._running))

    async def reload(self, intent: Intent) -> Intent:
        """Read an intent again."""
        found = await self.desk.journal.by_id(intent.id)
        assert found is not None
        return found

    async def drive(self) -> int:
        """Let the driver do one round."""
        return await run_due(self.desk.pool, self.clock.now(), self.job)

    async def forget_leases(self) -> None:
        """Do what ten seconds of the machines' time do."""
        await self.desk.pool.execute("UPDATE intent SET lease_until = NULL")

    async def settle_down(self, rounds: int = 60) -> None:
        """Drive, with time going by, until nothing is due any more but purchases that nobody has paid."""
        for _ in range(rounds):
            await self.idle()
            await self.forget_leases()
            await self.drive()
            self.clock.advance(seconds=40)
            waiting = await self.desk.pool.fetch(
                "SELECT state, channel_order_no FROM intent WHERE next_action_at IS NOT NULL"
            )
            paid = [
                r
                for r in waiting
                if r["state"] != "REDIRECTED" or r["channel_order_no"] in self.unionpay.book
            ]
            if not paid:
                return

    async def balances(self, merchant: str) -> dict[int, int]:
        """Return balances on their normal sides, pendings taken off, by the chart's code."""
        subjects = dict.fromkeys((3011, 3012, 3013), "unionpay") | {
            3014: "cmb",
            3015: "cmb",
            2361: "platform",
        }
        subjects |= {2321: merchant, 2322: merchant}
        ids: dict[int, UUID] = {c: account_id(Book.CUSTOMERS, c, s) for c, s in subjects.items()}
        found = await self.desk.ledger.account_balances(ids.values())
        made = {code: NORMAL[code] * _debit(found[id_]) for code, id_ in ids.items()}
        for code in (3014, 3015):  # a payout may have gone by the other channel
            other = account_id(Book.CUSTOMERS, code, "unionpay")
            made[code] += NORMAL[code] * _debit((await self.desk.ledger.account_balances([other]))[other])
        return made


@asynccontextmanager
async def open_shop(url: str, folder: Path, clock: SetClock) -> AsyncIterator[Shop]:
    """Start a ledger on `url` and open a desk on it with two fake banks."""
    create_key_file(folder / "vault.json")
    ledger = running(url, folder / "l.sock", clock)
    pool = await connect(url)
    try:
        async with LedgerClient(folder / "l.sock") as client:
            await open_platform_accounts(client)
            unionpay = FakeBank("unionpay", UnionPay.rules, clock)
            cmb = FakeBank("cmb", Cmb.rules, clock)
            channels = {"unionpay": unionpay, "cmb": cmb}
            desk = Desk(pool, client, channels, Vault(folder / "vault.json"), clock)
            desk.acquirers = {"unionpay": unionpay}
            yield Shop(desk, unionpay, cmb, clock, intent_job(desk), url)
            await desk.gate.router.close()
    finally:
        await ledger.stop()
        pool.terminate()
