"""Crossings both ways, as a program of its own: `python -m tests.drill.crossing_load SOCKET_0 SOCKET_1 LOG SEED`.

Until SIGTERM, six callers send money to the other shard and ask again, with the same crossing, for whatever got no answer;
beside them open crossings are finished, anybody's. Each answer is a line of LOG, written when it came.
"""

import asyncio
import contextlib
import json
import os
import random
import signal
import sys
from pathlib import Path

from zhangfang.kernel.clock import SystemClock
from zhangfang.kernel.ids import new_id
from zhangfang.ledger import Account, AccountFlag, Book, LedgerClient, LedgerUnavailable
from zhangfang.ledger.crossing import Crossing
from zhangfang.ledger.crossings import Crossed, cross, finish_regularly

CALLERS = 6
EVERY_S = 0.3
CLOCK = SystemClock()
BANK = [Account(Book.CUSTOMERS, 1003, "bank", shard=shard) for shard in (0, 1)]
MERCHANTS = [
    [Account(Book.CUSTOMERS, 2322, f"merchant{n}", AccountFlag.CREDIT_FLOOR, shard=shard) for n in range(4)]
    for shard in (0, 1)
]
CLOSED = [Account(Book.CUSTOMERS, 2322, "closed", AccountFlag.CREDIT_FLOOR, shard=shard) for shard in (0, 1)]


def drawn(rng: random.Random) -> Crossing:
    """Return a new crossing; one of some is for an account that is closed, one of some is more than there is."""
    here = rng.randrange(2)
    credit = rng.choice([*MERCHANTS[1 - here], CLOSED[1 - here]])
    amount = rng.choice((rng.randint(1, 100), rng.randint(1, 3000)))
    return Crossing.between(new_id(CLOCK), rng.choice(MERCHANTS[here]), credit, amount, CLOCK.now().date())


async def answered(clients: dict[int, LedgerClient], one: Crossing) -> Crossed:
    """Ask until there is an answer."""
    while True:
        with contextlib.suppress(LedgerUnavailable):
            return await cross(clients, one, CLOCK)


async def call(clients: dict[int, LedgerClient], log: int, rng: random.Random, stop: asyncio.Event) -> None:
    """Send money until told to stop."""
    while not stop.is_set():
        one = drawn(rng)
        crossed = await answered(clients, one)
        line = {"id": str(one.id), "here": one.here, "amount": one.amount, "outcome": crossed.outcome}
        os.write(log, json.dumps(line).encode() + b"\n")


async def main(sockets: list[Path], log: int, seed: int) -> None:
    """Load both shards until SIGTERM, then end when each caller has its last answer."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with LedgerClient(sockets[0], deadline=2) as zero, LedgerClient(sockets[1], deadline=2) as one:
        clients = {0: zero, 1: one}
        finishing = asyncio.create_task(finish_regularly(clients, CLOCK, EVERY_S))
        rngs = [random.Random(f"{seed}/{n}") for n in range(CALLERS)]
        await asyncio.gather(*(call(clients, log, rng, stop) for rng in rngs))
        finishing.cancel()
        await asyncio.wait([finishing])
        if not finishing.cancelled():
            finishing.result()


if __name__ == "__main__":
    out = os.open(sys.argv[3], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    asyncio.run(main([Path(sys.argv[1]), Path(sys.argv[2])], out, int(sys.argv[4])))
