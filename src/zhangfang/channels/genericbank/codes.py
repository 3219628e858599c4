"""What the bank's codes prove, as a table: `codes.csv`. All of them are invented (mark G): no public source has any.

`payout` codes are about a payment: `sent` in the acknowledgement, `final` in the answer to a query. `answer` codes are
about a message: `sent` of PAY001, `final` of QRY001. A code that is not listed is UNKNOWN: only a listed one ends an order.
"""

import csv
from pathlib import Path
from typing import NamedTuple

from zhangfang.channels.port import Verdict

OK = "0000"  # the message was understood: what it says of the payment is in its body


class Proof(NamedTuple):
    """What a code proves at either time, and whether another channel may be asked."""

    sent: Verdict
    final: Verdict
    elsewhere: bool


def _read() -> dict[tuple[str, str], Proof]:
    with (Path(__file__).parent / "codes.csv").open(encoding="utf-8", newline="") as file:
        return {
            (operation, row["code"]): Proof(
                Verdict(row["sent"]), Verdict(row["final"]), row["elsewhere"] == "yes"
            )
            for row in csv.DictReader(file)
            for operation in row["operations"].split()
        }


_TABLE = _read()
_UNLISTED = Proof(Verdict.UNKNOWN, Verdict.UNKNOWN, False)


def proof(operation: str, code: str) -> Proof:
    """Return what a code proves; an unlisted one nothing."""
    return _TABLE.get((operation, code), _UNLISTED)
