"""A ledger's history with every kind of entry, made by the real writer, and a bookkeeper that makes a changed one agree.

`rebook` writes every stored balance, the checkpoint, the head and the pages anew from the entries as they stand. So a
test can change history and leave nothing that contradicts it but the rule it broke.
"""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from tests.clock import SetClock
from tests.ledger import running
from tests.model.ledger_histories import DAY, START, accounts, an_id
from zhangfang.ledger import LedgerClient
from zhangfang.ledger.model import NO_ID, AccountFlag, Book, Result, Transfer, TransferFlag

T = TransferFlag
LINKED, PENDING, POST, VOID, CHAIN, SET_FLAGS, CLOSE_PERIOD = 1, 2, 4, 8, 16, 64, 128
SHARD = 0
CHANNEL, ONE, TWO, ASSET, OWN, INCOME = (account.id for account in accounts(SHARD))
BEFORE = DAY - timedelta(days=1)
EXPECTED = {Result.CREATED, Result.EXCEEDS_CREDITS, Result.ACCOUNT_FROZEN}
FIGURES = ("debits", "credits", "debits_pending", "credits_pending")
LINES = 4  # on a page, so that there are many
ROW = (
    "shard, id, seq, debit, credit, amount, book, kind, flags, pending_id, timeout, voucher, business_date, posted_at, "
    "debit_balance, credit_balance, digest"
)


TABLES = (
    "transfer", "refusal", "account", "account_page", "ledger_hold", "ledger_checkpoint", "ledger_month", "head",
)  # fmt: skip


async def copied(url: str, template: str, name: str) -> str:
    """Copy a database of the server at `url`; return the URL of the copy."""
    async with connected(url) as connection:
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    return url.replace("/zhangfang?", f"/{name}?")


async def save(connection: asyncpg.Connection) -> None:
    """Keep the tables as they stand."""
    await connection.execute("DROP SCHEMA IF EXISTS saved CASCADE; CREATE SCHEMA saved")
    for table in TABLES:
        await connection.execute(f"CREATE TABLE saved.{table} AS TABLE {table}")


async def restore(connection: asyncpg.Connection) -> None:
    """Make the tables again what they were when they were saved."""
    async with connection.transaction():
        await connection.execute(f"TRUNCATE {', '.join(TABLES)}")
        for table in TABLES:
            await connection.execute(f"INSERT INTO {table} SELECT * FROM saved.{table}")


async def drop(url: str, name: str) -> None:
    """Drop a database of the server at `url`."""
    async with connected(url) as connection:
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    """Connect to a database, and close the connection."""
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


@dataclass
class World:
    """The database of a history, and its transfers by the names that the tests call them."""

    connection: asyncpg.Connection
    ids: dict[str, UUID] = field(default_factory=dict)

    async def seq(self, name: str) -> int:
        """Return the sequence number of a transfer."""
        return await self.connection.fetchval("SELECT seq FROM transfer WHERE id = $1", self.ids[name])  # type: ignore[no-any-return]

    async def set(self, name: str, what: str) -> None:
        """Change the row of a transfer."""
        await self.connection.execute(f"UPDATE transfer SET {what} WHERE id = $1", self.ids[name])

    async def append(self, name: str, **values: Any) -> None:
        """Add an entry after the last one, as the writer would; `rebook` puts in its balances."""
        last = await self.connection.fetchrow("SELECT * FROM transfer ORDER BY seq DESC LIMIT 1")
        made = {"id": self.new(name), "voucher": an_id(1), "digest": NO_ID, "seq": last["seq"] + 1}
        fresh = {"flags": 0, "pending_id": None, "timeout": 0, "kind": 0, "amount": 1, "book": 1}
        row = dict(last) | fresh | {"debit": CHANNEL, "credit": ONE, "business_date": DAY} | made | values
        names = ROW.split(", ")
        await self.connection.execute(
            f"INSERT INTO transfer ({ROW}) VALUES ({', '.join(f'${n}' for n in range(1, len(names) + 1))})",
            *(row[column] for column in names),
        )

    def new(self, name: str) -> UUID:
        """Return the id of a new transfer."""
        return self.ids.setdefault(name, an_id(100 + len(self.ids)))


async def play(connection: asyncpg.Connection, url: str, folder: Path) -> World:
    """Play the history: every kind of entry, and three kinds of refusals."""
    world = World(connection)
    clock = SetClock()
    clock.set(START)
    ledger = running(url, folder / "l.sock", clock, SHARD)
    async with LedgerClient(folder / "l.sock") as client:
        await client.create_accounts(accounts(SHARD))
        for step in _requests(world):
            if isinstance(step, int):
                clock.advance(seconds=step)
            elif isinstance(step, _Close):
                id_ = world.new(step.name)
                answer = await client.close_period(step.through, id_=id_, voucher=id_, reopen=step.reopen)
                assert answer.result is Result.CREATED, step
            else:
                answers = await client.create_transfers(list(step))
                assert {answer.result for answer in answers} <= EXPECTED, (step, answers)
        await ledger.stop(clean=True)
    for name in ("short", "old hold"):
        entry = "SELECT id FROM transfer WHERE pending_id = $1"
        world.ids[f"expiry of {name}"] = await connection.fetchval(entry, world.ids[name])
    return world


