"""Sends a channel's batch: it is stored, then sent, then queried until each item's outcome is proven.

The rules are those of a single payment. A batch only carries messages: the state of an item changes in `weigh`, by the
channel's answer about that item.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Any

import asyncpg
import structlog

from zhangfang.batches.model import Carriage, ChannelBatch
from zhangfang.batches.store import queries
from zhangfang.channels.abilities import Batch as Message
from zhangfang.channels.abilities import BatchChannel, BatchResult
from zhangfang.channels.port import Answer, Channels, NotWritten, Operation, Rules, Verdict
from zhangfang.kernel.calendar import china_day
from zhangfang.kernel.clock import CHINA, Clock
from zhangfang.kernel.driver import Job
from zhangfang.kernel.ids import new_id
from zhangfang.payments import FINAL, Desk, Intent, OperationStopped, State, StepKind, order_of, weigh
from zhangfang.payments.accept import bulk
from zhangfang.payments.course.rules import may_resend
from zhangfang.payments.sealing import WrongAccount
from zhangfang.payments.store import Journal
from zhangfang.vault import Vault

log = structlog.get_logger()

STOPPED_WAIT = timedelta(seconds=30)
NOT_SENT_WAIT = timedelta(seconds=1)
ALONE_EVERY = timedelta(milliseconds=20)  # between items that are sent alone: at most fifty a second
AT_ONCE = 64  # items that are weighed concurrently
_RAW = 4_000  # characters of a batch's message that are stored as evidence; each item stores its own part
_SENT = {  # the batch's state after the answer to its sending
    Verdict.ACCEPTED: Carriage.ACCEPTED,
    Verdict.SUCCESS: Carriage.ACCEPTED,
    Verdict.FAILED: Carriage.REFUSED,
}
UNLISTED = Answer(Verdict.UNKNOWN, message="the channel's result of the batch does not list it")
LEFT_ALONE = Answer(Verdict.UNKNOWN, message="the channel tells nothing of the batch")


def job(desk: Desk) -> Job:
    """Return the driver's job over channel batches."""

    async def step(row: asyncpg.Record) -> None:
        await advance(desk, ChannelBatch.of(row))

    return Job("channel_batch", ("id",), step, most=4)


async def advance(desk: Desk, one: ChannelBatch) -> None:
    """Do the next step of a batch that has not ended: send it if nothing was sent, else query the channel."""
    if one.state is Carriage.CREATED:
        await _begin(desk, one)
    elif one.state is Carriage.REFUSED:
        await _end(desk, one, Carriage.REFUSED, {}, Answer(Verdict.FAILED, one.code, one.message))
    else:
        await _ask(desk, one)


async def _begin(desk: Desk, one: ChannelBatch) -> None:
    """Store the attempt of the batch and of all its items, then send it."""
    try:
        await desk.gate.check_open(one.channel, Operation.COLLECTION)
    except OperationStopped:
        await _wait(desk.pool, desk.clock, one, desk.clock.now() + STOPPED_WAIT)
        return
    now = desk.clock.now()
    async with desk.pool.acquire() as db, db.transaction():
        number = await db.fetchval(queries.next_number, one.channel, china_day(now))
        begun = number and await db.fetchrow(
            queries.begin, one.id, one.fence, f"{number:04}", china_day(now), now.replace(microsecond=0), now,
            now + _rules(desk.channels, one).query_after[0],
        )  # fmt: skip
        if begun:
            await bulk.begin_items(desk.clock, db, one.id, begun["requested_at"])
            await _note(desk.clock, db, one, "sent", Answer(Verdict.UNKNOWN, message=begun["number"]))
    if begun:
        await _send(desk, ChannelBatch.of(begun))
    elif not number:  # all batch numbers of the day are used
        await _wait(
            desk.pool, desk.clock, one, datetime.combine(china_day(now) + timedelta(days=1), time(), CHINA)
        )


