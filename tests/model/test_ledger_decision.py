"""The decision against the oracle: whatever the history, the split into batches and the retries."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.model.ledger_histories import END, FIRST, START, accounts, an_id, requests
from tests.model.ledger_oracle import Oracle
from zhangfang.ledger import state as state_module
from zhangfang.ledger import wire
from zhangfang.ledger.journal import became
from zhangfang.ledger.model import NO_ID, Account, Result, Transfer, TransferFlag
from zhangfang.ledger.rules import PENDING, Known, Pending, Row
from zhangfang.ledger.state import State
from zhangfang.ledger.wire import Ask


class Stored:
    """What a database would keep of a history, to answer for what memory has forgotten."""

    def __init__(self) -> None:
        self.rows: dict[bytes, Row] = {}
        self.known: dict[bytes, Known] = {}
        self.holds: dict[bytes, Pending] = {}
        self.resolved: dict[bytes, Result] = {}

    def keep(self, decision: state_module.Decision) -> None:
        for row in decision.rows:
            assert row.id not in self.rows
            self.rows[row.id] = row
            self.known[row.id] = Known(Result.EXISTS, row.seq, row.digest)
            if row.flags & PENDING:
                self.holds[row.id] = _hold(row)
            if row.pending_id:
                assert row.pending_id not in self.resolved, "a pending is resolved once"
                self.resolved[row.pending_id] = became(row.flags)
        for refusal in decision.refusals:
            assert refusal.id not in self.known
            self.known[refusal.id] = Known(Result(refusal.result), 0, refusal.digest)


class Ledger(RuleBasedStateMachine):
    """Requests are collected, cut into batches anywhere, decided, and compared with the oracle's answers."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.numbers = 10
        self.waiting: list[list[Transfer]] = []
        self.past: list[list[Transfer]] = []
        self.oracle = Oracle(FIRST, END)
        self.stored = Stored()
        self.state = State(0, 0, START)
        self.state.months = [(_millis(FIRST), _millis(END))]

    @initialize()
    def open_accounts(self) -> None:
        for account in accounts():
            self.oracle.open(account)
            assert self.state.open(account, account.id.bytes) is Result.CREATED
            assert self.state.open(account, account.id.bytes) is Result.EXISTS

    @rule(request=requests(), repeat=st.booleans())
    def ask(self, request: list[tuple[int, Transfer]], repeat: bool) -> None:
        named = [self._named(back, one) for back, one in request]
        self.waiting += [named, named] if repeat else [named]
        self.past.append(named)

    @rule(back=st.integers(1, 30))
    def ask_again(self, back: int) -> None:
        if self.past:
            self.waiting.append(self.past[-min(back, len(self.past))])

    @rule(back=st.integers(1, 30), cut=st.integers(1, 3))
    def ask_again_in_part(self, back: int, cut: int) -> None:
        if self.past:
            self.waiting.append(self.past[-min(back, len(self.past))][cut:] or self.past[0])

    @rule(
        back=st.integers(1, 30),
        change=st.sampled_from([{"kind": 9}, {"memo": an_id(2)}, {"amount": 3}, {"voucher": an_id(3)}]),
    )
    def ask_for_something_else_under_a_known_id(self, back: int, change: dict[str, Any]) -> None:
        if self.past:
            first, *others = self.past[-min(back, len(self.past))]
            self.waiting.append([replace(first, **change), *others])

    @rule(
        amounts=st.lists(st.integers(1, 9), min_size=2, max_size=3),
        one_first=st.booleans(),
        flag=st.sampled_from([4, 8]),
    )
    def hold_several_in_a_chain_and_resolve_them_at_once(
        self, amounts: list[int], one_first: bool, flag: int
    ) -> None:
        channel, merchant = accounts()[:2]
        held = []
        for amount in amounts:
            self.numbers += 1
            held.append(_hold_of(channel, merchant, amount, self.numbers))
        held[-1] = replace(held[-1], flags=TransferFlag.PENDING)
        self.numbers += 2
        post_one = replace(
            held[0], id=an_id(self.numbers - 1), flags=TransferFlag.POST, amount=1, pending_id=held[0].id
        )
        whole = replace(
            held[0],
            id=an_id(self.numbers),
            debit=NO_ID,
            credit=NO_ID,
            amount=0,
            flags=TransferFlag(flag) | TransferFlag.CHAIN,
            pending_id=held[-1].id,
        )
        asked = [held, [post_one], [whole]] if one_first else [held, [whole], [post_one]]
        self.waiting += asked
        self.past += asked

    @rule(seconds=st.sampled_from([0.5, 1, 2, 5, -3]))
    def time_goes_on(self, seconds: float) -> None:
        self.decide([99])
        self.now += timedelta(seconds=seconds)

    @rule(cuts=st.lists(st.integers(1, 4), max_size=4))
    def decide(self, cuts: list[int]) -> None:
        expected = [self.oracle.ask(request, self.now) for request in self.waiting]
        answers: list[list[tuple[Result, int]]] = []
        rest = self.waiting
        for cut in [*cuts, len(rest)]:
            answers += self._batch(rest[:cut])
            rest = rest[cut:]
        assert answers == expected
        self.waiting = []

    def _batch(self, batch: Sequence[Sequence[Transfer]]) -> list[list[tuple[Result, int]]]:
        if not batch:
            return []
        asks = [wire.asks(wire.from_transfers(request).tobytes()) for request in batch]
        self._recall(asks)
        before = self.state.seq
        decision = self.state.decide(asks, self.now)
        assert [row.seq for row in decision.rows] == list(range(before + 1, self.state.seq + 1))
        self.stored.keep(decision)
        return decision.answers

    def _recall(self, asks: list[list[Ask]]) -> None:
        ids, pendings = self.state.unknown(asks)
        known = [(id_, self.stored.known[id_]) for id_ in ids if id_ in self.stored.known]
        resolved = [
            (self.stored.holds[id_], self.stored.resolved[id_])
            for id_ in pendings
            if id_ in self.stored.resolved
        ]
        self.state.recall(known, resolved)

    def _named(self, back: int, one: Transfer) -> Transfer:
        """Give a transfer its id, and its pending by counting back."""
        self.numbers += 1
        changes: dict[str, UUID] = {}
        if one.id == NO_ID:
            changes["id"] = an_id(self.numbers)
        if one.flags & (4 | 8):
            changes["pending_id"] = an_id(max(self.numbers - back, 10))
        return Transfer(**{name: getattr(one, name) for name in Transfer.__slots__} | changes)

    @invariant()
    def balances_agree(self) -> None:
        for id_, standing in self.oracle.books.accounts.items():
            held = self.state.accounts[id_.bytes]
            assert held.figures() == (
                standing.flags,
                standing.debits,
                standing.credits,
                standing.debits_pending,
                standing.credits_pending,
            )

    @invariant()
    def the_last_balance_of_an_account_is_in_its_last_entry(self) -> None:
        last: dict[bytes, int] = {}
        for row in self.stored.rows.values():
            last[row.debit], last[row.credit] = row.debit_balance, row.credit_balance
        for id_, balance in last.items():
            assert balance == self.state.accounts[id_].debits - self.state.accounts[id_].credits


