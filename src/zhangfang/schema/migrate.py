"""Applies the SQL files of `migrations/` without stopping the payments.

A file is `NNNN_pre_name.sql` or `NNNN_post_name.sql`. *pre* runs before a deploy and only adds, so that the running
release still works; *post* runs after it and removes what no release needs any more. One file is one transaction. A file
whose first line is `-- outside a transaction` runs statement by statement and may contain only `… CONCURRENTLY …`, which
blocks nobody.

A statement that waits for a lock blocks all later statements too. So each waits for `lock_timeout` at most, gives up, and
is tried again after a pause.
"""

import asyncio
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

import asyncpg
import structlog

from zhangfang.kernel.errors import InvalidInput, ZhangfangError

MIGRATIONS: Traversable = files("zhangfang.schema") / "migrations"
PHASES = ("pre", "post")
_NAME = re.compile(r"(\d{4})_(pre|post)_[a-z0-9_]+\.sql")
_OUTSIDE = "-- outside a transaction"
_STATEMENT_END = re.compile(r";\s*(?:\n|$)")
_ONE_AT_A_TIME = 0x7A66_6D69  # the advisory lock's key: "zfmi"
_WAIT_S = 0.2

_log = structlog.get_logger()


class MigrationChanged(ZhangfangError):
    """A migration file differs from what was applied. Put a change into a new file."""


class MigrationBroken(ZhangfangError):
    """A migration file cannot be used: its name, its number or a statement is not allowed, or PostgreSQL refused it."""


class LockBudgetSpent(ZhangfangError):
    """A migration did not get its lock in all its tries. Nothing of it was applied; run it again later."""


@dataclass(frozen=True)
class Budget:
    """How long a statement may wait for a lock, how often it is tried, and the first pause, which doubles each time."""

    lock_timeout_ms: int = 2_000
    tries: int = 8
    pause_ms: int = 500
    pause_ms_max: int = 10_000


@dataclass(frozen=True)
class Migration:
    """One file: its number, whether it goes before (`pre`) or after (`post`) a deploy, and its text."""

    number: int
    phase: str
    file: str
    sql: str

    @property
    def sha256(self) -> bytes:
        """Return the SHA-256 of the text, by which a change of the file is noticed."""
        return hashlib.sha256(self.sql.encode()).digest()

    @property
    def outside(self) -> bool:
        """Whether the file runs outside a transaction."""
        return self.sql.startswith(_OUTSIDE)


async def migrate(
    url: str, phase: str | None = None, *, folder: Traversable = MIGRATIONS, budget: Budget | None = None
) -> list[Migration]:
    """Apply the pending migrations of one phase, or of both, in order; return them.

    If several processes do this at once, one works, and the others wait and find nothing to do. `url` must reach
    PostgreSQL itself, not a pooler. Raises `MigrationChanged`, `MigrationBroken`, `LockBudgetSpent`; the files before the
    one that it names stay applied.
    """
    if phase not in (None, *PHASES):
        raise InvalidInput("phase", f"{phase!r}", "pre, post or none")
    connection = await _connect(url)
    try:
        await _take_turn(connection)
        waiting = [
            migration
            for migration in await _pending(connection, read_folder(folder))
            if phase in (None, migration.phase)
        ]
        for migration in waiting:
            await _apply(connection, migration, budget or Budget())
            _log.info("migration applied", file=migration.file)
        return waiting
    finally:
        await connection.close()


async def pending(url: str, *, folder: Traversable = MIGRATIONS) -> list[Migration]:
    """Return the migrations that are not applied yet, in order."""
    connection = await _connect(url)
    try:
        return await _pending(connection, read_folder(folder))
    finally:
        await connection.close()


def read_folder(folder: Traversable) -> list[Migration]:
    """Return the migrations of a folder in order. Raises `MigrationBroken` naming a file with a wrong name or number."""
    found: dict[int, Migration] = {}
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        if not path.name.endswith(".sql"):
            continue
        name = _NAME.fullmatch(path.name)
        if not name:
            raise MigrationBroken(f"{path.name}: allowed: NNNN_pre_name.sql or NNNN_post_name.sql")
        number = int(name[1])
        if number in found:
            raise MigrationBroken(f"{path.name}: {found[number].file} has the same number")
        found[number] = Migration(number, name[2], path.name, path.read_text("utf-8"))
    return list(found.values())


