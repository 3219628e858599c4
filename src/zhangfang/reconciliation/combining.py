"""Which of several amounts come to a total: a pure search with bounds, for a bank line that pays several files at once."""

from collections.abc import Sequence
from itertools import combinations
from typing import Final

MOST: Final = 20  # amounts: 2 x 1,024 sums are formed at most
SHOWN: Final = 5  # solutions after which the search ends: more than one decides nothing anyway


def combinations_of(amounts: Sequence[int], total: int) -> list[tuple[int, ...]]:
    """Return which amounts, by their places, come to `total`: at most `SHOWN` solutions, each of one amount at least.

    Amounts may be below zero. The sums of each half are formed once, and paired. Raises `ValueError` for more than `MOST`.
    """
    if len(amounts) > MOST:
        raise ValueError(f"{len(amounts)} amounts; at most {MOST}")
    half = len(amounts) // 2
    left, right = _sums(amounts, range(half)), _sums(amounts, range(half, len(amounts)))
    found = []
    for fen, several in left.items():
        for one in several:
            for other in right.get(total - fen, ()):
                if one or other:
                    found.append(one + other)
                if len(found) == SHOWN:
                    return found
    return found


def _sums(amounts: Sequence[int], places: range) -> dict[int, list[tuple[int, ...]]]:
    sums: dict[int, list[tuple[int, ...]]] = {}
    for count in range(len(places) + 1):
        for chosen in combinations(places, count):
            sums.setdefault(sum(amounts[n] for n in chosen), []).append(chosen)
    return sums
