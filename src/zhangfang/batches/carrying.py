"""A channel's batch on its way: stored, then sent; what no answer proves is asked for, and what it proves is weighed.

The law is that of a single payment. The batch only carries messages: the state of each item changes in the payments'
own `weigh`, by what the channel says of that item.
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
from zhangfang.channels.abilities import BatchChannel
from zhangfang.channels.port import Answer, Channels, Operation, Rules, Verdict
from zhangfang.kernel.calendar import china_day
from zhangfang.kernel.clock import CHINA, Clock
from zhangfang.kernel.driver import Job
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import new_id
from zhangfang.payments import FINAL, Desk, Intent, OperationStopped, State, StepKind, order_of, weigh
from zhangfang.payments.accept import bulk
from zhangfang.payments.store import Journal
from zhangfang.vault import Vault

log = structlog.get_logger()

STOPPED_WAIT = timedelta(seconds=30)
NOT_SENT_WAIT = timedelta(seconds=1)
ALONE_EVERY = timedelta(milliseconds=20)  # items that travel alone: at most fifty a second
AT_ONCE = 64  # items that are weighed side by side
_RAW = 4_000  # characters of a message that are kept as evidence; the items keep their own
_SENT = {  # what an answer to a batch that was sent makes of it
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
    """Do the next step of a batch that has not ended: what has not left is sent, what may have left is asked about."""
    if one.state is Carriage.CREATED:
        await _begin(desk, one)
    elif one.state is Carriage.REFUSED:
        await _end(desk, one, Carriage.REFUSED, {}, Answer(Verdict.FAILED, one.code, one.message))
    else:
        await _ask(desk, one)


async def _begin(desk: Desk, one: ChannelBatch) -> None:
    """Store the attempt with all its items, then send it."""
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
    elif not number:  # the day has no number left
        await _wait(
            desk.pool, desk.clock, one, datetime.combine(china_day(now) + timedelta(days=1), time(), CHINA)
        )


async def _send(desk: Desk, one: ChannelBatch) -> None:
    try:
        answer = await _channel(desk.channels, one).send_batch(
            await message_of(desk.pool, desk.vault, desk.journal, one)
        )
    except InvalidInput as error:
        await _apart(desk.pool, desk.clock, one, error)
        return
    desk.gate.router.report(one.channel, Operation.COLLECTION, answer.verdict)
    await _note(desk.clock, desk.pool, one, "answer", answer)
    if answer.verdict is Verdict.NOT_SENT and one.state is Carriage.SENDING:
        await _not_sent(desk.pool, desk.clock, one)
        return
    state = _SENT.get(answer.verdict, Carriage.UNKNOWN)
    await _said(desk.pool, desk.channels, desk.clock, one, state, answer)
    if state is Carriage.REFUSED:
        await _end(desk, one, state, {}, answer)


async def _not_sent(pool: asyncpg.Pool, clock: Clock, one: ChannelBatch) -> None:
    """Nothing has left: the batch and its items are as before, and it begins anew under a new number."""
    now = clock.now()
    async with pool.acquire() as db, db.transaction():
        if await db.fetchval(queries.not_sent, one.id, one.fence, now, now + NOT_SENT_WAIT):
            await bulk.items_not_sent(clock, db, one.id)


async def _apart(pool: asyncpg.Pool, clock: Clock, one: ChannelBatch, error: InvalidInput) -> None:
    """The channel's batch cannot carry an item of it, and nothing has left: each goes alone, where the rules of a single
    order say which one cannot be sent.
    """
    log.error("a batch cannot be sent as one", batch=str(one.id), field=error.field)
    now = clock.now()
    async with pool.acquire() as db, db.transaction():
        code, message = "apart", f"not possible as one: {error.field}"
        ended = (one.id, one.fence, Carriage.REFUSED, code, message, 0, 0, None, True, now)
        if one.state is Carriage.SENDING and await db.fetchrow(queries.said, *ended):
            await bulk.items_apart(clock, db, one.id, ALONE_EVERY)


async def _ask(desk: Desk, one: ChannelBatch) -> None:
    """Ask what became of it, unless the channel's files or notifications have ended all of its items already."""
    if all(intent.state in FINAL for intent in await bulk.items_of(desk.pool, one.id)):
        await _end(desk, one, Carriage.DONE, {}, UNLISTED)
        return
    result = await _channel(desk.channels, one).query_batch(
        await message_of(desk.pool, desk.vault, desk.journal, one)
    )
    await _note(desk.clock, desk.pool, one, "query", result.answer)
    match result.answer.verdict:
        case Verdict.SUCCESS:
            await _end(desk, one, Carriage.DONE, result.items, UNLISTED)
        case Verdict.FAILED:
            await _said(
                desk.pool, desk.channels, desk.clock, one, Carriage.REFUSED, result.answer, asked=True
            )
            await _end(desk, one, Carriage.REFUSED, {}, result.answer)
        case Verdict.ACCEPTED:
            await _said(
                desk.pool, desk.channels, desk.clock, one, Carriage.ACCEPTED, result.answer, asked=True
            )
        case Verdict.NOT_FOUND:
            await _missing(desk, one, result.answer)
        case _:
            await _unproven(desk, one, result.answer)


