"""Random orders: what merchants ask for, how callers repeat it, what payers do. One `Random` makes all choices."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from zhangfang.channels.port import Operation

MANNERS = ("once", "once", "twice", "new_key", "at_once")  # how a caller repeats its request; drawn evenly


@dataclass(slots=True)
class Merchant:
    """A merchant of the simulation, with its API key and its latest pay-ins."""

    id: str
    key: str
    payers: list[dict[str, Any]] = field(default_factory=list)  # accounts with a mandate for this merchant
    paid: "list[Asked]" = field(default_factory=list)


@dataclass(slots=True)
class Asked:
    """One order as its caller sees it. `ids`: all ids that the API returned for it; more than one breaks rule 6."""

    merchant: Merchant
    kind: Operation
    order_no: str
    amount: int
    manner: str
    payer: str = ""
    original: "Asked | None" = None
    body: dict[str, Any] = field(default_factory=dict)
    ids: set[str] = field(default_factory=set)
    statuses: list[int] = field(default_factory=list)
    refunded: int = 0
    redirect: dict[str, Any] | None = None
    app: dict[str, Any] | None = None
    channel_order_no: str = ""
    channel: str = ""

    @property
    def id(self) -> str:
        """Return the platform's id of the order, or an empty text if it has none."""
        return next(iter(self.ids), "")


class Drawer:
    """Draws random orders. Order numbers are unique over all merchants, so that a bank's key names one order."""

    def __init__(self, rng: Random, prefix: str, products: Sequence[str] = ("cashier",)) -> None:
        """Draw from `rng`. Every order number begins with `prefix`; `products` are the ways to pay a purchase."""
        self._products = products
        self._rng = rng
        self._prefix = prefix
        self._count = 0

    def pay_in(self, merchant: Merchant) -> Asked:
        """Draw a purchase or a collection."""
        rng = self._rng
        kind = Operation.PURCHASE if rng.random() < 0.45 else Operation.COLLECTION
        asked = self._asked(merchant, kind, rng.choice((rng.randrange(1, 500), rng.randrange(500, 900_000))))
        asked.body = {"kind": kind.value, "order_no": asked.order_no, "amount": asked.amount}
        if kind is Operation.COLLECTION:
            unsigned = rng.random() < 0.05  # refused, because there is no mandate
            asked.body["account"] = account(rng) if unsigned else rng.choice(merchant.payers)
        else:
            asked.body |= self._product()
            asked.payer = rng.choices(("pay", "refuse", "look", "never"), (14, 2, 1, 1))[0]
        return asked

    def _product(self) -> dict[str, Any]:
        """Draw how the payer pays, and in how many instalments."""
        product = self._rng.choice(self._products)
        count = self._rng.choice((0, 0, 0, 3, 6, 12))
        charged = {"fee_by": self._rng.choice(("payer", "merchant"))} if count else {}
        return {"product": product, "instalments": count, **charged}

    def undo(self, of: Asked) -> Asked | None:
        """Draw a full or partial refund or a void; None if nothing of the payment is left to refund."""
        left = of.amount - of.refunded
        if left <= 0:
            return None
        kind = Operation.VOID if not of.refunded and self._rng.random() < 0.3 else Operation.REFUND
        whole = kind is Operation.VOID or self._rng.random() < 0.4
        asked = self._asked(of.merchant, kind, left if whole else self._rng.randrange(1, left + 1))
        asked.original = of
        asked.body = {"order_no": asked.order_no}
        if kind is Operation.REFUND:
            asked.body["amount"] = asked.amount
        return asked

    def payout(self, merchant: Merchant, most: int) -> Asked:
        """Draw a payout of at most `most` fen; in 5 % of cases one larger than any balance."""
        amount = self._rng.randrange(1, max(2, most)) if self._rng.random() < 0.95 else 10**11
        asked = self._asked(merchant, Operation.PAYOUT, amount)
        asked.body = {"order_no": asked.order_no, "amount": amount, "account": account(self._rng)}
        return asked

    def _asked(self, merchant: Merchant, kind: Operation, amount: int) -> Asked:
        self._count += 1
        number = f"{self._prefix}{kind.value[0].upper()}{self._count:04d}"
        return Asked(merchant, kind, number, amount, self._rng.choice(MANNERS))


NAMES = ("王子涵", "李思远", "张雨桐", "陈嘉怡", "周明轩")


def account(rng: Random) -> dict[str, Any]:
    """Draw a person's account; no such card number is issued."""
    return {"number": f"99{rng.randrange(10**17):017d}", "name": rng.choice(NAMES)}
