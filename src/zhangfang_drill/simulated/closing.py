"""The end of a month in a simulation: two people close the books, nothing gets a date in them any more, and the package
for an inspector is checked as on a machine without the project.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from zhangfang.assembly.sandbox import staff
from zhangfang.closing import checklist, period
from zhangfang.closing.checklist import Found, in_the_way
from zhangfang.fees import separate_vat
from zhangfang.inspection import export, key_of, verify
from zhangfang.kernel.ids import new_id
from zhangfang.ledger import Result, adjustment
from zhangfang.payments import book
from zhangfang_drill.law.evidence import sealed
from zhangfang_drill.simulated.people import by_the_other, ring_the_bank
from zhangfang_drill.world.world import World

REASON = "open from the simulated faults, followed up in the next month"
VAT = "vat"
MORNINGS = 12  # after the last day, in which open orders end and breaks become old enough to be cured


@dataclass(frozen=True, slots=True)
class Closed:
    """What was closed, which items two people have excepted and with how many lines, and what did not hold."""

    through: date
    excepted: dict[str, int]
    files: int
    faults: Sequence[str]

    def __str__(self) -> str:
        """Say it in one line."""
        left = ", ".join(f"{name} {count}" for name, count in self.excepted.items()) or "nothing"
        return f"closed through {self.through}, excepted by two: {left}; a package of {self.files} files verifies"

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "through": str(self.through), "excepted": self.excepted, "files": self.files,
            "faults": list(self.faults),
        }  # fmt: skip


def last_to_close(first: date, days: int) -> date:
    """Return the last date of the last whole month that was played; if there is none, the last day."""
    last = first + timedelta(days=days - 1)
    month_end = (last + timedelta(days=1)).replace(day=1) - timedelta(days=1)
    return month_end if month_end > first else last


async def close(
    world: World, first: date, days: int, morning: Callable[[int], Awaitable[None]], package: Path
) -> Closed:
    """Play mornings without orders and faults until nothing keeps the books open, or there were enough; then close them.

    Raises `NotClosable` if a hard item is not met.
    """
    through = last_to_close(first, days)
    for n in range(days + 1, days + 1 + MORNINGS):
        if not await _in_the_way(world, through):
            break
        await ring_the_bank(world, Random(n), share=1)
        await morning(n)
        await sealed(world)
    excepted = await _closed(world, first, through)
    faults = [f"a posting of {day} was not refused" for day in (first, through) if await _takes(world, day)]
    packed = await export(world.pool, key_of(world.house.home), first, through, package, lambda *_: None)
    faults += [*await _verified(package), *await asyncio.to_thread(_unnoticed, package)]
    return Closed(through, excepted, packed.files, faults)


async def _in_the_way(world: World, through: date) -> list[Found]:
    """Return what keeps the books open; VAT is left out, which is separated when all else is done."""
    found = await checklist.check(world.pool, through, world.clock.now())
    return [one for one in in_the_way(found) if one.item.name != VAT]


async def _closed(world: World, first: date, through: date) -> dict[str, int]:
    """Let two people close the books, but for the soft items that are not met; return these with their counts."""
    pool, ledger, clock = world.pool, world.desk.ledger, world.clock
    for month in _months(first, through):
        await separate_vat(pool, ledger, clock, book, month)
    excepted = {one.item.name: one.count for one in await _in_the_way(world, through) if not one.item.hard}
    one, other = world.people
    reason = REASON if excepted else ""
    proposal = await period.propose_closing(pool, clock, through, one, tuple(excepted), reason)
    seen = await staff.seen(pool, proposal)
    await by_the_other(partial(period.approve_closing, pool, ledger, clock, proposal, seen), one, other)
    return excepted


def _months(first: date, through: date) -> Iterator[date]:
    month = first.replace(day=1)
    while (after := (month + timedelta(days=31)).replace(day=1)) <= through + timedelta(days=1):
        yield month
        month = after


async def _takes(world: World, day: date) -> bool:
    """Whether the ledger, asked by any program, takes a posting with a closed date."""
    name = world.banks.names[0]
    made = adjustment(
        new_id(world.clock), debit=(3012, name), credit=(2351, name), amount=1, business_date=day,
        memo=new_id(world.clock),
    )  # fmt: skip
    (answer,) = await world.desk.ledger.create_transfers(made)
    return answer.result is not Result.PERIOD_CLOSED


async def _verified(package: Path) -> list[str]:
    """Run the package's own verifier, with nothing of the project in reach."""
    words = (sys.executable, "-I", "verify.py")
    program = await asyncio.create_subprocess_exec(
        *words, cwd=package, env={}, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await program.communicate()
    return [] if program.returncode == 0 else [f"the package does not verify: {said.decode()[-200:]}"]


def _unnoticed(package: Path) -> list[str]:
    """Change the middle byte of each file in turn, or give it one; return the files in which nobody noticed."""
    quiet = [path.name for path in sorted(package.iterdir()) if _passes(path)]
    return [f"a changed byte of {name} was not found" for name in quiet]


def _passes(path: Path) -> bool:
    whole = path.read_bytes()
    at = len(whole) // 2
    changed = bytes([whole[at] ^ 1]) if whole else b"x"
    path.write_bytes(whole[:at] + changed + whole[at + 1 :])
    try:
        return not any(path.name in said for said in verify.check(str(path.parent)))
    finally:
        path.write_bytes(whole)