class ForgetfulLedger(Ledger):
    """The same, with a memory of three ids: nearly every retry has to be looked up."""

    def __init__(self) -> None:
        super().__init__()
        self._remembered, state_module.REMEMBERED = state_module.REMEMBERED, 3

    def teardown(self) -> None:
        state_module.REMEMBERED = self._remembered


def _hold_of(debit: Account, credit: Account, amount: int, number: int) -> Transfer:
    flags = TransferFlag.PENDING | TransferFlag.LINKED
    return Transfer(an_id(number), debit.id, credit.id, amount, debit.book, 11, an_id(1), START.date(), flags)


def _hold(row: Row) -> Pending:
    """Return a pending that is resolved: what its deadline and its chain were does not matter any more."""
    return Pending(
        id=row.id,
        seq=row.seq,
        debit=row.debit,
        credit=row.credit,
        amount=row.amount,
        book=row.book,
        kind=row.kind,
        voucher=row.voucher,
        memo=b"",
        business_date=0,
        deadline=None,
        chain=0,
    )


def _millis(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


TestLedger = Ledger.TestCase
TestForgetfulLedger = ForgetfulLedger.TestCase
TestLedger.settings = settings(max_examples=120, stateful_step_count=30, deadline=None)
TestForgetfulLedger.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
