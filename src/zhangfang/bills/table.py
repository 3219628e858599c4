"""Turns the rows of a table into lines, in DuckDB: a view over any number of rows, which is added up and written out."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from zhangfang.bills.expressions import quoted, select
from zhangfang.bills.model import CANONICAL, BillRefused, ColumnMap
from zhangfang.bills.text import Plain

_SETTINGS: dict[str, str | int | float | list[str]] = {
    "autoinstall_known_extensions": False,  # it asks no other machine for anything
    "autoload_known_extensions": False,
    "threads": 2,
    "memory_limit": "600MB",
}


@dataclass(frozen=True, slots=True)
class Counted:
    """What the rows are: sums in fen and counts, how many could not be read, and why the first of them."""

    totals: Mapping[str, int]
    rows: int
    unread: int
    first_unread: str
    fatal: str  # a cell that is summed, and cannot be read
    pay_in: int  # of the lines that were read
    pay_out: int
    fee: int


@contextmanager
def table(plain: Plain, one: ColumnMap, day: date) -> Iterator["Table"]:
    """Open the rows of `plain`, which are of the settlement date `day`."""
    import duckdb  # 0.1 s, which a process that reads no file does not need

    spill = str(plain.path.parent / "spill")
    database = duckdb.connect(":memory:", config=_SETTINGS | {"temp_directory": spill})
    try:
        yield Table(database, plain, one, day)
    finally:
        database.close()


class Table:
    """The lines of one file, as a view. Each use of it reads the rows once."""

    def __init__(self, database: Any, plain: Plain, one: ColumnMap, day: date) -> None:
        """Make the view. Raises `BillRefused` if the headings are not those of the map."""
        self._database = database
        self._run(f"CREATE TEMP VIEW line AS {select(plain, one, day)}")

    def count(self) -> Counted:
        """Add up the rows."""
        ((count, ins, outs, in_sum, out_sum, fee_sum, unread, first, fatal, *read),) = self._run(_SUMS)
        numbers = (count, ins, outs, in_sum, out_sum, fee_sum, in_sum - out_sum)
        names = ("count", "in_count", "out_count", "in_sum", "out_sum", "fee_sum", "sum")
        totals = {name: int(number) for name, number in zip(names, numbers, strict=True)}
        return Counted(totals, count, unread, first, fatal, *(int(sum_) for sum_ in read))

    def write(self, path: Path) -> None:
        """Write the lines as a CSV with the columns CANONICAL, in the order of the file."""
        self._run(
            f"COPY (SELECT {', '.join(CANONICAL)} FROM line) TO {quoted(str(path))} (FORMAT csv, HEADER)"
        )

    def first(self, most: int) -> list[dict[str, Any]]:
        """Return the first lines, by column."""
        rows = self._run(f"SELECT {', '.join(CANONICAL)} FROM line LIMIT {most:d}")
        return [dict(zip(CANONICAL, row, strict=True)) for row in rows]

    def numbers(self, most: int) -> list[str]:
        """Return the order numbers of the first lines that were understood."""
        rows = self._run(f"SELECT order_no FROM line WHERE unread = '' AND order_no <> '' LIMIT {most:d}")
        return [row[0] for row in rows]

    def _run(self, sql: str) -> list[Any]:
        import duckdb

        try:
            return self._database.execute(sql).fetchall()  # type: ignore[no-any-return]
        except duckdb.Error as error:  # its text repeats a row, so it is not shown
            raise BillRefused(f"the rows cannot be read as a table ({type(error).__name__})") from None


_SUMS = """
SELECT
    count(*), count(*) FILTER (NOT is_out), count(*) FILTER (is_out), coalesce(sum(in_part), 0), coalesce(sum(out_part), 0),
    coalesce(sum(fee_part), 0), count(*) FILTER (unread <> ''), coalesce(min_by(unread, line_no) FILTER (unread <> ''), ''),
    coalesce(min_by(unread, line_no) FILTER (fatal), ''), coalesce(sum(amount) FILTER (credit), 0),
    coalesce(sum(amount) FILTER (NOT credit), 0), coalesce(sum(fee), 0)
FROM line
"""
