"""An engine with a few accounts of every sort, and short ways to ask it; amounts in fen."""

from dataclasses import replace
from datetime import date, datetime
from itertools import count
from typing import Any
from uuid import UUID

import pytest

from tests.engine.engine import Capability, Engine
from zhangfang.kernel.clock import CHINA
from zhangfang.ledger import NO_ID, Account, AccountFlag, Answered, Book, Result, Transfer, TransferFlag

CHANNEL = Account(Book.CUSTOMERS, 3011, "channel")  # may be debited and credited without end
MERCHANT = Account(Book.CUSTOMERS, 2321, "merchant", AccountFlag.CREDIT_FLOOR)  # may not owe us
SHOP = Account(Book.CUSTOMERS, 2321, "shop", AccountFlag.CREDIT_FLOOR, 25)  # may owe us 25
BANK = Account(Book.CUSTOMERS, 1003, "bank", AccountFlag.DEBIT_FLOOR, 40)  # may be overdrawn by 40
OWN_BANK = Account(Book.OWN, 1002, "own")
INCOME = Account(Book.OWN, 6001, "income")
ACCOUNTS = [CHANNEL, MERCHANT, SHOP, BANK, OWN_BANK, INCOME]
NOBODY, NO_ONE = UUID(int=7), UUID(int=8)  # accounts that nobody opened


class World:
    """The engine of a test. Transfers made here are in order unless a test says otherwise."""

    def __init__(self, engine: Engine) -> None:
        """Ask `engine`."""
        self.engine = engine
        self._numbers = count(1)

    def needs(self, capability: Capability) -> None:
        """Skip the test on an engine that lacks this."""
        if capability in self.engine.lacks:
            pytest.skip(f"the engine lacks: {capability}")

    async def open(self) -> None:
        """Open the accounts."""
        assert set(await self.engine.create_accounts(ACCOUNTS)) == {Result.CREATED}

    @property
    def today(self) -> date:
        """The business date of what is made now."""
        return self.engine.now().astimezone(CHINA).date()

    def an_id(self, born: datetime | None = None) -> UUID:
        """Return a new UUIDv7, of now or another moment."""
        millis = int((born or self.engine.now()).timestamp() * 1000)
        return UUID(int=millis << 80 | 0x7 << 76 | 0b10 << 62 | next(self._numbers) << 8)

    def make(
        self, debit: Account = CHANNEL, credit: Account = MERCHANT, amount: int = 10, **more: Any
    ) -> Transfer:
        """Make a transfer with an id of its own; `more` are other fields of it."""
        values: dict[str, Any] = {
            "id": self.an_id(),
            "debit": debit.id,
            "credit": credit.id,
            "amount": amount,
            "book": debit.book,
            "kind": 11,
            "voucher": self.an_id(),
            "business_date": self.today,
        }
        return Transfer(**values | more)

    def hold(
        self, debit: Account = CHANNEL, credit: Account = MERCHANT, amount: int = 10, **more: Any
    ) -> Transfer:
        """Make a pending."""
        more["flags"] = TransferFlag.PENDING | more.get("flags", TransferFlag.NONE)
        return self.make(debit, credit, amount, **more)

    def post(self, held: Transfer, amount: int = 0, **more: Any) -> Transfer:
        """Make the post of a pending: of all of it, or of `amount`."""
        return self._resolution(held, amount, TransferFlag.POST, more)

    def void(self, held: Transfer, **more: Any) -> Transfer:
        """Make the void of a pending."""
        return self._resolution(held, 0, TransferFlag.VOID, more)

    def _resolution(self, held: Transfer, amount: int, flag: TransferFlag, more: dict[str, Any]) -> Transfer:
        changes: dict[str, Any] = {
            "debit": NO_ID,
            "credit": NO_ID,
            "book": held.book,
            "pending_id": held.id,
            "flags": flag,
        } | more
        return replace(self.make(amount=amount), **changes | {"flags": flag | changes["flags"]})

    async def ask(self, *transfers: Transfer) -> list[Result]:
        """Ask for transfers in one request; return their results."""
        return [answer.result for answer in await self.engine.create_transfers(transfers)]

    async def one(self, transfer: Transfer) -> Result:
        """Ask for one transfer; return its result."""
        return (await self.ask(transfer))[0]

    async def done(self, *transfers: Transfer) -> list[Answered]:
        """Ask for what must be created; return the answers."""
        answers = await self.engine.create_transfers(transfers)
        assert {answer.result for answer in answers} == {Result.CREATED}
        return answers

    def flags(self, account: Account, *, frozen: bool = False) -> Transfer:
        """Make the transfer that freezes an account, or takes its flags off."""
        kind = int(AccountFlag.FROZEN) if frozen else 0
        return self.make(account, account, 0, kind=kind, flags=TransferFlag.SET_FLAGS)

    async def freeze(self, account: Account, flags: AccountFlag) -> None:
        """Set the flags that forbid movements; NONE takes them off."""
        answer = await self.engine.set_flags(account, flags, id_=self.an_id(), business_date=self.today)
        assert answer.result is Result.CREATED

    async def figures(self, account: Account, at: int | datetime | None = None) -> tuple[int, int, int, int]:
        """Return debits, credits, and both pendings of an account."""
        one = (await self.engine.account_balances([account.id], at))[account.id]
        return one.debits, one.credits, one.debits_pending, one.credits_pending


def linked(*transfers: Transfer) -> list[Transfer]:
    """Make a chain of transfers: every one but the last is linked to the next."""
    *others, last = transfers
    return [*(replace(one, flags=one.flags | TransferFlag.LINKED) for one in others), last]
