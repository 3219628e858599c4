"""The journal (序时账) as CSV for an accounting system: one row a leg, in the ledger's order, no chart but ours assumed.

Amounts are yuan with two decimals. It is a file for programs: every text is as it is in the books.
"""

import csv
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any, Final

from zhangfang.closing.files.entries import days_of, summary, transfers_of_day
from zhangfang.kernel.money import fen_to_yuan
from zhangfang.ledger import CHART, Book

COLUMNS: Final = (
    "number", "voucher_number", "voucher", "line", "date", "book", "account", "account_zh", "account_en", "subject",
    "debit", "credit", "currency", "summary", "memo", "reverses",
)  # fmt: skip
Tell = Callable[[str, int], None]  # what is being written, and how many dates of it are done


async def write_journal(connection: Any, first: date, last: date, path: Path, tell: Tell) -> int:
    """Write the journal of the dates from `first` to `last`; return how many vouchers it has."""
    voucher, vouchers, line, number = None, 0, 0, 0
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\r\n")
        writer.writerow(COLUMNS)
        for day in days_of(first, last):
            async for row in transfers_of_day(connection, day):
                if (row["voucher"], day) != voucher:
                    voucher, vouchers, line = (row["voucher"], day), vouchers + 1, 0
                writer.writerows(_legs(row, number, vouchers, line))
                number, line = number + 2, line + 2
            tell("journal", 1)
    return vouchers


def read_journal(path: Path) -> Iterator[dict[str, str]]:
    """Yield the rows of a journal that `write_journal` wrote."""
    with path.open(encoding="utf-8", newline="") as lines:
        yield from csv.DictReader(lines)


def _legs(row: Any, number: int, vouchers: int, line: int) -> Iterator[tuple[Any, ...]]:
    amount = fen_to_yuan(row["amount"])
    for n, side in enumerate(("debit", "credit"), start=1):
        code = row[f"{side}_code"]
        chapter = CHART[code, Book(row["book"])]
        sides = (amount, "") if side == "debit" else ("", amount)
        yield (
            number + n, vouchers, row["voucher"], line + n, row["business_date"], row["book"], code, chapter.zh,
            chapter.en, row[f"{side}_subject"], *sides, "CNY", summary(row["kind"]), row["memo"] or "",
            row["reverses"] or "",
        )  # fmt: skip
