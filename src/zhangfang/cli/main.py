"""The command `zhangfang`: each process of the platform is one of its commands, and so is each thing an operator does."""

import asyncio
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

from zhangfang.assembly.program import run
from zhangfang.cli import batches, books, breaks, duplicates, ledger, parked, programs, resolve, tables
from zhangfang.kernel.settings import Settings

app = typer.Typer(
    help="Zhangfang (账房): a payment platform for companies that hold other people's money.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    rich_markup_mode="rich",
)
audit = typer.Typer(
    help="Check the books from outside: banks' own books and plain SQL.", no_args_is_help=True
)
app.add_typer(audit, name="audit")
app.add_typer(batches.app, name="batches")
app.add_typer(books.app, name="books")
app.add_typer(breaks.app, name="breaks")
app.add_typer(duplicates.app, name="duplicates")
app.add_typer(ledger.app, name="ledger")
app.add_typer(parked.app, name="parked")
app.add_typer(resolve.app, name="resolve")
app.add_typer(tables.app, name="tables")
programs.add_to(app)


def main() -> None:
    """Run the command that was typed."""
    run(app)


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    import uvloop

    return uvloop.run(work)


@app.command()
def serve() -> None:
    """Run the HTTP API, the operator's console and the notifications from channels."""
    from zhangfang.assembly.processes import serve as work

    work(Settings())


@app.command()
def work() -> None:
    """Run the driver: it repairs what was left lying, tells merchants, and keeps the timetable of the day."""
    from zhangfang.assembly.processes import drive_all

    _run(drive_all(Settings()))


@app.command()
def migrate(
    phase: Annotated[
        str | None, typer.Option(help="pre: before a deploy; post: after it; none: both")
    ] = None,
) -> None:
    """Bring the database's schema up to date, within a lock budget."""
    from zhangfang.schema import migrate as work

    asyncio.run(work(Settings().database, phase))


@app.command()
def up(
    port: Annotated[int, typer.Option(help="port of the API and the console; 0: any that is free")] = 8200,
    home: Annotated[Path, typer.Option(help="where keys, sockets, files and the database are")] = Path(
        "var/up"
    ),
) -> None:
    """Start everything with sandbox banks beside it, say where to look and how to log in, and stay."""
    from zhangfang.cli.up import up as work

    work(home, port)


@audit.command("books")
def audit_books(
    home: Annotated[Path | None, typer.Option(help="home folder of a running platform")] = None,
    json: Annotated[Path | None, typer.Option(help="write the figures as JSON to this file")] = None,
) -> None:
    """Compare every account with the banks' own books. It is a program of its own; this only starts it."""
    import subprocess

    command = [sys.executable, "-m", "zhangfang_audit", "books", "--home", str(home or Settings().home)]
    command += ["--json", str(json)] if json else []
    sys.exit(subprocess.run(command, check=False).returncode)
