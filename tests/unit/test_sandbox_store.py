"""A sandbox bank whose disk is full ends: it answers nothing that it could not commit."""

import subprocess
import sys
from pathlib import Path

import pytest

from zhangfang_sandbox.common.store import EXIT_LOST

PROGRAM = """
import asyncio, sys
from pathlib import Path
from zhangfang_sandbox.common.store import Store

async def main(folder, size):
    store = Store(Path(folder) / "bank.sqlite3", "CREATE TABLE IF NOT EXISTS t(n INTEGER PRIMARY KEY, text TEXT);")
    print("held", store.read("SELECT count(*) FROM t")[0][0], flush=True)
    if size:
        pages = store.read("PRAGMA page_count")[0][0] + 20
        store.read(f"PRAGMA max_page_count={pages}")  # the disk has so much room
        store.read("PRAGMA cache_size=1" if size == 1 else "PRAGMA cache_size=-100000")
        for n in range(1, 1000):
            store.write("INSERT INTO t(text) VALUES(?)", ("x" * 500 * size,))
            await store.committed()
            print("answered", n, flush=True)
    store.close()

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


def run(folder: Path, size: int) -> tuple[int, list[str], str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder), str(size)], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout.splitlines(), done.stderr


@pytest.mark.parametrize("size", [1, 5])
def test_a_bank_that_cannot_write_ends_and_holds_all_that_it_answered(tmp_path: Path, size: int) -> None:
    code, said, why = run(tmp_path, size)
    assert (code, said[0]) == (EXIT_LOST, "held 0")
    assert "cannot be written" in why
    answered = len(said) - 1
    assert 0 < answered < 999
    assert run(tmp_path, 0) == (0, [f"held {answered}"], "")
