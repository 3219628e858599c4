"""The floor `copy_limit`: the same bytes that the writer stored for the stream `hot` are copied again, without
decisions.

It uses four connections in a pipeline, as the writer does. A transaction copies the entries and the refusals of one
frame and moves the head, in order. It does not decide, and writes no account pages and no checkpoint.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import pairwise
from time import perf_counter
from typing import Any

import asyncpg
import numpy as np
import uvloop

from zhangfang.ledger import Result
from zhangfang.ledger.wire import Records
from zhangfang_bench.ledger.floors import open_ledger
from zhangfang_bench.ledger.sending import Tick
from zhangfang_bench.ledger.server import SQL, LedgerServer, costs, rows
from zhangfang_bench.ledger.workloads import Workload

LANES = 4
_HEAD, _END = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"


@dataclass(frozen=True)
class Stored:
    """The contents of the tables after a run, as COPY BINARY per frame; `counts` are entries and refusals."""

    workload: Workload
    transfers: list[bytes]
    refusals: list[bytes]
    counts: list[tuple[int, int]]
    fen: int

    @classmethod
    def read(cls, url: str, workload: Workload, answers: Sequence[Records]) -> "Stored":
        """Read it from the database, one part per frame."""
        counts = [
            (int((one["result"] == Result.CREATED).sum()), int((one["result"] > Result.EXISTS).sum()))
            for one in answers
        ]
        transfers, refusals = (
            _cut(raw, [count[n] for count in counts]) for n, raw in enumerate(uvloop.run(_read(url)))
        )
        return cls(workload, transfers, refusals, counts, rows(url, SQL.counts)[0]["fen"])


async def _read(url: str) -> list[bytes]:
    connection, read = await asyncpg.connect(url), []
    for query in (SQL.stored_transfers, SQL.stored_refusals):
        out = BytesIO()
        await connection.copy_from_query(query, output=out, format="binary")
        read.append(out.getvalue())
    await connection.close()
    return read


def _cut(raw: bytes, counts: Sequence[int]) -> list[bytes]:
    """Cut rows, which all have one size here, into the parts of the frames."""
    size, rest = divmod(len(raw) - len(_HEAD) - len(_END), max(1, sum(counts)))
    assert not rest, "rows of the stream `hot` have the same columns filled"
    ends = len(_HEAD) + size * np.cumsum([0, *counts])
    return [_HEAD + raw[first:end] + _END for first, end in pairwise(ends.tolist())]


def copy_limit(server: LedgerServer, stored: Stored, tick: Tick) -> dict[str, Any]:
    """Copy it into fresh tables with the same indexes."""
    workload = stored.workload
    with server.database("copy_limit") as url:
        found = uvloop.run(_copy(server, url, stored, tick))
        (counts,) = rows(url, SQL.counts)
        entries, refused = (sum(count[n] for count in stored.counts) for n in (0, 1))
        same = tuple(counts) == (entries, stored.fen, refused, entries)
        return found | {
            "batch": max(workload.sizes),
            "transfers": workload.transfers,
            "refused": refused,
            "matches_oracle": same,
        }


async def _copy(server: LedgerServer, url: str, stored: Stored, tick: Tick) -> dict[str, Any]:
    control = await open_ledger(url, [account.id for account in stored.workload.accounts], stored.workload)
    connections = [await asyncpg.connect(url) for _ in range(LANES)]
    turns = [asyncio.Event() for _ in range(len(stored.counts) + 1)]
    turns[0].set()

    async def lane(first: int) -> None:
        for number in range(first, len(stored.counts), LANES):
            await _one(connections[first], stored, number, turns)
            tick(sum(stored.counts[number]))

    before, began = await server.used(control), perf_counter()
    await asyncio.gather(*map(lane, range(LANES)))
    seconds, used = perf_counter() - began, (await server.used(control)).since(before)
    for connection in (control, *connections):
        await connection.close()
    count = stored.workload.transfers
    return {"seconds": round(seconds, 3), "transfers_per_s": round(count / seconds)} | costs(count, used)


async def _one(
    connection: asyncpg.Connection, stored: Stored, number: int, turns: Sequence[asyncio.Event]
) -> None:
    async with connection.transaction():
        for table, frames, count in zip(
            ("transfer", "refusal"), (stored.transfers, stored.refusals), stored.counts[number], strict=True
        ):
            if count:
                await connection.copy_to_table(table, source=_bytes(frames[number]), format="binary")
        await turns[number].wait()
        await connection.fetchval(SQL.advance, stored.counts[number][0])
        turns[number + 1].set()


async def _bytes(raw: bytes) -> AsyncIterator[bytes]:
    yield raw
