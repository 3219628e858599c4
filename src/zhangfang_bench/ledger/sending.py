"""How the bench's client sends: frames in order with some in flight, or single transfers of many callers at once."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from time import perf_counter
from typing import Any
from uuid import UUID

import numpy as np

from zhangfang.ledger import Book, LedgerClient, Transfer
from zhangfang.ledger.wire import RESULT, Records

CALLERS = 256
Tick = Callable[[int], None]
Show = Callable[[str, int], Tick]  # a bar by its title and total


@dataclass
class Sent:
    """The results: answers by number of the frame; when each answer came and how long it took, in seconds."""

    answers: dict[int, Records] = field(default_factory=dict)
    came: list[float] = field(default_factory=list)
    took: list[float] = field(default_factory=list)

    def in_order(self) -> list[Records]:
        """Return the answers in the order of the frames."""
        return [self.answers[number] for number in range(len(self.answers))]


Send = Callable[[LedgerClient, Iterable[Any], Tick], Awaitable[Sent]]


def sender(in_flight: int) -> Send:
    """Return a function that sends frames in order, with a number of them in flight."""

    async def send(client: LedgerClient, frames: Iterable[Records], tick: Tick) -> Sent:
        sent, numbered, began = Sent(), enumerate(frames), perf_counter()

        async def lane() -> None:
            for (
                number,
                records,
            ) in numbered:  # taken and written in one step of the event loop, so the order is kept
                asked = perf_counter()
                sent.answers[number] = await client.create_transfer_records(records)
                now = perf_counter()
                sent.came.append(now - began)
                sent.took.append(now - asked)
                tick(len(records))

        await asyncio.gather(*(lane() for _ in range(in_flight)))
        return sent

    return send


async def send_singles(client: LedgerClient, transfers: Iterable[Transfer], tick: Tick) -> Sent:
    """Let many callers call `create_transfers` with one transfer each, repeatedly, in the order of `transfers`."""
    numbered, answers = enumerate(transfers), {}

    async def caller() -> None:
        for number, one in numbered:
            (answers[number],) = await client.create_transfers([one])
            if number % 1_000 == 999:
                tick(1_000)

    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    in_order = [(answers[number].result, answers[number].seq) for number in range(len(answers))]
    return Sent(answers={0: np.array(in_order, RESULT)})


def as_transfers(frames: Iterable[Records]) -> list[Transfer]:
    """Return plain transfers as the objects that callers of the client hold."""
    names = ("id", "debit", "credit", "amount", "kind", "business_date")
    accounts: dict[bytes, UUID] = {}
    made = []
    for fields in (one for records in frames for one in records[list(names)].tolist()):
        id_, debit, credit, amount, kind, day = fields
        for account in (debit, credit):
            accounts.setdefault(account, UUID(bytes=account))
        uuid, when = UUID(bytes=id_), date(1970, 1, 1) + timedelta(days=day)
        sides = (accounts[debit], accounts[credit])
        made.append(Transfer(uuid, *sides, amount, Book.CUSTOMERS, kind, voucher=uuid, business_date=when))
    return made
