"""The hash table of ids, beside a dict."""

import os
from random import Random

import numpy as np
import pytest

from zhangfang.ledger.engine import recent
from zhangfang.ledger.engine.places import Places, halves
from zhangfang.ledger.engine.recent import KNOWN, Known, Recent
from zhangfang.ledger.model import Result


def ids(count: int) -> list[bytes]:
    """Return ids."""
    return [os.urandom(16) for _ in range(count)]


def as_halves(some: list[bytes]) -> np.ndarray:
    """Return ids as the table wants them."""
    return halves(np.array(some, "V16"))


@pytest.mark.parametrize("seed", range(5))
def test_every_id_is_found_under_its_number_and_no_other_is(seed: int) -> None:
    random = Random(seed)
    places, expected = Places(), dict[bytes, int]()
    for _ in range(40):
        new = ids(random.choice([1, 3, 700]))
        numbers = np.arange(len(expected) + 1, len(expected) + 1 + len(new))
        places.add(as_halves(new), numbers)
        expected |= dict(zip(new, numbers.tolist(), strict=True))
        asked = random.sample(list(expected), min(50, len(expected))) + ids(50)
        assert places.find(as_halves(asked)).tolist() == [expected.get(one, 0) for one in asked]
    assert len(places) == len(expected)


def test_ids_that_want_the_same_slot_are_told_apart() -> None:
    same_slot = [n.to_bytes(8, "big") + bytes(8) for n in range(0, 2**20, 2**12)]
    places = Places()
    places.add(as_halves(same_slot), np.arange(1, len(same_slot) + 1))
    assert places.find(as_halves(same_slot)).tolist() == list(range(1, len(same_slot) + 1))


def test_the_id_of_zeros_is_found_only_when_it_is_there() -> None:
    places = Places()
    places.add(as_halves(ids(3)), np.arange(1, 4))
    assert places.find(as_halves([bytes(16)])).tolist() == [0]
    places.add(as_halves([bytes(16)]), np.array([4]))
    assert places.find(as_halves([bytes(16)])).tolist() == [4]


def test_the_older_generation_goes_and_the_horizon_says_what_may_be_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recent, "REMEMBERED", 2)
    memory = Recent(bytes(16))
    rising = [n.to_bytes(2, "big") + bytes(14) for n in range(1, 8)]
    for n, one in enumerate(rising):
        answer = np.array([(Result.EXISTS, n + 1, one)], KNOWN)
        memory.add(np.array([one], "V16"), answer)
    found = memory.find(as_halves(rising))
    forgotten = [one for one, number in zip(rising, found.tolist(), strict=True) if not number]
    assert forgotten == rising[:4]
    assert all(int.from_bytes(one[:8], "big") <= memory.horizon for one in forgotten)
    for n, number in enumerate(found.tolist()):
        if number:
            assert memory.known(number) == Known(Result.EXISTS, n + 1, rising[n])
    memory.recall([(rising[0], Known(Result.EXISTS, 1, rising[0]))])
    assert memory.known(int(memory.find(as_halves(rising[:1]))[0])).seq == 1
