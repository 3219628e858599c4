"""Which file lists a payment: one row at most, whoever comes first; and nothing that is proven late is lost."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from tests.clock import SetClock
from tests.treasury import DAY, NEXT, Treasury, listed, treasury
from zhangfang.channels.port import Answer, Verdict
from zhangfang.payments import StepKind, weigh
from zhangfang.reconciliation.files import queries, reconcile
from zhangfang.schema.migrate import MIGRATIONS, migrate


@pytest.fixture
async def house(database_url: str, clock: SetClock) -> AsyncIterator[Treasury]:
    async with treasury(database_url, clock) as made:
        yield made


async def test_what_counts_as_listed_meanwhile_is_matched_by_no_file(
    house: Treasury, database_url: str
) -> None:
    """A person's cure is stored while the file is placed: its line is a duplicate then, and nothing is matched twice."""
    paid = await house.paid(await house.merchant(), 10_000)
    house.acquirer.files[DAY] = [listed(1, paid)]
    other = await asyncpg.connect(database_url)
    try:
        async with other.transaction():
            await other.execute(queries.count_as_listed, paid.id, DAY - timedelta(days=1))
            running = asyncio.ensure_future(reconcile(house.desk, house.acquirer, DAY))
            while not await house.pool.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"):
                assert not running.done(), "it did not wait"
                await asyncio.sleep(0.01)
        await running
    finally:
        await other.close()
    (row,) = await house.breaks()
    assert (row["class"], row["intent"]) == ("duplicate", paid.id)
    assert await house.listed_on(paid) == [DAY - timedelta(days=1)]


async def test_a_proof_a_day_later_than_the_file_is_found_by_the_next_file(house: Treasury) -> None:
    """The file was placed when its date had ended, so that date is not looked at as a whole again."""
    late = await house.asked(await house.merchant(), 1000)
    house.clock.advance(hours=18)
    await house.filed(DAY, [])
    house.clock.advance(hours=5)
    await weigh(house.desk, late, StepKind.QUERY, Answer(Verdict.SUCCESS, amount=1000, settle_date=DAY))
    await house.filed(NEXT, [])
    row = await house.one_break()
    assert (row["class"], row["intent"], row["settle_date"]) == ("missing_there", late.id, NEXT)


async def test_matches_from_before_are_kept_and_the_release_before_may_still_write_them(
    empty_database_url: str, tmp_path: Path
) -> None:
    """The lines of the first migrations are copied; until the column is gone, what is written there is followed."""
    _copy(tmp_path, "0099")
    await migrate(empty_database_url, folder=tmp_path)
    connection = await asyncpg.connect(empty_database_url)
    try:
        old, pair, open_ = [
            await _intent(connection, n, matched) for n, matched in ((1, DAY), (2, DAY), (3, None))
        ]
        await connection.execute(_LINE, DAY, old)
        _copy(tmp_path, "0102_z")
        await migrate(empty_database_url, folder=tmp_path)
        rows = await connection.fetch(_MATCHES)
        assert list(map(tuple, rows)) == [(old, DAY, 7), (pair, DAY, None)]
        await connection.execute("UPDATE intent SET matched_on = $1 WHERE id = $2", NEXT, open_)
        await connection.execute("UPDATE intent SET matched_on = NULL WHERE id = $1", pair)
        filled = await _intent(connection, 4, NEXT)
        rows = await connection.fetch(_MATCHES)
        assert list(map(tuple, rows)) == [(old, DAY, 7), (open_, NEXT, None), (filled, NEXT, None)]
        await migrate(empty_database_url)
        assert await connection.fetch(_MATCHES) == rows
    finally:
        await connection.close()


def _copy(folder: Path, last: str) -> None:
    """Put the migrations up to `last` into a folder."""
    for path in MIGRATIONS.iterdir():
        if path.name.endswith(".sql") and path.name < last:
            (folder / path.name).write_text(path.read_text("utf-8"), "utf-8")


_MATCHES = "SELECT intent, matched_on, line_no FROM intent_match ORDER BY intent"
_LINE = """
INSERT INTO file_line (
    channel, settle_date, line_no, order_no, channel_ref, amount, credit, fee, adjustment, original_order_no, note, raw,
    intent, status
) VALUES ('unionpay', $1, 7, 'c1', '', 1, true, 0, false, '', '', '', $2, 'matched')
"""


async def _intent(connection: asyncpg.Connection, n: int, matched: date | None) -> UUID:
    id_ = UUID(int=n)
    await connection.execute(
        """
        INSERT INTO intent (
            id, kind, merchant, order_no, idempotency_key, request_digest, amount, fee, description, channel,
            channel_order_no, requested_at, business_date, template, voucher, undo_voucher, state, matched_on, created_at,
            updated_at
        ) VALUES ($1, 'collection', 'm', $2, $2, '', 1, 0, '', 'unionpay', $2, $3, $4, 'P2', $1, $1, 'SUCCESS', $5, $3, $3)
        """,
        id_, f"c{n}", datetime(2026, 9, 1, tzinfo=UTC), DAY, matched,
    )  # fmt: skip
    return id_
