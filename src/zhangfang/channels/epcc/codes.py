"""What each code proves, as a table: `codes.csv`.

`sent` is the verdict of a SysRtnCd in the answer to an order, or of a TrxStatus there; `final` that of a BizStsCd, or of
a TrxStatus in a query's answer or notice. Mark V: read in a public source; G: convention of this platform and its
sandbox, for the network's tables are not public. A code that is not in the table is UNKNOWN: only a listed one ends an
order.
"""

import csv
from pathlib import Path
from typing import NamedTuple

from zhangfang.channels.port import Verdict

OK = "00000000"
SIGNING = "signing"


class Meaning(NamedTuple):
    """A line of the table."""

    sent: Verdict
    final: Verdict
    elsewhere: bool


def _read() -> dict[tuple[str, str], Meaning]:
    with (Path(__file__).parent / "codes.csv").open(encoding="utf-8", newline="") as file:
        return {
            (operation, row["code"]): Meaning(
                Verdict(row["sent"]), Verdict(row["final"]), row["elsewhere"] == "yes"
            )
            for row in csv.DictReader(file)
            for operation in row["operations"].split()
        }


_TABLE = _read()
_UNLISTED = Meaning(Verdict.UNKNOWN, Verdict.UNKNOWN, False)


def meaning(operation: str, code: str) -> Meaning:
    """Return what a code proves about an operation (of the port, or `signing`)."""
    return _TABLE.get((operation, code)) or _TABLE.get(("*", code)) or _UNLISTED


def business(operation: str, status: str, code: str) -> Meaning:
    """Return what TrxStatus and BizStsCd prove together: an end needs both to say the same."""
    by_status, by_code = meaning(operation, status), meaning(operation, code or OK)
    if by_status.final in (Verdict.SUCCESS, Verdict.FAILED) and by_code.final is not by_status.final:
        return _UNLISTED
    return Meaning(by_status.sent, by_status.final, by_code.elsewhere)
