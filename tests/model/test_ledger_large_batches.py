"""The decision against the oracle in large batches, made by seeded chance: what the sieve proves has to be so."""

from collections.abc import Iterator
from datetime import timedelta
from random import Random
from typing import Any
from unittest.mock import patch

import pytest

from tests.model.ledger_histories import DAY, END, FIRST, START, an_id, many, many_accounts
from tests.model.ledger_in_memory import InMemory
from tests.model.ledger_oracle import Oracle
from zhangfang.ledger.engine import sieve, state
from zhangfang.ledger.model import Account, Transfer

SEEDS = range(12)


class Counted:
    """Counts what passes through the sieve."""

    def __init__(self) -> None:
        """Start with nothing."""
        self.seen = self.proved = 0
        self._sift = sieve.sift

    def __call__(self, *args: Any) -> Any:
        """Be the sieve."""
        sifted = self._sift(*args)
        self.seen += len(sifted.certain)
        self.proved += int(sifted.certain.sum())
        return sifted


@pytest.fixture
def counted() -> Iterator[Counted]:
    """Give a sieve that counts."""
    sieve = Counted()
    with patch.object(state, "sift", sieve):
        yield sieve


def play(seed: int, odd: float, batches: int = 8) -> None:
    """Decide large batches of a seed, with retries, time and crashes between, and compare all of it with the oracle."""
    random = Random(seed)
    oracle, ledger, now = Oracle(FIRST, END, START), InMemory(many_accounts(), START), START
    for account in many_accounts():
        oracle.open(account)
    numbers, past, held = iter(range(10, 10**9)), list[list[Transfer]](), list[Transfer]()
    for _ in range(batches):
        requests = [
            many(random, [next(numbers) for _ in range(random.choice([1, 40, 300]))], held, odd)
            for _ in range(random.randint(1, 4))
        ]
        requests += random.sample(past, min(len(past), random.choice([0, 0, 1])))
        random.shuffle(requests)
        assert ledger.ask(requests, now) == [oracle.ask(request, now) for request in requests]
        ledger.compare(oracle)
        past += requests
        now += timedelta(seconds=random.choice([0, 0.5, 2, -1]))
        if random.random() < 0.2:
            ledger.crash()
            oracle.crash()


@pytest.mark.parametrize("odd", [0.0, 0.01, 0.2])
@pytest.mark.parametrize("seed", SEEDS)
def test_large_batches_are_decided_as_the_oracle_decides_them_one_by_one(seed: int, odd: float) -> None:
    play(seed, odd)


def test_the_sieve_proves_most_of_what_is_in_order(counted: Counted) -> None:
    for seed in range(4):
        play(seed, 0.0)
    assert counted.proved > counted.seen / 2


@pytest.mark.parametrize("huge", [2**47, 2**61, 2**63 - 5])
@pytest.mark.parametrize("first", [True, False])
def test_an_amount_near_the_end_of_the_numbers_leaves_no_room_beside_it(huge: int, first: bool) -> None:
    one, other = many_accounts()[0], many_accounts()[3]
    small = [_plain(100 + n, one, other, 10) for n in range(40)]
    large = [_plain(10 + n, one, other, huge) for n in range(4)]
    request = large + small if first else small + large
    oracle, ledger = Oracle(FIRST, END, START), InMemory(many_accounts(), START)
    for account in many_accounts():
        oracle.open(account)
    assert ledger.ask([request], START) == [oracle.ask(request, START)]
    ledger.compare(oracle)


def _plain(number: int, debit: Account, credit: Account, amount: int) -> Transfer:
    return Transfer(an_id(number), debit.id, credit.id, amount, debit.book, 11, an_id(1), DAY)
