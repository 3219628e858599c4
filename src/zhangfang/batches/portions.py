"""Items become intents in portions. One transaction stores a portion's intents and the channel batches that carry them.

After a crash it continues from the rows: an item is WAITING until the transaction that stores its intent.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from zhangfang.batches import loading, store
from zhangfang.batches.carrying import ALONE_EVERY
from zhangfang.batches.model import Batch, BatchState, Progress
from zhangfang.batches.rules import split_evenly
from zhangfang.batches.store import queries
from zhangfang.channels.abilities import BatchChannel
from zhangfang.channels.port import Channels, Operation
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.driver import Job
from zhangfang.kernel.ids import new_id, prefixed
from zhangfang.merchants import get_merchant
from zhangfang.payments import Desk, Intent, OperationStopped
from zhangfang.payments.accept import bulk

PORTION = 2_000
SMALL = 5  # fewer items than this are sent alone
STOPPED_WAIT = timedelta(seconds=30)
LOOKS = (timedelta(seconds=1), timedelta(minutes=5))  # the shortest and longest wait for an open batch

Said = Intent | bulk.Found | bulk.Refusal


def job(desk: Desk) -> Job:
    """Return the driver's job over batches."""

    async def step(row: asyncpg.Record) -> None:
        await advance(desk, Batch.of(row))

    return Job("batch", ("id",), step, most=4)


async def advance(desk: Desk, batch: Batch) -> None:
    """Do the next step of a batch: delete an abandoned file, make intents of waiting items, or see whether it has ended."""
    if batch.state is BatchState.LOADING:
        await loading.discard(desk.pool, batch.id)
        return
    try:
        while await _portion(desk, batch):
            pass
    except OperationStopped:
        await _look_again(desk.pool, desk.clock, batch, STOPPED_WAIT)
        return
    if await desk.pool.fetchval(queries.is_open, batch.id):
        age = desk.clock.now() - batch.created_at
        await _look_again(desk.pool, desk.clock, batch, min(max(age / 10, LOOKS[0]), LOOKS[1]))
    else:
        await _finish(desk.pool, desk.clock, batch)


async def _look_again(pool: asyncpg.Pool, clock: Clock, batch: Batch, wait: timedelta) -> None:
    await pool.execute(queries.look_again, batch.id, batch.fence, clock.now() + wait)


async def _portion(desk: Desk, batch: Batch) -> bool:
    """Make intents of the next waiting items. False if none is waiting."""
    rows = await desk.pool.fetch(queries.waiting, batch.id, PORTION)
    if not rows:
        return False
    merchant = await get_merchant(desk.pool, batch.merchant)
    said: list[Said] = list(await bulk.drafts(desk, merchant, [_asked(row) for row in rows]))
    lines = [row["line"] for row in rows]
    async with desk.pool.acquire() as db, db.transaction():
        if len(await db.fetch(queries.lock_waiting, batch.id, lines)) == len(lines):
            await _store(desk.channels, desk.clock, db, batch, lines, said)
    return True


def _asked(row: asyncpg.Record) -> bulk.Asked:
    place = loading.item_row(row["batch"], row["line"])
    return bulk.Asked(
        place, row["order_no"], row["amount"], row["description"], row["account_token"], row["account_tail"],
        row["account_type"], row["fingerprint"], row["digest"],
    )  # fmt: skip


@dataclass(slots=True)
class _Carried:
    """A future channel batch: `places` are the positions of its items in the portion."""

    id: UUID
    channel: str
    places: list[int]


async def _store(
    channels: Channels, clock: Clock, db: Any, batch: Batch, lines: list[int], said: list[Said]
) -> None:
    """Store intents, their channel batches and the result of each line. A line that met a conflict stays WAITING."""
    carried, alone = _divided(channels, clock, said)
    batch_of = {place: one.id for one in carried for place in one.places}
    until = await _reserve_turns(clock, db, batch, len(alone))
    turn = {place: until + ALONE_EVERY * (n + 1) for n, place in enumerate(alone)}
    places = [place for place, one in enumerate(said) if isinstance(one, Intent)]
    intents = [_placed(said[place], batch_of.get(place), turn.get(place)) for place in places]
    stored = await bulk.insert_items(clock, db, intents)
    new: dict[int, Intent] = {}
    decided: list[tuple[int, UUID | None, str, str]] = []
    for place, intent, answer in zip(places, intents, stored, strict=True):
        if isinstance(answer, bulk.Refusal):
            decided.append((lines[place], None, answer.code, answer.message))
        elif answer:
            new[place] = intent
            decided.append((lines[place], intent.id, "", ""))
    decided += _without_intent(lines, said)
    await _carry(clock, db, batch, carried, new)
    if decided:  # empty if each met a conflict with a request of the same moment
        await db.execute(queries.decided, batch.id, *map(list, zip(*decided, strict=True)))


