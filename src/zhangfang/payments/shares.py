"""Splits (分账): who gets which part of a payment, and what each gives back when it is refunded. Pure.

A receiver is a merchant of the platform. Parts are fen, or millionths of the payment; a part in millionths is rounded down,
so that all parts together are never more than there is, and the rest stays with the merchant who took the payment, the
seller. All parts together are at most the payment less its fee.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import msgspec

from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import parse
from zhangfang.kernel.money import check_amount

MOST: Final = 50
_MILLION = 1_000_000
FEE_FROM: Final = ("seller", "all")
"""Who bears the fee of a part in millionths: with `seller` it is of the whole payment, with `all` of what the fee leaves."""
REFUND_FROM: Final = ("proportional", "seller")
"""Who gives back first: all at once, each its share; or the seller, and the receivers only what the seller's part lacks."""

Shares = tuple[tuple[str, int], ...]
"""Receivers with their fen."""


@dataclass(frozen=True, slots=True)
class NewShare:
    """One part that is asked for: either `amount` in fen or `ppm` in millionths."""

    receiver: str
    amount: int = 0
    ppm: int = 0


@dataclass(frozen=True, slots=True)
class Split:
    """All parts that are asked for, who bears the fee, and who gives back first when the payment is refunded."""

    parts: tuple[NewShare, ...]
    fee_from: str = "seller"
    refund_from: str = "proportional"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a payment: its fen, what refunds took back of it so far, and whether it is available to the receiver."""

    receiver: str
    amount: int
    back: int
    available: bool


def check_split(split: Split) -> None:
    """Raise `InvalidInput` naming the field that is not allowed."""
    if not 1 <= len(split.parts) <= MOST:
        raise InvalidInput("split.parts", f"{len(split.parts)} of them", f"1 to {MOST}")
    for one in split.parts:
        parse("mer", one.receiver, "split.receiver")
        if bool(one.amount) == bool(one.ppm):
            raise InvalidInput("split.parts", "a part with amount and ppm, or with neither", "one of the two")
        if one.amount:
            check_amount(one.amount, "split.amount")
        elif not 1 <= one.ppm <= _MILLION:
            raise InvalidInput("split.ppm", "an integer out of range", f"1 to {_MILLION}")
    if len({one.receiver for one in split.parts}) < len(split.parts):
        raise InvalidInput("split.parts", "a receiver twice", "each receiver once")
    if split.fee_from not in FEE_FROM:
        raise InvalidInput("split.fee_from", f"{len(split.fee_from)} characters", " or ".join(FEE_FROM))
    if split.refund_from not in REFUND_FROM:
        shape = f"{len(split.refund_from)} characters"
        raise InvalidInput("split.refund_from", shape, " or ".join(REFUND_FROM))


def resolve(split: Split, seller: str, amount: int, fee: int, shared: int = 0) -> Shares:
    """Return the fen of each part of a payment, of which `shared` fen are split already. Raises `InvalidInput`."""
    whole = amount if split.fee_from == "seller" else amount - fee
    found = tuple((one.receiver, one.amount or whole * one.ppm // _MILLION) for one in split.parts)
    if any(receiver == seller for receiver, _ in found):
        raise InvalidInput(
            "split.receiver", "the merchant of the payment", "another merchant: the rest stays here"
        )
    if not all(fen for _, fen in found):
        raise InvalidInput("split.ppm", "a part that comes to nothing", "at least one fen a part")
    if (asked := sum(fen for _, fen in found)) > (left := amount - fee - shared):
        raise InvalidInput(
            "split.parts", f"parts of {asked} fen", f"at most {left} fen: the payment less its fee"
        )
    return found


def given_back(parts: Sequence[Part], refund_from: str, amount: int, refunded: int, refund: int) -> Shares:
    """Return what each receiver gives back for a `refund` of a payment of `amount`, `refunded` before.

    It is worked out for all refunds together, and what was given back before is taken off: so the refund that completes the
    payment takes all that a receiver still has of it, to the fen.
    """
    shared = sum(one.amount for one in parts)
    own = amount - shared if refund_from == "seller" else 0  # what the seller gives back first
    due, of = max(0, refunded + refund - own), amount - own
    owed = ((one, one.amount * due // of - one.back) for one in parts)
    return tuple((one.receiver, min(fen, one.amount - one.back)) for one, fen in owed if fen > 0)


class Back(NamedTuple):
    """What a receiver gives back for a refund: of available money or not, and what of it own funds advance."""

    receiver: str
    fen: int
    available: bool
    advanced: int = 0


def stored(shares: Sequence[tuple[str, int] | Back]) -> str:
    """Return the shares of a payment, or what is given back of them for a refund, as they are stored with it."""
    return msgspec.json.encode(shares).decode() if shares else ""


def of_payment(text: str) -> Shares:
    """Return the shares that a payment was stored with."""
    return msgspec.json.decode(text, type=Shares) if text else ()


def of_refund(text: str) -> tuple[Back, ...]:
    """Return what receivers give back for a refund."""
    return msgspec.json.decode(text, type=tuple[Back, ...]) if text else ()


def of_rows(rows: Sequence[Mapping[str, object]]) -> list[Part]:
    """Return the parts of a payment from their rows."""
    return [Part(row["receiver"], row["amount"], row["back"], row["available"]) for row in rows]  # type: ignore[arg-type]
