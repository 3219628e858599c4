"""What `verify` found: for each check how many differences there are, and the first of them with their transfers."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Ids = npt.NDArray[np.void]
Value = int | str
Show = Callable[[Any], Value]

SHOWN = 20  # lines of one check that are kept; the rest is counted
CHECKS = {
    "sequence": "流水连号 Sequence from 1 to the head, no gap, no repeat",
    "time": "时序 Time never goes back",
    "ids": "编号 Ids are UUIDv7 in their month",
    "form": "要素 Flags, amounts and fields fit each other",
    "accounts": "科目户 Accounts exist, in the entry's book",
    "balances": "余额重算 Stored balances equal the replay",
    "books": "借贷平衡 Debits equal credits in each book",
    "limits": "限额 Limits hold after every entry",
    "standing": "冻结销户 Frozen and closed accounts stand still",
    "pendings": "预授权 Each hold is resolved once, in time",
    "chains": "凭证链 Chains are closed and whole",
    "periods": "会计期间 Closed periods take nothing",
    "checkpoint": "检查点 Checkpoint equals the replay",
    "pages": "账页 Pages hold each entry once",
    "refusals": "拒绝记录 Refusals have their place",
    "months": "月份 Sealed months are known",
}
_PG_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)  # dates and moments are counted from here, as PostgreSQL does


@dataclass(frozen=True, slots=True)
class Line:
    """One difference. `seq` and `transfer` are None if it is not in an entry, but in an account or the head."""

    seq: int | None
    transfer: str | None
    what: str
    stored: Value
    due: Value


@dataclass(slots=True)
class Found:
    """All differences of one shard, by check."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CHECKS, 0))
    lines: dict[str, list[Line]] = field(default_factory=lambda: {name: [] for name in CHECKS})

    @property
    def ok(self) -> bool:
        """Whether there is no difference."""
        return not any(self.counts.values())

    def line(
        self, check: str, what: str, stored: Value, due: Value, *, seq: int | None = None, id_: bytes = b""
    ) -> None:
        """Note one difference, of the entry `seq` with the id `id_` where it has one."""
        self.counts[check] += 1
        if len(self.lines[check]) < SHOWN:
            self.lines[check].append(Line(seq, str(UUID(bytes=id_)) if id_ else None, what, stored, due))

    def rows(
        self, check: str, what: str, seqs: Ints, ids: Ids, bad: Flags | Ints, stored: Ints | Ids, due: Ints | Ids | Value,
        show: Show = int,
    ) -> None:  # fmt: skip
        """Note the differences of several entries: `bad` says which ones of the arrays, as a mask or by number."""
        places = np.flatnonzero(bad) if bad.dtype == np.bool_ else bad
        room = max(0, SHOWN - len(self.lines[check]))
        for n in places[:room]:
            here = show(due[n]) if isinstance(due, np.ndarray) else due
            self.line(check, what, show(stored[n]), here, seq=int(seqs[n]), id_=ids[n].tobytes())
        self.counts[check] += max(0, len(places) - room)

    def as_json(self) -> dict[str, Any]:
        """Return all of it for other programs."""
        return {
            name: {"differences": self.counts[name], "lines": [asdict(line) for line in self.lines[name]]}
            for name in CHECKS
        }


def moment(micros: int | np.int64) -> str:
    """Write microseconds since 2000 as a moment in UTC; what is outside the calendar stays a number."""
    try:
        return (_PG_EPOCH + timedelta(microseconds=int(micros))).isoformat()
    except OverflowError:
        return f"{micros} µs since 2000"


def day(days: int | np.int64) -> str:
    """Write days since 2000 as a date; what is outside the calendar stays a number."""
    try:
        return (date(2000, 1, 1) + timedelta(days=int(days))).isoformat()
    except OverflowError:
        return f"{days} days since 2000"


def named(id_: bytes) -> str:
    """Write 16 bytes as a UUID."""
    return str(UUID(bytes=id_))
