"""The register (登记簿) that people keep: an entry is opened by two and closed by two, with an outcome and its evidence.

`register_kinds.csv` says for each kind what it needs, how it can end, and which voucher moves money on which outcome.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from importlib.resources import files
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from zhangfang import approvals
from zhangfang.adjustments import allowed, evidence, posting, reserve
from zhangfang.adjustments.model import POSTED, Line, Making
from zhangfang.approvals import Person, Proposal
from zhangfang.channels.port import PAY_INS
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.errors import InvalidInput, ZhangfangError
from zhangfang.kernel.ids import new_id, parse, prefixed
from zhangfang.kernel.money import check_amount
from zhangfang.kernel.sql import load
from zhangfang.ledger import LedgerClient
from zhangfang.merchants import get_merchant

queries = load(__package__, "register.sql")

ENTRY: Final = "reg"  # prefix of their ids
REGISTER: Final = "register"  # the kind of these proposals
TOP_UP: Final = "top_up"  # closed by the line of the reserve's statement that brings it
SOON: Final = timedelta(days=3)  # so long before its day an open entry is an alarm
_LISTED: Final = 500


class NoEntry(ZhangfangError):
    """There is no such entry, or it is closed; the text says which."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What an entry of a kind needs, its outcomes, and the voucher (or "") that the outcome `moves_on` books."""

    kind: str
    needs: tuple[str, ...]
    outcomes: tuple[str, ...]
    template: str
    moves_on: str


def _read() -> dict[str, Kind]:
    text = files("zhangfang.adjustments").joinpath("register_kinds.csv").read_text("utf-8")
    rows = csv.DictReader(text.splitlines())
    return {
        row["kind"]: Kind(
            row["kind"],
            tuple(row["needs"].split()),
            tuple(row["outcomes"].split()),
            row["template"],
            row["moves_on"],
        )
        for row in rows
    }


REGISTERED: Final[Mapping[str, Kind]] = _read()


class Written(msgspec.Struct, frozen=True):
    """What one person proposes: a new entry, or (with `outcome`) the end of one. Amounts in fen.

    `voucher` is what the end books, line by line.
    """

    entry: str
    reference: str
    merchant: str = ""
    payment: str = ""
    amount: int | None = None
    due_on: date | None = None
    note: str = ""
    files: tuple[str, ...] = ()
    outcome: str = ""
    voucher: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry as two people opened it, and how two closed it."""

    id: UUID
    kind: str
    reference: str
    merchant: str | None
    payment: UUID | None
    amount: int | None
    due_on: date | None
    note: str
    files: list[str]
    opened_by: str
    opened_at: datetime
    outcome: str | None
    closed_by: str | None
    closed_at: datetime | None
    line: str | None
    own_line: str | None

    @property
    def shown_id(self) -> str:
        """Return the id as people see it."""
        return prefixed(ENTRY, self.id)

    def alarms(self, today: date) -> bool:
        """Whether it has to be closed in the next days, or is late."""
        return self.closed_at is None and self.due_on is not None and self.due_on - today <= SOON


async def propose_entry(pool: asyncpg.Pool, clock: Clock, said: Written, by: Person) -> UUID:
    """Propose a new entry; return the proposal's id, which is the entry's too. Raises `InvalidInput`."""
    said = msgspec.structs.replace(
        said,
        reference=approvals.text("reference", said.reference, 1, 64),
        note=approvals.text("note", said.note, 3, 500),
        outcome="",
        voucher=(),
    )
    said = await _checked(pool, said)
    id_ = new_id(clock)
    async with pool.acquire() as connection, connection.transaction():
        target, why = prefixed(ENTRY, id_), f"{said.entry} {said.reference}"
        await approvals.propose(connection, clock, id_, REGISTER, target, said, by, why)
    return id_


async def _checked(pool: asyncpg.Pool, said: Written) -> Written:
    """Return an entry that has what its kind needs; the merchant is the payment's."""
    if (kind := REGISTERED.get(said.entry)) is None:
        raise InvalidInput("kind", f"{len(said.entry)} characters", ", ".join(REGISTERED))
    for name in kind.needs:
        if not getattr(said, name):
            raise InvalidInput(name, "nothing", f"what {said.entry} needs: {', '.join(kind.needs)}")
    if said.amount is not None:
        check_amount(said.amount)
    if said.payment:
        row = await _payment(pool, said.payment)
        if said.amount is not None and said.amount > row["amount"]:
            raise InvalidInput("amount", "more than the payment", f"up to {row['amount']} fen")
        said = msgspec.structs.replace(said, merchant=row["merchant"])
    elif said.merchant:
        await get_merchant(pool, said.merchant)
    if await pool.fetchval(queries.taken, said.entry, said.reference):
        raise InvalidInput(
            "reference", "one that is registered already", "a new one, or the entry that has it"
        )
    if said.entry == TOP_UP and (said.amount or 0) > (most := await reserve.owed(pool)):
        raise InvalidInput("amount", "more than own funds owe the reserve", f"up to {most} fen")
    await evidence.check(pool, said.files)
    return said


async def _payment(pool: asyncpg.Pool, text: str) -> Any:
    row = await pool.fetchrow(queries.payment, parse("pay", text, "payment"))
    if row is None or row["kind"] not in {one.value for one in PAY_INS}:
        raise InvalidInput("payment", "an id that is no payment's", "pay_…, as the payment's page shows it")
    return row


