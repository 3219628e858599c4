"""The workloads of `zhangfang bench ledger`: streams of transfers as arrays, the same in every run.

Every stream moves money between one hot account without a limit and thousands of accounts whose debits may exceed
their credits only by an overdraft. The overdrafts are drawn so that the share of refusals is constant from the first
transfer on: money comes in about as fast as it is taken, and an account at its limit is refused until more comes in.
Amounts are 1 to 1,000 fen, the voucher is the transfer's own id, there is no memo, and all have one business date.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from zhangfang.ledger import Account, AccountFlag, Book
from zhangfang.ledger.wire import MAX_COUNT, TRANSFER, Records

BATCH = MAX_COUNT
SPAN_MS = 27 * 86_400_000  # ids are made in the 27 days up to now: months that are open in a new ledger
NEIGHBOURS = 20  # clients' clocks differ: an id may sort before so many earlier ones
MOST_FEN = 1_000
HOT, LIMITED = 3011, 2333  # codes of the chart of accounts
Numbers = npt.NDArray[np.int64]
Fill = Callable[[np.random.Generator, Records, "Workload"], Records]


@dataclass(frozen=True)
class Shape:
    """A kind of stream: the direction of transfers, the overdrafts, and how plain transfers are changed."""

    from_hot: float  # share of transfers that the hot account pays
    to_hot: float  # share of the others that it is paid
    mean_limit: int  # fen; numeric overdrafts are exponential around it
    fill: Callable[[], Fill] | None = None  # makes a function that remembers earlier frames
    retries: bool = False  # whether an id comes more than once


@dataclass(frozen=True)
class Workload:
    """A stream cut into frames of `sizes`; `frames` gives the same records each time."""

    shape: Shape
    sizes: Sequence[int]
    limited: int = 10_000
    now_ms: int = 0

    @property
    def transfers(self) -> int:
        """How many transfers it has."""
        return sum(self.sizes)

    @property
    def accounts(self) -> list[Account]:
        """The accounts to open: the hot one first."""
        limits = np.random.default_rng(0).exponential(self.shape.mean_limit, self.limited)
        return [Account(Book.CUSTOMERS, HOT, "hot")] + [
            Account(Book.CUSTOMERS, LIMITED, f"u{n:06}", AccountFlag.CREDIT_FLOOR, int(limit))
            for n, limit in enumerate(limits)
        ]

    @property
    def limits(self) -> dict[bytes, int | None]:
        """The overdraft of each account by its id, None for the hot one, which has no limit."""
        return {one.id.bytes: one.limit if one.flags else None for one in self.accounts}

    def frames(self) -> Iterator[Records]:
        """Give the frames in order, one at a time."""
        ids = account_ids(self.limited)
        fill = self.shape.fill() if self.shape.fill else None
        first = 0
        for number, size in enumerate(self.sizes):
            rng = np.random.default_rng((1, number))
            records = _plain(rng, first, size, self)
            debit = payers(rng, size, self)
            pay(records, debit, payees(rng, debit, self), ids)
            yield fill(rng, records, self) if fill else records
            first += size


def cut(transfers: int, batch: int = BATCH) -> list[int]:
    """Return the sizes of the frames for a number of transfers."""
    whole, rest = divmod(transfers, batch)
    return [batch] * whole + [rest] * bool(rest)


@lru_cache(maxsize=4)
def account_ids(limited: int) -> Records:
    """Return the ids of the accounts as 16 bytes each, the hot one's first."""
    subjects = [(HOT, "hot"), *((LIMITED, f"u{n:06}") for n in range(limited))]
    return np.array([Account(Book.CUSTOMERS, code, who).id.bytes for code, who in subjects], "V16")


def payers(rng: np.random.Generator, size: int, workload: Workload) -> Numbers:
    """Draw who pays, as numbers of accounts; 0 is the hot one."""
    drawn = rng.integers(1, workload.limited + 1, size)
    return np.where(rng.random(size) < workload.shape.from_hot, 0, drawn)


def payees(rng: np.random.Generator, payer: Numbers, workload: Workload) -> Numbers:
    """Draw who is paid: anybody but the payer."""
    drawn = 1 + (payer - 1 + rng.integers(1, workload.limited, len(payer))) % workload.limited
    return np.where((rng.random(len(payer)) < workload.shape.to_hot) & (payer > 0), 0, drawn)


def pay(records: Records, debit: Numbers, credit: Numbers, ids: Records) -> None:
    """Write both sides into records."""
    records["debit"], records["credit"] = ids[debit], ids[credit]


def _plain(rng: np.random.Generator, first: int, size: int, workload: Workload) -> Records:
    records: Records = np.zeros(size, TRANSFER)
    records["id"] = records["voucher"] = _ids(rng, first, size, workload)
    records["amount"] = rng.integers(1, MOST_FEN + 1, size)
    records["book"], records["kind"] = int(Book.CUSTOMERS), 1
    records["business_date"] = workload.now_ms // 86_400_000
    return records


def _ids(rng: np.random.Generator, first: int, size: int, workload: Workload) -> Records:
    """Return UUIDv7 whose times rise over the span, apart from near neighbours."""
    places = np.arange(first, first + size, dtype=np.int64) + rng.integers(0, NEIGHBOURS, size)
    born = workload.now_ms - SPAN_MS + places * SPAN_MS // (workload.transfers + NEIGHBOURS)
    raw = rng.integers(0, 256, (size, 16), np.uint8)
    raw[:, :6] = born.astype(">i8").view(np.uint8).reshape(size, 8)[:, 2:]
    raw[:, 6] = 0x70 | raw[:, 6] & 0x0F
    raw[:, 8] = 0x80 | raw[:, 8] & 0x3F
    return raw.view("V16").ravel()


def now_ms() -> int:
    """Return the machine's time in milliseconds since 1970."""
    return int(datetime.now(UTC).timestamp() * 1000)


def retried(share: float = 0.01, start: int = 10_000, back: int = 4) -> Fill:
    """Replace a share of the records by earlier ones: from the same frame, the last few frames, and the start."""
    old: list[Records] = []
    recent: deque[Records] = deque(maxlen=back)

    def fill(rng: np.random.Generator, records: Records, _: Workload) -> Records:
        for place in np.flatnonzero(rng.random(len(records)) < share).tolist():
            one = rng.integers(3)
            source = (records[:place], recent[rng.integers(len(recent))] if recent else records[:0])
            earlier = [*source, old[rng.integers(len(old))] if old else records[:0]][one]
            if len(earlier):
                records[place] = earlier[rng.integers(len(earlier))]
        recent.append(records)
        if sum(map(len, old)) < start:
            old.append(records)
        return records

    return fill
