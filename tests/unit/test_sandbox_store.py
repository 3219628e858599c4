"""A sandbox bank whose disk is full ends: it answers nothing that it could not commit."""

import subprocess
import sys
from pathlib import Path

import pytest

from zhangfang_sandbox.common.store import EXIT_LOST

PROGRAM = """
import asyncio, resource, sqlite3, sys
from pathlib import Path
from zhangfang_sandbox.common.store import Store

async def main(folder, full):
    store = Store(Path(folder) / "bank.sqlite3", "CREATE TABLE IF NOT EXISTS t(n INTEGER PRIMARY KEY, text TEXT);")
    print("held", store.read("SELECT count(*) FROM t")[0][0], flush=True)
    if full:
        if full == "at the statement":
            store.read(f"PRAGMA max_page_count={store.read('PRAGMA page_count')[0][0] + 20}")
        else:  # no file may grow beyond it
            resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
        for n in range(1, 1000):
            try:
                store.write("INSERT INTO t(text) VALUES(?)", ("x" * 1000,))
            except sqlite3.OperationalError:
                print("went on", flush=True)
            await store.committed()
            print("answered", n, flush=True)
    store.close()

asyncio.run(main(*sys.argv[1:]))
"""


def run(folder: Path, full: str) -> tuple[int, list[str], str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder), full], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout.splitlines(), done.stderr


@pytest.mark.parametrize("full", ["at the statement", "at the commit"])
def test_a_bank_that_cannot_write_ends_and_holds_all_that_it_answered(tmp_path: Path, full: str) -> None:
    code, said, why = run(tmp_path, full)
    assert (code, said[0]) == (EXIT_LOST, "held 0")
    assert "cannot be written" in why
    assert "went on" not in said
    answered = len(said) - 1
    assert 0 < answered < 999
    assert run(tmp_path, "") == (0, [f"held {answered}"], "")
