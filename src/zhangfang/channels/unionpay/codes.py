"""What each respCode proves, as a table: `codes.csv`.

Source: UnionPay ACP 5.1.0. A row is for the transaction types that it names, `*` for every one that moves money (01,
04, 11, 12, 31) and the batch that submits such (21); 00 is a query, 22 a batch result query, 76 the file. `sent` is the
verdict of the answer to a request, `final` that of a notification or of a query's origRespCode; with `elsewhere` the
failure is one of UnionPay's own. A question is answered (success), to be asked again later (accepted), or about
nothing (not found).

Mark V: read in a public source; K: from general knowledge, unverified, and therefore on the side of asking again; G:
invented. A code that is not in the table is UNKNOWN: only a listed code ends an order.
"""

import csv
from pathlib import Path
from typing import NamedTuple

from zhangfang.channels.port import Verdict

QUERY, SUBMIT, RESULT, FILE = "00", "21", "22", "76"
_ALL = frozenset({"01", "04", "11", "12", "31", SUBMIT})


class Meaning(NamedTuple):
    """One row's verdicts, and whether its failure is the channel's own."""

    sent: Verdict
    final: Verdict
    elsewhere: bool


_UNLISTED = Meaning(Verdict.UNKNOWN, Verdict.UNKNOWN, elsewhere=False)


def _read() -> dict[tuple[str, str], Meaning]:
    with (Path(__file__).parent / "codes.csv").open(encoding="utf-8", newline="") as file:
        return {
            (txn_type, row["code"]): Meaning(
                Verdict(row["sent"]), Verdict(row["final"]), row["elsewhere"] == "yes"
            )
            for row in csv.DictReader(file)
            for txn_type in row["txn_types"].split()
        }


_TABLE = _read()


def sent(txn_type: str, code: str) -> Verdict:
    """Return what the answer to a request or a question proves."""
    return _meaning(txn_type, code).sent


def final(txn_type: str, code: str) -> Verdict:
    """Return what a notification's respCode, a query's origRespCode or an item of a batch result proves."""
    return _meaning(txn_type, code).final


def elsewhere(txn_type: str, code: str) -> bool:
    """Return whether a failure with this code is the channel's own, so that another one may be asked."""
    return _meaning(txn_type, code).elsewhere


def _meaning(txn_type: str, code: str) -> Meaning:
    for_all = _TABLE.get(("*", code), _UNLISTED) if txn_type in _ALL else _UNLISTED
    return _TABLE.get((txn_type, code), for_all)
