"""A load on the ledger, as a program of its own: `python -m tests.drill.ledger_load SOCKET LOG SEED`, until SIGTERM.

Twelve callers post, hold, post and void holds, alone and in chains, and now and then ask again for what they have. Whatever
got no answer is asked again with the same ids. Each answer is a line of LOG, written when it came: the records as hex of
`wire.TRANSFER`, the results and the sequence numbers. At the end every question has its answer.
"""

import asyncio
import json
import os
import random
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from zhangfang.kernel.clock import SystemClock
from zhangfang.kernel.ids import new_id, numbered
from zhangfang.ledger import (
    NO_ID,
    Account,
    AccountFlag,
    Answered,
    Book,
    LedgerClient,
    LedgerUnavailable,
    Result,
    Transfer,
    TransferFlag,
    wire,
)

CALLERS = 12
CHANNEL = Account(Book.CUSTOMERS, 3011, "channel")
MERCHANTS = [Account(Book.CUSTOMERS, 2322, f"merchant{n}", AccountFlag.CREDIT_FLOOR) for n in range(CALLERS)]
STANDS = {Result.CREATED, Result.EXISTS}
CLOCK = SystemClock()
F = TransferFlag


class Caller:
    """One caller: it makes its next request from what became of the ones before."""

    def __init__(self, client: LedgerClient, log: int, merchant: Account, rng: random.Random) -> None:
        self.client, self.log, self.merchant, self.rng = client, log, merchant, rng
        self.holds: list[Transfer] = []
        self.before: list[list[Transfer]] = []

    async def run(self, stop: asyncio.Event) -> None:
        makers = (
            self.pay_in,
            self.pay_out,
            self.hold,
            self.chain,
            self.post,
            self.post,
            self.void,
            self.again,
        )
        while not stop.is_set():
            asked = self.rng.choice(makers)()
            if asked:
                self.note(asked, await self.answer(asked))

    async def answer(self, asked: list[Transfer]) -> list[Answered]:
        while True:
            try:
                return await self.client.create_transfers(asked)
            except LedgerUnavailable:
                continue

    def note(self, asked: list[Transfer], answers: Sequence[Answered]) -> None:
        records = wire.from_transfers(asked)
        line = {
            "asked": [record.tobytes().hex() for record in records],
            "result": [int(one.result) for one in answers],
            "seq": [one.seq for one in answers],
        }
        os.write(self.log, json.dumps(line).encode() + b"\n")
        self.before = [*self.before[-50:], asked]
        for one, answer in zip(asked, answers, strict=True):
            if one.flags & F.PENDING and answer.result is Result.CREATED:
                self.holds.append(one)

    def line(
        self, number: int, amount: int, flags: F = F.NONE, *, out: bool = False, **more: object
    ) -> Transfer:
        debit, credit = (self.merchant, CHANNEL) if out else (CHANNEL, self.merchant)
        values = (
            debit.id,
            credit.id,
            amount,
            Book.CUSTOMERS,
            number,
            self.voucher,
            CLOCK.now().date(),
            flags,
        )
        return Transfer(numbered(self.voucher, number), *values, **more)  # type: ignore[arg-type]

    def pay_in(self) -> list[Transfer]:
        self.voucher = new_id(CLOCK)
        return [self.line(1, self.rng.randint(1, 100))]

    def pay_out(self) -> list[Transfer]:
        self.voucher = new_id(CLOCK)
        return [self.line(1, self.rng.randint(1, 200), out=True)]

    def hold(self) -> list[Transfer]:
        self.voucher = new_id(CLOCK)
        return [
            self.line(1, self.rng.randint(1, 100), F.PENDING, out=True, timeout=self.rng.choice((0, 1, 60)))
        ]

    def chain(self) -> list[Transfer]:
        self.voucher = new_id(CLOCK)
        both = F.PENDING | F.LINKED
        return [
            self.line(1, 50, F.LINKED),
            self.line(2, 20, both, out=True),
            self.line(3, 40, F.PENDING, out=True),
        ]

    def post(self) -> list[Transfer]:
        amount = self.rng.choice((0, 1, 1000))
        return self.resolve(F.POST, amount)

    def void(self) -> list[Transfer]:
        return self.resolve(self.rng.choice((F.VOID, F.VOID | F.CHAIN, F.POST | F.CHAIN)), 0)

    def resolve(self, flags: F, amount: int) -> list[Transfer]:
        if not self.holds:
            return self.hold()
        held = self.holds.pop(self.rng.randrange(len(self.holds)))
        if self.rng.random() < 0.2:
            self.holds.append(held)  # and so is resolved twice, which must be refused
        self.voucher = new_id(CLOCK)
        values = (NO_ID, NO_ID, amount, Book.CUSTOMERS, 1, self.voucher, CLOCK.now().date(), flags)
        return [Transfer(numbered(self.voucher, 1), *values, pending_id=held.id)]

    def again(self) -> list[Transfer]:
        return self.rng.choice(self.before) if self.before else []


async def main(socket: Path, log: int, seed: int) -> None:
    """Load the ledger until SIGTERM, then end when the last question is answered."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with LedgerClient(socket, deadline=3) as client:
        while True:
            try:
                await client.create_accounts([CHANNEL, *MERCHANTS])
                break
            except LedgerUnavailable:
                continue
        callers = [
            Caller(client, log, merchant, random.Random(f"{seed}/{n}"))
            for n, merchant in enumerate(MERCHANTS)
        ]
        await asyncio.gather(*(caller.run(stop) for caller in callers))


if __name__ == "__main__":
    out = os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    asyncio.run(main(Path(sys.argv[1]), out, int(sys.argv[3])))
