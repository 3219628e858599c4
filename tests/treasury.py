"""A small platform for tests of what becomes of money that was collected: real database, real ledger, banks that say
what a test tells them to.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import asyncpg

from tests.clock import SetClock
from tests.ledger import running
from tests.people import bound
from zhangfang.channels.port import (
    MOVED,
    Answer,
    ChannelFile,
    FileLine,
    FileNotReady,
    Form,
    Notification,
    Operation,
    Order,
    PartyAccount,
    Reply,
    Rules,
    StatementLine,
    StatementPage,
    Verdict,
)
from zhangfang.kernel.clock import CHINA
from zhangfang.kernel.database import connect
from zhangfang.ledger import CHART, PLATFORM, LedgerClient, open_accounts, subjects_of
from zhangfang.merchants import BankAccount, FeeKind, FeeRule, Merchant, NewMerchant, create_merchant
from zhangfang.payments import Desk, Intent, Request, State, StepKind, accept, weigh
from zhangfang.payments.accept.requests import draft
from zhangfang.payments.course import steps
from zhangfang.payments.sealing import fingerprint
from zhangfang.reconciliation import Account, read, reconcile
from zhangfang.settlement import settle
from zhangfang.vault import Vault, create_key_file

DAY = date(2026, 9, 1)  # a Tuesday
NEXT = date(2026, 9, 2)
ALIAS = "reserve"
ACCOUNT = PartyAccount("6222000000000018", "张三")
FEES = (FeeRule(FeeKind.PURCHASE, 6000), FeeRule(FeeKind.COLLECTION, 6000), FeeRule(FeeKind.PAYOUT, 0, 100))
_RULES = {operation: Rules((timedelta(minutes=1),), 1) for operation in Operation}
_numbers = count(1)


def at(day: date, hour: int, minute: int = 0) -> datetime:
    """Return a moment in China."""
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=CHINA)


def about(order: Order, answer: Answer) -> Answer:
    """Return an answer with the order's amount, as banks give it where money has moved."""
    return replace(answer, amount=order.amount) if answer.verdict in MOVED else answer


@dataclass
class Acquirer:
    """A channel that answers success, and has the files that a test gave it."""

    name: str = "unionpay"
    answer: Answer = field(default_factory=lambda: Answer(Verdict.SUCCESS, settle_date=DAY))
    files: dict[date, Sequence[FileLine] | Exception] = field(default_factory=dict)
    rules: Mapping[Operation, Rules] = field(default_factory=lambda: _RULES)

    async def send(self, order: Order) -> Answer:
        return about(order, self.answer)

    async def query(self, order: Order) -> Answer:
        return about(order, self.answer)

    async def present(self, order: Order, return_url: str) -> Form:
        raise NotImplementedError

    def notification(self, headers: Mapping[str, str], body: bytes) -> Notification:
        raise NotImplementedError

    def reply(self, *, taken: bool) -> Reply:
        raise NotImplementedError

    async def file(self, settle_date: date) -> ChannelFile:
        lines = self.files.get(settle_date, FileNotReady(f"no file of {settle_date} yet"))
        if isinstance(lines, Exception):
            raise lines
        digest = hashlib.sha256(repr(lines).encode()).hexdigest()
        return ChannelFile(self.name, settle_date, f"{settle_date}.zip", digest, lines)

    def settlement_of(self, text: str) -> date | None:
        name, _, day = text.partition(" settles ")
        return date.fromisoformat(day) if name == self.name else None


