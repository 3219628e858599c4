"""Which bank lines pay which files, when some come together: a pure search with bounds, exact to the fen."""

from collections.abc import Sequence
from itertools import combinations
from typing import Final

MOST: Final = 20  # files: 2 x 1,024 sums are formed at most for each number of lines
SHOWN: Final = 5  # solutions after which the search ends: more than one decides nothing anyway

Found = tuple[int, tuple[int, ...]]  # how many of the first lines, and which files by their places


def pairs(lines: Sequence[int], files: Sequence[int]) -> list[Found]:
    """Return how many of the first lines pay which files: at most `SHOWN` for each number of lines, the fewest lines first.

    Amounts are fen, below zero for what leaves us. Lines keep their order, so no set of lines is searched for.
    """
    return [
        (n, places)
        for n in range(1, len(lines) + 1)
        for places in combinations_of(files, sum(lines[:n]))
    ]  # fmt: skip


def clear(found: Sequence[Found]) -> bool:
    """Whether the first solution is the only one: every other one pays the same files, and more with more lines."""
    return all(set(found[0][1]) <= set(places) for _, places in found[1:])


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


def parts(lines: Sequence[int], files: Sequence[int]) -> list[tuple[int, int, int]]:
    """Return what each line pays of each file, as (line, file, fen), where both come to the same sum.

    Lines and files are gone through in order: a line pays a file's rest if it has as much, else all that it has. A file of
    the other sign is set off in the line at hand. A part ends its line or its file, so there are fewer parts than both.
    """
    made, line, file = [], 0, 0
    left, rest = lines[0], files[0]
    while file < len(files):
        more, last = line + 1 < len(lines), file + 1 == len(files)
        ends_line = more and (last or ((left > 0) == (rest > 0) and abs(left) < abs(rest)))
        if fen := left if ends_line else rest:
            made.append((line, file, fen))
        left, rest = left - fen, rest - fen
        if ends_line or (more and not left):
            line, left = line + 1, lines[line + 1]
        if not ends_line:
            file += 1
            rest = files[file] if file < len(files) else 0
    return made
