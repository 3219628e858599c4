"""The checks of the ledger's engine: for each, an error of the engine that only this check notices, and it does."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import asyncpg
import pytest

from tests.clock import SetClock
from tests.ledger import running
from tests.model.ledger_histories import DAY, START, accounts, an_id
from tests.model.ledger_in_memory import InMemory
from zhangfang.ledger import Book, LedgerClient, LedgerUnavailable, Result, Transfer, TransferFlag
from zhangfang.ledger.engine import booking, law, memory, state
from zhangfang.ledger.engine.accounts import Accounts
from zhangfang.ledger.engine.checks import DecisionBroken
from zhangfang.ledger.engine.memory import Holds
from zhangfang.ledger.engine.recent import Recent

Break = Callable[[InMemory], AbstractContextManager[Any]]
CHANNEL, FLOORED, OVERDRAFT, ASSET, OWN, INCOME = range(
    6
)  # of `accounts()`: two without a floor, one book each
DEBITS, CREDITS, DEBITS_PENDING, _ = range(4)
NOTHING, HOLD, LINKED, POST = TransferFlag.NONE, TransferFlag.PENDING, TransferFlag.LINKED, TransferFlag.POST


def move(number: int, debit: int, credit: int, amount: int = 10, flags: TransferFlag = NOTHING) -> Transfer:
    """Return a transfer between two of the accounts."""
    one, other = accounts()[debit], accounts()[credit]
    return Transfer(an_id(number), one.id, other.id, amount, one.book, 11, an_id(1), DAY, flags)


PAID = [move(10, CHANNEL, FLOORED), move(11, CHANNEL, FLOORED)]
BOTH_BOOKS = [move(10, CHANNEL, FLOORED), move(11, OWN, INCOME)]
TOO_MUCH = [move(10, FLOORED, CHANNEL)]
TOO_EARLY = [move(10, FLOORED, CHANNEL), move(11, CHANNEL, FLOORED)]
HELD = [replace(move(10, CHANNEL, FLOORED, flags=HOLD), timeout=9)]
HELD_TWICE = [move(10, CHANNEL, FLOORED, flags=HOLD | LINKED), move(11, CHANNEL, FLOORED, flags=HOLD)]
HELD_AND_POSTED = [*HELD, replace(move(11, CHANNEL, FLOORED, 0, POST), pending_id=HELD[0].id)]


def booked(spoil: Callable[[Any, Accounts, InMemory], object]) -> Break:
    """Book as ever, and then spoil the rows, the accounts or memory."""

    def broken(ledger: InMemory) -> AbstractContextManager[Any]:
        def book(rows: Any, accounts: Accounts, seq: int) -> booking.Booked:
            right = booking.book(rows, accounts, seq)
            spoil(rows, accounts, ledger)
            return right

        return patch.object(state, "book", book)

    return broken


def grow(*grown: tuple[int, int, int]) -> Break:
    """Add to figures of accounts, as (account, column, fen); number 0 of the accounts is nobody."""

    def spoil(_: Any, accounts: Accounts, __: Any) -> None:
        for number, column, fen in grown:
            accounts.figures[1 + number, column] += fen

    return booked(spoil)


def instead(owner: Any, name: str, part: Callable[..., Any]) -> Break:
    """Put another part into the engine."""
    return lambda _: patch.object(owner, name, part)


def add(column: str, row: int) -> Break:
    """Write one more than is right into a column of a row."""

    def spoil(rows: Any, *_: Any) -> None:
        rows[column][row] += 1

    return booked(spoil)


def skip(_: Any, __: Any, ledger: InMemory) -> None:
    """Have memory count an entry that is not there."""
    ledger.state.seq += 1


def held_as(**changes: Any) -> Break:
    """Take in a pending with something changed."""
    hold = Holds.hold

    def changed(self: Holds, pending: Any) -> None:
        hold(self, replace(pending, **changes))

    return instead(Holds, "hold", changed)


def hold_and_lose_the_chain(self: Holds, pending: Any, hold: Any = Holds.hold) -> None:
    """Take in a pending, and not its chain."""
    hold(self, pending)
    self.chains.clear()


def remember_one_seq_higher(self: Recent, ids: Any, answers: Any, add: Any = Recent.add) -> None:
    """Remember another sequence number than the one that was given."""
    answers["seq"] += 1
    add(self, ids, answers)


def not_at_all(*_: Any) -> None:
    """Do nothing."""


def no_limit(*_: Any) -> Result:
    """Refuse nothing."""
    return Result.CREATED


CHEAP: list[tuple[str, list[Transfer], Break]] = [
    ("the sequence has a gap", PAID, add("seq", 1)),
    ("memory is not at the end", PAID, booked(skip)),
    ("did not grow by", PAID, grow((CHANNEL, DEBITS, 1))),
    ("of a book differ", BOTH_BOOKS, grow((CHANNEL, DEBITS, -1), (OWN, DEBITS, 1))),
    ("not that of its last row", PAID, add("credit_balance", 1)),
    ("not that of its last row", PAID, grow((CHANNEL, CREDITS, 1), (FLOORED, CREDITS, -1))),
    ("below zero", HELD, grow((CHANNEL, DEBITS_PENDING, 9), (FLOORED, DEBITS_PENDING, -9))),
    ("beyond its limit", TOO_MUCH, instead(law, "refused", no_limit)),
    ("other pendings than the rows", HELD, instead(Holds, "hold", not_at_all)),
    ("other pendings than the rows", HELD_AND_POSTED, instead(Holds, "resolve", not_at_all)),
    ("an answer is not remembered", PAID, instead(Recent, "add", not_at_all)),
]
DEAR: list[tuple[str, list[Transfer], Break]] = [
    ("of a book differ", PAID, grow((OWN, DEBITS, 1))),
    ("beyond its limit", PAID, grow((OVERDRAFT, DEBITS, 30), (ASSET, CREDITS, 30))),
    ("does not follow", PAID, add("debit_balance", 0)),
    ("between two rows", TOO_EARLY, instead(law, "refused", no_limit)),
    ("count other pendings", HELD, held_as(amount=11)),
    ("a chain of pendings", HELD_TWICE, instead(Holds, "hold", hold_and_lose_the_chain)),
    ("lost its deadline", HELD, instead(memory, "heappush", not_at_all)),
    ("a pending of the batch", HELD, held_as(id=bytes(16))),
    ("remembered otherwise", PAID, instead(Recent, "add", remember_one_seq_higher)),
]
SWITCHED = [(*one, "") for one in CHEAP] + [(*one, "all") for one in DEAR]


@pytest.mark.parametrize(
    ("what", "request_", "broken", "setting"), SWITCHED, ids=[one[0] for one in SWITCHED]
)
def test_a_batch_that_breaks_a_rule_is_refused_by_the_check_of_that_rule(
    what: str, request_: list[Transfer], broken: Break, setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(memory.CHECKS, setting)
    ledger = InMemory(accounts(), START)
    with broken(ledger), pytest.raises(DecisionBroken, match=what):
        ledger.ask([request_], START)
    assert not ledger.stored.rows


@pytest.mark.parametrize("setting", ["", "all"])
def test_the_same_batches_pass_when_nothing_is_broken(setting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(memory.CHECKS, setting)
    for _, request, _ in CHEAP + DEAR:
        ledger = InMemory(accounts(), START)
        ledger.ask([request], START)


async def test_the_writer_stops_before_anything_of_the_batch_is_stored_or_answered(
    database_url: str, tmp_path: Path, clock: SetClock
) -> None:
    shop = [account for account in accounts() if account.book is Book.CUSTOMERS]
    ledger = running(database_url, tmp_path / "l.sock", clock)
    async with LedgerClient(tmp_path / "l.sock", deadline=0.5) as client:
        await client.create_accounts(shop)
        await client.create_transfers(PAID)
        with booked(lambda rows, *_: rows["credit_balance"].__iadd__(1))(InMemory([], START)):
            with pytest.raises(LedgerUnavailable):
                await client.create_transfers([move(12, CHANNEL, FLOORED)])
            with pytest.raises(DecisionBroken, match="entries 3 to 3: an account's balance"):
                await ledger.task
    connection = await asyncpg.connect(database_url)
    assert await connection.fetchval("SELECT max(seq) FROM transfer") == 2
    assert await connection.fetchval("SELECT seq FROM head") == 2
    await connection.close()
