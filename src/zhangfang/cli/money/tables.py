"""The tables that choose channels: look at them, change them by a release, and go back."""

from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from zhangfang.cli.aligned import aligned
from zhangfang.cli.running import with_person, with_pool
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.money import fen_to_yuan
from zhangfang.kernel.settings import Settings
from zhangfang.kernel.text.sheets import no_text

if TYPE_CHECKING:
    from zhangfang.approvals import Person
    from zhangfang.routing import Release, Report

app = typer.Typer(
    help="The tables by which a payment's channel is chosen: routes, and account types that a channel takes. A change "
    "is a release: propose, replay, canary, promote; rollback goes back.",
    no_args_is_help=True,
)

T = TypeVar("T")


class Table(StrEnum):
    """The two tables."""

    ROUTES = "routes"
    ACCOUNT_TYPES = "account_types"


Version = Annotated[int, typer.Argument(metavar="VERSION", help="the release, as `history` lists it")]
KindOf = Annotated[Table, typer.Option(help="which table")]
Reason = Annotated[str, typer.Option(help="why, in at most 200 characters; it is kept")]
Which = Annotated[
    int | None, typer.Option("--version", help="a release; 0: the table that ships; none: the live one")
]
_LARGEST = 4 * 1024 * 1024


@app.command()
def show(kind: KindOf, version: Which = None) -> None:
    """Print a table so that a person can read it."""
    rows = _rows(kind, version)
    header = list(rows[0])
    for line in aligned([header, *([row[column] for column in header] for row in rows)], ()):
        typer.echo(line)


@app.command()
def export(
    kind: KindOf,
    version: Which = None,
    file: Annotated[Path | None, typer.Option(help="write it to this file; none: print it")] = None,
) -> None:
    """Write a table as CSV: change it in an editor or a spreadsheet, then propose it."""
    from zhangfang.routing import Kind, write_csv

    text = write_csv(Kind(kind), _rows(kind, version))
    if file is None:
        typer.echo(text, nl=False)
    else:
        file.write_text(text, "utf-8")


@app.command()
def propose(
    kind: KindOf,
    file: Annotated[Path, typer.Option(help="the whole table as CSV, as `export` writes it")],
    reason: Reason = "",
) -> None:
    """Keep a new table as a draft. Every row is checked; nothing decides by it yet. Prints the release's number."""
    from zhangfang.routing import Kind
    from zhangfang.routing import propose as work

    text = _csv(file)
    version = _do_as(lambda pool, clock, by: work(pool, clock, Kind(kind), text, by, reason))
    typer.echo(f"release {version} of {kind} is a draft; next: zhangfang tables replay {version}")


@app.command()
def replay(version: Version) -> None:
    """Let a draft and the live tables decide about the latest 10,000 orders, and compare.

    A draft that parks, refuses or delays any order that the live tables let go is rejected for good: exit code 1.
    """
    from zhangfang.channels import CONNECTORS
    from zhangfang.routing import replay as work

    settings = Settings()
    present = [name for name in CONNECTORS if settings.channel(name) is not None]
    report = _do_as(lambda pool, clock, by: work(pool, clock, version, present, by))
    for line in _told(report):
        typer.echo(line)
    if report.rejected:
        raise typer.Exit(1)


@app.command()
def canary(
    version: Version,
    share: Annotated[int, typer.Option(help="per cent of the traffic, 1 to 99; always the same payments")],
) -> None:
    """Let a replayed release decide for a part of the traffic; again, to change the part. One canary at a time."""
    from zhangfang.routing import canary as work

    _do_as(lambda pool, clock, by: work(pool, clock, version, share, by))
    typer.echo(
        f"release {version} decides for {share} % of the traffic; next: another person approves its proposal, "
        "or roll back"
    )


@app.command()
def rollback(kind: KindOf, reason: Reason = "") -> None:
    """Go back one step, alone and at once: a canary is withdrawn; where there is none, the table before is live again."""
    from zhangfang.routing import Kind
    from zhangfang.routing import rollback as work

    version = _do_as(lambda pool, clock, by: work(pool, clock, Kind(kind), by, reason))
    typer.echo(f"{kind}: {f'release {version}' if version else 'the table that ships'} is live")


@app.command()
def history(
    kind: Annotated[Table | None, typer.Option(help="only this table; none: both")] = None,
) -> None:
    """List the releases, newest first: who made them, what the replay found, and what became of them."""
    from zhangfang.routing import Kind
    from zhangfang.routing import history as work

    header = ("version", "kind", "state", "rows", "made by", "at (UTC)", "replay", "live by", "reason")
    found = _do(lambda pool, _: work(pool, Kind(kind) if kind else None))
    for line in aligned([header, *map(_cells, found)], ()):
        typer.echo(line)


def _cells(one: "Release") -> tuple[str, ...]:
    state = f"canary {one.share} %" if one.state == "canary" else one.state
    ended = f"; ended by {one.ended_by}: {one.ended_reason}" if one.ended_by else ""
    replay = one.replay
    broken = sum(replay["broken"].values()) if replay else 0
    found = f"{replay['orders']} orders, {broken} broken" if replay else ""
    at = f"{one.made_at:%Y-%m-%d %H:%M}"
    live = one.live_by or ""
    return (
        str(one.version),
        one.kind,
        state,
        str(one.size),
        one.made_by,
        at,
        found,
        live,
        one.reason + ended,
    )


def _told(report: "Report") -> list[str]:
    """Return a replay's report as lines."""
    lines = [
        f"release {report.version} against table set {report.on}: {report.orders} recent orders looked at",
        f"  {report.went} went by the live tables; {report.moved} of them would take another channel",
        f"  {report.freed} that did not go would go",
    ]
    lines += [f"  {count} that went would {fate}" for fate, count in sorted(report.broken.items())]
    lines += [
        f"    {one.intent} {one.operation} {fen_to_yuan(one.amount)} {one.account_type}: {one.reason}"
        for one in report.examples
    ]
    return [*lines, "rejected" if report.rejected else "replayed: it may become a canary"]


def _csv(file: Path) -> str:
    try:
        if file.stat().st_size > _LARGEST:
            raise InvalidInput("--file", "a larger file", f"at most {_LARGEST} bytes")
        data = file.read_bytes()
        if what := no_text(data):
            raise InvalidInput("--file", what, "a CSV in UTF-8")
        return data.decode()
    except OSError as error:
        raise _wrong(InvalidInput("--file", f"{error.strerror}", "a CSV that can be read")) from None
    except UnicodeDecodeError:
        raise _wrong(InvalidInput("--file", "bytes that are not UTF-8", "a CSV in UTF-8")) from None
    except InvalidInput as error:
        raise _wrong(error) from None


def _rows(kind: Table, version: int | None) -> "Sequence[Any]":
    from zhangfang.routing import Kind, rows_of

    return _do(lambda pool, _: rows_of(pool, Kind(kind), version))


def _do(work: Callable[[Any, Clock], Awaitable[T]]) -> T:
    """Do something with the database; what the person got wrong is one clear line and exit code 2."""
    return _told_of(lambda: with_pool(work))


def _do_as(work: "Callable[[Any, Clock, Person], Awaitable[T]]") -> T:
    """Do something as the person who is signed in."""
    return _told_of(lambda: with_person(work))


def _told_of(work: Callable[[], T]) -> T:
    from zhangfang.routing import RoutingError

    try:
        return work()
    except (RoutingError, InvalidInput) as error:
        raise _wrong(error) from None


def _wrong(error: Exception) -> typer.Exit:
    typer.echo(f"zhangfang: {error}", err=True)
    return typer.Exit(2)
