"""Takes a bank's statement that a person brings, for an account that no connector reads.

Lines that were read before change nothing. What is new must follow on the last known closing balance, so that no statement
is left out, and none is taken twice under other numbers.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from zhangfang.approvals import Person, recorded
from zhangfang.bills import Statement, digest_of, live_map, read_statements
from zhangfang.channels.port import BankChannel
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.money import fen_to_yuan
from zhangfang.kernel.sql import load
from zhangfang.payments import Desk
from zhangfang.reconciliation.bank.model import Account
from zhangfang.reconciliation.bank.reading import add_lines, book_lines
from zhangfang.reconciliation.own_bank import OWN, book_own, opened

queries = load(__package__, "taking.sql")


@dataclass(frozen=True, slots=True)
class _ByFile:
    """A bank whose statements people bring: nothing is asked of it."""

    name: str


async def bring_statements(
    desk: Desk, alias: str, found: Sequence[Statement], name: str, digest: str, by: Person
) -> str:
    """Store the new lines of an account's statements and book them; say what was done. Raises `InvalidInput`."""
    if not await desk.pool.fetchval(queries.is_ours, alias):
        raise InvalidInput("account", f"{len(alias)} characters", "an account of ours, by its bank's name")
    if await desk.pool.fetchval(queries.read_by_bank, alias):
        raise InvalidInput(
            "account", "one whose statement the platform reads by itself", "one that no connector reads"
        )
    async with recorded(desk.pool, desk.clock, by, "take statement", alias, name):
        async with desk.pool.acquire() as connection, connection.transaction():
            await connection.execute(queries.lock_account, alias)
            new = [await _take(desk, connection, alias, one, name, digest, by) for one in found]
        waiting = await book_by_file(desk, alias)
    return f"{sum(new)} new lines in {len(found)} statements; {waiting} wait for a channel's file"


async def read_and_bring_statements(
    desk: Desk, source: Path, alias: str, format_: str, name: str, by: Person
) -> str:
    """Read statements (`camt053`, `mt940`, `map:` and a live map's name), and bring them. Raises `BillRefused` too."""
    form, _, map_ = format_.partition(":")
    one = await live_map(desk.pool, map_) if form == "map" else None
    found = await asyncio.to_thread(read_statements, source, form, one)
    return await bring_statements(desk, alias, found, name, digest_of(source), by)


async def book_by_file(desk: Desk, alias: str) -> int:
    """Book what is stored of such an account, and not booked yet; return the number of lines that wait."""
    if alias == OWN:
        return await book_own(desk)
    bank = cast(BankChannel, _ByFile(alias))
    return await book_lines(desk, Account(alias, bank, tuple(desk.acquirers.values())))


async def _take(
    desk: Desk, connection: Any, alias: str, one: Statement, name: str, digest: str, by: Person
) -> int:
    rows = await connection.fetch(queries.known_lines, alias, [line.sequence for line in one.lines])
    old = known(one, {row["sequence"]: row for row in rows})
    new = one.lines[old:]
    if not new:
        return 0
    last = await connection.fetchrow(queries.last_statement, alias)
    before = one.lines[old - 1].balance if old else one.opening
    if last is not None and before != last["closing"]:
        shape = f"a statement that begins with {fen_to_yuan(before)}"
        raise InvalidInput(
            "statement", shape, f"one that follows on {fen_to_yuan(last['closing'])}, the last known balance"
        )
    added = opened(new, one.opening) if alias == OWN and last is None else new
    await add_lines(connection, desk.clock, alias, added)
    await connection.execute(
        queries.add_statement, alias, last["n"] + 1 if last else 1, one.number, one.opening, one.closing, len(new), name,
        digest, by.id, desk.clock.now(),
    )  # fmt: skip
    return len(new)


def known(one: Statement, held: Mapping[str, Any]) -> int:
    """Return how many of a statement's first lines were read before; `held` has those that were, by their numbers.

    Raises `InvalidInput` for one that is different now, or that stands behind a new one.
    """
    old = 0
    for at, line in enumerate(one.lines):
        row = held.get(line.sequence)
        if row is None:
            continue
        if (row["amount"], row["credit"]) != (line.amount, line.credit):
            shape = f"line {line.sequence} with {_signed(line.amount, line.credit)}"
            raise InvalidInput(
                "statement", shape, f"{_signed(row['amount'], row['credit'])}, as it was read before"
            )
        if at != old:
            raise InvalidInput(
                "statement", f"line {line.sequence}, read before, behind a new one", "new lines at the end"
            )
        old += 1
    return old


def _signed(fen: int, credit: bool) -> str:
    return f"{'' if credit else '-'}{fen_to_yuan(fen)}"
