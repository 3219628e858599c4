"""A channel's table of codes, `codes.csv`: what each code proves.

Columns: `code`; `operations` (`*` for all); `sent`, what it proves in the answer to a request; `final`, in the answer to a
query or in a notification; `elsewhere` (yes: this channel itself refused, another one may be tried); `mark` (V read in a
public source, K general knowledge, C sources conflict, G a convention with the sandbox bank); `meaning`.
A code that is not in the table is UNKNOWN: only a listed code ends an order.
"""

import csv
from pathlib import Path
from typing import NamedTuple

from zhangfang.channels.port import Verdict


class Meaning(NamedTuple):
    """What one code proves: in the answer to a request, in the answer to a query, and whether another channel may be
    tried."""

    sent: Verdict
    final: Verdict
    elsewhere: bool


UNLISTED = Meaning(Verdict.UNKNOWN, Verdict.UNKNOWN, elsewhere=False)


class Codes:
    """One channel's table."""

    def __init__(self, path: Path) -> None:
        """Read the table. A wrong word in it raises KeyError or ValueError at the start, not at a payment."""
        with path.open(encoding="utf-8", newline="") as file:
            self._table = {
                (operation, row["code"]): Meaning(
                    Verdict(row["sent"]), Verdict(row["final"]), row["elsewhere"] == "yes"
                )
                for row in csv.DictReader(file)
                for operation in row["operations"].split()
            }

    def of(self, operation: str, code: str) -> Meaning:
        """Return what a code proves about an operation."""
        return self._table.get((operation, code)) or self._table.get(("*", code)) or UNLISTED
