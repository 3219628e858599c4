"""The command `zhangfang`: each process of the platform is one of its commands, and so is each thing an operator does.

A command imports what it needs when it runs: `--help` and completion import no part of the platform.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from zhangfang.assembly.program import answer, log_to
from zhangfang.cli.books import (
    books,
    breaks,
    close,
    files,
    inspection,
    match_rules,
    register,
    reserve,
    statements,
    weekly,
)
from zhangfang.cli.machine import clock, ledger, programs
from zhangfang.cli.money import (
    adjust,
    batches,
    duplicates,
    fees,
    freezes,
    parked,
    resolve,
    settlement,
    stops,
    tables,
)
from zhangfang.cli.people import keys, merchant, people, proposals
from zhangfang.cli.running import finish
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
app.add_typer(people.app, name="operator")
for module in (
    adjust,
    batches,
    books,
    breaks,
    clock,
    close,
    duplicates,
    files,
    fees,
    freezes,
    inspection,
    keys,
    ledger,
    match_rules,
    merchant,
    parked,
    proposals,
    register,
    reserve,
    resolve,
    settlement,
    statements,
    tables,
):
    app.add_typer(module.app, name=module.__name__.rpartition(".")[2].replace("_", "-"))
app.command("sign-in")(people.sign_in)
app.command("sign-out")(people.sign_out)
app.command("weekly")(weekly.weekly)
app.add_typer(weekly.app, name="incident")
programs.add_to(app)
stops.add_to(app)


def main() -> None:
    """Run the command that was typed."""
    answer(app)


def _say_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"zhangfang {version('zhangfang')}")
        raise typer.Exit


@app.callback()
def before_each(
    version: Annotated[
        bool,
        typer.Option("--version", help="say which release this is", is_eager=True, callback=_say_version),
    ] = False,
) -> None:
    """Prepare what every command needs."""
    log_to()


@app.command()
def serve() -> None:
    """Run the HTTP API, the operator's console and the notifications from channels."""
    from zhangfang.assembly.processes import serve as work

    work(Settings())


@app.command()
def work() -> None:
    """Run the driver: it repairs what was left lying, tells merchants, and keeps the timetable of the day."""
    import uvloop

    from zhangfang.assembly.processes import drive_all

    uvloop.run(drive_all(Settings()))


@app.command()
def migrate(
    phase: Annotated[
        str | None, typer.Option(help="pre: before a deploy; post: after it; none: both")
    ] = None,
) -> None:
    """Bring the database's schema up to date, within a lock budget."""
    from zhangfang.schema import migrate as work

    finish(work(Settings().owner_database, phase))


@app.command()
def up(
    port: Annotated[int, typer.Option(help="port of the API and the console; 0: any that is free")] = 8200,
    home: Annotated[Path, typer.Option(help="where keys, sockets, files and the database are")] = Path(
        "var/up"
    ),
) -> None:
    """Start everything with sandbox banks beside it, say where to look and how to log in, and stay."""
    from zhangfang.cli.machine.up import up as work

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
