"""A file is read, checked and stored as it arrives; only when all of it is there and good does it become a batch.

What has been stored of a file that was refused, or whose sender or whose reader died, is thrown away.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg

from zhangfang.batches import store
from zhangfang.batches.errors import BatchNumberTaken, Problem
from zhangfang.batches.model import Batch, Upload
from zhangfang.batches.reading import Read, Reading
from zhangfang.batches.rules import Line, check_upload, problem
from zhangfang.batches.store import queries
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.database import AWAY
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import new_id
from zhangfang.merchants import Merchant
from zhangfang.payments.accept import bulk
from zhangfang.vault import Vault

ABANDONED = timedelta(hours=2)  # longer than any upload takes
PORTION = 500  # lines that are checked and sealed before others get their turn


async def load(
    pool: asyncpg.Pool,
    vault: Vault,
    clock: Clock,
    merchant: Merchant,
    upload: Upload,
    chunks: AsyncIterator[bytes],
) -> tuple[Batch, bool]:
    """Store a file as a batch; return it and whether it is new. The same file again finds the same batch.

    Raises `InvalidInput`, `BatchInvalid`, `BatchNumberTaken`, `NotAllowed`, `NoFeeRule`.
    """
    check_upload(upload)
    reading = Reading(upload)
    held = await store.one(pool, queries.by_number, merchant.id, upload.batch_no)
    if held is not None:
        return await _same(held, reading, chunks), False
    bulk.check_collecting(clock, merchant)
    id_, told, now = new_id(clock), new_id(clock), clock.now()
    await pool.execute(
        queries.insert, id_, merchant.id, upload.batch_no, upload.partial, told, now + ABANDONED, now
    )
    try:
        await _store(pool, vault, id_, reading, chunks)
        return await _accepted(pool, clock, merchant, upload, id_, reading)
    except BaseException:
        with contextlib.suppress(*AWAY):
            await asyncio.shield(discard(pool, id_))
        raise


async def discard(pool: asyncpg.Pool, id_: UUID) -> None:
    """Throw away what was stored of a file that is no batch."""
    await pool.execute(queries.discard_items, id_)
    await pool.execute(queries.discard, id_)


async def _same(held: Batch, reading: Reading, chunks: AsyncIterator[bytes]) -> Batch:
    """Find out whether it is the same file, without storing anything of it."""
    async for data in chunks:
        for _ in reading.feed(data):
            pass
    return _if_equal(held, reading.digest)


def _if_equal(held: Batch, digest: bytes) -> Batch:
    if held.digest != digest:
        raise BatchNumberTaken(
            "batch_no: used before for another file; allowed: the same file, or a number never used"
        )
    return held


async def _store(
    pool: asyncpg.Pool, vault: Vault, id_: UUID, reading: Reading, chunks: AsyncIterator[bytes]
) -> None:
    async for data in chunks:
        await _store_lines(pool, vault, id_, reading, reading.feed(data))
    await _store_lines(pool, vault, id_, reading, reading.end())
    reading.check()


async def _store_lines(
    pool: asyncpg.Pool, vault: Vault, id_: UUID, reading: Reading, lines: Iterator[Read]
) -> None:
    for portion in _portions(lines):
        rows = [_row(vault, id_, reading, *one) for one in portion]
        if not reading.bad or reading.upload.partial:
            await store.copy_items(pool, rows)
        await asyncio.sleep(0)


def _portions(lines: Iterator[Read]) -> Iterator[Iterable[Read]]:
    portion: list[Read] = []
    for one in lines:
        portion.append(one)
        if len(portion) == PORTION:
            yield portion
            portion = []
    if portion:
        yield portion


def _row(vault: Vault, id_: UUID, reading: Reading, at: int, read: Line | Problem) -> tuple[Any, ...]:
    """Return a line as it is stored; one that the rules of a collection refuse is a bad line."""
    if isinstance(read, Line):
        try:
            one = bulk.sealed(vault, read.order_no, read.amount, read.description, read.party())
        except InvalidInput as error:
            read = reading.note(problem(at, error))
        else:
            return (
                id_, at, one.order_no, one.amount, one.description, one.account_token, one.account_tail,
                one.account_type, one.fingerprint, one.digest, "WAITING", "", "",
            )  # fmt: skip
    return id_, at, "", 0, "", "", "", "", "", b"", "REFUSED", "bad_line", str(read)


async def _accepted(
    pool: asyncpg.Pool, clock: Clock, merchant: Merchant, upload: Upload, id_: UUID, reading: Reading
) -> tuple[Batch, bool]:
    now = clock.now()
    try:
        made = await store.one(
            pool, queries.accepted, id_, reading.digest, reading.count, reading.amount, now
        )
        assert made is not None, "a file took longer than two hours to arrive"
        return made, True
    except asyncpg.UniqueViolationError:  # the same number came twice at once
        held = await store.one(pool, queries.by_number, merchant.id, upload.batch_no)
    assert held is not None, "an update met a conflict that cannot be found"
    await discard(pool, id_)
    return _if_equal(held, reading.digest), False
