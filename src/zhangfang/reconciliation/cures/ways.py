"""Each cure of two people as a row: what is checked before, which vouchers it books, what it does beside them."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import asyncpg

from zhangfang.ledger import Transfer
from zhangfang.payments import Desk
from zhangfang.reconciliation.cures import back, filling, identified, offs, undone
from zhangfang.reconciliation.cures.model import Case
from zhangfang.reconciliation.rules import SEEN

Check = Callable[[Case], Awaitable[None]]
Vouchers = Callable[[Case, date], Awaitable[list[list[Transfer]]]]
Act = Callable[[Desk, Case, str], Awaitable[None]]


async def _begin_nothing(_connection: asyncpg.Connection, _desk: Desk, _case: Case) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Way:
    """A cure. `check` refuses before anything is stored; the rest can be repeated and refuses nothing.

    `begin` is part of the approval's transaction; `before` and `after` stand around the booking, and know both people.
    """

    check: Check
    vouchers: Vouchers
    after: Act = offs.no_more
    begin: Callable[[asyncpg.Connection, Desk, Case], Awaitable[Any]] = _begin_nothing
    before: Act = offs.no_more


_OFF = Way(offs.none, offs.written_off, offs.counts_as_listed)
_UNDONE = Way(undone.check, undone.vouchers, undone.after)
_SETTLEMENT = Way(identified.check_settlement, identified.settlement, begin=identified.begin_settlement)
_PAYOUT = Way(
    identified.check_payout,
    identified.payout,
    identified.noted,
    identified.begin_named,
    identified.prove_payout,
)
_MISSING = Way(identified.check_missing, identified.missing, identified.listed, identified.begin_missing)

WAYS: Mapping[str, Way] = {
    SEEN: Way(offs.none, offs.nothing),
    "B2": Way(filling.check, filling.vouchers, filling.after),
    "B2.return": Way(offs.none, offs.to_merchant),
    "B3": Way(back.check_refund, back.refund),
    "B6": _UNDONE,
    "B7": _OFF,
    "B7.debit": _OFF,
    "B8": _OFF,
    "B8.receipt": _OFF,
    "I1.receipt": _OFF,
    "O6": _UNDONE,
    "R5": _UNDONE,
    "X3.2322": Way(offs.check_merchant, offs.to_merchant),
    "X3.3011": _MISSING,
    "X3.3012": _SETTLEMENT,
    "X3.3015": _PAYOUT,
    "X3.debit.3012": _SETTLEMENT,
    "X3.debit.3013": _MISSING,
    "X3.debit.3014": _PAYOUT,
    "X4": Way(back.check_bank, back.sent),
}
