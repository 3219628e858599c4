"""The ledger's decision without a database: what it would have stored is kept here, and memory can be lost.

`InMemory` answers requests as the writer does, looks up what memory has forgotten as the writer does, and compares all
that stands with the oracle.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np

from tests.model.ledger_histories import END, FIRST
from tests.model.ledger_oracle import Answer, Oracle
from zhangfang.ledger import wire
from zhangfang.ledger.engine.recent import Known
from zhangfang.ledger.engine.rules import Ask, Pending, became
from zhangfang.ledger.engine.state import Decision, State
from zhangfang.ledger.model import NO_ID, Account, Book, Entry, Result, Transfer, TransferFlag
from zhangfang.ledger.wire import micros

MONTHS = [(micros(FIRST) // 1000, micros(END) // 1000)]  # that take new ids


class Stored:
    """What a database would keep of a history."""

    def __init__(self, at: datetime) -> None:
        """Keep nothing yet; `at` is the moment of the head."""
        self.at = micros(at)
        self.rows: list[Ask] = []
        self.moments: list[int] = []
        self.known: dict[bytes, Known] = {}
        self.refused: dict[UUID, Answer] = {}
        self.holds: dict[bytes, Ask] = {}
        self.resolved: dict[bytes, Result] = {}

    def keep(self, decision: Decision, at: int) -> None:
        """Store what a batch came to, as one transaction would; it may break no key."""
        if len(decision.rows) or len(decision.refusals):
            self.at = at
        for row in map(Ask._make, decision.rows.tolist()):
            assert row.seq == len(self.rows) + 1, "the sequence has no gap"
            assert row.id not in self.known, "an id stands once"
            self.rows.append(row)
            self.moments.append(at)
            self.known[row.id] = Known(Result.EXISTS, row.seq, row.digest)
            if row.flags & TransferFlag.PENDING:
                self.holds[row.id] = row
            if row.pending_id != NO_ID.bytes:
                assert row.pending_id not in self.resolved, "a pending is resolved once"
                self.resolved[row.pending_id] = became(row.flags)
        for id_, result, seq, digest in decision.refusals.tolist():
            assert id_ not in self.known, "a refusal is remembered once, and of nothing that stands"
            self.refused[UUID(bytes=id_)] = Result(result), seq
            self.known[id_] = Known(Result(result), 0, digest)

    def closed_through(self) -> int:
        """Return the last closed business date, in days since 1970, 0 for none."""
        dates = [row.business_date for row in self.rows if row.flags & TransferFlag.CLOSE_PERIOD]
        return dates[-1] if dates else 0


class InMemory:
    """A ledger made of a decision and of what it would have stored."""

    def __init__(self, accounts: Sequence[Account], at: datetime) -> None:
        """Open `accounts` in a shard whose last moment was `at`."""
        self._accounts = list(accounts)
        self.stored = Stored(at)
        self._checked = 0
        self.state = self._remember()

    def crash(self) -> None:
        """Lose memory, and read it back from what was stored."""
        self.state = self._remember()

    def _remember(self) -> State:
        stored = self.stored
        state = State(
            0, len(stored.rows), stored.at, max(stored.known, default=NO_ID.bytes), stored.closed_through()
        )
        state.months = MONTHS
        for account in self._accounts:
            assert state.open([account]) == [Result.CREATED]
        chain: int | None = None
        for row in stored.rows:
            linked = bool(row.flags & TransferFlag.LINKED)
            chain = chain if chain is not None else row.seq if linked else None
            self._replay(state, row, chain)
            chain = chain if linked else None
        return state

    def _replay(self, state: State, row: Ask, chain: int | None) -> None:
        held = state.accounts
        for number, column in ((row.debit_at, 0), (row.credit_at, 1)):
            held.figures[number, column] += row.moved
            held.figures[number, column + 2] += row.held
        if row.flags & TransferFlag.SET_FLAGS:
            held.flags[row.debit_at] = held.flags[row.debit_at] & 3 | row.kind
        if row.id in self.stored.holds and row.id not in self.stored.resolved:
            state.holds.hold(self._pending(row, chain))

    def _pending(self, row: Ask, chain: int | None = None) -> Pending:
        at = self.stored.moments[row.seq - 1]
        return Pending(
            id=row.id,
            seq=row.seq,
            debit_at=row.debit_at,
            credit_at=row.credit_at,
            amount=row.amount,
            book=row.book,
            kind=row.kind,
            chain=chain,
            deadline=at + row.timeout * 1_000_000 if row.timeout else 0,
            voucher=row.voucher,
            memo=row.memo,
            business_date=row.business_date,
        )

    def ask(self, requests: Sequence[Sequence[Transfer]], now: datetime) -> list[list[Answer]]:
        """Decide some requests as one batch."""
        asks = np.concatenate([wire.from_transfers(request) for request in requests])
        ids, pendings = self.state.unknown(asks)
        self.state.recall(
            [(id_, self.stored.known[id_]) for id_ in ids if id_ in self.stored.known],
            [
                (self._pending(self.stored.holds[id_]), self.stored.resolved[id_])
                for id_ in pendings
                if id_ in self.stored.resolved
            ],
        )
        decision = self.state.decide(asks, [len(request) for request in requests], micros(now))
        self.stored.keep(decision, self.state.at)
        answers = iter([(Result(result), seq) for result, seq in decision.answers.tolist()])
        return [[next(answers) for _ in request] for request in requests]

    # --- against the oracle -----------------------------------------------------------------------------------

    def compare(self, oracle: Oracle) -> None:
        """Assert that every entry, refusal and account is as the oracle has it; entries that were compared are not again."""
        new = slice(self._checked, None)
        entries = [
            self._entry(row, at)
            for row, at in zip(self.stored.rows[new], self.stored.moments[new], strict=True)
        ]
        assert entries == oracle.entries[new]
        assert self.stored.refused == oracle.refused
        self._checked = len(oracle.entries)
        ids = np.array([id_.bytes for id_ in oracle.accounts], "V16")
        numbers = self.state.accounts.numbers(ids).tolist()
        for number, standing in zip(numbers, oracle.accounts.values(), strict=True):
            assert self.state.accounts.flags[number] == standing.flags
            assert tuple(self.state.accounts.figures[number].tolist()) == (
                standing.debits,
                standing.credits,
                standing.debits_pending,
                standing.credits_pending,
            )

    def _entry(self, row: Ask, at: int) -> Entry:
        """Return a stored row as an entry; an id that the ledger made itself is NO_ID, as the oracle has it."""
        asked: dict[str, Any] = {name: getattr(row, name) for name in Transfer.__slots__}
        for name in ("id", "debit", "credit", "pending_id", "voucher", "reverses", "memo"):
            asked[name] = UUID(bytes=asked[name])
        if asked["id"].version == 8:
            asked["id"] = NO_ID
        asked |= {
            "book": Book(row.book),
            "flags": TransferFlag(row.flags),
            "business_date": wire.to_date(row.business_date),
        }
        return Entry(row.seq, Transfer(**asked), wire.to_moment(at), row.debit_balance, row.credit_balance)
