"""All SQL of the instruction journal. Writes of concurrent requests are gathered into one statement."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

import asyncpg

from zhangfang.channels.port import Operation
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.database import Gatherer
from zhangfang.kernel.ids import new_id
from zhangfang.kernel.sql import load
from zhangfang.payments.model import Intent, State, StepKind

queries = load(__package__, "store.sql")

Connection = Any  # asyncpg's pool or one of its connections: both have fetch, fetchrow and execute


@dataclass(frozen=True, slots=True)
class Step:
    """One stored piece of evidence. `state` is the intent's state after it, if it moves the intent."""

    id: UUID
    intent: UUID
    at: datetime
    kind: StepKind
    verdict: str = ""
    state: str = ""
    code: str = ""
    message: str = ""
    raw: str = ""

    def row(self) -> tuple[Any, ...]:
        """Return the columns in the table's order."""
        return (
            self.id, self.intent, self.at, self.kind, self.verdict, self.state, self.code, self.message, self.raw,
        )  # fmt: skip


def new_step(clock: Clock, intent: UUID, kind: StepKind, **rest: Any) -> Step:
    """Return a step with a new id and the present time."""
    return Step(id=new_id(clock), intent=intent, at=clock.now(), kind=kind, **rest)


@dataclass(frozen=True, slots=True)
class Told:
    """What the merchant is to be told if the intent moves: the event's name and its JSON."""

    id: UUID
    event: str
    payload: str


@dataclass(frozen=True, slots=True)
class Change:
    """Evidence about one attempt of an intent, and what it changes.

    `prior` is the state in which the intent was read; None leaves a column as it is. An intent that has begun another
    `attempt` does not move. With `fence` it stores an attempt to send: only the holder of the lease may, and the lease
    starts again. `release` ends the lease.
    """

    intent: UUID
    attempt: int
    prior: State
    state: State
    at: datetime
    steps: Sequence[Step]
    decisive: bool = False
    settle_date: date | None = None
    channel_ref: str = ""
    code: str = ""
    message: str = ""
    next_action_at: datetime | None = None
    queried: int = 0
    not_found: int = 0
    seq: int | None = None
    release: bool = True
    fence: int | None = None
    requested_at: datetime | None = None
    told: Told | None = None

    def row(self) -> tuple[Any, ...]:
        """Return the columns of the `said` table of the statement."""
        return (
            self.intent, self.prior, self.state, self.decisive, self.settle_date, self.channel_ref, self.code,
            self.message, self.next_action_at, self.queried, self.not_found, self.seq, self.at, self.release,
            self.fence, self.requested_at, self.attempt,
        )  # fmt: skip


@dataclass(slots=True)
class Journal:
    """Reads and writes the journal's tables. Concurrent writes share a statement."""

    pool: asyncpg.Pool
    _insert: Gatherer[tuple[Intent, Sequence[Step]], bool] = field(init=False)
    _write: Gatherer[Change | Step, bool] = field(init=False)
    _lookup: Gatherer[str, Intent | None] = field(init=False)

    def __post_init__(self) -> None:
        """Make one gatherer for each statement."""
        self._insert = Gatherer(lambda rows: insert(self.pool, rows))
        self._write = Gatherer(self._changes_and_notes)
        self._lookup = Gatherer(self._by_channel_orders)

    async def insert(self, intent: Intent, steps: Sequence[Step]) -> bool:
        """Store a new intent with its first steps; False if its key or its order number exists already."""
        return await self._insert.add((intent, steps))

    async def apply(self, change: Change) -> bool:
        """Apply evidence. False if the intent has moved since: the evidence is stored, the state stays as it is."""
        return await self._write.add(change)

    async def note(self, step: Step) -> None:
        """Store a step that changes no state."""
        assert not step.state, "what moves an intent is applied"
        await self._write.add(step)

    async def by_channel_order(self, order_no: str) -> Intent | None:
        """Return the intent that the channel knows under `order_no`."""
        return await self._lookup.add(order_no)

    async def by_id(self, id_: UUID) -> Intent | None:
        """Return the intent."""
        row = await self.pool.fetchrow(queries.by_ids, [id_])
        return Intent.of(row) if row else None

    async def reload(self, id_: UUID) -> Intent:
        """Return an intent that was stored before, as it stands now."""
        intent = await self.by_id(id_)
        assert intent is not None, "an intent is never deleted"
        return intent

    async def of_merchant(self, merchant: str, id_: UUID) -> Intent | None:
        """Return the merchant's intent; None also if it is another merchant's."""
        row = await self.pool.fetchrow(queries.of_merchant, merchant, id_)
        return Intent.of(row) if row else None

    async def list_of_merchant(
        self, merchant: str, kinds: Sequence[Operation], before: UUID, limit: int
    ) -> list[Intent]:
        """Return up to `limit` of the merchant's intents older than `before`, newest first."""
        rows = await self.pool.fetch(queries.list_of_merchant, merchant, kinds, before, limit)
        return [Intent.of(row) for row in rows]

    async def steps(self, intent: UUID) -> list[Step]:
        """Return all evidence of an intent, oldest first."""
        rows = await self.pool.fetch(queries.steps, intent)
        return [Step(**dict(row) | {"kind": StepKind(row["kind"])}) for row in rows]

    async def _by_channel_orders(self, order_nos: Sequence[str]) -> list[Intent | None]:
        rows = await self.pool.fetch(queries.by_channel_orders, list(set(order_nos)))
        found = {row["channel_order_no"]: Intent.of(row) for row in rows}
        return [found.get(order_no) for order_no in order_nos]

    async def _changes_and_notes(self, rows: Sequence[Change | Step]) -> list[bool]:
        changes = [row for row in rows if isinstance(row, Change)]
        moved = iter(await write(self.pool, changes, [row for row in rows if isinstance(row, Step)]))
        return [next(moved) if isinstance(row, Change) else True for row in rows]