def statements(migration: Migration) -> list[str]:
    """Return the statements of a file that runs outside a transaction: each ends with a semicolon at a line's end."""
    text = "\n".join(line for line in migration.sql.splitlines() if not line.lstrip().startswith("--"))
    found = [part.strip() for part in _STATEMENT_END.split(text) if part.strip()]
    for statement in found:
        if "CONCURRENTLY" not in statement.upper():
            raise MigrationBroken(
                f"{migration.file}: {statement[:60]!r} runs outside a transaction; allowed there: … CONCURRENTLY …"
            )
    return found


async def _connect(url: str) -> asyncpg.Connection:
    return await asyncpg.connect(url, server_settings={"application_name": "zhangfang migrate"})


async def _take_turn(connection: asyncpg.Connection) -> None:
    """Wait until no other migrator is at work.

    It polls, because a statement that waits for the lock holds a snapshot. CREATE INDEX CONCURRENTLY of the migrator with
    the lock waits for the end of all snapshots, so the two would wait for each other.
    """
    while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", _ONE_AT_A_TIME):  # noqa: ASYNC110
        await asyncio.sleep(_WAIT_S)


async def _pending(connection: asyncpg.Connection, known: Iterable[Migration]) -> list[Migration]:
    applied: dict[int, asyncpg.Record] = {}
    if await connection.fetchval("SELECT to_regclass('schema_migration') IS NOT NULL"):
        rows = await connection.fetch("SELECT number, file, sha256 FROM schema_migration")
        applied = {row["number"]: row for row in rows}
    waiting = []
    for migration in known:
        row = applied.get(migration.number)
        if row is None:
            waiting.append(migration)
        elif (row["file"], row["sha256"]) != (migration.file, migration.sha256):
            raise MigrationChanged(
                f"{migration.file}: differs from what was applied as {row['file']}; restore it and write a new file"
            )
    return waiting


async def _apply(connection: asyncpg.Connection, migration: Migration, budget: Budget) -> None:
    try:
        if migration.outside:
            await _apply_outside(connection, migration)
        else:
            await _apply_within_budget(connection, migration, budget)
    except asyncpg.PostgresError as error:
        line = migration.sql.count("\n", 0, int(error.position or 1) - 1) + 1
        raise MigrationBroken(
            f"{migration.file}, line {line}: {error.message}"
        ) from None  # the error's detail may quote data


async def _apply_within_budget(connection: asyncpg.Connection, migration: Migration, budget: Budget) -> None:
    for attempt in range(1, budget.tries + 1):
        try:
            async with connection.transaction():
                await connection.execute(f"SET LOCAL lock_timeout = {budget.lock_timeout_ms}")
                await connection.execute(migration.sql)
                await _record(connection, migration)
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError) as error:
            _log.warning(
                "migration waits for a lock", file=migration.file, attempt=attempt, tries=budget.tries
            )
            if attempt == budget.tries:
                raise LockBudgetSpent(
                    f"{migration.file}: no lock within {budget.lock_timeout_ms} ms in {attempt} tries; "
                    f"{await _oldest_transaction(connection)}"
                ) from error
            await asyncio.sleep(min(budget.pause_ms * 2 ** min(attempt - 1, 16), budget.pause_ms_max) / 1000)
        else:
            return


async def _apply_outside(connection: asyncpg.Connection, migration: Migration) -> None:
    for statement in statements(migration):
        await connection.execute(statement)
    # A failed build leaves an index that exists but is not used, and IF NOT EXISTS would skip it.
    invalid = await connection.fetchval(
        "SELECT min(i.indexrelid::regclass::text) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
        "WHERE NOT i.indisvalid AND c.relkind = 'i'"
    )
    if invalid:
        raise MigrationBroken(
            f"{migration.file}: index {invalid} is invalid; DROP INDEX CONCURRENTLY {invalid}, then run it again"
        )
    await _record(connection, migration)


async def _record(connection: asyncpg.Connection, migration: Migration) -> None:
    await connection.execute(
        "INSERT INTO schema_migration (number, file, sha256) VALUES ($1, $2, $3)",
        migration.number,
        migration.file,
        migration.sha256,
    )


async def _oldest_transaction(connection: asyncpg.Connection) -> str:
    """Describe the likeliest holder of the lock, without its statement, which may contain personal data."""
    oldest = await connection.fetchrow(
        "SELECT pid, application_name, extract(epoch FROM now() - xact_start)::int AS seconds FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL ORDER BY xact_start"
    )
    if oldest is None:
        return "no other transaction is open now"
    return (
        f"the oldest open transaction is of process {oldest['pid']} ({oldest['application_name'] or 'no name'}), "
        f"{oldest['seconds']} s old"
    )
