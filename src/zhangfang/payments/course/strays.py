"""Returns to the payer the money that a channel took without a payment of ours (B3), or after its order was closed (R4).

The refund is an intent like any other: stored, posted out of 2351 before it is sent, ended by evidence. Its `original` is
the break, because there is no payment. It belongs to the platform, so no merchant is told about it.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from zhangfang.channels.port import Channels, Operation
from zhangfang.kernel.calendar import settlement_day
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.ids import new_id
from zhangfang.kernel.sql import load
from zhangfang.payments import store
from zhangfang.payments.course import posting
from zhangfang.payments.model import Intent, State, StepKind
from zhangfang.payments.orders import new_number
from zhangfang.payments.store import Journal, new_step

queries = load(__package__, "strays.sql")


@dataclass(frozen=True, slots=True)
class Origin:
    """What a refund or void undoes, as the channel knows it; `amount` in fen."""

    order_no: str
    requested_at: datetime | None
    ref: str
    operation: Operation | None
    amount: int


async def origin_of(pool: asyncpg.Pool, journal: Journal, intent: Intent) -> Origin | None:
    """Return what an intent undoes: a payment of ours or a line of the channel's file. None if it undoes nothing."""
    if (
        intent.original is None or intent.kind is Operation.PAYOUT
    ):  # money that is sent back (X4) undoes no order
        return None
    found = await journal.by_id(intent.original)
    if found is not None:
        ref = found.channel_ref or ""
        return Origin(found.channel_order_no, found.requested_at, ref, found.kind, found.amount)
    row = await pool.fetchrow(queries.line_of_break, intent.original)
    assert row is not None, "what is undone is never deleted"
    operation = Operation(row["operation"]) if row["operation"] else None
    return Origin(row["order_no"], row["requested_at"], row["channel_ref"], operation, row["amount"])


async def line_of(pool: asyncpg.Pool, break_id: UUID) -> Mapping[str, Any] | None:
    """Return the channel's line of a break, with the columns of `line_of_break`. None if it has none."""
    found: Mapping[str, Any] | None = await pool.fetchrow(queries.line_of_break, break_id)
    return found


async def return_to_payer(
    pool: asyncpg.Pool, channels: Channels, clock: Clock, row: Mapping[str, Any]
) -> UUID | None:
    """Store the refund of a break whose cure is B3 or R4 and return its id. None if it has one already, or another cure.

    `row` is the break. The driver continues with the intent as with any other.
    """
    intent = _intent(channels, clock, row)
    received = new_step(
        clock, intent.id, StepKind.RECEIVED, state=State.CREATED, message=f"break {row['id']}"
    )
    async with pool.acquire() as connection, connection.transaction():
        if await connection.fetchval(queries.mark, row["id"], intent.id) is None:
            return None
        (made,) = await store.insert(connection, [(intent, [received])])
        assert made, "the id is new"
    return intent.id


def _intent(channels: Channels, clock: Clock, row: Mapping[str, Any]) -> Intent:
    now, id_ = clock.now(), new_id(clock)
    name = f"{row['cure']}-{id_.hex}"
    return Intent(
        id=id_,
        kind=Operation.REFUND,
        merchant=posting.PLATFORM,
        order_no=name,
        idempotency_key=name,
        request_digest=hashlib.sha256(name.encode()).digest(),
        amount=abs(row["difference"]),
        fee=0,
        description="returned to the payer",
        original=row["id"],
        channel=row["channel"],
        channel_order_no=new_number(channels, clock, row["channel"], id_),
        requested_at=now.replace(microsecond=0),
        business_date=settlement_day(now),
        template=row["cure"],
        voucher=new_id(clock),
        undo_voucher=new_id(clock),
        state=State.CREATED,
        created_at=now,
        next_action_at=now,
    )
