"""How the money of a batch is divided: what was advanced goes back first, a part is held back, the rest becomes available.

Every fen of the lines goes somewhere once:

    lines + carried + released = set off + recovered + reserved + amount

Lines that come to less than nothing (a fee is kept on a refund) are carried: the merchant owes that to its own later
batches, which set it off, the oldest first.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from uuid import UUID

from zhangfang.kernel.money import share

_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Agreed:
    """What a merchant's terms say of a run: amounts in fen, the reserve in millionths and calendar days."""

    auto_payout: bool
    least_fen: int = 0
    reserve_ppm: int = 0
    reserve_days: int = 0


@dataclass(frozen=True, slots=True)
class Owed:
    """An earlier batch that came to less than nothing, and what of that is not set off yet (or is set off now), in fen."""

    batch: UUID
    amount: int


@dataclass(frozen=True, slots=True)
class Division:
    """Where the money of a batch goes, in fen. `set_off` is by earlier batch, the oldest first.

    `amount` is all that becomes available, `released` included. `absorbed` is what was due for release and had been taken by
    refunds; it is below zero if money of theirs came back.
    """

    amount: int = 0
    reserved: int = 0
    recovered: int = 0
    carried: int = 0
    set_off: tuple[Owed, ...] = ()
    released: int = 0
    absorbed: int = 0


def divide(net: int, agreed: Agreed, owed: Sequence[Owed] = (), advanced: int = 0) -> Division | None:
    """Divide what the lines of a batch come to; None if it is less than the least amount, so that they wait.

    `owed` are the earlier batches to set off, the oldest first. `advanced` is what stands advanced to the merchant; below
    zero, what was recovered of an advance that was not needed, which comes back. An advance is recovered in full before
    anything is held back or becomes available; it does not make lines wait.
    """
    if net < 0:
        return Division(carried=-net)
    set_off = _set_off(net, owed)
    left = net - sum(one.amount for one in set_off)
    recovered = min(left, advanced)
    if left < agreed.least_fen:
        return None
    left -= recovered
    reserved = share(left, agreed.reserve_ppm, _MILLION)
    return Division(left - reserved, reserved, recovered, 0, set_off)


def _set_off(net: int, owed: Sequence[Owed]) -> tuple[Owed, ...]:
    found = []
    for one in owed:
        part = min(net, one.amount)
        if part:
            found.append(Owed(one.batch, part))
        net -= part
    return tuple(found)


def release(money: Division, due: int, used: int) -> Division:
    """Add to a batch the reserves that are `due`, less what refunds have `used` and no batch has absorbed yet."""
    absorbed = min(used, due)
    return replace(money, amount=money.amount + due - absorbed, released=due - absorbed, absorbed=absorbed)


def release_on(held: date, agreed: Agreed) -> date:
    """Return the day from which what is held back on `held` is released: in the first run on or after it."""
    return held + timedelta(days=agreed.reserve_days)
