"""`python -m zhangfang_audit books --home DIR`: are the books right?

Exit code 0: every gap is zero; 1: one is not; 2: something could not be read (or written), and stderr says what.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from zhangfang_audit.audit import Audit, audit
from zhangfang_audit.inputs import Home, Unreadable, read_home
from zhangfang_audit.ledger import record
from zhangfang_audit.report import show

WIDTH = 120  # of a log or a pipe, where no terminal says how wide it is


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return the exit code."""
    asked = _parser().parse_args(arguments)
    code = _once(asked)
    while asked.every:
        time.sleep(asked.every)
        code = _once(asked)
    return code


def _once(asked: argparse.Namespace) -> int:
    try:
        home = read_home(asked.home)
        found = asyncio.run(_audit(home, keep=asked.record))
        if asked.json:
            _write(asked.json, found)
    except Unreadable as error:
        print(f"cannot audit: {error}", file=sys.stderr)
        return 2
    show(found, home.now, Console(width=None if sys.stdout.isatty() else WIDTH))
    return 0 if found.ok else 1


async def _audit(home: Home, *, keep: bool) -> Audit:
    found = await audit(home)
    if keep:
        await record(
            home.database_url, home.now, found.ok, found.figures() | {"unknown_open": len(found.unknown)}
        )
    return found


def _write(path: Path, found: Audit) -> None:
    try:
        path.write_text(json.dumps(found.as_json(), indent=2, ensure_ascii=False) + "\n", "utf-8")
    except OSError as error:
        raise Unreadable(f"--json {path}: {error.strerror}") from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="zhangfang_audit", description="Check the books from outside.")
    books = parser.add_subparsers(required=True, metavar="books").add_parser(
        "books", help="compare every account with the banks' own books"
    )
    books.add_argument("--home", type=Path, required=True, help="home folder of the platform")
    books.add_argument("--json", type=Path, help="write all figures and lines as JSON to this file")
    books.add_argument("--record", action="store_true", help="keep the result for the console's seal")
    books.add_argument(
        "--every", type=float, metavar="SECONDS", help="stay, and audit again after so many seconds"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
