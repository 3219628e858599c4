"""The decision against the oracle: whatever the history, the split into batches, the retries and the crashes.

It is run three ways: everything through the sequential law; everything that can through the sieve, which proves whole
batches at once; and as the writer does, the sieve for large batches only.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any
from unittest.mock import patch

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.model.ledger_histories import END, FIRST, START, accounts, an_id, many, many_accounts, requests
from tests.model.ledger_in_memory import InMemory
from tests.model.ledger_oracle import Answer, Oracle
from zhangfang.ledger.engine import memory, recent, state
from zhangfang.ledger.model import NO_ID, Account, Transfer, TransferFlag

NEVER = 1 << 62


class Ledger(RuleBasedStateMachine):
    """Requests are collected, cut into batches anywhere, decided, and compared with the oracle's answers."""

    sieve_from = state.SIEVE_FROM
    remembered = recent.REMEMBERED

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.numbers = 10
        self.waiting: list[list[Transfer]] = []
        self.past: list[list[Transfer]] = []
        self.held: list[Transfer] = []
        self.oracle = Oracle(FIRST, END, START)
        self.patches = [
            patch.object(state, "SIEVE_FROM", self.sieve_from),
            patch.object(recent, "REMEMBERED", self.remembered),
            patch.object(memory, "REMEMBERED", self.remembered),
        ]
        for one in self.patches:
            one.start()
        self.ledger = InMemory([*accounts(), *many_accounts()], START)

    def teardown(self) -> None:
        for one in self.patches:
            one.stop()

    @initialize()
    def open_accounts(self) -> None:
        for account in [*accounts(), *many_accounts()]:
            self.oracle.open(account)

    @rule(request=requests(), repeat=st.booleans())
    def ask(self, request: list[tuple[int, Transfer]], repeat: bool) -> None:
        named = [self._named(back, one) for back, one in request]
        self.waiting += [named, named] if repeat else [named]
        self.past.append(named)

    @rule(seed=st.integers(0, 2**32), size=st.integers(30, 200))
    def ask_for_many(self, seed: int, size: int) -> None:
        request = many(Random(seed), range(self.numbers + 1, self.numbers + 1 + size), self.held)
        self.numbers += size
        self.waiting.append(request)
        self.past.append(request)

    @precondition(lambda self: self.past)
    @rule(back=st.integers(1, 30), cut=st.integers(0, 3))
    def ask_again(self, back: int, cut: int) -> None:
        again = self.past[-min(back, len(self.past))]
        self.waiting.append(again[cut:] or again)

    @precondition(lambda self: self.past)
    @rule(
        back=st.integers(1, 30),
        place=st.integers(0, 5),
        change=st.sampled_from(
            [{"kind": 9}, {"memo": an_id(2)}, {"amount": 3}, {"voucher": an_id(3)}, {"amount": 0}]
        ),
    )
    def ask_for_something_else_under_a_known_id(self, back: int, place: int, change: dict[str, Any]) -> None:
        again = list(self.past[-min(back, len(self.past))])
        place %= len(again)
        again[place] = replace(again[place], **change)
        self.waiting.append(again)

    @precondition(lambda self: self.past)
    @rule(request=requests(), back=st.integers(1, 30), change=st.sampled_from([{}, {"kind": 9}]))
    def put_what_is_known_behind_a_chain_of_new_ones(
        self, request: list[tuple[int, Transfer]], back: int, change: dict[str, Any]
    ) -> None:
        new = [self._named(back, one) for back, one in request]
        known = replace(self.past[-min(back, len(self.past))][-1], **change)
        self.waiting.append([*(replace(one, flags=one.flags | TransferFlag.LINKED) for one in new), known])

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
        answers: list[list[Answer]] = []
        rest = self.waiting
        for cut in [*cuts, len(rest)]:
            answers += self._batch(rest[:cut])
            rest = rest[cut:]
        assert answers == expected
        self.waiting = []
        self.ledger.compare(self.oracle)

    def _batch(self, batch: Sequence[Sequence[Transfer]]) -> list[list[Answer]]:
        return self.ledger.ask(batch, self.now) if batch else []

    @rule()
    def crash(self) -> None:
        self.decide([])
        self.ledger.crash()
        self.oracle.crash()

    def _named(self, back: int, one: Transfer) -> Transfer:
        """Give a transfer its id, and its pending by counting back."""
        self.numbers += 1
        changes: dict[str, Any] = {}
        if one.id == NO_ID:
            changes["id"] = an_id(self.numbers)
        if one.flags & (4 | 8):
            changes["pending_id"] = an_id(max(self.numbers - back, 10))
        return replace(one, **changes)

    @invariant()
    def what_was_decided_is_what_the_oracle_has(self) -> None:
        if not self.waiting:
            self.ledger.compare(self.oracle)


class ByLaw(Ledger):
    """Every transfer is decided one after the other."""

    sieve_from = NEVER


class BySieve(Ledger):
    """The sieve sees every batch, however small."""

    sieve_from = 0


class Forgetful(Ledger):
    """Memory goes back three ids: nearly every retry and every resolved pending has to be looked up."""

    remembered = 3


def _hold_of(debit: Account, credit: Account, amount: int, number: int) -> Transfer:
    flags = TransferFlag.PENDING | TransferFlag.LINKED
    return Transfer(an_id(number), debit.id, credit.id, amount, debit.book, 11, an_id(1), START.date(), flags)


def _tested(machine: type[Ledger]) -> Any:
    machine.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
    return machine.TestCase


TestLedger = _tested(Ledger)
TestLedgerByLaw = _tested(ByLaw)
TestLedgerBySieve = _tested(BySieve)
TestForgetfulLedger = _tested(Forgetful)