class _Close(NamedTuple):
    """A request to close the dates up to one, or to open them again."""

    name: str
    through: date
    reopen: bool = False


def _requests(world: World) -> Iterator[tuple[Transfer, ...] | int | _Close]:
    """Give the requests in order, and the seconds that pass between them."""

    def one(name: str, debit: UUID, credit: UUID, amount: int, flags: T = T.NONE, **more: Any) -> Transfer:
        id_ = world.new(name)
        book = Book.OWN if {debit, credit} & {OWN, INCOME} else Book.CUSTOMERS
        values: dict[str, Any] = {"kind": 11, "voucher": an_id(1), "business_date": DAY} | more
        return Transfer(id=id_, debit=debit, credit=credit, amount=amount, book=book, flags=flags, **values)

    def resolve(name: str, pending: str, flags: T, amount: int = 0) -> Transfer:
        return one(name, NO_ID, NO_ID, amount, flags, pending_id=world.ids[pending])

    def status(name: str, account: UUID, flags: AccountFlag) -> Transfer:
        return one(name, account, account, 0, T.SET_FLAGS, kind=int(flags))

    yield one("fund", CHANNEL, ONE, 100), one("fund two", CHANNEL, TWO, 50)
    yield one("plain", ONE, TWO, 30), one("own", OWN, INCOME, 40), one("asset", TWO, ASSET, 20)
    yield (one("too much", ONE, TWO, 999),)
    yield 1
    yield one("hold", ONE, CHANNEL, 20, T.PENDING), one("short", ONE, CHANNEL, 10, T.PENDING, timeout=3)
    yield one("spare", TWO, CHANNEL, 7, T.PENDING, timeout=60), one("cancelled", TWO, ONE, 5, T.PENDING)
    yield (resolve("posted", "hold", T.POST, 15), resolve("given back", "cancelled", T.VOID))
    yield 5  # "short" expires before what follows
    yield one("linked", CHANNEL, ONE, 4, T.LINKED), one("its end", ONE, TWO, 4)
    yield (
        one("first of chain", ONE, CHANNEL, 1, T.PENDING | T.LINKED),
        one("second", TWO, CHANNEL, 2, T.PENDING),
    )
    yield (resolve("whole chain", "first of chain", T.POST | T.CHAIN),)
    yield (one("kept", ONE, CHANNEL, 6, T.PENDING),)
    yield (status("freeze", ONE, AccountFlag.FROZEN), one("to frozen", CHANNEL, ONE, 8))
    yield (one("from frozen", ONE, TWO, 1),)
    yield (resolve("void of frozen", "kept", T.VOID),)
    yield (status("thaw", ONE, AccountFlag.NONE), one("thawed", ONE, TWO, 9))
    yield one("income", OWN, INCOME, 1), one("cost", INCOME, OWN, 3)
    yield (one("open", TWO, CHANNEL, 3, T.PENDING, timeout=3600),)
    yield (status("close account", ASSET, AccountFlag.CLOSED),)
    yield (one("old hold", TWO, CHANNEL, 1, T.PENDING, timeout=2, business_date=BEFORE),)
    yield _Close("close", BEFORE)
    yield 3  # "old hold" expires on the first open date
    yield (one("after close", CHANNEL, ONE, 3),)
    yield _Close("reopen", BEFORE - timedelta(days=3), reopen=True)
    yield (one("back-dated", CHANNEL, ONE, 2, business_date=BEFORE),)
    yield one("last but one", CHANNEL, TWO, 2), one("last", CHANNEL, ONE, 1)


# --- the bookkeeper ------------------------------------------------------------------------------------------------


async def rebook(connection: asyncpg.Connection, shard: int = SHARD, tail: int = 3) -> None:
    """Make everything that is derived from the entries agree with them; the last `tail` entries are on no page."""
    async with connection.transaction():
        await _rebook(connection, shard, tail)


