"""How much of the company's own money may leave the reserve (D4): what is earned, booked, and at the bank.

It is never more than what lies there beyond what customers own. So these are taken off: what own funds owe the reserve
(1241), what is being looked for (1242, 1243), advances that are stored and not booked yet, fees whose payments have not
arrived, what the bank has less than the books.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from zhangfang.advances import promised
from zhangfang.channels.port import BankChannel
from zhangfang.kernel.calendar import settlement_day
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.money import fen_to_yuan
from zhangfang.kernel.sql import load
from zhangfang.ledger import NO_ID
from zhangfang.payments.desk import Desk
from zhangfang.payments.model import HeldBack, Intent

queries = load(__package__, "own.sql")

WITHDRAWN = "D4"  # the template of these payouts


def most_of(own: Mapping[str, int], books: int, bank: int) -> int:
    """Return how much may leave, in fen: `own` are the books' figures, `books` and `bank` the account's balances."""
    earned = min(own["own"] - own["coming"], own["recognised"])
    kept = own["due"] + own["sought"] + own["leaving"] + own["promised"] + max(0, books - bank)
    return max(0, min(earned - kept, books, bank))


async def most(db: Any, clock: Clock, alias: str, without: UUID = NO_ID) -> int:
    """Return how much may leave the reserve account `alias` now, in fen; a withdrawal `without` does not count."""
    until = settlement_day(clock.now()) + timedelta(days=1)
    own, cash = await db.fetchrow(queries.figures, until, without), await db.fetchrow(queries.cash, alias)
    return most_of({**own, "promised": await promised(db)}, cash["books"], cash["bank"])


async def check(desk: Desk, intent: Intent) -> None:
    """Raise `HeldBack` if a withdrawal that is not booked yet is more than what may leave now."""
    if await desk.pool.fetchval(queries.is_booked, intent.voucher):
        return
    left = await most(desk.pool, desk.clock, account_of(desk, intent.channel), intent.id)
    if intent.amount > left:
        raise HeldBack(f"own money: only {fen_to_yuan(left)} may leave the reserve now")


def account_of(desk: Desk, bank: str) -> str:
    """Return the alias of our account at a bank: one is called as its bank is, or there is only one."""
    banks = [name for name, one in desk.channels.items() if isinstance(one, BankChannel)]
    return bank if desk.alias in banks else desk.alias
