"""The command `zhangfang`: each process of the platform is one of its commands, and so is each thing an operator does."""

import asyncio
import logging
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

import structlog
import typer

from zhangfang.cli import batches, books, breaks, drills, duplicates, ledger, parked, resolve, tables
from zhangfang.kernel.errors import ZhangfangError
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
bench = typer.Typer(help="Measure, beside floors taken in the same run.", no_args_is_help=True)
app.add_typer(audit, name="audit")
app.add_typer(bench, name="bench")
app.add_typer(batches.app, name="batches")
app.add_typer(books.app, name="books")
app.add_typer(breaks.app, name="breaks")
app.add_typer(duplicates.app, name="duplicates")
app.add_typer(drills.app, name="drill")
app.command()(drills.simulate)
app.add_typer(ledger.app, name="ledger")
app.add_typer(parked.app, name="parked")
app.add_typer(resolve.app, name="resolve")
app.add_typer(tables.app, name="tables")


def main() -> None:
    """Run the command; an error of ours is one clear line, not a traceback."""
    _log_to_stderr()
    try:
        app()
    except ZhangfangError as error:
        print(f"zhangfang: {error}", file=sys.stderr)
        sys.exit(1)


def _log_to_stderr() -> None:
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    import uvloop

    return uvloop.run(work)


@app.command()
def serve() -> None:
    """Run the HTTP API, the operator's console and the notifications from channels."""
    from zhangfang.cli.processes import serve as work

    work(Settings())


@app.command()
def work() -> None:
    """Run the driver: it repairs what was left lying, tells merchants, and keeps the timetable of the day."""
    from zhangfang.cli.processes import drive_all

    _run(drive_all(Settings()))


@app.command()
def migrate(
    phase: Annotated[
        str | None, typer.Option(help="pre: before a deploy; post: after it; none: both")
    ] = None,
) -> None:
    """Bring the database's schema up to date, within a lock budget."""
    from zhangfang.schema import migrate as run

    asyncio.run(run(Settings().database, phase))


@app.command()
def up(
    port: Annotated[int, typer.Option(help="port of the API and the console; 0: any that is free")] = 8200,
    home: Annotated[Path, typer.Option(help="where keys, sockets, files and the database are")] = Path(
        "var/up"
    ),
) -> None:
    """Start everything with sandbox banks beside it, say where to look and how to log in, and stay."""
    from zhangfang.cli.up import up as run

    run(home, port)


@app.command()
def demo(
    orders: Annotated[Path | None, typer.Option(help="a CSV of orders; none: the one that ships")] = None,
    json: Annotated[Path | None, typer.Option(help="write the report as JSON to this file")] = None,
    home: Annotated[
        Path | None, typer.Option(help="play the day in this empty folder; none: var/demo")
    ] = None,
    check: Annotated[bool, typer.Option(help="only check the orders, start nothing")] = False,
) -> None:
    """Play one business day from end to end on real processes, and report it."""
    from zhangfang.cli.demo import demo as run

    sys.exit(run(orders, json, home, check_only=check))


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


@bench.command("payments")
def bench_payments(
    json: Annotated[Path | None, typer.Option(help="write the figures as JSON to this file")] = None,
    payments: Annotated[int, typer.Option(help="how many payments each of the two runs makes")] = 10_000,
    payers: Annotated[int, typer.Option(help="how many payers pay at once")] = 128,
    floor_seconds: Annotated[float, typer.Option(help="how long each floor is measured")] = 3.0,
) -> None:
    """Measure collections through the whole platform, with RSA and without, beside floors taken in the same run."""
    from zhangfang.cli.bench import bench_payments as run

    run(json, payments, payers, floor_seconds)


@bench.command("channels")
def bench_channels(
    json: Annotated[Path | None, typer.Option(help="write the figures as JSON to this file")] = None,
    orders: Annotated[int, typer.Option(help="how many unknown collections are healed")] = 11_744,
    items: Annotated[int, typer.Option(help="how many items the batch file has")] = 100_000,
    exchanges: Annotated[int, typer.Option(help="how many orders and queries each channel does")] = 300,
    paced: Annotated[int, typer.Option(help="how many payouts are asked about at CMB's pace")] = 10,
) -> None:
    """Measure messages, healing and batch files, beside bare operations and the banks' own most."""
    from zhangfang.cli.bench_channels import bench_channels as run

    run(json, orders, items, exchanges, paced)


@bench.command("ledger")
def bench_ledger(
    json: Annotated[Path | None, typer.Option(help="write the figures as JSON to this file")] = None,
    transfers: Annotated[int, typer.Option(help="how many transfers each workload asks for")] = 1_000_000,
    only: Annotated[
        str | None, typer.Option(help="workloads and floors, with commas between; none: all")
    ] = None,
    behind: Annotated[
        int | None,
        typer.Option(help="transfers behind the last ones; none: 20 M if a workload has a million, else 0"),
    ] = None,
    rounds: Annotated[int, typer.Option(help="how often everything with a ratio is measured")] = 3,
) -> None:
    """Measure the ledger alone, every answer checked by an oracle, beside floors taken in the same run."""
    from zhangfang.cli.bench_ledger import bench_ledger as run

    run(json, transfers, only, behind, rounds)
