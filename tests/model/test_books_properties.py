"""Whatever was posted, back-dated, paged and rolled in whatever order: every balance is the plain sum over `transfer`.

Rows and pages are written by hand, with pages of three lines, so that rolls, dates and pages cut each other everywhere.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.search import MORE
from zhangfang.closing import roll, trial
from zhangfang.console.reading import books
from zhangfang.ledger.model import NO_ID, Book, account_id

FIRST = date(2026, 9, 1)
DAYS = 6
NOW = datetime(2026, 9, 1, 4, tzinfo=UTC)
LINES_A_PAGE = 3
MOVES_NOTHING = 2 | 8 | 64 | 128
ACCOUNTS = tuple(account_id(Book.CUSTOMERS, 2322, f"mer_{n}") for n in range(4))
TABLES = "transfer, account, account_page, head, ledger_checkpoint, books_date, books_roll, books_day"

FLAGS = st.sampled_from((0, 0, 0, 0, 1, 4, 2, 8, 64, 128))
POSTING = st.tuples(
    st.integers(0, 3), st.integers(1, 3), st.integers(1, 10**12), st.integers(0, DAYS - 1), FLAGS
)
STEPS = st.lists(
    st.one_of(
        st.lists(POSTING, min_size=1, max_size=12).map(lambda some: ("post", some)),
        st.just(("page", [])),
        st.just(("roll", [])),
    ),
    min_size=1,
    max_size=12,
)


@dataclass(frozen=True)
class Row:
    """What a test remembers of an entry."""

    seq: int
    debit: UUID
    credit: UUID
    amount: int
    day: date
    flags: int

    def side(self, account: UUID) -> tuple[int, int]:
        """Return what the entry posts to an account, as debit and credit."""
        if self.flags & MOVES_NOTHING:
            return 0, 0
        return self.amount * (self.debit == account), self.amount * (self.credit == account)


@dataclass
class World:
    """A ledger's tables, and the same in memory."""

    connection: asyncpg.Connection
    rows: list[Row] = field(default_factory=list)
    paged: int = 0

    async def post(self, several: Sequence[tuple[int, int, int, int, int]]) -> None:
        """Append entries."""
        new: list[Row] = []
        for debit, step, amount, day, flags in several:
            one, other = ACCOUNTS[debit], ACCOUNTS[(debit + step) % len(ACCOUNTS)]
            if flags == 64:
                other = one
            if flags == 128:
                one = other = NO_ID
            moved = 0 if flags >= 64 else amount
            seq = len(self.rows) + len(new) + 1
            new.append(Row(seq, one, other, moved, FIRST + timedelta(days=day), flags))
        self.rows += new
        await self.connection.executemany(
            "INSERT INTO transfer (shard, id, seq, debit, credit, amount, book, kind, flags, timeout, voucher,"
            " business_date, posted_at, debit_balance, credit_balance, digest)"
            " VALUES (0, $1, $2, $3, $4, $5, 1, 1, $6, 0, $1, $7, $8, 0, 0, $1)",
            [(_id(r.seq), r.seq, r.debit, r.credit, r.amount, r.flags, r.day, NOW) for r in new],
        )
        await self.connection.execute("UPDATE head SET seq = $1", len(self.rows))

    async def page(self) -> None:
        """Lay down pages as the writer does with its checkpoint."""
        tail = self.rows[self.paged :]
        pages = [page for account in ACCOUNTS for page in _pages(account, tail)]
        await self.connection.executemany(
            "INSERT INTO account_page VALUES (0, $1, $2, $3, $4, $5, $6, $7, 0, 0, 0, 0)", pages
        )
        self.paged = len(self.rows)
        for account in ACCOUNTS:
            await self.connection.execute(
                "UPDATE account SET debits = $2, credits = $3 WHERE id = $1",
                account,
                *_sums(self.rows, account),
            )
        await self.connection.execute(
            "INSERT INTO ledger_checkpoint (shard, seq, oldest_pending, paged) VALUES (0, $1, 0, $1)"
            " ON CONFLICT (shard) DO UPDATE SET seq = $1, paged = $1", self.paged,
        )  # fmt: skip

    async def roll(self) -> None:
        """Roll up to where a roll would stand now."""
        async with self.connection.transaction():
            await roll._advance(self.connection, 0)


def _id(seq: int) -> UUID:
    millis = int(NOW.timestamp() * 1000)
    return UUID(int=(millis << 80) | (0x7 << 76) | (0b10 << 62) | (seq << 8))


