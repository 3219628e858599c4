"""One writer that cannot be two, and a commit whose answer is lost."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from tests.clock import SetClock
from tests.drill.ledger_proxy import Loss, Proxy, proxied
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

CHANNEL = Account(Book.CUSTOMERS, 3011, "channel")
MERCHANT = Account(Book.CUSTOMERS, 2321, "merchant", AccountFlag.CREDIT_FLOOR)
BY_COMMIT, BY_STATEMENT, RAISE = b"COMMIT", b"seq = seq +", b"lease_until = clock_timestamp() + $4"


def transfer(clock: SetClock, amount: int = 10, **other: object) -> Transfer:
    id_ = new_id(clock)
    made = (numbered(id_, 1), CHANNEL.id, MERCHANT.id, amount, Book.CUSTOMERS, 11, id_, clock.now().date())
    return Transfer(*made, **other)  # type: ignore[arg-type]


async def execute(url: str, sql: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def count(url: str) -> int:
    return int(str(await execute(url, "SELECT count(*) FROM transfer")))


async def test_a_stale_writer_cannot_commit_and_ends(
    database_url: str, tmp_path: Path, clock: SetClock
) -> None:
    socket = tmp_path / "l.sock"
    first = running(database_url, socket, clock)
    async with LedgerClient(socket, deadline=20) as client:
        await client.create_accounts([CHANNEL, MERCHANT])
        await client.create_transfers([transfer(clock)])
        await execute(database_url, "UPDATE head SET epoch = epoch + 1, holder = 'another'")
        late = transfer(clock)
        asking = asyncio.create_task(client.create_transfers([late]))
        with pytest.raises(Fenced):
            await first.task
        assert await count(database_url) == 1
        second = running(database_url, socket, clock)
        assert (await asking)[0].seq == 2, "the client asks again who comes next"
        assert (await client.status()).epoch == 3
    await second.stop()


async def test_a_stale_writer_that_is_only_asked_answers_nothing_and_ends(
    database_url: str, tmp_path: Path, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zhangfang.ledger.writer.lease.LEASE_S", 0)  # its lease is never good for sure
    socket = tmp_path / "l.sock"
    stale = running(database_url, socket, clock)
    async with LedgerClient(socket, deadline=1) as client:
        await client.create_accounts([CHANNEL, MERCHANT])
        await execute(database_url, "UPDATE head SET epoch = epoch + 1, holder = 'another'")
        asking = asyncio.create_task(client.lookup_accounts([MERCHANT.id]))
        with pytest.raises(Fenced):
            await stale.task
        with pytest.raises(LedgerUnavailable):
            await asking


async def test_an_idle_writer_finds_out_by_itself_that_another_took_over(
    database_url: str, tmp_path: Path, clock: SetClock
) -> None:
    socket = tmp_path / "l.sock"
    stale = running(database_url, socket, clock)
    async with LedgerClient(socket) as client:
        await client.create_accounts([CHANNEL])
    await execute(database_url, "UPDATE head SET epoch = epoch + 1, holder = 'another'")
    with pytest.raises(Fenced):
        await asyncio.wait_for(stale.task, 60)


async def test_an_idle_writer_keeps_its_lease(database_url: str, tmp_path: Path, clock: SetClock) -> None:
    socket = tmp_path / "l.sock"
    ledger = running(database_url, socket, clock)
    async with LedgerClient(socket) as client:
        await client.status()
        for _ in range(2):
            await execute(database_url, "UPDATE head SET lease_until = now() - interval '1 hour'")
            async with asyncio.timeout(60):
                while await execute(database_url, "SELECT lease_until < now() FROM head"):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
    await ledger.stop()


@pytest.fixture
async def proxy(database_url: str) -> AsyncIterator[Proxy]:
    """Give a way to the test's database that can lose answers."""
    folder = Path(tempfile.mkdtemp(prefix="zf-", dir="/tmp"))  # a short path: a socket lies in it
    async with proxied(database_url, folder) as made:
        yield made
    shutil.rmtree(folder, ignore_errors=True)


LOSSES = {
    "a commit": (200, [Loss(BY_COMMIT, True)]),
    "a commit that did not happen": (200, [Loss(BY_COMMIT, False)]),
    "a small commit": (1, [Loss(BY_STATEMENT, True)]),
    "a small commit that did not happen": (1, [Loss(BY_STATEMENT, False)]),
    "a commit and the raise of the epoch": (200, [Loss(BY_COMMIT, True), Loss(RAISE, True)]),
    "a commit and twice the raise": (1, [Loss(BY_STATEMENT, True), Loss(RAISE, True), Loss(RAISE, True)]),
    "neither happened": (200, [Loss(BY_COMMIT, False), Loss(RAISE, False)]),
    "one commit after the other": (200, [Loss(BY_COMMIT, True), Loss(BY_COMMIT, False)]),
}


