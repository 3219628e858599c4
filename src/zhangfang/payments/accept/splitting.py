"""A split of a payment that has succeeded and is not settled yet: stored first, then booked, then ended.

While it is open, the payment is neither settled nor refunded. Whoever asks again goes on with it, and so does each
settlement run.
"""

import hashlib
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from zhangfang.channels.port import PAY_INS
from zhangfang.kernel.calendar import china_day
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.ids import new_id
from zhangfang.kernel.sql import load
from zhangfang.kernel.text.checks import check_key
from zhangfang.ledger import DURABLE, LedgerClient, Transfer, joined
from zhangfang.merchants import Merchant
from zhangfang.payments import store
from zhangfang.payments.accept.requests import check_active, check_receivers
from zhangfang.payments.course import posting
from zhangfang.payments.model import Intent, KeyReused, NotAllowed, NotFound, State
from zhangfang.payments.shares import MOST, Shares, Split, check_split, of_payment, resolve, stored

queries = load(__package__, "splitting.sql")


@dataclass(frozen=True, slots=True)
class SplitOrder:
    """A later split of a payment: OPEN, DONE or REFUSED."""

    id: UUID
    payment: UUID
    shares: Shares
    state: str
    reason: str


async def split_payment(
    pool: asyncpg.Pool,
    ledger: LedgerClient,
    clock: Clock,
    merchant: Merchant,
    payment: UUID,
    asked: Split,
    key: str,
) -> tuple[SplitOrder, bool]:
    """Split a payment of the merchant; return the order and whether it is new. The same key goes on with the first one.

    Raises `InvalidInput`, `KeyReused`, `NotFound`, `NotAllowed`.
    """
    check_split(asked)
    check_key(key)
    check_active(merchant)
    digest = hashlib.sha256(msgspec.json.encode([payment, asked])).digest()
    row = await pool.fetchrow(queries.by_key, merchant.id, key)
    new = row is None and await _store(pool, clock, merchant, payment, asked, key, digest)
    row = row or await pool.fetchrow(queries.by_key, merchant.id, key)
    if bytes(row["request_digest"]) != digest:
        raise KeyReused(
            "Idempotency-Key: used before with another body; allowed: the same body, or a new key"
        )
    await _carry_out(pool, ledger, clock, row)
    row = await pool.fetchrow(queries.by_key, merchant.id, key)
    return SplitOrder(row["id"], payment, of_payment(row["shares"]), row["state"], row["reason"]), new


async def finish_splits(pool: asyncpg.Pool, ledger: LedgerClient, clock: Clock) -> None:
    """Go on with every split that was left open."""
    for row in await pool.fetch(queries.open):
        await _carry_out(pool, ledger, clock, row)


async def _store(
    pool: asyncpg.Pool, clock: Clock, merchant: Merchant, payment: UUID, asked: Split, key: str, digest: bytes
) -> bool:
    """Store the order under the payment's lock; False if another request with this key came first."""
    async with pool.acquire() as connection, connection.transaction():
        row = await connection.fetchrow(store.queries.lock_of_merchant, merchant.id, payment)
        if row is None:
            raise NotFound("payment: there is no such payment")
        if await connection.fetchrow(queries.by_key, merchant.id, key) is not None:
            return False
        intent = Intent.of(row)
        check_splitting(intent, asked)
        price, fee = intent.amount - intent.surcharge, intent.fee - intent.surcharge
        shares = resolve(asked, merchant.id, price, fee, intent.shared)
        have = {one["receiver"] for one in await connection.fetch(queries.of_payment, payment)}
        if have & {receiver for receiver, _ in shares} or len(have) + len(shares) > MOST:
            raise NotAllowed(f"split.receiver: one has a part already, or they are more than {MOST}")
        await check_receivers(connection, merchant.id, shares)
        now, receivers, fens = clock.now(), [one for one, _ in shares], [fen for _, fen in shares]
        await connection.execute(
            queries.store, new_id(clock), payment, merchant.id, key, digest, stored(shares), china_day(now), now,
            receivers, fens, sum(fens), asked.refund_from,
        )  # fmt: skip
    return True


def check_splitting(payment: Intent, asked: Split) -> None:
    """Raise `NotAllowed` unless the payment can be split now."""
    if payment.kind not in PAY_INS or payment.state is not State.SUCCESS:
        raise NotAllowed(f"the payment is {payment.kind} {payment.state}; allowed: a pay-in that succeeded")
    if payment.settlement is not None:
        raise NotAllowed("the payment is settled; allowed: one that is still pending")
    if payment.splitting is not None:
        raise NotAllowed("the payment is just being split; allowed: the same request a little later")
    if payment.refunded or payment.voided:
        raise NotAllowed("something of the payment went back; allowed: one without a refund")
    if payment.refund_from not in ("", asked.refund_from):
        raise NotAllowed(f"refund_from: the payment was split with {payment.refund_from}; allowed: the same")


async def _carry_out(pool: asyncpg.Pool, ledger: LedgerClient, clock: Clock, order: Any) -> None:
    """Book an open order and end it. Safe to repeat, and to run twice at once."""
    if order["state"] != "OPEN":
        return
    answers = (await posting.book(pool, ledger, _transfers(order))).answers
    if posting.succeeded(answers):
        end: tuple[object, ...] = ("DONE", "", answers[-1].seq)
    elif (reason := posting.refusal(answers)) in DURABLE:
        end = ("REFUSED", reason.name, None)
    else:
        raise posting.LedgerRefused(f"split {order['id']}: {reason.name}")
    await pool.execute(queries.finish, order["id"], *end, clock.now())


def _transfers(order: Any) -> list[Transfer]:
    """P9 for each part."""
    seller, day = order["merchant"], order["business_date"]
    return joined(
        *(
            posting.part("P9", order["id"], {2321: seller, -2321: receiver}, fen, day, order["payment"])
            for receiver, fen in of_payment(order["shares"])
        )
    )
