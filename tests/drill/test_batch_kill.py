"""A batch survives `kill -9`: each item is debited at most once in the bank's own book, and ends as that book says.

Real processes: PostgreSQL, the ledger, the driver, the sandbox UnionPay. The driver is killed again and again at random
moments, the bank once. `ZHANGFANG_DRILL_ITEMS` says how many items (20000 for the size that is promised).
"""

import asyncio
import json
import os
import shutil
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any
from urllib.request import urlopen
from uuid import UUID

import pytest

from tests.mandates import sign
from zhangfang.api import admit
from zhangfang.assembly.house import House
from zhangfang.assembly.parts import open_desk
from zhangfang.assembly.sandbox.control import ask
from zhangfang.assembly.sandbox.counter import set_time
from zhangfang.assembly.start import start
from zhangfang.batches import Batch, Upload, load, progress, results
from zhangfang.channels.port import PartyAccount
from zhangfang.kernel.clock import CHINA, set_clock
from zhangfang.kernel.ids import parse
from zhangfang.kernel.settings import Settings
from zhangfang.merchants import FeeKind, FeeRule, NewMerchant
from zhangfang.payments import Desk
from zhangfang_drill.world.scratch import scratch

pytestmark = pytest.mark.drill

ITEMS = int(os.environ.get("ZHANGFANG_DRILL_ITEMS", "400"))
FILES = 4
MOMENTS = (  # when the driver is killed: as soon as so many rows are there, and a random moment later
    ("batch_item WHERE state = 'ACCEPTED'", 1),
    ("channel_batch WHERE state <> 'CREATED'", 1),
    ("intent WHERE state = 'SUCCESS'", 1),
    ("intent WHERE state = 'SUCCESS'", ITEMS // 2),
)
NOON = datetime(2026, 5, 26, 9, 0, tzinfo=CHINA)
PAYERS = [PartyAccount(f"99{n:017d}", "王子涵") for n in range(20)]
FAULTS = {"decline": 0.05, "lost_answer": 0.15, "pending_first": 0.02, "not_found_first": 0.1}
PATIENCE_S = 90 + ITEMS / 20


@contextmanager
def opened() -> Iterator[House]:
    """Open a house with a short path, and throw it away."""
    home = scratch()
    home.chmod(0o755)  # PostgreSQL does not run as root
    house = House(home, banks=("unionpay", "cmb"))
    try:
        set_clock(home / "clock.json", NOON)
        start(house)
        set_time(house, NOON)
        ask("PUT", house.control("unionpay") + "/faults", {"seed": 7, "rates": FAULTS})
        yield house
    finally:
        house.stop()
        shutil.rmtree(home, ignore_errors=True)


def file_of(number: int) -> str:
    """Return the number-th file: its share of the items, from a few payers."""
    share = ITEMS // FILES
    rows = [
        f"D-{number}-{n},{100 + n},{PAYERS[n % len(PAYERS)].number},{PAYERS[n % len(PAYERS)].name}\n"
        for n in range(share)
    ]
    return "order_no,amount,number,name\n" + "".join(rows)


async def whole(file: str) -> AsyncIterator[bytes]:
    data = file.encode()
    for at in range(0, len(data), 65_536):
        yield data[at : at + 65_536]


async def submit(desk: Desk) -> list[Batch]:
    """Admit a merchant with mandates of all payers, and hand the files in."""
    new = NewMerchant("电力", fee_rules=(FeeRule(FeeKind.COLLECTION, 6000),))
    merchant = await admit(desk, new)
    for n, payer in enumerate(PAYERS):
        await sign(desk, merchant.id, payer, f"M-{n}")
    made = []
    for number in range(FILES):
        share = ITEMS // FILES
        upload = Upload(f"F-{number}", "csv", share, sum(100 + n for n in range(share)))
        made.append(
            (await load(desk.pool, desk.vault, desk.clock, merchant, upload, whole(file_of(number))))[0]
        )
    return made


@dataclass(slots=True)
class Killer:
    """Kills a process, and lets go of what it held: ten seconds of the machine's time, which nobody has to wait for."""

    house: House
    desk: Desk
    rng: Random
    killed: Counter[str]

    async def kill(self, name: str) -> None:
        """End it at once."""
        child = self.house.processes[name].child
        self.house.kill(name)
        self.killed[name] += 1
        if child is not None:
            await asyncio.to_thread(child.wait)
        if name == "work":
            for table in ("batch", "channel_batch", "intent"):
                await self.desk.pool.execute(f"UPDATE {table} SET lease_until = NULL")


async def drive(house: House, desk: Desk, batches: list[Batch]) -> Counter[str]:
    """Let the driver work with kills at random moments, and with time going by, until every batch has finished."""
    killer = Killer(house, desk, Random(11), Counter())
    killing = asyncio.create_task(kill_all(killer))
    until, now = time.monotonic() + PATIENCE_S, NOON
    while await count(desk, "batch WHERE state <> 'FINISHED'") or not killing.done():
        assert time.monotonic() < until, f"{await standing(desk, batches)}, killed: {killer.killed}"
        await asyncio.sleep(0.5)
        if not await count(desk, "batch_item WHERE state = 'WAITING'") and not await due(desk):
            now = min(now + timedelta(minutes=31), NOON + timedelta(hours=13))
            await asyncio.to_thread(set_time, house, now)
    await killing
    return killer.killed


async def kill_all(killer: Killer) -> None:
    """Kill the driver at each of the moments, and the bank while it works the batches off."""
    for n, (rows, least) in enumerate(MOMENTS):
        while await count(killer.desk, rows) < least:  # noqa: ASYNC110 - what is waited for is in the database
            await asyncio.sleep(0.02)
        await asyncio.sleep(killer.rng.uniform(0, 0.1))
        await killer.kill("work")
        if n == 1:
            await killer.kill("unionpay")


async def due(desk: Desk) -> int:
    """Count the channel batches that can be gone on with now."""
    rows = "SELECT count(*) FROM channel_batch WHERE next_action_at <= $1"
    return int(await desk.pool.fetchval(rows, desk.clock.now()))


async def count(desk: Desk, rows: str) -> int:
    return int(await desk.pool.fetchval(f"SELECT count(*) FROM {rows}"))


async def standing(desk: Desk, batches: list[Batch]) -> str:
    """Say how far everything is, for a drill that does not end."""
    how = [dict((await progress(desk.pool, one.id)).counts) for one in batches]
    rows = await desk.pool.fetch("SELECT state, count(*) FROM channel_batch GROUP BY 1")
    return f"{how}; channel batches: {[tuple(row) for row in rows]}"


async def told(desk: Desk, batches: list[Batch]) -> dict[str, tuple[str, UUID]]:
    """Return what the result files say: state and payment by the merchant's number."""
    found = {}
    for batch in batches:
        text = b"".join([part async for part in results(desk.pool, batch.id)]).decode()
        for line in text.splitlines()[1:]:
            _, number, _, state, payment, *_ = line.split(",")
            found[number] = state, parse("pay", payment)
    return found


def movements(house: House) -> list[dict[str, Any]]:
    """Return the bank's own truth of every order: all of its book at once, which takes a while."""
    with urlopen(f"{house.control('unionpay')}/movements?after=0", timeout=PATIENCE_S) as answer:
        return list(json.load(answer))


@pytest.mark.timeout(2 * PATIENCE_S)
def test_a_batch_survives_kills_and_every_item_is_debited_at_most_once_and_ends_as_the_bank_says() -> None:
    with opened() as house:
        asyncio.run(play(house))


async def play(house: House) -> None:
    async with open_desk(Settings(home=house.home)) as desk:
        batches = await submit(desk)
        began = time.monotonic()
        killed = await drive(house, desk, batches)
        print(f"{ITEMS} items finished in {time.monotonic() - began:.1f} s")  # shown with -s
        assert await count(desk, "break") == 0
        said = await told(desk, batches)
        order_nos = {
            row["channel_order_no"]: row["order_no"]
            for row in await desk.pool.fetch("SELECT channel_order_no, order_no FROM intent")
        }
    check(movements(house), said, order_nos)
    assert killed["work"] == len(MOMENTS)
    assert killed["unionpay"] == 1


def check(book: list[dict[str, Any]], said: dict[str, tuple[str, UUID]], ours: dict[str, str]) -> None:
    """Compare the results with the bank's book, one item after the other."""
    assert len(said) == len(ours) == ITEMS // FILES * FILES
    debits = Counter(row["key"] for row in book if row["state"] == "SUCCESS")
    assert set(debits.values()) <= {1}, "no payer is debited twice"
    assert len(book) == len({row["order_no"] for row in book})
    at_bank = {ours[row["order_no"]]: row["state"] for row in book}
    assert {number: state for number, (state, _) in said.items()} == at_bank
    assert set(at_bank.values()) == {"SUCCESS", "FAILED"}
