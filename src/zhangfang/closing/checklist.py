"""The month-end checklist (月结检查表): what has to be true before the books are closed. Each item checks itself.

An item is a row of `checklist.csv` and a statement of its name in `checklist.sql`. A hard item always keeps the books
open; from the others two people may except one by name, with a reason.
"""

import calendar
import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from importlib.resources import files
from typing import Final

import asyncpg

from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.sql import load

queries = load(__package__, "checklist.sql")


@dataclass(frozen=True, slots=True)
class Words:
    """A text in both languages."""

    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Item:
    """What is checked, whose work it is, what to do if it is not met, and the page that shows the lines."""

    name: str
    hard: bool
    text: Words
    whose: Words
    todo: Words
    link: str


@dataclass(frozen=True, slots=True)
class Found:
    """An item as it stands: how many things are in the way, since which date, and one of them by name."""

    item: Item
    count: int
    since: date | None
    which: str | None
    href: str

    @property
    def good(self) -> bool:
        """Whether nothing is in the way."""
        return not self.count

    def __str__(self) -> str:
        """Say what is in the way, for a person who reads an error."""
        since = f", since {self.since}" if self.since else ""
        return f"{self.item.name}: {self.item.text.en} — not met: {self.count} ({self.which}){since}"


def _items() -> Mapping[str, Item]:
    rows = csv.DictReader(files(__package__).joinpath("checklist.csv").read_text("utf-8").splitlines())
    return {
        row["name"]: Item(
            row["name"], row["hard"] == "yes", Words(row["zh"], row["en"]),
            Words(row["whose_zh"], row["whose_en"]), Words(row["todo_zh"], row["todo_en"]), row["link"],
        )
        for row in rows
    }  # fmt: skip


ITEMS: Final = _items()


def month_of(text: str, field: str = "month") -> tuple[date, date]:
    """Return the first and the last date of a month that is written as 2026-05. Raises `InvalidInput`."""
    if not re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", text):
        raise InvalidInput(field, f"{len(text)} characters", "YYYY-MM")
    year, month = int(text[:4]), int(text[5:])
    return date(year, month, 1), date(year, month, calendar.monthrange(year, month)[1])


async def check(db: asyncpg.Pool | asyncpg.Connection, last: date, now: datetime) -> tuple[Found, ...]:
    """Check every item for the business dates up to `last`, beginning with the first that is open."""
    first = await db.fetchval(queries.span, last)
    found = []
    for name, item in ITEMS.items():
        row = await db.fetchrow(queries[name], first, last, now)
        href = item.link.format(last=last, since=row["since"] or last, which=row["which"] or last)
        found.append(Found(item, row["count"], row["since"], row["which"], href))
    return tuple(found)


def in_the_way(found: Iterable[Found], excepted: Iterable[str] = ()) -> list[Found]:
    """Return what keeps the books open: what is not met, without the soft items that are excepted."""
    left_out = set(excepted)
    return [one for one in found if not one.good and (one.item.hard or one.item.name not in left_out)]


def check_excepted(found: Iterable[Found], excepted: Iterable[str]) -> None:
    """Raise `InvalidInput` unless each name is that of a soft item that is not met."""
    allowed = [one.item.name for one in found if not one.good and not one.item.hard]
    for name in excepted:
        if name not in allowed:
            raise InvalidInput(
                "except", f"{name:.40}", ", ".join(allowed) or "none: no soft item is in the way"
            )
