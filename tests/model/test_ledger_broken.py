"""The ledger broken on purpose: the comparison with the oracle has to notice, each time and in the same way.

The engine's own checks, which would notice some of it before, do not run here (`tests/unit/test_ledger_checks.py`).
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.test_ledger_decision import ByLaw
from tests.model.test_ledger_large_batches import play
from zhangfang.ledger.engine import booking, law, rules, sieve, state
from zhangfang.ledger.engine.accounts import Held
from zhangfang.ledger.engine.checks import Checks
from zhangfang.ledger.engine.law import Law
from zhangfang.ledger.engine.memory import Holds
from zhangfang.ledger.model import Result

Break = AbstractContextManager[Any]
QUICK = settings(
    max_examples=200,
    stateful_step_count=30,
    derandomize=True,
    database=None,
    deadline=None,
    phases=(Phase.generate,),
    report_multiple_bugs=False,
)


@pytest.fixture(autouse=True)
def unchecked() -> Iterator[None]:
    """Let the engine decide without its own checks."""
    with patch.object(Checks, "run", lambda *_: None):
        yield


def a_limit_that_ignores_pendings() -> Break:
    """Check a movement against what is posted alone."""
    refused = rules.refused

    def posted_only(debit: Held, credit: Held, amount: int) -> Result:
        return refused(replace(debit, debits_pending=0), replace(credit, credits_pending=0), amount)

    return patch.object(law, "refused", posted_only)


def a_retry_that_is_not_recognised() -> Break:
    """Take every request for a new one."""
    return patch.object(Law, "_known", lambda *_: None)


def a_chain_that_is_not_taken_back() -> Break:
    """Leave what a chain did before one of its members was refused."""
    return patch.object(Law, "_take_back", lambda *_: None)


def a_pending_that_can_be_resolved_twice() -> Break:
    """Leave a pending open after it was posted or voided."""
    return patch.object(Holds, "resolve", lambda *_: None)


def a_sequence_that_skips() -> Break:
    """Number a batch one too high."""
    book = booking.book
    return patch.object(state, "book", lambda rows, accounts, seq: book(rows, accounts, seq + 1))


def a_period_that_does_not_close() -> Break:
    """Take postings on any date."""
    return patch.object(Law, "_date_open", lambda *_: True)


def a_sieve_that_forgets_the_second_debit_of_an_account() -> Break:
    """Count of each account's debits in a batch only the first."""
    at_risk = sieve._at_risk

    def first_only(accounts: Any, rows: Any, moves: Any) -> Any:
        first = np.zeros(len(rows), np.bool_)
        first[np.unique(rows["debit_at"], return_index=True)[1]] = True
        return at_risk(accounts, rows, moves & first)

    return patch.object(sieve, "_at_risk", first_only)


def a_sieve_that_lets_an_id_stand_twice() -> Break:
    """Do not look whether an id is in the batch once."""
    return patch.object(sieve, "_once", lambda *_: np.True_)


def play_some() -> None:
    """Compare large batches with the oracle."""
    for seed in range(4):
        play(seed, 0.01)


@pytest.mark.parametrize(
    "broken",
    [
        a_limit_that_ignores_pendings,
        a_retry_that_is_not_recognised,
        a_chain_that_is_not_taken_back,
        a_pending_that_can_be_resolved_twice,
        a_sequence_that_skips,
        a_period_that_does_not_close,
    ],
)
def test_the_state_machine_fails_for(broken: Callable[[], Break]) -> None:
    with broken(), pytest.raises(AssertionError):
        run_state_machine_as_test(ByLaw, settings=QUICK)


@pytest.mark.parametrize(
    "broken", [a_sieve_that_forgets_the_second_debit_of_an_account, a_sieve_that_lets_an_id_stand_twice]
)
def test_the_comparison_of_large_batches_fails_for(broken: Callable[[], Break]) -> None:
    with broken(), pytest.raises(AssertionError):
        play_some()


def test_the_same_runs_pass_when_nothing_is_broken() -> None:
    run_state_machine_as_test(ByLaw, settings=settings(QUICK, max_examples=10))
    play_some()
