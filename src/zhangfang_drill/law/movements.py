"""What happened by the banks' own books: every order that they know, read from their control planes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from zhangfang_drill.world.banks import Banks

MOVED = frozenset({"SUCCESS", "VOIDED", "RETURNED"})  # money moved, even if it was taken back later


@dataclass(frozen=True, slots=True)
class Movement:
    """One order in a bank's book, as `GET /movements` gives it. `amount` and `fee` are fen.

    `paid_in` is the settlement date of the transfer to us that included it; `back_in` that of the transfer that included
    a payout's return. Both are empty until then, and always at banks that hold an account of ours.
    """

    bank: str
    seq: int
    key: str
    order_no: str
    operation: str
    amount: int
    state: str
    settle_date: str
    original: str
    fee: int
    paid_in: str
    back_in: str

    @property
    def moved(self) -> bool:
        """Whether money moved, by the bank's book."""
        return self.state in MOVED

    @property
    def stands(self) -> bool:
        """Whether money moved, and no void or return has taken it back."""
        return self.state == "SUCCESS"


@dataclass(slots=True)
class Truth:
    """All movements by bank and order number. `doubled`: order numbers that one bank executed more than once."""

    of: dict[tuple[str, str], Movement] = field(default_factory=dict)
    doubled: set[tuple[str, str]] = field(default_factory=set)

    def of_order(self, bank: str, order_no: str) -> Movement | None:
        """Return a bank's movement for an order number, None if it has none."""
        return self.of.get((bank, order_no))


async def read(banks: Banks, names: tuple[str, ...]) -> Truth:
    """Read every bank's book from its beginning, because old movements may have changed their state."""
    truth = Truth()
    for bank in names:
        for row in await banks.ask("GET", bank, "/movements?after=0"):
            _take(truth, bank, row)
    return truth


def _take(truth: Truth, bank: str, row: Mapping[str, Any]) -> None:
    made = Movement(
        bank, row["seq"], row["key"], row["order_no"], row["operation"], row["amount"], row["state"],
        row["settle_date"] or "", row["original"], row["fee"] or 0,
        row.get("settled_in") or "", row.get("return_settled_in") or "",
    )  # fmt: skip
    at = bank, made.order_no
    known = truth.of.get(at)
    if known is not None and known.moved and made.moved:
        truth.doubled.add(at)
    if known is None or made.moved or not known.moved:
        truth.of[at] = made
