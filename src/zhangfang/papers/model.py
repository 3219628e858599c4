"""What a paper says, whatever form it takes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from zhangfang.kernel.errors import ZhangfangError
from zhangfang.kernel.text.sheets import Cell


class TooLong(ZhangfangError):
    """A paper has more rows than its form can hold; the text says how many are allowed."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its heading, its width in mm (a page shares its own width out in proportion), amounts to the right."""

    title: str
    width: float = 20
    right: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table. `rows` may be an iterator: CSV and XLSX read it once, row by row; a PDF needs all rows at once."""

    title: str
    columns: Sequence[Column]
    rows: Iterable[Sequence[Cell]]
    totals: Sequence[Sequence[Cell]] = ()


@dataclass(frozen=True, slots=True)
class Paper:
    """A paper: its title, facts (label, value) above its tables, and lines at the foot of each page.

    `at` is the moment that the file carries as its creation, so that the same paper is always the same bytes.
    """

    title: str
    at: datetime
    tables: Sequence[Table]
    facts: Sequence[tuple[str, str]] = ()
    foot: Sequence[str] = ()
