"""A refund that the merchant's available money does not cover: by its terms of today, another source pays (R3)."""

from collections.abc import Awaitable, Callable, Mapping

import structlog

from zhangfang import advances
from zhangfang.kernel.calendar import china_day
from zhangfang.kernel.ids import new_id
from zhangfang.ledger import Book, Result, account_id, open_accounts
from zhangfang.merchants import Terms, get_merchant, terms_on
from zhangfang.payments.desk import Desk
from zhangfang.payments.model import Intent
from zhangfang.payments.shares import of_refund
from zhangfang.payments.store import queries

log = structlog.get_logger()


async def other_source(desk: Desk, intent: Intent, reason: Result) -> bool:
    """Store another voucher of the refund, for another source, if the terms of today name one; False: it stays refused.

    The ledger remembers its refusal under the first voucher.
    """
    if intent.template != "R2" or reason is not Result.EXCEEDS_CREDITS:
        return False
    terms = terms_on(await get_merchant(desk.pool, intent.merchant), china_day(desk.clock.now()))
    way = _WAYS.get(terms.when_short)
    return way is not None and await way(desk, intent, terms)


async def _out_of_the_reserve(desk: Desk, intent: Intent, _terms: Terms) -> bool:
    await desk.pool.execute(
        queries.from_reserve, intent.id, intent.voucher, new_id(desk.clock), desk.clock.now()
    )
    return True


async def _advanced(desk: Desk, intent: Intent, terms: Terms) -> bool:
    """What the merchant lacks is advanced, within its line and our own money in the reserve; False if that is too little.

    If the merchant lacks nothing (a receiver of the split does, or money has come meanwhile), nothing is advanced.
    """
    rest = intent.amount - await _there(desk, intent)
    if rest <= 0:
        return False
    await open_accounts(desk.ledger, {1223: intent.merchant})
    async with desk.pool.acquire() as connection, connection.transaction():
        try:
            await advances.check(connection, intent.merchant, rest, terms.advance_fen)
        except advances.NotCovered as error:
            log.warning("a refund is not advanced", intent=str(intent.id), why=str(error))
            return False
        ids = (intent.id, intent.voucher, new_id(desk.clock))
        await connection.execute(queries.from_own_funds, *ids, desk.clock.now(), rest)
    return True


async def _there(desk: Desk, intent: Intent) -> int:
    """Return what the merchant has available for the refund: with the fee and the parts that the refund gives back, fen."""
    id_ = account_id(Book.CUSTOMERS, 2322, intent.merchant)
    held = (await desk.ledger.account_balances([id_]))[id_]
    back = sum(fen for _, fen, _ in of_refund(intent.shares)) + (0 if intent.fee_taken else intent.fee)
    return held.credits - held.debits - held.debits_pending + back


_WAYS: Mapping[str, Callable[[Desk, Intent, Terms], Awaitable[bool]]] = {
    "guarantee": _out_of_the_reserve,
    "advance": _advanced,
}
