"""`python -m zhangfang_audit books --home DIR`: are the books right? `… verify`: does the ledger's history prove them?

Exit code 0: every gap is zero; 1: one is not; 2: something could not be read (or written), and stderr says what.
"""

import argparse
import asyncio
import json
import os
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from zhangfang_audit.books.audit import Audit, audit
from zhangfang_audit.books.report import show
from zhangfang_audit.inputs import Home, Unreadable, database_url, read_home
from zhangfang_audit.ledger import record
from zhangfang_audit.verify.report import Bar
from zhangfang_audit.verify.report import show as show_verified
from zhangfang_audit.verify.verify import verify

WIDTH = 120  # of a log or a pipe, where no terminal says how wide it is


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return the exit code."""
    asked = _parser().parse_args(arguments)
    if path := os.environ.get("ZHANGFANG_PULSE"):
        threading.Thread(target=_beat, args=(Path(path),), daemon=True).start()
    code = _once(asked)
    while asked.every:
        time.sleep(asked.every)
        code = _once(asked)
    return code


def _beat(path: Path) -> None:
    """Touch the file by which a supervisor sees that this process was not stopped, once a second."""
    while True:
        path.touch()
        time.sleep(1)


def _once(asked: argparse.Namespace) -> int:
    try:
        return 0 if asked.run(asked) else 1
    except Unreadable as error:
        print(f"cannot {asked.verb}: {error}", file=sys.stderr)
        return 2


def _books(asked: argparse.Namespace) -> bool:
    home = read_home(asked.home)
    found = asyncio.run(_audit(home, keep=asked.record))
    if asked.json:
        _write(asked.json, found.as_json())
    show(found, home.now, _console())
    return found.ok


def _verify(asked: argparse.Namespace) -> bool:
    url = asked.database or database_url(asked.home)
    with Bar() as bar:
        shards = asyncio.run(verify(url, asked.shard, bar))
    ok = all(one.found.ok for one in shards)
    if asked.json:
        _write(asked.json, {"ok": ok, "shards": [one.as_json() for one in shards]})
    show_verified(shards, _console())
    return ok


def _console() -> Console:
    return Console(width=None if sys.stdout.isatty() else WIDTH)


async def _audit(home: Home, *, keep: bool) -> Audit:
    found = await audit(home)
    if keep:
        await record(
            home.database_url, home.now, found.ok, found.figures() | {"unknown_open": len(found.unknown)}
        )
    return found


def _write(path: Path, found: dict[str, Any]) -> None:
    try:
        path.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", "utf-8")
    except OSError as error:
        raise Unreadable(f"--json {path}: {error.strerror}") from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="zhangfang_audit", description="Check the books from outside.")
    commands = parser.add_subparsers(required=True, metavar="books|verify")
    books = commands.add_parser("books", help="compare every account with the banks' own books")
    books.set_defaults(run=_books, verb="audit")
    books.add_argument("--home", type=Path, required=True, help="home folder of the platform")
    books.add_argument("--json", type=Path, help="write all figures and lines as JSON to this file")
    books.add_argument("--record", action="store_true", help="keep the result for the console's seal")
    books.add_argument(
        "--every", type=float, metavar="SECONDS", help="stay, and audit again after so many seconds"
    )
    history = commands.add_parser("verify", help="derive every balance from the ledger's history alone")
    history.set_defaults(run=_verify, verb="verify", every=None)
    where = history.add_mutually_exclusive_group(required=True)
    where.add_argument("--database", metavar="URL", help="the database, or a replica of it")
    where.add_argument(
        "--home", type=Path, help="home folder of the platform, which says where the database is"
    )
    history.add_argument("--shard", type=int, help="one shard only; all of them without it")
    history.add_argument("--json", type=Path, help="write what was found as JSON to this file")
    return parser


if __name__ == "__main__":
    sys.exit(main())
