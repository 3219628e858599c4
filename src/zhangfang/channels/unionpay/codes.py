"""What each respCode proves, as a table: `codes.csv`.

Source: UnionPay ACP 5.1.0. `sent` is the verdict of the answer to a request, `final` that of a notification or of a
query's origRespCode. Mark V: read in a public source; K: from general knowledge, unverified, and therefore on the
side of asking again. A code that is not in the table is UNKNOWN: only a listed code ends an order.
"""

import csv
from pathlib import Path

from zhangfang.channels.port import Verdict

QUERY_OK = "00"
QUERY_NOT_FOUND = "34"
FILE_OK = "00"
FILE_LATER = frozenset({"02", "03", "04", "05", "06", "37", "39", "41", "98", "99"})


def _read() -> dict[tuple[str, str], tuple[Verdict, Verdict]]:
    with (Path(__file__).parent / "codes.csv").open(encoding="utf-8", newline="") as file:
        return {
            (txn_type, row["code"]): (Verdict(row["sent"]), Verdict(row["final"]))
            for row in csv.DictReader(file)
            for txn_type in row["txn_types"].split()
        }


_TABLE = _read()
_UNLISTED = (Verdict.UNKNOWN, Verdict.UNKNOWN)


def sent(txn_type: str, code: str) -> Verdict:
    """Return what the answer to a request proves."""
    return _verdicts(txn_type, code)[0]


def final(txn_type: str, code: str) -> Verdict:
    """Return what a notification's respCode or a query's origRespCode proves."""
    return _verdicts(txn_type, code)[1]


def _verdicts(txn_type: str, code: str) -> tuple[Verdict, Verdict]:
    return _TABLE.get((txn_type, code)) or _TABLE.get(("*", code)) or _UNLISTED