async def _unproven(desk: Desk, one: ChannelBatch, answer: Answer) -> None:
    """Ask again; after the channel's day each item is asked for as well, for the batch may never be answered."""
    if _same_day(desk.clock, one):
        await _said(desk.pool, desk.channels, desk.clock, one, one.state, answer, asked=True)
    else:
        await _end(desk, one, Carriage.LEFT, {}, LEFT_ALONE)


async def _missing(desk: Desk, one: ChannelBatch, answer: Answer) -> None:
    """The channel does not find it: the identical batch again where its rules allow that, and only on the same day.

    After the day the items are left to their own queries and to the channel's files, which alone can prove an absence.
    """
    rules, missed = _rules(desk.channels, one), one.not_found + 1
    if not _same_day(desk.clock, one):
        await _end(desk, one, Carriage.LEFT, {}, LEFT_ALONE)
    elif rules.resend_after_not_found is not None and missed >= rules.resend_after_not_found:
        await _again(desk, one)
    else:
        await _said(desk.pool, desk.channels, desk.clock, one, Carriage.UNKNOWN, answer, asked=True)


def _same_day(clock: Clock, one: ChannelBatch) -> bool:
    assert one.requested_at is not None, "what was sent has its time"
    return bulk.same_day(clock.now(), one.requested_at)


async def _again(desk: Desk, one: ChannelBatch) -> None:
    async with desk.pool.acquire() as db, db.transaction():
        row = await db.fetchrow(queries.again, one.id, one.fence, desk.clock.now())
        if row:
            await _note(desk.clock, db, one, "sent", Answer(Verdict.UNKNOWN, message="the same batch again"))
    if row:
        await _send(desk, ChannelBatch.of(row))


async def _end(
    desk: Desk, one: ChannelBatch, state: Carriage, items: Mapping[str, Answer], otherwise: Answer
) -> None:
    """Weigh what is known of each item, `otherwise` for one that is not listed, then let the batch rest."""
    intents = await bulk.items_of(desk.pool, one.id)
    gate = asyncio.Semaphore(AT_ONCE)

    async def fold(intent: Intent) -> None:
        answer = items.get(intent.channel_order_no, otherwise)
        if not _known(intent, answer):
            async with gate:
                await weigh(desk, intent, StepKind.ANSWER, answer)

    async with asyncio.TaskGroup() as group:
        for intent in intents:
            group.create_task(fold(intent))
    if strange := items.keys() - {intent.channel_order_no for intent in intents}:
        log.error(
            "a channel's batch result lists orders that are not in it", batch=str(one.id), count=len(strange)
        )
    now = desk.clock.now()
    await desk.pool.execute(
        queries.said, one.id, one.fence, state, one.code, one.message, 0, one.not_found, None, True, now
    )


def _known(intent: Intent, answer: Answer) -> bool:
    """Whether an item has ended as the answer says, or the answer says nothing that could contradict its end."""
    if intent.state not in FINAL:
        return False
    moved = {Verdict.SUCCESS: State.SUCCESS, Verdict.FAILED: State.FAILED}.get(answer.verdict)
    return moved is None or moved is intent.state


async def _said(
    pool: asyncpg.Pool,
    channels: Channels,
    clock: Clock,
    one: ChannelBatch,
    state: Carriage,
    answer: Answer,
    *,
    asked: bool = False,
) -> None:
    """Keep how the batch stands, and when it is looked at again. What is refused is gone on with at once."""
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
    """Return what the channel is sent, made of stored values alone: the same now as at the first attempt."""
    assert one.number is not None, "a number is given with the attempt"
    assert one.requested_at is not None, "a time is given with the attempt"
    orders = [await order_of(pool, vault, journal, intent) for intent in await bulk.items_of(pool, one.id)]
    return Message(Operation(one.operation), one.number, one.requested_at, orders)


def _channel(channels: Channels, one: ChannelBatch) -> BatchChannel:
    channel = channels[one.channel]
    assert isinstance(channel, BatchChannel), f"{one.channel} took batches when this one was made"
    return channel


def _rules(channels: Channels, one: ChannelBatch) -> Rules:
    return _channel(channels, one).batch_rules


async def _note(clock: Clock, db: Any, one: ChannelBatch, kind: str, answer: Answer) -> None:
    await db.execute(
        queries.add_step, new_id(clock), one.id, clock.now(), kind, answer.verdict.value, answer.code,
        answer.message, answer.raw[:_RAW],
    )  # fmt: skip
