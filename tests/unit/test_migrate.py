"""Migrations: in order, once, each whole; and none of them may hold up the money."""

import asyncio
from pathlib import Path

import asyncpg
import pytest
from structlog.testing import capture_logs

from zhangfang.kernel.errors import InvalidInput
from zhangfang.schema import (
    Budget,
    LockBudgetSpent,
    MigrationBroken,
    MigrationChanged,
    migrate,
    pending,
)
from zhangfang.schema.migrate import MIGRATIONS, read_folder

FIRST = (MIGRATIONS / "0001_pre_kernel.sql").read_text("utf-8")
QUICK = Budget(lock_timeout_ms=20, tries=3, pause_ms=1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder of migrations that holds the runner's own table and one more."""
    (tmp_path / "0001_pre_kernel.sql").write_text(FIRST)
    (tmp_path / "0002_pre_shop.sql").write_text(
        "CREATE TABLE shop (id int PRIMARY KEY);\nINSERT INTO shop VALUES (1);\n"
    )
    return tmp_path


async def _names(url: str, folder: Path) -> list[str]:
    return [migration.file for migration in await pending(url, folder=folder)]


async def _fetch(url: str, sql: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        return list(await connection.fetch(sql))
    finally:
        await connection.close()


async def test_everything_pending_is_applied_once_and_in_order(empty_database_url: str, folder: Path) -> None:
    assert await _names(empty_database_url, folder) == ["0001_pre_kernel.sql", "0002_pre_shop.sql"]
    applied = await migrate(empty_database_url, folder=folder)
    assert [migration.file for migration in applied] == ["0001_pre_kernel.sql", "0002_pre_shop.sql"]
    assert await migrate(empty_database_url, folder=folder) == []
    assert await _names(empty_database_url, folder) == []
    assert len(await _fetch(empty_database_url, "SELECT FROM shop")) == 1


async def test_a_phase_applies_its_own_files_only(empty_database_url: str, folder: Path) -> None:
    (folder / "0003_post_close_shop.sql").write_text("DROP TABLE shop;")
    (folder / "0004_pre_market.sql").write_text("CREATE TABLE market ();")
    await migrate(empty_database_url, "pre", folder=folder)
    assert await _names(empty_database_url, folder) == ["0003_post_close_shop.sql"]
    assert await _fetch(empty_database_url, "SELECT FROM market") == []
    await migrate(empty_database_url, "post", folder=folder)
    assert await _names(empty_database_url, folder) == []
    with pytest.raises(asyncpg.UndefinedTableError):
        await _fetch(empty_database_url, "SELECT FROM shop")


async def test_an_unknown_phase_is_refused() -> None:
    with pytest.raises(InvalidInput, match="phase: got 'later'; allowed: pre, post or none"):
        await migrate("postgresql:///none", "later")


@pytest.mark.parametrize("change", ["edited", "renamed"])
async def test_a_file_that_changed_after_it_was_applied_is_named(
    empty_database_url: str, folder: Path, change: str
) -> None:
    await migrate(empty_database_url, folder=folder)
    shop = folder / "0002_pre_shop.sql"
    if change == "edited":
        shop.write_text(shop.read_text() + "-- a word more\n")
    else:
        shop.rename(folder / "0002_pre_store.sql")
    (folder / "0003_pre_more.sql").write_text("CREATE TABLE more ();")
    with pytest.raises(
        MigrationChanged,
        match=r"0002_pre_s(hop|tore).sql: differs from what was applied as 0002_pre_shop.sql",
    ):
        await migrate(empty_database_url, folder=folder)
    with pytest.raises(asyncpg.UndefinedTableError):
        await _fetch(empty_database_url, "SELECT FROM more")


async def test_a_file_that_fails_leaves_nothing_and_what_came_before_stays(
    empty_database_url: str, folder: Path
) -> None:
    (folder / "0003_pre_half.sql").write_text("CREATE TABLE half ();\nINSERT INTO shop VALUES (1);\n")
    with pytest.raises(MigrationBroken, match=r"0003_pre_half.sql, line 1: duplicate key"):
        await migrate(empty_database_url, folder=folder)
    assert await _names(empty_database_url, folder) == ["0003_pre_half.sql"]
    (folder / "0003_pre_half.sql").write_text("CREATE TABLE half ();\n")
    await migrate(empty_database_url, folder=folder)
    assert await _fetch(empty_database_url, "SELECT FROM half") == []


async def test_an_error_names_the_line_but_quotes_no_data(empty_database_url: str, folder: Path) -> None:
    (folder / "0003_pre_wrong.sql").write_text("\n\nCREATE TABEL wrong ();\n")
    with pytest.raises(MigrationBroken, match=r"0003_pre_wrong.sql, line 3: syntax error"):
        await migrate(empty_database_url, folder=folder)
    (folder / "0003_pre_wrong.sql").write_text("INSERT INTO shop VALUES (4711), (4711);")
    with pytest.raises(MigrationBroken) as caught:
        await migrate(empty_database_url, folder=folder)
    assert "4711" not in str(caught.value)


async def test_a_lock_that_is_not_given_back_spends_the_budget_and_says_who_has_it(
    empty_database_url: str, folder: Path
) -> None:
    await migrate(empty_database_url, folder=folder)
    (folder / "0003_pre_column.sql").write_text("ALTER TABLE shop ADD COLUMN name text;")
    holder = await asyncpg.connect(empty_database_url, server_settings={"application_name": "a long report"})
    async with holder.transaction():
        await holder.execute("SELECT * FROM shop")
        with pytest.raises(
            LockBudgetSpent,
            match=r"0003_pre_column.sql: no lock within 20 ms in 3 tries; the oldest .* process \d+ \(a long report\)",
        ):
            await migrate(empty_database_url, folder=folder, budget=QUICK)
    await holder.close()
    assert await _names(empty_database_url, folder) == ["0003_pre_column.sql"]


async def test_a_lock_that_is_given_back_late_is_got_by_a_later_try(
    empty_database_url: str, folder: Path
) -> None:
    await migrate(empty_database_url, folder=folder)
    (folder / "0003_pre_column.sql").write_text("ALTER TABLE shop ADD COLUMN name text;")
    holder = await asyncpg.connect(empty_database_url)
    transaction = holder.transaction()
    await transaction.start()
    await holder.execute("SELECT * FROM shop")
    with capture_logs() as log:
        at_work = asyncio.create_task(
            migrate(empty_database_url, folder=folder, budget=Budget(20, 10_000, 5, pause_ms_max=5))
        )
        while sum(entry["event"] == "migration waits for a lock" for entry in log) < 2:
            await asyncio.sleep(0.005)
            assert not at_work.done()
        # While it pauses, others use the table: that is what the budget is for.
        assert len(await _fetch(empty_database_url, "SELECT FROM shop")) == 1
        await transaction.rollback()
        assert [migration.file for migration in await at_work] == ["0003_pre_column.sql"]
    await holder.close()
    assert await _fetch(empty_database_url, "SELECT name FROM shop") != []


async def test_of_two_migrators_at_once_one_does_the_work(empty_database_url: str, folder: Path) -> None:
    (folder / "0003_pre_slow.sql").write_text("SELECT pg_sleep(0.3); CREATE TABLE slow ();")
    (folder / "0004_post_index.sql").write_text(
        "-- outside a transaction\nCREATE INDEX CONCURRENTLY shop_id ON shop (id);\n"
    )
    done = await asyncio.gather(*(migrate(empty_database_url, folder=folder) for _ in range(3)))
    assert sorted(len(applied) for applied in done) == [0, 0, 4]


async def test_an_index_is_built_outside_a_transaction_statement_by_statement(
    empty_database_url: str, folder: Path
) -> None:
    (folder / "0003_post_index.sql").write_text(
        "-- outside a transaction\n"
        "-- the first; the second:\n"
        "CREATE INDEX CONCURRENTLY shop_a ON shop (id);\n\n"
        "CREATE INDEX CONCURRENTLY shop_b\n    ON shop (id) WHERE id > 0;\n"
    )
    await migrate(empty_database_url, folder=folder)
    rows = await _fetch(empty_database_url, "SELECT indexname FROM pg_indexes WHERE indexname LIKE 'shop__'")
    assert {row["indexname"] for row in rows} == {"shop_a", "shop_b"}
    assert await _names(empty_database_url, folder) == []


async def test_a_statement_that_blocks_may_not_stand_outside_a_transaction(
    empty_database_url: str, folder: Path
) -> None:
    (folder / "0003_post_index.sql").write_text(
        "-- outside a transaction\nALTER TABLE shop DROP COLUMN id;\n"
    )
    with pytest.raises(
        MigrationBroken, match=r"0003_post_index.sql: 'ALTER TABLE shop .*allowed there: … CONCURRENTLY"
    ):
        await migrate(empty_database_url, folder=folder)


async def test_an_index_whose_build_failed_is_not_taken_for_one_that_is_there(
    empty_database_url: str, folder: Path
) -> None:
    await migrate(empty_database_url, folder=folder)
    await _fetch(empty_database_url, "CREATE TABLE twice AS SELECT 1 AS n FROM generate_series(1, 2)")
    (folder / "0003_post_index.sql").write_text(
        "-- outside a transaction\nCREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS twice_n ON twice (n);\n"
    )
    with pytest.raises(MigrationBroken, match="could not create unique index"):
        await migrate(empty_database_url, folder=folder)
    with pytest.raises(MigrationBroken, match="index twice_n is invalid"):
        await migrate(empty_database_url, folder=folder)
    assert await _names(empty_database_url, folder) == ["0003_post_index.sql"]


@pytest.mark.parametrize(
    "name", ["0003_shop.sql", "3_pre_shop.sql", "0003_pre_Shop.sql", "0003_during_shop.sql"]
)
def test_a_name_that_does_not_say_its_number_and_phase_is_refused(folder: Path, name: str) -> None:
    (folder / name).write_text("")
    with pytest.raises(MigrationBroken, match=f"{name}: allowed: NNNN_pre_name.sql"):
        read_folder(folder)


def test_two_files_of_one_number_are_refused(folder: Path) -> None:
    (folder / "0002_post_again.sql").write_text("")
    with pytest.raises(MigrationBroken, match="has the same number"):
        read_folder(folder)


async def test_the_projects_own_migrations_apply_to_an_empty_database(empty_database_url: str) -> None:
    await migrate(empty_database_url)
    assert await pending(empty_database_url) == []