async def _send(desk: Desk, one: ChannelBatch) -> None:
    try:
        answer = await _channel(desk.channels, one).send_batch(
            await message_of(desk.pool, desk.vault, desk.journal, one)
        )
    except (NotWritten, WrongAccount) as error:
        await _send_alone(desk.pool, desk.clock, one, error)
        return
    desk.gate.router.report(one.channel, Operation.COLLECTION, answer.verdict)
    await _note(desk.clock, desk.pool, one, "answer", answer)
    if answer.verdict is Verdict.NOT_SENT and one.state is Carriage.SENDING:
        await _not_sent(desk.pool, desk.clock, one)
        return
    state = _SENT.get(answer.verdict, Carriage.UNKNOWN)
    await _store_answer(desk.pool, desk.channels, desk.clock, one, state, answer)
    if state is Carriage.REFUSED:
        await _end(desk, one, state, {}, answer)


async def _not_sent(pool: asyncpg.Pool, clock: Clock, one: ChannelBatch) -> None:
    """Nothing was sent: set the batch and its items back; the next attempt gets a new number."""
    now = clock.now()
    async with pool.acquire() as db, db.transaction():
        if await db.fetchval(queries.not_sent, one.id, one.fence, now, now + NOT_SENT_WAIT):
            await bulk.items_not_sent(clock, db, one.id)


async def _send_alone(
    pool: asyncpg.Pool, clock: Clock, one: ChannelBatch, error: NotWritten | WrongAccount
) -> None:
    """Send each item alone: the channel's format cannot hold one of them in a batch, or its account is wrong, and nothing
    was sent. The item that cannot be sent then fails, or is parked, by the rules of a single order.
    """
    log.error("a batch cannot be sent as one", batch=str(one.id), field=error.field)
    now = clock.now()
    async with pool.acquire() as db, db.transaction():
        code, message = "apart", f"not possible as one: {error.field}"
        ended = (one.id, one.fence, Carriage.REFUSED, code, message, 0, 0, None, True, now)
        if one.state is Carriage.SENDING and await db.fetchrow(queries.said, *ended):
            await bulk.items_apart(clock, db, one.id, ALONE_EVERY)


async def _ask(desk: Desk, one: ChannelBatch) -> None:
    """Query the batch, unless the channel's files or notifications have ended all its items already."""
    if all(intent.state in FINAL for intent in await bulk.items_of(desk.pool, one.id)):
        await _end(desk, one, Carriage.DONE, {}, UNLISTED)
        return
    result = await _query(desk, one)
    await _note(desk.clock, desk.pool, one, "query", result.answer)
    match result.answer.verdict:
        case Verdict.SUCCESS:
            await _end(desk, one, Carriage.DONE, result.items, UNLISTED)
        case Verdict.FAILED:
            await _store_answer(
                desk.pool, desk.channels, desk.clock, one, Carriage.REFUSED, result.answer, asked=True
            )
            await _end(desk, one, Carriage.REFUSED, {}, result.answer)
        case Verdict.ACCEPTED:
            await _store_answer(
                desk.pool, desk.channels, desk.clock, one, Carriage.ACCEPTED, result.answer, asked=True
            )
        case Verdict.NOT_FOUND:
            await _not_found(desk, one, result.answer)
        case _:
            await _unproven(desk, one, result.answer)


async def _query(desk: Desk, one: ChannelBatch) -> BatchResult:
    try:
        message = await message_of(desk.pool, desk.vault, desk.journal, one)
    except (
        WrongAccount
    ) as error:  # a row was changed after the batch was sent: its items have to be queried alone
        return BatchResult(Answer(Verdict.UNKNOWN, message=str(error)))
    return await _channel(desk.channels, one).query_batch(message)


async def _unproven(desk: Desk, one: ChannelBatch, answer: Answer) -> None:
    """Query again later. After the channel's day the items are queried one by one: the batch may never be answered."""
    if _same_day(desk.clock, one):
        await _store_answer(desk.pool, desk.channels, desk.clock, one, one.state, answer, asked=True)
    else:
        await _end(desk, one, Carriage.LEFT, {}, LEFT_ALONE)


async def _not_found(desk: Desk, one: ChannelBatch, answer: Answer) -> None:
    """The channel does not find the batch. Send the identical one again if its rules allow that, on the same day only.

    After the day the items have their own queries, and the channel's files, which alone can prove that one is missing.
    """
    if not _same_day(desk.clock, one):
        await _end(desk, one, Carriage.LEFT, {}, LEFT_ALONE)
    elif may_resend(_rules(desk.channels, one), one.not_found + 1):
        await _resend(desk, one)
    else:
        await _store_answer(desk.pool, desk.channels, desk.clock, one, Carriage.UNKNOWN, answer, asked=True)