async def note(connection: Connection, steps: Sequence[Step]) -> None:
    """Store steps, as evidence of what is already so or is stored in the same transaction."""
    await connection.execute(queries.add_steps, *_columns([step.row() for step in steps], 9))


async def insert(connection: Connection, rows: Sequence[tuple[Intent, Sequence[Step]]]) -> list[bool]:
    """Store intents with their first steps in one statement; True for each that was new."""
    # In one order: two processes that store the same requests must not wait for each other.
    intents = sorted((_intent_row(intent) for intent, _ in rows), key=lambda row: row[1:5])
    steps = [(s.id, s.intent, s.at, s.kind, s.state, s.message) for _, several in rows for s in several]
    made = await connection.fetch(queries.insert_intents, *_columns(intents, 38), *_columns(steps, 6))
    new = {row["id"] for row in made}
    return [intent.id in new for intent, _ in rows]


async def write(connection: Connection, changes: Sequence[Change], notes: Sequence[Step] = ()) -> list[bool]:
    """Apply several changes, and store notes beside them, in one statement; True for each change that moved its intent.

    Of several changes of one intent only the first decisive one may move it (PostgreSQL would choose one at random); of
    the others only the evidence is stored, and not that the ledger found again what it had booked.
    """
    first: dict[UUID, Change] = {}
    for change in changes:
        if change.intent not in first or (change.decisive and not first[change.intent].decisive):
            first[change.intent] = change
    movers = list(first.values())
    steps = [
        step.row() if first[change.intent] is change else (*step.row()[:5], "", *step.row()[6:])
        for change in changes
        for step in change.steps
        if first[change.intent] is change or step.kind is not StepKind.LEDGER
    ] + [step.row() for step in notes]
    told = [(c.told.id, c.intent, c.told.event, c.told.payload, c.at) for c in movers if c.told]
    rows = await connection.fetch(
        queries.apply, *_columns([c.row() for c in movers], 17), *_columns(steps, 9), *_columns(told, 5)
    )
    moved = {row["id"] for row in rows}
    return [first[change.intent] is change and change.intent in moved for change in changes]


def _columns(rows: Sequence[tuple[Any, ...]], width: int) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]


def _intent_row(i: Intent) -> tuple[Any, ...]:
    return (
        i.id, i.kind, i.merchant, i.order_no, i.idempotency_key, i.request_digest, i.amount, i.fee,
        i.description, i.original, i.account_token, i.account_tail, i.return_url, i.channel, i.channel_order_no,
        i.requested_at, i.business_date, i.template, i.voucher, i.undo_voucher, i.state, i.next_action_at, i.created_at,
        i.product, i.instalments, i.fee_by, i.account_type, i.mandate, i.agreement, i.batch, i.table_version,
        i.parked_since, i.fee_rule, i.fee_taken, i.shares, i.refund_from, i.shared, i.surcharge,
    )  # fmt: skip
