"""How fast a merchant's file of collections is read, validated, sealed and stored.

The whole is `zhangfang.batches.load`. Reading with validating, and sealing, are also measured separately on the same
file; storing is the rest.
"""

import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg

from zhangfang.batches import Upload, load
from zhangfang.batches.reading import Reading
from zhangfang.batches.rules import Line
from zhangfang.kernel.clock import Clock
from zhangfang.merchants import Merchant
from zhangfang.payments.accept import bulk
from zhangfang.vault import Vault
from zhangfang_bench.channels.wire import PERSON, Tick
from zhangfang_bench.payments.bench import BenchFailed

_CHUNK = 64 * 1024
_HEAD = "order_no,amount,number,name,id_no,phone,description\n"


async def batch_file(
    pool: asyncpg.Pool, vault: Vault, clock: Clock, merchant: Merchant, items: int, tick: Tick
) -> dict[str, Any]:
    """Load a file of `items` collections, and measure its parts."""
    data = _file(items)
    upload = Upload("bench-1", "csv", items, sum(100 + n % 900 for n in range(items)))
    began = time.monotonic()
    lines = list(_lines(upload, data))
    read = time.monotonic() - began
    began = time.monotonic()
    for line in lines:
        bulk.sealed(vault, merchant.id, "bench", line.order_no, line.amount, line.description, line.party())
    sealed = time.monotonic() - began
    began = time.monotonic()
    made, new = await load(pool, vault, clock, merchant, upload, _arriving(data, items, tick))
    whole = time.monotonic() - began
    held = await pool.fetchval("SELECT count(*) FROM batch_item WHERE batch = $1", made.id)
    if not new or held != items or len(lines) != items:
        raise BenchFailed(f"a file of {items} items: {len(lines)} were read, {held} are stored")
    return {
        "items": items,
        "bytes": len(data),
        "per_s": round(items / whole),
        "seconds": round(whole, 3),
        "us_per_item": {
            "reading_and_validation": round(read * 1e6 / items, 1),
            "sealing": round(sealed * 1e6 / items, 1),
            "storing": round(max(0.0, whole - read - sealed) * 1e6 / items, 1),
        },
    }


def _file(items: int) -> bytes:
    person = f"{PERSON.id_no},{PERSON.phone},物业费"
    rows = (f"item-{n},{100 + n % 900},622202{n:013d},付款人{n},{person}\n" for n in range(items))
    return (_HEAD + "".join(rows)).encode()


def _lines(upload: Upload, data: bytes) -> Iterator[Line]:
    reading = Reading(upload)
    for place in range(0, len(data), _CHUNK):
        yield from _good(reading.feed(data[place : place + _CHUNK]))
    yield from _good(reading.end())
    reading.check()


def _good(read: Iterator[tuple[int, Any]]) -> Iterator[Line]:
    return (line for _, line in read if isinstance(line, Line))


async def _arriving(data: bytes, items: int, tick: Tick) -> AsyncIterator[bytes]:
    """The file in pieces, as it comes through the API."""
    for place in range(0, len(data), _CHUNK):
        yield data[place : place + _CHUNK]
        tick(items * _CHUNK // len(data))
