"""A file is read, checked and stored as it arrives. It becomes a batch only when it is complete and correct.

If it is refused, or if the sender or this process dies, what was stored of it is deleted.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from itertools import islice
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
from zhangfang.kernel.errors import Busy, InvalidInput
from zhangfang.kernel.ids import new_id
from zhangfang.merchants import Merchant
from zhangfang.payments.accept import bulk
from zhangfang.vault import Vault

ABANDONED = timedelta(hours=2)  # longer than any upload takes
UNFINISHED = 100  # batches of one merchant
PORTION = 500  # lines that are checked and sealed before other tasks get a turn


async def load(
    pool: asyncpg.Pool,
    vault: Vault,
    clock: Clock,
    merchant: Merchant,
    upload: Upload,
    chunks: AsyncIterator[bytes],
) -> tuple[Batch, bool]:
    """Store a file as a batch; return the batch and whether it is new. The same file again returns the same batch.

    Raises `InvalidInput`, `BatchInvalid`, `BatchNumberTaken`, `NotAllowed`, `NoFeeRule`, `Busy`.
    """
    check_upload(upload)
    reading = Reading(upload)
    held = await store.one(pool, queries.by_number, merchant.id, upload.batch_no)
    if held is not None:
        return await _same(vault, held, reading, chunks), False
    bulk.check_collecting(clock, merchant)
    if await pool.fetchval(queries.unfinished, merchant.id) >= UNFINISHED:
        raise Busy(f"batch: {UNFINISHED} of yours are not finished yet; try again when one is")
    id_, told, now = new_id(clock), new_id(clock), clock.now()
    await pool.execute(
        queries.insert, id_, merchant.id, upload.batch_no, upload.partial, told, now + ABANDONED, now
    )
    try:
        await _store(pool, vault, merchant.id, id_, reading, chunks)
        return await _accepted(pool, vault, clock, merchant, upload, id_, reading)
    except BaseException:
        with contextlib.suppress(*AWAY):
            await asyncio.shield(discard(pool, id_))
        raise


async def discard(pool: asyncpg.Pool, id_: UUID) -> None:
    """Delete what was stored of a file that did not become a batch."""
    await pool.execute(queries.discard_items, id_)
    await pool.execute(queries.discard, id_)


async def _same(vault: Vault, held: Batch, reading: Reading, chunks: AsyncIterator[bytes]) -> Batch:
    """Check that it is the same file, without storing anything of it."""
    async for data in chunks:
        for _ in reading.feed(data):
            pass
    return _if_equal(vault, held, reading)


def _keyed(vault: Vault, reading: Reading) -> bytes:
    """Return what is stored of a file: under the vault's key, because accounts could be guessed from a plain digest."""
    return bytes.fromhex(vault.fingerprint(reading.digest.hex(), "batch"))


def _if_equal(vault: Vault, held: Batch, reading: Reading) -> Batch:
    if held.digest not in (
        _keyed(vault, reading),
        reading.digest,
    ):  # a batch of an older release has the plain one
        raise BatchNumberTaken(
            "batch_no: used before for another file; allowed: the same file, or a number never used"
        )
    return held


async def _store(
    pool: asyncpg.Pool,
    vault: Vault,
    merchant: str,
    id_: UUID,
    reading: Reading,
    chunks: AsyncIterator[bytes],
) -> None:
    async for data in chunks:
        await _store_lines(pool, vault, merchant, id_, reading, reading.feed(data))
    await _store_lines(pool, vault, merchant, id_, reading, reading.end())
    reading.check()


async def _store_lines(
    pool: asyncpg.Pool, vault: Vault, merchant: str, id_: UUID, reading: Reading, lines: Iterator[Read]
) -> None:
    while portion := list(islice(lines, PORTION)):
        rows = [_row(vault, merchant, id_, reading, *one) for one in portion]
        if not reading.bad or reading.upload.partial:
            await pool.copy_records_to_table("batch_item", records=rows, columns=store.ITEM_COLUMNS)
        await asyncio.sleep(0)


def _row(
    vault: Vault, merchant: str, id_: UUID, reading: Reading, at: int, read: Line | Problem
) -> tuple[Any, ...]:
    """Return a line as it is stored. A line that is no valid collection is stored as REFUSED."""
    if isinstance(read, Line):
        try:
            row, party = item_row(id_, at), read.party()
            one = bulk.sealed(vault, merchant, row, read.order_no, read.amount, read.description, party)
        except InvalidInput as error:
            read = reading.note(problem(at, error))
        else:
            return (
                id_, at, one.order_no, one.amount, one.description, one.account_token, one.account_tail,
                one.account_type, one.fingerprint, one.digest, "WAITING", "", "",
            )  # fmt: skip
    return id_, at, "", 0, "", "", "", "", "", b"", "REFUSED", "bad_line", str(read)


def item_row(batch: UUID, line: int) -> str:
    """Return the name of a line's row, for which its account is sealed."""
    return f"{batch}/{line}"


async def _accepted(
    pool: asyncpg.Pool,
    vault: Vault,
    clock: Clock,
    merchant: Merchant,
    upload: Upload,
    id_: UUID,
    reading: Reading,
) -> tuple[Batch, bool]:
    now, digest = clock.now(), _keyed(vault, reading)
    try:
        made = await store.one(pool, queries.accepted, id_, digest, reading.count, reading.amount, now)
        assert made is not None, "the file took longer than two hours, and was deleted as abandoned"
        return made, True
    except asyncpg.UniqueViolationError:  # two files with this number arrived at the same time
        held = await store.one(pool, queries.by_number, merchant.id, upload.batch_no)
    assert held is not None, "the update met a conflict, so the other batch exists"
    await discard(pool, id_)
    return _if_equal(vault, held, reading), False
