"""Batches on the command line: hand a merchant's file in, see how far it is, take its results away."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from zhangfang.cli.running import with_desk, with_pool
from zhangfang.kernel.errors import ZhangfangError
from zhangfang.kernel.ids import parse, prefixed
from zhangfang.kernel.money import fen_to_yuan

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from zhangfang.batches import Batch, Progress, Upload

app = typer.Typer(help="Files of collections, and what became of them.", no_args_is_help=True)

FORMS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
FINAL = ("SUCCESS", "FAILED", "REFUSED", "CLOSED")
LOOK_SECONDS = 0.5
_READ = 64 * 1024  # bytes at once
Id = Annotated[str, typer.Argument(metavar="ID", help="the batch's id: bat_…")]


class FileUnreadable(ZhangfangError):
    """A file cannot be read or written."""


@app.command()
def submit(
    file: Annotated[Path, typer.Argument(help="CSV (.csv) or JSON lines (.jsonl)")],
    merchant: Annotated[str, typer.Option(help="whose batch it is: mer_…")],
    number: Annotated[str, typer.Option(help="the merchant's own number of the batch")],
    count: Annotated[int, typer.Option(help="control total: how many items")],
    amount: Annotated[int, typer.Option(help="control total: their sum in fen")],
    partial: Annotated[bool, typer.Option("--partial", help="let bad lines in as refused items")] = False,
) -> None:
    """Hand a file in. The same file again finds the same batch."""
    from zhangfang.batches import Upload

    upload = Upload(number, FORMS.get(file.suffix.lower(), ""), count, amount, partial)
    batch, new = with_desk(lambda desk: _submit(desk, file, merchant, upload), 16)
    typer.echo(
        f"{prefixed('bat', batch.id)}: {batch.items} items, {fen_to_yuan(batch.amount)} yuan, {_NEW[new]}"
    )


_NEW = {True: "accepted", False: "handed in before"}


@app.command()
def show(
    batch_id: Id,
    wait: Annotated[bool, typer.Option("--wait", help="stay until every item has its result")] = False,
) -> None:
    """Show how far a batch is: items and yuan by state."""
    id_ = parse("bat", batch_id, "batch")
    batch, how = with_pool(lambda pool, _: _show(pool, id_, wait))
    typer.echo(f"{batch_id}  {batch.batch_no}  {batch.state}  {batch.items} items")
    for state, items in sorted(how.counts.items()):
        typer.echo(f"{state:<10}{items:>9}{fen_to_yuan(how.amounts[state]):>18}")


@app.command()
def results(
    batch_id: Id, out: Annotated[Path, typer.Option(help="the CSV to write; an existing one is not touched")]
) -> None:
    """Write the results as CSV, in the order of the file, as they stand."""
    id_ = parse("bat", batch_id, "batch")
    lines = with_pool(lambda pool, _: _results(pool, id_, out))
    typer.echo(f"{out}: {lines} bytes")


async def _submit(desk: Any, file: Path, merchant: str, upload: "Upload") -> "tuple[Batch, bool]":
    from zhangfang.batches import BatchInvalid, load
    from zhangfang.merchants import get_merchant

    whose = await get_merchant(desk.pool, merchant)
    with _bar() as bar:
        try:
            return await load(desk.pool, desk.vault, desk.clock, whose, upload, _chunks(file, bar))
        except BatchInvalid as error:
            for one in error.problems:
                typer.echo(f"line {one.line}: {one}", err=True)
            raise


async def _chunks(file: Path, bar: "Bar") -> AsyncIterator[bytes]:
    """Read the file a piece at a time, with a bar of how far it is."""
    try:
        with file.open("rb") as source:
            task = bar.add_task("read, checked and stored", total=os.fstat(source.fileno()).st_size)
            while data := source.read(_READ):
                yield data
                bar.advance(task, len(data))
    except OSError as error:
        raise FileUnreadable(f"{file}: {error.strerror}; allowed: a file that can be read") from None


async def _show(pool: Any, id_: UUID, wait: bool) -> "tuple[Batch, Progress]":
    from asyncio import sleep

    from zhangfang.batches import BatchState, any_batch, progress

    batch, how = await any_batch(pool, id_), await progress(pool, id_)
    with _bar() as bar:
        task = bar.add_task("items with their result", total=batch.items) if wait else None
        while task is not None and batch.state is not BatchState.FINISHED:
            bar.update(task, completed=sum(how.counts.get(state, 0) for state in FINAL))
            await sleep(LOOK_SECONDS)
            batch, how = await any_batch(pool, id_), await progress(pool, id_)
    return batch, how


async def _results(pool: Any, id_: UUID, out: Path) -> int:
    from zhangfang import batches

    size = 0
    await batches.any_batch(pool, id_)
    try:
        with out.open("xb") as target:
            async for part in batches.results(pool, id_):
                size += target.write(part)
    except OSError as error:
        raise FileUnreadable(f"{out}: {error.strerror}; allowed: a path where nothing is yet") from None
    return size


def _bar() -> "Bar":
    """Return a bar on the terminal's error stream; where there is no terminal nothing is drawn."""
    from rich.console import Console
    from rich.progress import Progress

    return Progress(console=Console(stderr=True), transient=True)