def _pages(account: UUID, tail: Sequence[Row]) -> Iterable[tuple[Any, ...]]:
    run: list[Row] = []
    for row in [row for row in tail if account in (row.debit, row.credit)]:
        if run and (row.day != run[0].day or len(run) == LINES_A_PAGE):
            yield _page(account, run)
            run = []
        run.append(row)
    if run:
        yield _page(account, run)


def _page(account: UUID, run: Sequence[Row]) -> tuple[Any, ...]:
    first = run[0].seq
    return (account, run[-1].seq, first, run[0].day, [row.seq - first for row in run], *_sums(run, account))


def _sums(rows: Iterable[Row], account: UUID) -> tuple[int, int]:
    sides = [row.side(account) for row in rows]
    return sum(debit for debit, _ in sides), sum(credit for _, credit in sides)


@settings(max_examples=30 * MORE, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, data=st.data())
def test_every_read_of_the_books_is_the_sum_over_the_raw_entries(
    steps: list[tuple[str, list[Any]]], data: st.DataObject, database_url: str
) -> None:
    asyncio.run(_play(steps, data, database_url))


async def _play(steps: list[tuple[str, list[Any]]], data: st.DataObject, url: str) -> None:
    async with asyncpg.create_pool(url, min_size=1, max_size=1) as pool:
        await pool.execute(f"TRUNCATE {TABLES}")
        await pool.execute("SELECT ledger_open_month($1)", NOW)
        await pool.execute("INSERT INTO head (shard, epoch, seq, at) VALUES (0, 1, 0, $1)", NOW)
        for n, account in enumerate(ACCOUNTS):
            await pool.execute(
                'INSERT INTO account (shard, id, book, code, subject, flags, "limit", opened_at)'
                " VALUES (0, $1, 1, 2322, $2, 0, 0, $3)", account, f"mer_{n}", NOW,
            )  # fmt: skip
        async with pool.acquire() as connection:
            world = World(connection)
            for what, several in steps:
                await (world.post(several) if what == "post" else getattr(world, what)())
        await _check_balances(pool, world.rows)
        await _check_span(pool, world.rows, data)
        await _check_history(pool, world.rows, data)


async def _check_balances(pool: asyncpg.Pool, rows: Sequence[Row]) -> None:
    for day in (FIRST + timedelta(days=n) for n in range(-1, DAYS + 1)):
        found = {
            balance.account: (balance.opening, balance.debit, balance.credit)
            for balance in await trial.trial_balance(pool, day)
        }
        wanted = {}
        for account in ACCOUNTS:
            before = _sums([row for row in rows if row.day < day], account)
            wanted[account] = (
                before[0] - before[1],
                *_sums([row for row in rows if row.day == day], account),
            )
        assert found == wanted, day
    standing = await books.standing(pool)
    assert standing == {(1, 2322): 0}
    now = await pool.fetch("SELECT account, debits, credits FROM books_now")
    assert {row["account"]: (row["debits"], row["credits"]) for row in now} == {
        account: _sums(rows, account) for account in ACCOUNTS
    }


async def _check_span(pool: asyncpg.Pool, rows: Sequence[Row], data: st.DataObject) -> None:
    after, until = sorted(data.draw(st.tuples(st.integers(0, len(rows)), st.integers(0, len(rows)))))
    wanted: dict[tuple[UUID, date], tuple[int, int]] = defaultdict(lambda: (0, 0))
    for row in rows[after:until]:
        for account in {row.debit, row.credit} - {NO_ID}:
            debits, credits = wanted[account, row.day]
            wanted[account, row.day] = (debits + row.side(account)[0], credits + row.side(account)[1])
    found = await pool.fetch("SELECT * FROM books_moved(0::smallint, $1, $2)", after, until)
    moved = {(row["account"], row["business_date"]): (row["debits"], row["credits"]) for row in found}
    assert {key: sums for key, sums in moved.items() if any(sums)} == {
        key: sums for key, sums in wanted.items() if any(sums)
    }


async def _check_history(pool: asyncpg.Pool, rows: Sequence[Row], data: st.DataObject) -> None:
    most, before = data.draw(st.integers(1, 7)), data.draw(st.none() | st.integers(1, len(rows) + 1))
    for account in ACCOUNTS:
        own = [
            row.seq
            for row in reversed(rows)
            if any(row.side(account)) and (before is None or row.seq < before)
        ]
        page = await books.history(pool, account, before, most)
        assert [entry.seq for entry in page] == own[:most]
        every = [entry async for page in books.every_entry(pool, account) for entry in page]
        assert [(e.seq, e.debit or 0, e.credit or 0) for e in every] == [
            (row.seq, *row.side(account)) for row in reversed(rows) if any(row.side(account))
        ]
