"""One writer that cannot be two: who stands by, when it takes over, and what becomes of a writer that was only paused."""

import asyncio
import signal
from uuid import UUID

import asyncpg
import numpy as np
import pytest

from tests.drill.ledger_load import CHANNEL, CLOCK, MERCHANTS
from tests.drill.ledger_site import Site, site
from zhangfang.kernel.ids import new_id, numbered
from zhangfang.ledger import Book, LedgerClient, Transfer, wire
from zhangfang.ledger.wire import Op
from zhangfang.ledger.writer.lease import session_name

__all__ = ["site"]
pytestmark = pytest.mark.drill

IDS = np.array([(MERCHANTS[0].id.bytes,)], wire.ID)
NOW = np.array([(MERCHANTS[0].id.bytes, wire.NO_MOMENT, wire.NO_MOMENT)], wire.MOMENT)


async def test_a_paused_writer_is_followed_and_when_it_wakes_up_it_commits_nothing_and_answers_nothing(
    site: Site,
) -> None:
    log = site.load(1)
    paused = site.ledger()
    await site.wait_for_answers(log)
    standby = site.ledger()
    await site.wait(lambda: site.said("ledger stands by"), "nobody stands by")
    reader, out = await asyncio.open_unix_connection(site.socket)
    late = _transfer()
    paused.send_signal(signal.SIGSTOP)
    out.write(wire.frame(Op.STATUS, 1, np.zeros(0, wire.NOTHING)))
    out.write(wire.frame(Op.LOOKUP_ACCOUNTS, 2, IDS))
    out.write(wire.frame(Op.ACCOUNT_BALANCES, 3, NOW))
    out.write(wire.frame(Op.CREATE_TRANSFERS, 4, wire.from_transfers([late])))
    await site.wait_for_answers(log)
    assert await site.serving() is standby
    paused.send_signal(signal.SIGCONT)
    assert await reader.read() == b"", "it answers nothing any more"
    out.close()
    assert paused.wait(60) == 1
    assert site.said("another writer has taken over") or site.said("another writer took over")
    assert await _is_missing(site, late.id)
    await site.wait_for_answers(log)
    assert await site.serving() is standby, "who was followed stands by for its follower"
    await site.stop_loads()
    await site.check()


async def test_a_transaction_that_a_paused_writer_left_open_holds_nobody_up(site: Site) -> None:
    log = site.load(1)
    paused = site.ledger()
    await site.wait_for_answers(log)
    standby = site.ledger()
    await site.wait(lambda: site.said("ledger stands by"), "nobody stands by")
    left_open = await asyncpg.connect(
        site.postgres.url, server_settings={"application_name": session_name(0)}
    )
    paused.send_signal(signal.SIGSTOP)
    await left_open.execute("BEGIN")
    await left_open.execute("SELECT FROM head FOR UPDATE")
    await site.wait_for_answers(log)
    assert await site.serving() is standby
    paused.kill()
    await site.stop_loads()
    await site.check()
    left_open.terminate()


async def test_who_is_told_to_end_frees_the_shard_and_who_stands_by_may_be_told_too(site: Site) -> None:
    log = site.load(1)
    first = site.ledger()
    await site.wait_for_answers(log)
    second, third = site.ledger(), site.ledger()
    await site.wait(lambda: site.log_count("ledger stands by") == 2, "nobody stands by")
    place = site.socket.stat()
    site.ledgers.remove(third)
    third.terminate()
    assert third.wait(60) == 0
    assert site.socket.stat().st_ino == place.st_ino
    site.ledgers.remove(first)
    first.terminate()
    assert first.wait(60) == 0
    await site.wait_for_answers(log)
    assert await site.serving() is second
    site.ledgers.remove(second)
    await site.stop_loads()
    await site.check()
    second.terminate()
    assert second.wait(60) == 0
    assert not site.socket.exists()
    assert site.log_count("ledger stands by") == 2, "it is said once"


async def test_the_ledger_of_another_shard_does_not_take_a_path_in_use(site: Site) -> None:
    log = site.load(1)
    site.ledger()
    await site.wait_for_answers(log)
    other = site.ledger("--shard", "1")
    site.ledgers.remove(other)
    assert other.wait(60) == 1
    assert site.said(f"{site.socket}: got a path that is shard 0's ledger's")
    assert await site.fetchval("SELECT count(*) FROM head") == 1
    async with LedgerClient(site.socket) as client:
        assert (await client.status()).epoch == 1
    await site.stop_loads()


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes", "synchronous_commit"])
async def test_a_ledger_does_not_start_on_a_database_that_does_not_sync(setting: str, site: Site) -> None:
    await site.fetch(f"ALTER SYSTEM SET {setting} = off")
    await site.fetch("SELECT pg_reload_conf()")
    while await site.fetchval(f"SHOW {setting}") != "off":  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    refusing = site.ledger()
    site.ledgers.remove(refusing)
    assert refusing.wait(60) == 1
    assert site.said(f"{setting}: got off; allowed: on")
    assert not site.socket.exists()


def _transfer() -> Transfer:
    id_ = new_id(CLOCK)
    return Transfer(
        numbered(id_, 1), CHANNEL.id, MERCHANTS[0].id, 1, Book.CUSTOMERS, 1, id_, CLOCK.now().date()
    )


async def _is_missing(site: Site, id_: UUID) -> bool:
    return not await site.fetch(f"SELECT FROM transfer WHERE id = '{id_}'")