@pytest.mark.parametrize("what", LOSSES)
async def test_what_was_asked_is_done_once_although_the_database_s_answer_is_lost(
    what: str, proxy: Proxy, database_url: str, tmp_path: Path, clock: SetClock
) -> None:
    size, losses = LOSSES[what]
    ledger = running(proxy.url, tmp_path / "l.sock", clock)
    async with LedgerClient(tmp_path / "l.sock", deadline=30) as client:
        await client.create_accounts([CHANNEL, MERCHANT])
        proxy.losses = list(losses)
        asked = [transfer(clock) for _ in range(size)]
        answers = await client.create_transfers(asked)
        more = await client.create_transfers([transfer(clock) for _ in range(size)])
        balance = (await client.account_balances([MERCHANT.id]))[MERCHANT.id]
    assert {one.result for one in answers} <= {Result.CREATED, Result.EXISTS}
    assert [one.seq for one in (*answers, *more)] == list(range(1, 2 * size + 1))
    assert balance.credits == 20 * size
    assert await count(database_url) == 2 * size
    assert len(proxy.lost) == len(losses)
    await ledger.stop()


async def test_a_lost_commit_in_the_middle_of_a_pipeline_costs_none_of_the_batches_behind_it(
    proxy: Proxy, database_url: str, tmp_path: Path, clock: SetClock
) -> None:
    ledger = running(proxy.url, tmp_path / "l.sock", clock)
    async with LedgerClient(tmp_path / "l.sock", deadline=60) as client:
        await client.create_accounts([CHANNEL, MERCHANT])
        frames = [[transfer(clock) for _ in range(5000)] for _ in range(6)]
        asking = [asyncio.create_task(client.create_transfers(frame)) for frame in frames]
        await asking[0]
        proxy.losses = [Loss(BY_COMMIT, True), Loss(BY_COMMIT, False)]
        answers = [answer for frame in await asyncio.gather(*asking) for answer in frame]
        balance = (await client.account_balances([MERCHANT.id]))[MERCHANT.id]
    assert len(proxy.lost) == 2
    assert [one.seq for one in answers] == list(range(1, 30_001))
    assert balance.credits == 300_000
    assert await count(database_url) == 30_000
    await ledger.stop()


async def test_a_connection_that_is_cut_before_the_commit_costs_nothing(
    database_url: str, tmp_path: Path, clock: SetClock
) -> None:
    ledger = running(database_url, tmp_path / "l.sock", clock)
    async with LedgerClient(tmp_path / "l.sock") as client:
        await client.create_accounts([CHANNEL, MERCHANT])
        await client.create_transfers([transfer(clock)])
        await execute(
            database_url,
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE application_name LIKE 'zhangfang ledger%' AND datname = current_database()",
        )
        answers = await client.create_transfers([transfer(clock, 5), transfer(clock, 7)])
        assert [(one.result, one.seq) for one in answers] == [(Result.CREATED, 2), (Result.CREATED, 3)]
        assert (await client.account_balances([MERCHANT.id]))[MERCHANT.id].credits == 22
    await ledger.stop()


async def test_a_request_that_cannot_be_stored_fails_alone(
    database_url: str, tmp_path: Path, clock: SetClock
) -> None:
    await execute(database_url, "ALTER TABLE transfer ADD CHECK (amount <> 13)")
    socket = tmp_path / "l.sock"
    ledger = running(database_url, socket, clock)
    async with LedgerClient(socket, deadline=3) as bad, LedgerClient(socket, deadline=30) as good:
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
        async with asyncio.timeout(60):
            while await count(database_url) < 2:  # noqa: ASYNC110 - nobody asks the ledger meanwhile
                await asyncio.sleep(0.02)
        entries = await client.account_transfers(MERCHANT.id)
        assert [entry.transfer.flags for entry in entries] == [
            TransferFlag.PENDING,
            TransferFlag.VOID | TransferFlag.EXPIRED,
        ]
        assert entries[1].transfer.pending_id == hold.id
        assert (await client.account_balances([MERCHANT.id]))[MERCHANT.id].credits_pending == 0
        status = await client.status()
        assert (status.pendings, status.epoch) == (0, 1)
    await ledger.stop()


async def test_a_database_that_does_not_sync_is_refused(
    database_url: str, tmp_path: Path, clock: SetClock
) -> None:
    name = await execute(database_url, "SELECT current_database()")
    await execute(database_url, f"ALTER DATABASE {name} SET synchronous_commit = off")
    with pytest.raises(UnsafeDatabase, match="synchronous_commit"):
        await running(database_url, tmp_path / "l.sock", clock).task


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
