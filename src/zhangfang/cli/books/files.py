"""Files of channels and statements of banks that a person brings, and the column maps by which they are read."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zhangfang.cli.aligned import aligned
from zhangfang.cli.running import a_day, by_person, with_person, with_pool
from zhangfang.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from zhangfang.approvals import Person
    from zhangfang.bills import Said
    from zhangfang.payments import Desk

app = typer.Typer(
    help="Files (账单) that a person brings: a channel's file or a bank's statement in any layout, and the column maps "
    "by which they are read. A map is released by two people.",
    no_args_is_help=True,
)

File = Annotated[
    Path, typer.Argument(metavar="FILE", help="the file as it came", exists=True, dir_okay=False)
]
MapName = Annotated[str, typer.Option("--map", help="name of a live column map, as `maps` lists it")]


@app.command()
def take(
    file: File,
    channel: Annotated[str, typer.Option(help="whose file it is, such as unionpay")],
    date: Annotated[str, typer.Option(help="settlement date, YYYY-MM-DD")],
    map_: MapName,
    count: Annotated[
        int | None, typer.Option(help="rows that the bank states, if the file has no totals")
    ] = None,
    sum_: Annotated[
        str | None,
        typer.Option("--sum", help="yuan in less yuan out that the bank states, if the file has no totals"),
    ] = None,
) -> None:
    """Take a channel's file of a date: it is read whole, proven by its totals, stored and reconciled."""
    from zhangfang.kernel.money import fen_to_yuan

    day, said = a_day(date, "--date"), _said(count, sum_)

    async def work(desk: "Desk", by: "Person") -> Any:
        from zhangfang.reconciliation import read_and_bring

        return await read_and_bring(desk, file, channel, day, map_, said, file.name[:200], by)

    bill, done = by_person(work)
    sums = f"in {fen_to_yuan(bill.pay_in)}, out {fen_to_yuan(bill.pay_out)}, fee {fen_to_yuan(bill.fee)}"
    typer.echo(f"{file.name}: {done}; {sums}; {bill.unread} rows could not be read")


def _said(count: int | None, sum_: str | None) -> "Said | None":
    from zhangfang.bills import Said
    from zhangfang.kernel.money import yuan_to_fen

    if (count is None) != (sum_ is None):
        raise InvalidInput("--count and --sum", "one of them", "both or neither")
    return None if count is None or sum_ is None else Said(count, yuan_to_fen(sum_, "--sum"))


@app.command()
def statement(
    file: File,
    account: Annotated[
        str, typer.Option(help="our account that it is of, by its bank's name, such as genericbank")
    ],
    format_: Annotated[
        str, typer.Option("--format", help="camt053, mt940, or map:NAME with the name of a live column map")
    ],
) -> None:
    """Take a bank's statement: it must be whole and follow on the last one; new lines are stored and booked."""

    async def work(desk: "Desk", by: "Person") -> str:
        from zhangfang.reconciliation import read_and_bring_statements

        return await read_and_bring_statements(desk, file, account, format_, file.name[:200], by)

    typer.echo(f"{file.name}: {by_person(work)}")


@app.command()
def maps() -> None:
    """List the column maps with their versions; version 0 ships with the platform."""
    from zhangfang.bills import map_versions

    found = with_pool(lambda pool, _: map_versions(pool))
    rows = [
        (
            one.map.name,
            str(one.version),
            one.state,
            one.map.kind,
            one.map.format,
            one.made_by,
            one.live_by or "",
            one.reason,
        )
        for one in found
    ]
    header = ("name", "version", "state", "kind", "format", "made by", "live by", "reason")
    for line in aligned([header, *rows], ()):
        typer.echo(line)


@app.command("map")
def map_(
    name: Annotated[str, typer.Argument(metavar="NAME", help="the map's name")],
    version: Annotated[int | None, typer.Option(help="a version; 0: what ships; none: the live one")] = None,
) -> None:
    """Print a column map as JSON: change it in an editor, then propose it."""
    import msgspec

    from zhangfang.bills import live_map, map_version

    async def work(pool: Any, _: Any) -> Any:
        return await live_map(pool, name) if version is None else (await map_version(pool, name, version)).map

    typer.echo(msgspec.json.format(msgspec.json.encode(with_pool(work))).decode())


@app.command()
def propose(
    file: File,
    reason: Annotated[str, typer.Option(help="why, in 3 to 200 characters; it is kept")],
) -> None:
    """Propose a column map (JSON, as `map` prints it). Nothing is read by it until another person approves it."""
    from zhangfang.approvals import PREFIX
    from zhangfang.bills import propose_map
    from zhangfang.kernel.ids import prefixed

    content = file.read_bytes()
    made = with_person(lambda pool, clock, by: propose_map(pool, clock, content, by, reason))
    assert made.proposal is not None, "a draft has its proposal"
    name = f"version {made.version} of the map {made.map.name}"
    typer.echo(f"{name} is proposed as {prefixed(PREFIX, made.proposal)}; another person has to approve it")