async def propose_outcome(
    pool: asyncpg.Pool,
    clock: Clock,
    id_: UUID,
    outcome: str,
    note: str,
    by: Person,
    files: tuple[str, ...] = (),
) -> UUID:
    """Propose how an entry ended, with the voucher that this books; return the proposal's id.

    Raises `InvalidInput`, `NoEntry`.
    """
    entry, note = await _open(pool, id_), approvals.text("note", note, 3, 500)
    if outcome not in (ends := REGISTERED[entry.kind].outcomes):
        raise InvalidInput("outcome", f"{len(outcome)} characters", ", ".join(ends))
    await evidence.check(pool, files)
    making = await making_of(pool, entry, outcome)
    said = Written(
        entry.kind, entry.reference, entry.merchant or "", amount=entry.amount, note=note, files=files,
        outcome=outcome, voucher=allowed.preview(making) if making else (),
    )  # fmt: skip
    proposal = new_id(clock)
    async with pool.acquire() as connection, connection.transaction():
        await approvals.propose(connection, clock, proposal, REGISTER, entry.shown_id, said, by, note[:200])
    return proposal


async def making_of(pool: asyncpg.Pool | asyncpg.Connection, entry: Entry, outcome: str) -> Making | None:
    """Return the voucher that an outcome books; None if it moves no money."""
    kind = REGISTERED[entry.kind]
    if not kind.template or outcome != kind.moves_on:
        return None
    row = await pool.fetchrow(queries.payment, entry.payment)
    named = {"merchant": row["merchant"], "channel": row["channel"]}
    whose = allowed.ALLOWED[kind.template].whose
    return Making(kind.template, entry.amount or 0, {name: named[name] for name in whose})


async def preview_of(pool: asyncpg.Pool, entry: Entry, outcome: str) -> tuple[Line, ...]:
    """Return the voucher that an outcome books, line by line; none if it moves no money."""
    making = await making_of(pool, entry, outcome)
    return allowed.preview(making) if making else ()


async def approve_entry(
    pool: asyncpg.Pool, ledger: LedgerClient, clock: Clock, id_: UUID, seen: str, by: Person
) -> str:
    """Approve an entry or its end by the proposal's hash; return what happened. A refused voucher leaves it open.

    After a crash the same call continues. Raises what `approvals.approve` raises, `NoEntry`, `NotAnswered`.
    """

    async def begin(connection: asyncpg.Connection, found: Proposal) -> None:
        said, both = found.holds(Written), f"{found.proposed_by} and {by.id}"
        if said.outcome:
            await _begin_end(connection, clock, found, said, both)
        else:
            await _add(connection, clock, id_, said, both)

    found = await approvals.approve(pool, clock, id_, REGISTER, seen, by, begin)
    if found.result is not None:
        return found.result
    said = found.holds(Written)
    result = await _end(pool, ledger, clock, found, said.outcome) if said.outcome else "registered"
    return await approvals.finish(pool, clock, found, result)


async def _add(connection: asyncpg.Connection, clock: Clock, id_: UUID, said: Written, both: str) -> None:
    if await connection.fetchval(queries.taken, said.entry, said.reference):
        raise NoEntry("its reference was registered meanwhile; allowed: withdraw this proposal")
    payment = parse("pay", said.payment) if said.payment else None
    await connection.execute(
        queries.add, id_, said.entry, said.reference, said.merchant or None, payment, said.amount, said.due_on,
        said.note, list(said.files), both, clock.now(),
    )  # fmt: skip


async def _begin_end(
    connection: asyncpg.Connection, clock: Clock, found: Proposal, said: Written, both: str
) -> None:
    row = await connection.fetchrow(queries.lock, parse(ENTRY, found.target))
    entry = Entry(**row)
    if entry.closed_at is not None or entry.line is not None:
        raise NoEntry("it is closed already; allowed: withdraw this proposal")
    making = await making_of(connection, entry, said.outcome)
    if (allowed.preview(making) if making else ()) != said.voucher:
        raise NoEntry("the templates have changed since; allowed: withdraw this proposal, propose it again")
    if making:
        await posting.add(connection, clock, "register", making, both, proposal=found.id, of=entry.id)


async def _end(pool: asyncpg.Pool, ledger: LedgerClient, clock: Clock, found: Proposal, outcome: str) -> str:
    result = outcome
    for row in await pool.fetch(posting.queries.of_proposals, [found.id]):
        made = await posting.carry(pool, ledger, clock, row["id"])
        result = outcome if made.result == POSTED else f"refused: {made.result}"
    if result == outcome:
        await pool.execute(queries.close, parse(ENTRY, found.target), outcome, found.both, clock.now())
    return result


async def entry_of(pool: asyncpg.Pool, id_: UUID) -> Entry:
    """Return an entry. Raises `NoEntry`."""
    row = await pool.fetchrow(queries.get, id_)
    if row is None:
        raise NoEntry("id: there is no such entry, or nobody has approved it yet")
    return Entry(**row)


async def entries(pool: asyncpg.Pool, *, every: bool = False, kind: str | None = None) -> list[Entry]:
    """Return the open entries, those that are due first; with `every`, the closed ones too."""
    return [Entry(**row) for row in await pool.fetch(queries.listed, every, kind, _LISTED)]


async def _open(pool: asyncpg.Pool, id_: UUID) -> Entry:
    entry = await entry_of(pool, id_)
    if entry.closed_at is not None:
        raise NoEntry(f"{entry.shown_id} is closed: {entry.outcome}; allowed: one that is open")
    return entry
