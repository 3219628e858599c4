"""Endings without success: stored first, then booked, then applied.

Nobody waits for the ledger under a row's lock, or with a connection held. Instead the ending is stored (`Intent.ending`),
and from then on no evidence moves the intent. So no success can come between the decision and the money that is given
back. After a crash whoever meets the intent goes on with the stored ending.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog

from zhangfang.channels.port import PAY_INS
from zhangfang.kernel.calendar import china_day, settlement_day
from zhangfang.kernel.ids import new_id
from zhangfang.ledger import Result, void
from zhangfang.payments import store
from zhangfang.payments.course import posting
from zhangfang.payments.desk import Desk
from zhangfang.payments.model import Intent, State, StepKind
from zhangfang.payments.orders import new_number
from zhangfang.payments.store import Change, Connection, Step, new_step, queries
from zhangfang.payments.telling import end_of
from zhangfang.routing import Choice

log = structlog.get_logger()

WAIT = timedelta(seconds=10)  # then the driver goes on with an ending that was cut off
_NOT_SENT = (State.CREATED, State.PARKED)


@dataclass(frozen=True, slots=True)
class Ending:
    """How an intent ends: FAILED, REFUSED or CLOSED; with `to`, only its attempt ends, and the next one goes there."""

    state: State
    steps: Sequence[Step]
    code: str = ""
    message: str = ""
    channel_ref: str = ""
    to: Choice | None = None


async def end(desk: Desk, intent: Intent, ending: Ending) -> bool:
    """Store an ending and carry it out. False if another one came first: see `begin`."""
    async with desk.pool.acquire() as connection, connection.transaction():
        begun = await begin(desk, connection, intent, ending)
    if begun:
        await conclude(desk, await desk.journal.reload(intent.id))
    return begun


async def begin(desk: Desk, connection: Connection, intent: Intent, ending: Ending) -> bool:
    """Store an ending with its evidence, inside a transaction.

    False if the intent is not as it was read: it has ended or begun to, another attempt has begun, or another process has
    taken an attempt that was not sent.
    """
    now, to = desk.clock.now(), ending.to
    unsent = (
        intent.state in _NOT_SENT and ending.state is not State.FAILED
    )  # nobody may have sent it meanwhile
    stored = await connection.fetchval(
        queries.begin_ending, intent.id, intent.attempt, State.CREATED if to else ending.state,
        to.channel if to else None, to.version if to else None, ending.code, ending.message, ending.channel_ref,
        now + WAIT, now, intent.state if unsent else None, intent.fence if unsent and to else None,
    )  # fmt: skip
    if stored:
        await store.note(connection, ending.steps)
    return bool(stored)


async def conclude(desk: Desk, intent: Intent) -> Intent:
    """Carry out an ending that is stored, and return the intent after it. Safe to repeat, and to run twice at once."""
    if intent.ending is None:  # whoever met it in between has carried it out
        return intent
    booked = await _give_back(desk, intent)
    moves = intent.ending == State.CREATED
    number = (
        new_number(desk.channels, desk.clock, intent.next_channel or "", new_id(desk.clock)) if moves else ""
    )
    async with desk.pool.acquire() as connection, connection.transaction():
        if await connection.fetchval(queries.finish_ending, intent.id, intent.attempt):
            if moves:
                await _next_attempt(desk, connection, intent, number)
            else:
                await store.write(connection, [_ended(desk, intent, booked)])
    return await desk.journal.reload(intent.id)


def _ended(desk: Desk, intent: Intent, booked: posting.Booked | None) -> Change:
    now, state = desk.clock.now(), State(intent.ending or "")
    seq = booked.seq if booked else None
    steps = [new_step(desk.clock, intent.id, StepKind.LEDGER, message=f"seq {seq}")] if seq else []
    told = None if intent.batch else end_of(desk.clock, intent, state, now)
    return Change(
        intent.id, intent.attempt, intent.state, state, now, steps, decisive=True, seq=seq, told=told
    )


async def _give_back(desk: Desk, intent: Intent) -> posting.Booked | None:
    """Undo what was booked, under the ids that were stored for that; None if nothing was.

    Of a pay-in only its success is booked. A process may have died between that booking and the state.
    """
    today = desk.clock.now()
    if intent.kind in PAY_INS:
        return await posting.take_back(desk, intent, settlement_day(today))
    if intent.template != posting.HELD:
        return await posting.must_post(desk, intent, posting.undo(intent, desk.alias, settlement_day(today)))
    held = posting.transfers(intent, desk.alias, intent.business_date)
    if intent.state in _NOT_SENT:
        booked = await posting.book(desk.pool, desk.ledger, void(held, business_date=intent.business_date))
        if posting.succeeded(booked.answers):
            return booked
        if posting.refusal(booked.answers) is not Result.PENDING_ALREADY_POSTED:
            raise posting.LedgerRefused(f"intent {intent.id}: {posting.refusal(booked.answers).name}")
    await posting.release(desk, intent)  # a crash may have come before it
    return await posting.must_post(desk, intent, posting.undo(intent, desk.alias, china_day(today)))


async def _next_attempt(desk: Desk, connection: Connection, intent: Intent, number: str) -> None:
    """Keep the attempt that has ended, and give the intent new ids. The money is held again before it is sent."""
    now, sent = desk.clock.now(), intent.state not in _NOT_SENT
    await connection.execute(
        queries.keep_attempt, intent.id, sent, intent.code or "", intent.message or "", now
    )
    await connection.execute(
        queries.next_attempt, intent.id, intent.next_channel, intent.next_version, number,
        new_id(desk.clock), new_id(desk.clock), now,
    )  # fmt: skip
    message = f"{intent.channel} → {intent.next_channel}: {number}"
    step = new_step(desk.clock, intent.id, StepKind.ROUTED, state=State.CREATED, message=message)
    await store.note(connection, [step])
    log.info(
        "a payment goes by another channel",
        intent=str(intent.id),
        was=intent.channel,
        now=intent.next_channel,
    )
