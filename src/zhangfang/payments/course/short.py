"""A refund that is not covered: by the terms of today, another source pays what its merchant or a receiver lacks.

The merchant's reserve pays all of it (R3.guarantee), or own funds advance what lacks: to the merchant (R3), and to each
receiver of the split whose part is settled (A1 before it gives its part back), each within its own line.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog

from zhangfang import advances
from zhangfang.kernel.calendar import china_day
from zhangfang.kernel.ids import new_id
from zhangfang.ledger import Book, Result, account_id, open_accounts
from zhangfang.merchants import Terms, get_merchant, terms_on
from zhangfang.payments.desk import Desk
from zhangfang.payments.model import Intent
from zhangfang.payments.shares import Back, of_refund, stored
from zhangfang.payments.store import queries

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Lack:
    """What somebody lacks, in fen, and its terms of today."""

    who: str
    fen: int
    terms: Terms


async def other_source(desk: Desk, intent: Intent, reason: Result) -> bool:
    """Store another voucher of the refund, for another source, if the terms of today name one; False: it stays refused.

    The ledger remembers its refusal under the first voucher.
    """
    if intent.original is None or reason is not Result.EXCEEDS_CREDITS or intent.template not in ("R1", "R2"):
        return False
    backs = of_refund(intent.shares)
    lacks = [one for one in await _lacks(desk, intent, backs) if one.fen > 0]
    own = next((one for one in lacks if one.who == intent.merchant), None)
    if own and own.terms.when_short == "guarantee" and len(lacks) == 1:
        ids = (intent.id, intent.voucher, new_id(desk.clock))
        await desk.pool.execute(queries.from_reserve, *ids, desk.clock.now())
        return True
    if not lacks or any(one.terms.when_short != "advance" for one in lacks):
        return False
    return await _advance(desk, intent, backs, lacks)


async def _lacks(desk: Desk, intent: Intent, backs: Sequence[Back]) -> list[Lack]:
    """Return what the merchant, if its payment is settled, and the receivers of settled parts lack. Fen."""
    needed = {one.receiver: one.fen for one in backs if one.available}
    if intent.template == "R2":
        fee = 0 if intent.fee_taken else intent.fee
        needed[intent.merchant] = intent.amount - fee - sum(one.fen for one in backs)
    has = await _available(desk, needed)
    today = china_day(desk.clock.now())
    return [
        Lack(who, fen - has[who], terms_on(await get_merchant(desk.pool, who), today))
        for who, fen in needed.items()
    ]


async def _available(desk: Desk, merchants: Mapping[str, int]) -> dict[str, int]:
    ids = {who: account_id(Book.CUSTOMERS, 2322, who) for who in merchants}
    held = await desk.ledger.account_balances(ids.values())
    return {who: held[id_].credits - held[id_].debits - held[id_].debits_pending for who, id_ in ids.items()}


async def _advance(desk: Desk, intent: Intent, backs: Sequence[Back], lacks: Sequence[Lack]) -> bool:
    """Store what is advanced to each, all or nothing, within each one's line and our own money in the reserve."""
    lent = {one.who: one.fen for one in lacks}
    for who in lent:
        await open_accounts(desk.ledger, {1223: who})
    try:
        async with desk.pool.acquire() as connection, connection.transaction():
            wanted = [advances.Wanted(one.who, one.fen, one.terms.advance_fen) for one in lacks]
            await advances.check(connection, *wanted)
            new = [one._replace(advanced=lent.get(one.receiver, 0)) for one in backs]
            parts = [one for one in new if one.advanced]
            await connection.execute(
                queries.from_own_funds, intent.id, intent.voucher, new_id(desk.clock), desk.clock.now(),
                lent.get(intent.merchant, 0), stored(new), [one.receiver for one in parts],
                [one.advanced for one in parts],
            )  # fmt: skip
    except advances.NotCovered as error:
        log.warning("a refund is not advanced", intent=str(intent.id), why=str(error))
        return False
    return True
