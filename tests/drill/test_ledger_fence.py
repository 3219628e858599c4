"""One writer that cannot be two, and a commit whose answer is lost."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import asyncpg
import pytest

from tests.clock import SetClock
from tests.ledger import Running, running
from zhangfang.kernel.ids import new_id, numbered
from zhangfang.ledger import (
    Account,
    AccountFlag,
    Book,
    Fenced,
    LedgerClient,
    LedgerUnavailable,
    Result,
    Transfer,
    TransferFlag,
    UnsafeDatabase,
)
from zhangfang.ledger.journal import Journal, connect
from zhangfang.ledger.state import Decision

CHANNEL = Account(Book.CUSTOMERS, 3011, "channel")
MERCHANT = Account(Book.CUSTOMERS, 2321, "merchant", AccountFlag.CREDIT_FLOOR)


def transfer(clock: SetClock, amount: int = 10, **other: object) -> Transfer:
    id_ = new_id(clock)
    made = (numbered(id_, 1), CHANNEL.id, MERCHANT.id, amount, Book.CUSTOMERS, 11, id_, clock.now().date())
    return Transfer(*made, **other)  # type: ignore[arg-type]


async def count(url: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        return int(await connection.fetchval("SELECT count(*) FROM transfer"))
    finally:
        await connection.close()


async def test_a_stale_writer_cannot_commit_and_ends(
    database_url: str, tmp_path: Path, clock: SetClock
) -> None:
    old, new = tmp_path / "old.sock", tmp_path / "new.sock"
    first = running(database_url, old, clock)
    async with LedgerClient(old, deadline=5) as before, LedgerClient(new) as after:
        await before.create_accounts([CHANNEL, MERCHANT])
        await before.create_transfers([transfer(clock)])
        second = running(database_url, new, clock)
        assert (await after.status()).epoch == 2
        late = transfer(clock)
        asking = asyncio.create_task(before.create_transfers([late]))
        with pytest.raises(Fenced):
            await first.task
        with pytest.raises(LedgerUnavailable):
            await asking
        assert await count(database_url) == 1
        assert (await after.create_transfers([late]))[0].seq == 2
    await second.stop()


@pytest.mark.parametrize("size", [1, 200])
async def test_a_commit_whose_answer_is_lost_is_found_again_and_not_done_twice(
    size: int, database_url: str, tmp_path: Path, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = Journal.append
    lost: list[int] = []

    async def append_and_lose(
        self: Journal, accounts: Sequence[Account], decision: Decision, at: datetime, seq: int
    ) -> None:
        await append(self, accounts, decision, at, seq)
        if decision.rows and not lost:
            lost.append(seq)
            raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")

    monkeypatch.setattr(Journal, "append", append_and_lose)
    ledger = running(database_url, tmp_path / "l.sock", clock)
    async with LedgerClient(tmp_path / "l.sock") as client:
        await client.create_accounts([CHANNEL, MERCHANT])
        asked = [transfer(clock) for _ in range(size)]
        answers = await client.create_transfers(asked)
        balance = (await client.account_balances([MERCHANT.id]))[MERCHANT.id]
        assert (await client.status()).epoch == 2
    assert [one.seq for one in answers] == list(range(1, size + 1))
    assert lost == [size]
    assert balance.credits == 10 * size
    assert await count(database_url) == size
    await ledger.stop()


async def test_a_connection_that_is_cut_before_the_commit_costs_nothing(
    database_url: str, tmp_path: Path, clock: SetClock
) -> None:
    ledger = running(database_url, tmp_path / "l.sock", clock)
    async with LedgerClient(tmp_path / "l.sock") as client:
        await client.create_accounts([CHANNEL, MERCHANT])
        await client.create_transfers([transfer(clock)])
        await _cut_connections(database_url)
        answers = await client.create_transfers([transfer(clock, 5), transfer(clock, 7)])
        assert [(one.result, one.seq) for one in answers] == [(Result.CREATED, 2), (Result.CREATED, 3)]
        assert (await client.account_balances([MERCHANT.id]))[MERCHANT.id].credits == 22
    await ledger.stop()


async def _cut_connections(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'zhangfang ledger' AND datname = current_database()"
        )
    finally:
        await connection.close()


async def test_a_request_that_cannot_be_stored_fails_alone(
    database_url: str, tmp_path: Path, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = Journal.append

    async def append_but_not(
        self: Journal, accounts: Sequence[Account], decision: Decision, at: datetime, seq: int
    ) -> None:
        if any(row.amount == 13 for row in decision.rows):
            raise asyncpg.DataError("13 cannot be stored")
        await append(self, accounts, decision, at, seq)

    monkeypatch.setattr(Journal, "append", append_but_not)
    socket = tmp_path / "l.sock"
    ledger = running(database_url, socket, clock)
    async with LedgerClient(socket, deadline=2) as bad, LedgerClient(socket) as good:
        await good.create_accounts([CHANNEL, MERCHANT])
        poison = asyncio.create_task(bad.create_transfers([transfer(clock, 13)]))
        answers = await asyncio.gather(*(good.create_transfers([transfer(clock)]) for _ in range(40)))
        assert {one.result for [one] in answers} <= {Result.CREATED, Result.EXISTS}
        with pytest.raises(LedgerUnavailable):
            await poison
    assert await count(database_url) == 40
    await ledger.stop()


async def test_a_timeout_expires_by_itself_as_an_entry(
    database_url: str, tmp_path: Path, clock: SetClock
) -> None:
    ledger = running(database_url, tmp_path / "l.sock", clock)
    async with LedgerClient(tmp_path / "l.sock") as client:
        await client.create_accounts([CHANNEL, MERCHANT])
        hold = transfer(clock, flags=TransferFlag.PENDING, timeout=5)
        await client.create_transfers([hold])
        clock.advance(seconds=5)
        while (await client.status()).pendings:  # noqa: ASYNC110 - the ledger tells nobody
            await asyncio.sleep(0.02)
        entries = await client.account_transfers(MERCHANT.id)
        assert [entry.transfer.flags for entry in entries] == [
            TransferFlag.PENDING,
            TransferFlag.VOID | TransferFlag.EXPIRED,
        ]
        assert entries[1].transfer.pending_id == hold.id
        assert (await client.account_balances([MERCHANT.id]))[MERCHANT.id].credits_pending == 0
    await ledger.stop()


async def test_a_database_that_does_not_sync_is_refused(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    name = await connection.fetchval("SELECT current_database()")
    await connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    await connection.close()
    with pytest.raises(UnsafeDatabase, match="synchronous_commit"):
        await connect(database_url)


async def test_a_freeze_is_an_entry_and_outlives_a_restart(
    database_url: str, tmp_path: Path, clock: SetClock
) -> None:
    socket = tmp_path / "l.sock"
    ledger: Running = running(database_url, socket, clock)
    async with LedgerClient(socket) as client:
        await client.create_accounts([CHANNEL, MERCHANT])
        await client.create_transfers([transfer(clock)])
        frozen = await client.set_flags(
            MERCHANT, AccountFlag.FROZEN, id_=new_id(clock), business_date=clock.now().date()
        )
        assert (frozen.result, frozen.seq) == (Result.CREATED, 2)
        await ledger.stop(clean=False)
        ledger = running(database_url, socket, clock)
        back = transfer(clock)
        out = Transfer(
            back.id, MERCHANT.id, CHANNEL.id, 1, Book.CUSTOMERS, 1, back.voucher, back.business_date
        )
        assert (await client.create_transfers([out]))[0].result is Result.ACCOUNT_FROZEN
        assert (await client.create_transfers([transfer(clock)]))[0].result is Result.CREATED
        held = (await client.lookup_accounts([MERCHANT.id]))[MERCHANT.id]
        assert held.flags == AccountFlag.CREDIT_FLOOR | AccountFlag.FROZEN
    await ledger.stop()


async def test_months_are_opened_ahead_and_ids_outside_them_are_refused(
    database_url: str, tmp_path: Path, clock: SetClock
) -> None:
    ledger = running(database_url, tmp_path / "l.sock", clock)
    async with LedgerClient(tmp_path / "l.sock") as client:
        await client.create_accounts([CHANNEL, MERCHANT])
        results = []
        for days in (-70, -20, 0, 40, 130):
            then = SetClock()
            then.advance(days=days)
            results.append((await client.create_transfers([transfer(then)]))[0].result)
        clock.advance(days=130)
        results.append((await client.create_transfers([transfer(clock)]))[0].result)
    assert [result.name for result in results] == [
        "ID_INVALID",
        "CREATED",
        "CREATED",
        "CREATED",
        "ID_INVALID",
        "CREATED",
    ]
    await ledger.stop()
