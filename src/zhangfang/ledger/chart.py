"""The chart of accounts (科目表), read from `chart.csv`: which accounts there are, whose, and what they forbid."""

import csv
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Final

from zhangfang.kernel.errors import InvalidInput
from zhangfang.ledger.model import Account, AccountFlag, Book

PLATFORM = "platform"
"""The subject of every account that the platform has once a shard; nobody needs to name it."""

LINE: Final = 1_000_000_000
"""The overdraft in fen of an account with a line (1223): no merchant's contract may give more. The ledger fixes it when the
account is opened; the line of a contract, which may change, is checked before an advance is stored."""

_BOOKS: Final = {"C": Book.CUSTOMERS, "O": Book.OWN, "E": Book.CUSTODIAN}
_FLOORS: Final = {
    "": (AccountFlag.NONE, 0),
    "credit": (AccountFlag.CREDIT_FLOOR, 0),
    "line": (AccountFlag.CREDIT_FLOOR, LINE),
}


@dataclass(frozen=True, slots=True)
class Chapter:
    """One line of the chart. `normal` is the side (Dr, Cr or either) on which the balance is expected."""

    code: int
    book: Book
    zh: str
    en: str
    normal: str
    subject: str
    floor: AccountFlag
    limit: int


def read_table(name: str) -> list[dict[str, str]]:
    """Return the rows of a CSV table beside this module."""
    return list(csv.DictReader(files("zhangfang.ledger").joinpath(name).read_text("utf-8").splitlines()))


CHART: Final[dict[tuple[int, Book], Chapter]] = {
    (int(row["code"]), _BOOKS[row["book"]]): Chapter(
        int(row["code"]), _BOOKS[row["book"]], row["zh"], row["en"], row["normal"], row["subject"], *_FLOORS[row["floor"]]
    )
    for row in read_table("chart.csv")
}  # fmt: skip
_BOOK_OF: Final = dict(reversed(CHART))  # where a code stands in two books, the first


@dataclass(frozen=True, slots=True)
class Heading:
    """A line above the codes that begin with `prefix`: one digit is a class (类), two are a group within it."""

    prefix: str
    zh: str
    en: str


HEADINGS: Final = {row["prefix"]: Heading(**row) for row in read_table("chart_headings.csv")}


def headings(code: int) -> tuple[Heading, ...]:
    """Return the headings that an account's code stands under, the widest first: 2 负债类, 23 客户资金及待查."""
    return tuple(HEADINGS[f"{code}"[:length]] for length in (1, 2))


def book_named(letter: str) -> Book:
    """Return the book of the tables' letter: C, O or E."""
    return _BOOKS[letter]


def account_name(code: int) -> str:
    """Return what people call an account: 商户可用款 Merchant available."""
    chapter = CHART[code, _BOOK_OF[code]]
    return f"{chapter.zh} {chapter.en}"


@lru_cache(maxsize=65_536)
def account(code: int, subject: str, book: Book | None = None) -> Account:
    """Return the account of a subject, in the book where the chart has the code (customers' before custodian's)."""
    if code not in _BOOK_OF:
        raise InvalidInput("code", f"{code}", "a code of the chart of accounts")
    chapter = CHART[code, book or _BOOK_OF[code]]
    return Account(chapter.book, code, subject, chapter.floor, chapter.limit)


def subjects_of(kind: str, subject: str) -> dict[int, str]:
    """Return `subject` for every code whose accounts belong to a kind of subject such as `merchant` or `channel`."""
    codes = [chapter.code for chapter in CHART.values() if kind in chapter.subject.split(" or ")]
    if not codes:
        kinds = sorted({chapter.subject for chapter in CHART.values()})
        raise InvalidInput("kind", f"{kind!r}", ", ".join(kinds))
    return dict.fromkeys(codes, subject)
