"""The months of history: the partitions that ids lie in, and those that take no new ones any more."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from zhangfang_audit.ledger import Row
from zhangfang_audit.verify.found import Flags, Found, Ints


@dataclass(frozen=True, slots=True)
class Months:
    """The partitions by their number, in the order of the numbers: the first moment of each, and of the one after."""

    oids: Ints
    first: Ints  # milliseconds since 1970
    end: Ints

    def hold(self, oids: Ints, millis: Ints) -> Flags:
        """Tell of each moment (milliseconds since 1970) whether it lies in its partition's month."""
        n = np.clip(np.searchsorted(self.oids, oids), 0, len(self.oids) - 1)
        return np.asarray((self.oids[n] == oids) & (millis >= self.first[n]) & (millis < self.end[n]))


def read_months(rows: Sequence[Row]) -> Months:
    """Make the table of months; a partition that is not named for a month has none."""
    spans = sorted((row["oid"], *_span(row["name"])) for row in rows) or [(0, 0, 0)]
    oids, first, end = (np.array(column, np.int64) for column in zip(*spans, strict=True))
    return Months(oids, first, end)


def _span(name: str) -> tuple[int, int]:
    of = re.fullmatch(r"transfer_(\d{4})_(\d\d)", name)
    if not of:
        return 0, 0
    year, month = int(of[1]), int(of[2])
    after = (year + month // 12, month % 12 + 1)
    first, end = (int(datetime(y, m, 1, tzinfo=UTC).timestamp()) * 1000 for y, m in ((year, month), after))
    return first, end


def check_months(sealed: Sequence[Row], partitions: Sequence[Row], found: Found) -> None:
    """Check that every sealed month is one of the partitions, and that each guards its ids."""
    known = {row["name"] for row in partitions}
    for row in sealed:
        if not row["month"].endswith("-01") or f"transfer_{row['month'][:7].replace('-', '_')}" not in known:
            found.line("months", "sealed", row["month"], "the first day of a month that has a partition")
    for row in partitions:
        if not row["keyed"]:
            found.line("ids", f"table {row['name']}", "no valid primary key", "one: no id twice")
