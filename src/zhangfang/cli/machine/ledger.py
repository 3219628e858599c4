"""The ledger's commands: be its writer or stand by for it, say how it stands, have its history verified."""

import json as to_json
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from zhangfang.cli.running import finish
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.settings import Settings

app = typer.Typer()
Shard = Annotated[int, typer.Option(min=0, max=32767, help="which shard of the ledger")]
Socket = Annotated[Path | None, typer.Option(help="where it listens; none: ledger.sock in the home folder")]

PATIENCE_S = 3.0
Found = dict[str, Any]


@app.callback(invoke_without_command=True)
def run(context: typer.Context, shard: Shard = 0, socket: Socket = None) -> None:
    """Be the one writer of a shard, or stand by for the one that is, until SIGTERM.

    A second one does no harm: it waits, and takes over when the first has ended or hangs.
    """
    if context.invoked_subcommand:
        if shard or socket:
            raise InvalidInput("--shard, --socket", "before the command", "after it")
        return
    import uvloop

    from zhangfang.kernel.start import wait_for_start
    from zhangfang.ledger import run_writer

    wait_for_start()
    settings = Settings()
    path = socket or settings.ledger_socket
    uvloop.run(run_writer(settings.database, path, settings.clock(), shard, settings.owner_database))


@app.command()
def status(
    shard: Shard = 0,
    socket: Socket = None,
    json: Annotated[bool, typer.Option("--json", help="print it as JSON")] = False,
) -> None:
    """Say who writes a shard, how far it has come, and what it keeps. Exit code 1: no writer serves it."""
    from rich.console import Console
    from rich.table import Table

    settings = Settings()
    path = socket or settings.ledger_socket
    found = finish(look(settings.database, path, shard))
    if json:
        typer.echo(to_json.dumps(found, default=str, indent=1))
    else:
        table = Table(title=f"Ledger, shard {shard}", show_header=False, title_justify="left")
        for name, text in lines(found):
            table.add_row(name, text)
        Console().print(table)
    raise typer.Exit(0 if found["serves"] else 1)


@app.command()
def verify(
    database: Annotated[
        str | None, typer.Option(metavar="URL", help="the database, or a replica of it")
    ] = None,
    home: Annotated[Path | None, typer.Option(help="home folder of a platform, which names it")] = None,
    shard: Annotated[int | None, typer.Option(help="one shard only; none: all of them")] = None,
    json: Annotated[Path | None, typer.Option(help="write what was found as JSON to this file")] = None,
) -> None:
    """Derive every balance from history alone, and check what must hold. It is a program of its own; this starts it."""
    command = [sys.executable, "-m", "zhangfang_audit", "verify"]
    where = ["--home", str(home)] if home else ["--database", database or Settings().database]
    more = {"--shard": shard, "--json": json}
    given = [part for name, value in more.items() if value is not None for part in (name, str(value))]
    raise typer.Exit(subprocess.run([*command, *where, *given], check=False).returncode)


async def look(database: str, path: Path, shard: int) -> Found:
    """Ask the writer and the database how a shard stands. What does not answer is named under `silent`."""
    from asyncio import wait_for

    from zhangfang.kernel.database import AWAY

    found: Found = {"shard": shard, "socket": str(path), "serves": False, "silent": []}
    try:
        found |= await wait_for(_stored(database, shard), PATIENCE_S)
    except AWAY:
        found["silent"].append("the database")
    serving = await _serving(path)
    if serving is None:
        found["silent"].append("the socket")
    else:
        found["serves"] = serving["shard"] == shard
        found |= serving if found["serves"] else {"socket_of_shard": serving["shard"]}
    return found


async def _serving(path: Path) -> Found | None:
    """Return what the writer that listens at a path says of itself, None if it says nothing."""
    from zhangfang.ledger import LedgerClient, LedgerUnavailable

    try:
        async with LedgerClient(path, deadline=PATIENCE_S) as client:
            said = await client.status()
    except LedgerUnavailable:
        return None
    names = ("shard", "epoch", "seq", "at", "accounts", "pendings")
    return {name: getattr(said, name) for name in names}


async def _stored(database: str, shard: int) -> Found:
    import asyncpg

    from zhangfang.kernel.sql import load
    from zhangfang.ledger.writer.lease import LOCK

    queries = load(__package__, "ledger.sql")
    connection = await asyncpg.connect(database, command_timeout=60)
    try:
        head = await connection.fetchrow(queries.heads, shard, LOCK)
        return dict(head or {}) | dict(await connection.fetchrow(queries.months))
    finally:
        await connection.close()


def lines(found: Found) -> list[tuple[str, str]]:
    """Return how a shard stands as names and texts, for people."""
    told = [("serves", _serves(found))]
    if "the database" in found["silent"]:
        told.append(("database", "does not answer"))
    elif "holder" not in found:
        told.append(("head", "this shard has never had a writer"))
    else:
        closed = found["closed_through"]
        told += [
            ("holder", f"{found['holder'] or 'unknown'} under epoch {found['epoch']}"),
            ("lease", _lease(found["lease_s"])),
            ("stand by", f"{found['standbys']}"),
            ("sequence", f"{found['seq']:,}, at {found['at']:%Y-%m-%d %H:%M:%S} UTC"),
            ("checkpoint", f"{found['after_checkpoint']:,} entries behind, pages {found['after_pages']:,}"),
            ("closed", f"business dates through {closed}" if closed else "no business date"),
            ("accounts", f"{found['accounts']:,}"),
            ("open pendings", f"{found['pendings']:,}"),
        ]
    if "transfer_bytes" in found:
        told.append(("months", f"{found['months_open']} open, {found['months_sealed']} sealed"))
        told.append(("size", f"{found['transfer_bytes'] / 1e6:,.1f} MB of transfers with their indexes"))
    return told


def _serves(found: Found) -> str:
    if found["serves"]:
        return f"yes, on {found['socket']}"
    if "socket_of_shard" in found:
        return f"no: {found['socket']} is the socket of shard {found['socket_of_shard']}"
    return f"no: nobody answers on {found['socket']}. Start `zhangfang ledger`, or look at its log"


def _lease(seconds: float | None) -> str:
    if seconds is None:
        return "none yet"
    return f"good for {seconds:.1f} s" if seconds > 0 else f"ran out {-seconds:,.0f} s ago"
