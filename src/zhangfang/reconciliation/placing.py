"""Where a line of a channel's file belongs: `places.csv`, the first row whose conditions hold.

The conditions are facts about one line, each yes or no, in the order of `FACTS`. An empty cell means that the fact does not
matter. A row says the line's status, the class of the break it opens, how that break's difference is booked (the first
template if their side is larger, else the second), the cure of the break it ends, and the break's note.

Python evaluates the table here, once for each combination of facts; `placing.sql` finds the facts of all lines of a file,
and looks the row up. So one table decides, for one line and for millions.
"""

from collections.abc import Iterable, Mapping
from csv import DictReader
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

FACTS: Final = (
    "unread",  # the row could not be understood
    "returns",  # it says that a payout came back (退票)
    "adjusts",  # it corrects an earlier line
    "undoes",  # there is an open break of that line, of exactly the opposite difference, which no line before it cures
    "proven",  # the payout is proven to be returned, of this amount, and its money has not arrived yet
    "ours",  # an intent of ours has the line's order number
    "agrees",  # both move money in the same direction
    "success",  # ours is proven
    "listed",  # an earlier file, or an earlier line of this one, lists it
    "same",  # both amounts are equal
    "late",  # an earlier file should have listed it: its break `missing_there` is open
    "booked",  # that break moved money (B4)
    "payout",  # ours is a payout
)


@dataclass(frozen=True, slots=True)
class Place:
    """A row of the table: what it looks at and wants to see (bits of `FACTS`), and what follows."""

    looks_at: int
    wants: int
    status: str
    opens: str
    template: str
    cure: str
    note: str


def bits(facts: Iterable[str]) -> int:
    """Return the number that stands for these facts: bit n is set if fact n holds."""
    return sum(1 << FACTS.index(fact) for fact in set(facts))


def _place(row: Mapping[str, str]) -> Place:
    cells = {fact: row[fact] for fact in FACTS}
    if wrong := set(cells.values()) - {"yes", "no", ""}:
        raise ValueError(f"places.csv: {sorted(wrong)}; a condition is yes, no or empty")
    asked = bits(fact for fact, cell in cells.items() if cell)
    wanted = bits(fact for fact, cell in cells.items() if cell == "yes")
    return Place(asked, wanted, *(row[name] for name in ("status", "opens", "template", "cure", "note")))


def _read() -> tuple[Place, ...]:
    text = resources.files(__package__).joinpath("places.csv").read_text("utf-8")
    return tuple(_place(row) for row in DictReader(text.splitlines()))


PLACES: Final = _read()


def decide(facts: int) -> int:
    """Return the index of the first row of the table that holds for these facts. One always does: a test tries all."""
    return next(n for n, place in enumerate(PLACES) if facts & place.looks_at == place.wants)


@cache
def parameters() -> tuple[list[int], list[str], list[str], list[str], list[str], list[str]]:
    """Return the table as `placing.sql` takes it: a row's number (from 1) for each combination of facts, and its columns."""
    numbers = [decide(facts) + 1 for facts in range(1 << len(FACTS))]
    status, opens, template, cure, note = (
        [getattr(place, name) for place in PLACES] for name in ("status", "opens", "template", "cure", "note")
    )
    return numbers, status, opens, template, cure, note
