"""Fills in a payment that is in the channel's file but not in the journal, after two people agreed to it."""

import hashlib
from datetime import date
from uuid import UUID

import asyncpg

from zhangfang.fees import Charge
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.ids import new_id
from zhangfang.payments.model import State, StepKind
from zhangfang.payments.store import Journal, new_step, note, queries


async def fill_in(
    pool: asyncpg.Pool,
    clock: Clock,
    journal: Journal,
    merchant: str,
    *,
    channel: str,
    channel_order_no: str,
    channel_ref: str,
    order_no: str,
    amount: int,
    fee: Charge,
    settle_date: date,
    ids: tuple[UUID, UUID],
    evidence: tuple[StepKind, str],
) -> UUID:
    """Store the payment as SUCCESS with its evidence and return its id. `ids` are those of the intent and its voucher:
    a second call with the same ids changes nothing. Amounts in fen.
    """
    id_, voucher = ids
    now = clock.now()
    digest = hashlib.sha256(f"{channel}/{channel_ref}".encode()).digest()
    await pool.execute(
        queries.fill_in, id_, merchant, order_no, f"file:{channel_ref}", digest, amount, fee.fen, channel,
        channel_order_no, now, settle_date, voucher, new_id(clock), channel_ref,
        fee.rule, fee.taken if fee.billed else "",
    )  # fmt: skip
    kind, message = evidence
    if not await journal.steps(id_):
        proof = new_step(clock, id_, kind, verdict="success", state=State.SUCCESS, message=message)
        await note(pool, [proof])
    return id_