def _same_day(clock: Clock, one: ChannelBatch) -> bool:
    assert one.requested_at is not None, "a batch that was sent has the time of its attempt"
    return bulk.same_day(clock.now(), one.requested_at)


async def _resend(desk: Desk, one: ChannelBatch) -> None:
    async with desk.pool.acquire() as db, db.transaction():
        row = await db.fetchrow(queries.again, one.id, one.fence, desk.clock.now())
        if row:
            await _note(desk.clock, db, one, "sent", Answer(Verdict.UNKNOWN, message="the same batch again"))
    if row:
        await _send(desk, ChannelBatch.of(row))


async def _end(
    desk: Desk, one: ChannelBatch, state: Carriage, items: Mapping[str, Answer], otherwise: Answer
) -> None:
    """Weigh the answer about each item (`otherwise` if the result does not list it), then end the batch."""
    intents = await bulk.items_of(desk.pool, one.id)
    turn = asyncio.Semaphore(AT_ONCE)

    async def weigh_item(intent: Intent) -> None:
        answer = items.get(intent.channel_order_no, otherwise)
        if not _known(intent, answer):
            async with turn:
                await weigh(desk, intent, StepKind.ANSWER, answer)

    async with asyncio.TaskGroup() as group:
        for intent in intents:
            group.create_task(weigh_item(intent))
    if strange := items.keys() - {intent.channel_order_no for intent in intents}:
        log.error(
            "a channel's batch result lists orders that are not in it", batch=str(one.id), count=len(strange)
        )
    now = desk.clock.now()
    await desk.pool.execute(
        queries.said, one.id, one.fence, state, one.code, one.message, 0, one.not_found, None, True, now
    )


def _known(intent: Intent, answer: Answer) -> bool:
    """Whether an item has ended and the answer does not contradict how it ended."""
    if intent.state not in FINAL:
        return False
    moved = {Verdict.SUCCESS: State.SUCCESS, Verdict.FAILED: State.FAILED}.get(answer.verdict)
    return moved is None or moved is intent.state


async def _store_answer(
    pool: asyncpg.Pool,
    channels: Channels,
    clock: Clock,
    one: ChannelBatch,
    state: Carriage,
    answer: Answer,
    *,
    asked: bool = False,
) -> None:
    """Store the batch's state and the time of its next query. A refused batch continues at once."""
    now = clock.now()
    refused = state is Carriage.REFUSED
    waits = _rules(channels, one).query_after
    next_ = now if refused else now + waits[min(one.queries + asked, len(waits) - 1)]
    missed = one.not_found + 1 if answer.verdict is Verdict.NOT_FOUND else 0
    await pool.execute(
        queries.said, one.id, one.fence, state, answer.code, answer.message, int(asked), missed, next_,
        not refused, now,
    )  # fmt: skip


async def _wait(pool: asyncpg.Pool, clock: Clock, one: ChannelBatch, until: datetime) -> None:
    await pool.execute(queries.wait, one.id, one.fence, until, clock.now())


async def message_of(pool: asyncpg.Pool, vault: Vault, journal: Journal, one: ChannelBatch) -> Message:
    """Return the message for the channel, made only of stored values, so that a repeat is identical."""
    assert one.number is not None, "the attempt has set a number"
    assert one.requested_at is not None, "the attempt has set its time"
    orders = [await order_of(pool, vault, journal, intent) for intent in await bulk.items_of(pool, one.id)]
    return Message(Operation(one.operation), one.number, one.requested_at, orders)


def _channel(channels: Channels, one: ChannelBatch) -> BatchChannel:
    channel = channels[one.channel]
    assert isinstance(channel, BatchChannel), f"{one.channel} has no batches any more"
    return channel


def _rules(channels: Channels, one: ChannelBatch) -> Rules:
    return _channel(channels, one).batch_rules


async def _note(clock: Clock, db: Any, one: ChannelBatch, kind: str, answer: Answer) -> None:
    await db.execute(
        queries.add_step, new_id(clock), one.id, clock.now(), kind, answer.verdict.value, answer.code,
        answer.message, answer.raw[:_RAW],
    )  # fmt: skip