async def _rebook(connection: asyncpg.Connection, shard: int, tail: int) -> None:
    rows = await connection.fetch("SELECT * FROM transfer WHERE shard = $1 ORDER BY seq", shard)
    ids = [row["id"] for row in await connection.fetch("SELECT id FROM account WHERE shard = $1", shard)]
    books = _Bookkeeper({id_: dict.fromkeys(FIGURES, 0) for id_ in ids})
    paged = rows[-1 - tail]["seq"] if len(rows) > tail else 0
    await connection.execute("DELETE FROM account_page WHERE shard = $1", shard)
    if not paged:
        await _checkpoint(connection, shard, 0, books)
    for row in rows:
        books.enter(row)
        await connection.execute(
            "UPDATE transfer SET debit_balance = $3, credit_balance = $4 WHERE shard = $1 AND id = $2",
            shard, row["id"], books.balance(row["debit"]), books.balance(row["credit"]),
        )  # fmt: skip
        if row["seq"] == paged:
            await _checkpoint(connection, shard, paged, books)
    await connection.execute(
        "UPDATE head SET seq = $2, at = greatest(at, $3), closed_through = $4 WHERE shard = $1",
        shard, len(rows), rows[-1]["posted_at"], books.closed,
    )  # fmt: skip


class _Bookkeeper:
    """The figures, holds and pages after the entries so far: one after the other, slow and obvious."""

    def __init__(self, figures: dict[UUID, dict[str, int]]) -> None:
        self.figures = figures
        self.status = dict.fromkeys(figures, 0)
        self.held: dict[UUID, Mapping[str, Any]] = {}
        self.closed: date | None = None
        self.pages: dict[UUID, list[list[tuple[Mapping[str, Any], dict[str, int]]]]] = {}

    def enter(self, row: Mapping[str, Any]) -> None:
        flags, amount = row["flags"], row["amount"]
        if flags & CLOSE_PERIOD:
            self.closed = row["business_date"]
            return
        debit, credit = self.figures[row["debit"]], self.figures[row["credit"]]
        hold = self.held.pop(row["pending_id"], None) if row["pending_id"] else None
        if flags & PENDING:
            self.held[row["id"]] = row
        waiting = amount if flags & PENDING else -hold["amount"] if hold else 0
        debit["debits_pending"] += waiting
        credit["credits_pending"] += waiting
        if not flags & (PENDING | VOID | SET_FLAGS):
            debit["debits"] += amount
            credit["credits"] += amount
        if flags & SET_FLAGS:
            self.status[row["debit"]] = row["kind"]
        for account in {row["debit"], row["credit"]}:
            self._line(account, row)

    def balance(self, account: UUID) -> int:
        one = self.figures.get(account, {"debits": 0, "credits": 0})
        return one["debits"] - one["credits"]

    def _line(self, account: UUID, row: Mapping[str, Any]) -> None:
        pages = self.pages.setdefault(account, [])
        if not pages or len(pages[-1]) == LINES or pages[-1][-1][0]["business_date"] != row["business_date"]:
            pages.append([])
        pages[-1].append((row, dict(self.figures[account])))


async def _checkpoint(connection: asyncpg.Connection, shard: int, seq: int, books: _Bookkeeper) -> None:
    oldest = min((row["seq"] for row in books.held.values()), default=seq + 1)
    await connection.execute("DELETE FROM ledger_checkpoint WHERE shard = $1", shard)
    await connection.execute(
        "INSERT INTO ledger_checkpoint (shard, seq, oldest_pending, paged) VALUES ($1, $2, $3, $2)",
        shard, seq, oldest,
    )  # fmt: skip
    await connection.execute("DELETE FROM ledger_hold WHERE shard = $1", shard)
    await connection.execute(
        "INSERT INTO ledger_hold (shard, id) SELECT $1, unnest($2::uuid[])", shard, list(books.held)
    )
    for id_, figures in books.figures.items():
        await connection.execute(
            "UPDATE account SET debits = $3, credits = $4, debits_pending = $5, credits_pending = $6, as_of_seq = $7, "
            "flags = flags & 3 | $8 WHERE shard = $1 AND id = $2",
            shard, id_, *(figures[name] for name in FIGURES), seq, books.status[id_],
        )  # fmt: skip
        for page in books.pages.get(id_, []):
            await _lay(connection, shard, id_, page)


async def _lay(
    connection: asyncpg.Connection,
    shard: int,
    account: UUID,
    page: list[tuple[Mapping[str, Any], dict[str, int]]],
) -> None:
    rows = [row for row, _ in page]
    posted = [row for row in rows if not row["flags"] & (PENDING | VOID | SET_FLAGS)]
    sums = (sum(row["amount"] for row in posted if row[side] == account) for side in ("debit", "credit"))
    await connection.execute(
        "INSERT INTO account_page (shard, account, seq, first_seq, business_date, lines, debit_sum, credit_sum, debits, "
        "credits, debits_pending, credits_pending) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        shard, account, rows[-1]["seq"], rows[0]["seq"], rows[0]["business_date"],
        [row["seq"] - rows[0]["seq"] for row in rows], *sums, *(page[-1][1][name] for name in FIGURES),
    )  # fmt: skip