def _divided(channels: Channels, clock: Clock, said: Sequence[Said]) -> tuple[list[_Carried], list[int]]:
    """Divide the places of the intents into channel batches and those that are sent alone."""
    by_channel: dict[str, list[int]] = defaultdict(list)
    for place, one in enumerate(said):
        if isinstance(one, Intent):
            by_channel[one.channel].append(place)
    carried: list[_Carried] = []
    alone: list[int] = []
    for channel, places in by_channel.items():
        most = _most(channels, channel)
        if most < SMALL or len(places) < SMALL:
            alone += places
            continue
        rest = iter(places)
        for size in split_evenly(len(places), most):
            carried.append(_Carried(new_id(clock), channel, [next(rest) for _ in range(size)]))
    return carried, alone


def _most(channels: Channels, channel: str) -> int:
    """Return how many collections one batch of the channel may hold; 0 if it has no batches."""
    one = channels[channel]
    return one.batch_most.get(Operation.COLLECTION, 0) if isinstance(one, BatchChannel) else 0


async def _reserve_turns(clock: Clock, db: Any, batch: Batch, count: int) -> datetime:
    """Reserve times for `count` items that are sent alone, one every `ALONE_EVERY`; return the moment they start from."""
    now = clock.now()
    if not count:
        return now
    held = await store.one(db, queries.lock, batch.id)
    since = max(now, (held and held.alone_until) or now)
    await db.execute(queries.alone_until, batch.id, since + ALONE_EVERY * count)
    return since


def _placed(one: Said, batch: UUID | None, turn: datetime | None) -> Intent:
    assert isinstance(one, Intent), "only intents have places"
    return replace(one, batch=batch, next_action_at=turn)


def _without_intent(lines: Sequence[int], said: Iterable[Said]) -> list[tuple[int, UUID | None, str, str]]:
    found: list[tuple[int, UUID | None, str, str]] = []
    for line, one in zip(lines, said, strict=True):
        if isinstance(one, bulk.Found):
            found.append((line, one.intent, "", ""))
        elif isinstance(one, bulk.Refusal):
            found.append((line, None, one.code, one.message))
    return found


async def _carry(
    clock: Clock, db: Any, batch: Batch, carried: list[_Carried], new: dict[int, Intent]
) -> None:
    """Store the channel batches of the intents that are new."""
    ids, channels, counts, amounts = [], [], [], []
    for one in carried:
        intents = [new[place] for place in one.places if place in new]
        if intents:
            ids.append(one.id)
            channels.append(one.channel)
            counts.append(len(intents))
            amounts.append(sum(intent.amount for intent in intents))
    await db.execute(queries.insert_channel_batches, ids, batch.id, channels, counts, amounts, clock.now())


async def _finish(pool: asyncpg.Pool, clock: Clock, batch: Batch) -> None:
    """End a batch whose items all have a result, and tell the merchant once, in the same transaction."""
    now = clock.now()
    how = await progress(pool, batch.id)
    async with pool.acquire() as db, db.transaction():
        if await db.fetchval(queries.finished, batch.id, now):
            payload = msgspec.json.encode(_event(batch, how, now)).decode()
            await bulk.tell(db, batch.told, batch.merchant, batch.id, "batch.finished", payload, now)


def _event(batch: Batch, how: Progress, at: datetime) -> dict[str, Any]:
    data = {
        "id": prefixed("bat", batch.id),
        "batch_no": batch.batch_no,
        "items": batch.items,
        "counts": how.counts,
        "collected": how.collected,
        "currency": "CNY",
        "results": f"/v1/batches/{prefixed('bat', batch.id)}/results",
    }
    return {"type": "batch.finished", "timestamp": at.isoformat(), "data": data}


async def progress(db: Any, batch: UUID) -> Progress:
    """Return the number of a batch's items in each state, and their amounts."""
    rows = await db.fetch(queries.progress, batch)
    return Progress({r["state"]: r["items"] for r in rows}, {r["state"]: r["amount"] for r in rows})