@dataclass
class Bank:
    """A bank whose statement is what a test wrote, three lines a page."""

    name: str = "cmb"
    answer: Answer = field(default_factory=lambda: Answer(Verdict.SUCCESS))
    rules: Mapping[Operation, Rules] = field(default_factory=lambda: _RULES)
    lines: list[StatementLine] = field(default_factory=list)
    sent: list[Order] = field(default_factory=list)
    page: int = 3
    account: str = "7559000000000001"

    async def send(self, order: Order) -> Answer:
        self.sent.append(order)
        return about(order, self.answer)

    async def query(self, order: Order) -> Answer:
        known = any(order.order_no == one.order_no for one in self.sent)
        return about(order, self.answer) if known else Answer(Verdict.NOT_FOUND)

    async def statement(self, account: str, cursor: str) -> StatementPage:
        start = int(cursor or 0)
        end = start + self.page
        return StatementPage(self.lines[start:end], str(min(end, len(self.lines))), end < len(self.lines))

    @property
    def balance(self) -> int:
        """Return what the bank's own book says, in fen."""
        return sum(line.amount if line.credit else -line.amount for line in self.lines)


@dataclass(repr=False)  # Hypothesis shows it in a failure
class Treasury:
    """The platform of one test."""

    desk: Desk
    acquirer: Acquirer
    bank: Bank
    clock: SetClock

    @property
    def pool(self) -> asyncpg.Pool:
        return self.desk.pool

    @property
    def account(self) -> Account:
        return Account(self.desk.alias, self.bank, (self.acquirer,))

    async def merchant(self, **other: Any) -> Merchant:
        """Create a merchant with its accounts in the ledger; 0.6 % on pay-ins and 1 yuan a payout unless told."""
        to = BankAccount("6222000000000026", "某公司")
        asked: dict[str, Any] = {"fee_rules": FEES, "settlement_account": to}
        new = NewMerchant("某公司", **asked | other)
        made = await create_merchant(self.pool, self.desk.vault, self.clock, new)
        if new.settlement_account:
            await bound(self.pool, made.id)
        await open_accounts(self.desk.ledger, subjects_of("merchant", made.id))
        return made

    async def asked(
        self,
        merchant: Merchant,
        amount: int,
        kind: Operation = Operation.COLLECTION,
        state: State = State.UNKNOWN,
        fee: int | None = None,
    ) -> Intent:
        """Store a pay-in whose message has left."""
        name = f"N{next(_numbers)}"
        request = Request(kind, name, amount, name, account=ACCOUNT)
        charge = fee if fee is not None else (amount * 6000 + 500_000) // 1_000_000
        intent = draft(
            self.desk.vault,
            self.desk.clock,
            merchant.id,
            request,
            fingerprint(self.desk.vault, request),
            charge,
        )
        intent = replace(intent, channel=self.acquirer.name, channel_order_no=f"C{intent.id.hex[1:]}")
        await self.desk.journal.insert(intent, [])
        await self.pool.execute("UPDATE intent SET state = $2 WHERE id = $1", intent.id, state)
        return await self.now(intent)

    async def paid(self, merchant: Merchant, amount: int, day: date = DAY, **other: Any) -> Intent:
        """Store a pay-in that succeeded on `day`, booked by P1 or P2."""
        intent = await self.asked(merchant, amount, **other)
        await weigh(
            self.desk, intent, StepKind.ANSWER, Answer(Verdict.SUCCESS, amount=amount, settle_date=day)
        )
        return await self.now(intent)

    async def undo(
        self, merchant: Merchant, original: Intent, amount: int, kind: Operation = Operation.REFUND
    ) -> Intent:
        """Ask for a refund or void, and let its first steps run to their end."""
        name = f"N{next(_numbers)}"
        intent, _ = await accept(self.desk, merchant, Request(kind, name, amount, name, original=original.id))
        await self.quiet()
        return await self.now(intent)

    async def payout(self, merchant: Merchant, amount: int) -> Intent:
        """Ask for a payout, and let its first steps run to their end."""
        name = f"N{next(_numbers)}"
        request = Request(Operation.PAYOUT, name, amount, name, account=ACCOUNT)
        intent, _ = await accept(self.desk, merchant, request)
        await self.quiet()
        return await self.now(intent)

    async def quiet(self) -> None:
        """Wait for what was begun behind an answer."""
        while steps._running:
            await asyncio.gather(*steps._running, return_exceptions=True)

    async def now(self, intent: Intent) -> Intent:
        """Return an intent as it stands."""
        found = await self.desk.journal.by_id(intent.id)
        assert found is not None
        return found

    async def listed_on(self, *intents: Intent) -> list[date | None]:
        """Return the date of the file that lists each intent, None for one that no file lists."""
        rows = await self.pool.fetch("SELECT intent, matched_on FROM intent_match")
        dates = dict(map(tuple, rows))
        return [dates.get(one.id) for one in intents]

    async def filed(self, day: date, lines: Sequence[FileLine]) -> None:
        """Let the channel have a file, and reconcile it."""
        self.acquirer.files[day] = lines
        await reconcile(self.desk, self.acquirer, day)

    async def settled(self, day: date) -> None:
        """Let the bank bring what the file of `day` comes to, on the next day, and read the statement."""
        net = await self.pool.fetchval("SELECT net_fen FROM channel_file WHERE settle_date = $1", day)
        if net:
            self.on_bank(net, text=f"{self.acquirer.name} settles {day}", day=day + timedelta(days=1))
        assert await read(self.desk, self.account) == 0

    async def arrived(self, merchant: Merchant, *amounts: int, day: date = DAY) -> list[Intent]:
        """Collect payments that the file of `day` lists and whose money the bank has brought."""
        intents = [await self.paid(merchant, amount, day) for amount in amounts]
        await self.filed(day, [listed(n, intent) for n, intent in enumerate(intents, 1)])
        await self.settled(day)
        return [await self.now(intent) for intent in intents]

    def on_bank(
        self, signed: int, *, text: str = "", day: date = NEXT, reference: str = "", reversal: bool = False
    ) -> StatementLine:
        """Write a line on the bank's statement: fen, negative for a debit."""
        n = len(self.bank.lines) + 1
        balance = self.bank.balance + signed
        line = StatementLine(
            self.bank.account, f"{n}", at(day, 9, 30) + timedelta(seconds=n // 4), abs(signed), signed > 0, balance,
            reference=reference, text=text, reversal=reversal,
        )  # fmt: skip
        self.bank.lines.append(line)
        return line

    async def read(self) -> int:
        """Read the statement and book it; return how many lines wait."""
        return await read(self.desk, self.account)

    async def settle(self, day: date = NEXT) -> list[str]:
        """Run a settlement at its hour."""
        self.clock.set(at(day, 10, 30))
        waiting = await settle(self.desk, day)
        await self.quiet()
        return waiting

    async def balance(self, code: int, subject: str | None = None) -> int:
        """Return debits less credits of an account, or of all of a code, in fen."""
        found: int = await self.pool.fetchval(
            "SELECT coalesce(sum(CASE WHEN a.id = t.debit THEN t.amount ELSE -t.amount END), 0)::bigint"
            " FROM transfer t JOIN account a ON a.id IN (t.debit, t.credit)"
            " WHERE t.flags & 202 = 0 AND a.code = $1 AND ($2::text IS NULL OR a.subject = $2)", code, subject,
        )  # fmt: skip
        return found

    async def balances(self, *codes: int) -> tuple[int, ...]:
        """Return debits less credits of several codes, in fen."""
        return tuple([await self.balance(code) for code in codes])

    async def last_entry(self) -> int:
        """Return the number of entries in the books: nothing was booked while it stands still."""
        seq: int = await self.pool.fetchval("SELECT count(*) FROM transfer")
        return seq

    async def breaks(self) -> list[Any]:
        """Return all breaks, oldest first."""
        return list(await self.pool.fetch("SELECT * FROM break ORDER BY opened_at, id"))

    async def one_break(self) -> Any:
        """Return the break that has to be the only one open."""
        (row,) = [row for row in await self.breaks() if row["cleared_at"] is None]
        return row


def listed(n: int, intent: Intent, amount: int | None = None, fee: int = 0) -> FileLine:
    """Return the line of a file that lists an intent; of another amount, if one is given."""
    credit = intent.kind in (Operation.PURCHASE, Operation.COLLECTION)
    number, ref = intent.channel_order_no, f"Q{intent.channel_order_no[:20]}"
    return FileLine(n, number, ref, intent.kind, amount or intent.amount, credit, fee, note=intent.order_no)


def stray(n: int, amount: int, *, credit: bool = True, fee: int = 0, note: str = "") -> FileLine:
    """Return a line that nobody here asked for."""
    number = f"stray{next(_numbers)}"
    operation = Operation.COLLECTION if credit else Operation.REFUND
    return FileLine(n, number, f"Q{number}", operation, amount, credit, fee, note=note)


def corrected(n: int, of: FileLine, signed: int) -> FileLine:
    """Return the line of the exceptions file that corrects `of` by `signed` fen."""
    return FileLine(
        n,
        "",
        of.channel_ref,
        None,
        abs(signed),
        signed > 0,
        0,
        adjustment=True,
        original_order_no=of.order_no,
    )


class Cut(Exception):
    """The process ends here."""


class Cutting:
    """Stands before a pool or a ledger and ends the process at the `left`th call, before it acts."""

    def __init__(self, inner: Any, fuse: "Fuse") -> None:
        self._inner = inner
        self._fuse = fuse

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name not in ("fetch", "fetchrow", "fetchval", "execute", "create_transfers"):
            return found

        async def acting(*values: Any, **named: Any) -> Any:
            self._fuse.burn()
            return await found(*values, **named)

        return acting


class Fuse:
    """How many steps are left until the process ends."""

    def __init__(self, left: int) -> None:
        self.left = left

    def burn(self) -> None:
        if not self.left:
            raise Cut
        self.left -= 1


def cut_off(desk: Desk, after: int) -> Desk:
    """Return a desk that ends at some step."""
    fuse = Fuse(after)
    pool: Any = Cutting(desk.pool, fuse)
    ledger: Any = Cutting(desk.ledger, fuse)
    return Desk(pool, ledger, desk.channels, desk.vault, desk.clock, desk.alias)


@asynccontextmanager
async def treasury(database_url: str, clock: SetClock, alias: str = ALIAS) -> AsyncIterator[Treasury]:
    """Start a platform, and stop it after use."""
    with TemporaryDirectory(prefix="zf-", dir="/tmp") as folder:
        ledger = running(database_url, Path(folder) / "l.sock", clock)
        pool = await connect(database_url, 4)
        async with LedgerClient(Path(folder) / "l.sock") as client:
            create_key_file(Path(folder) / "vault.json")
            vault = Vault(Path(folder) / "vault.json")
            acquirer, bank = Acquirer(), Bank()
            channels: Any = {acquirer.name: acquirer, bank.name: bank}
            desk = Desk(pool, client, channels, vault, clock, alias)
            for kind in {chapter.subject for chapter in CHART.values() if chapter.subject == PLATFORM}:
                await open_accounts(client, subjects_of(kind, PLATFORM))
            await open_channel(client, acquirer.name, bank.name)
            await open_accounts(client, subjects_of("bank account", alias) | {6001: PLATFORM})
            yield Treasury(desk, acquirer, bank, clock)
        pool.terminate()
        await ledger.stop()


async def open_channel(client: LedgerClient, *names: str) -> None:
    """Open the accounts of channels."""
    for name in names:
        await open_accounts(client, subjects_of("channel", name))


async def steps_of(treasury: Treasury, intent: UUID) -> list[str]:
    """Return the kinds of an intent's evidence, oldest first."""
    return [step.kind.value for step in await treasury.desk.journal.steps(intent)]
