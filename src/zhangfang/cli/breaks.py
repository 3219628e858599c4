"""Breaks on the command line: what the two sides do not agree on, and its cures, which one person proposes."""

from collections.abc import Container, Mapping, Sequence
from typing import Annotated, Any

import typer

from zhangfang.cli.running import a_uuid, by_person, with_pool
from zhangfang.kernel.ids import prefixed
from zhangfang.kernel.money import fen_to_yuan

app = typer.Typer(help="What we and the banks do not agree on, and its cures.", no_args_is_help=True)

COLUMNS = ("id", "class", "date", "ours", "theirs", "difference", "state")
Id = Annotated[str, typer.Argument(metavar="ID", help="the break's id, as `list` shows it")]


@app.command("list")
def list_(every: Annotated[bool, typer.Option("--all", help="cleared ones too")] = False) -> None:
    """List the open breaks, oldest first; amounts in yuan."""
    from zhangfang.reconciliation import list_breaks

    rows = with_pool(lambda pool, _: list_breaks(pool, cleared=every))
    for line in aligned([COLUMNS, *map(cells, rows)]):
        typer.echo(line)


@app.command()
def propose(
    break_id: Id,
    cure: Annotated[
        str,
        typer.Option(
            help="B2: fill it in; B3: return it to the payer; B7, B8: write it off; seen: an unread row"
        ),
    ],
    merchant: Annotated[str | None, typer.Option(help="whose payment it is (B2): mer_…")] = None,
) -> None:
    """Propose a cure of a break. Nothing is booked until another person approves it."""
    from zhangfang.approvals import PREFIX
    from zhangfang.reconciliation import propose as work

    id_ = a_uuid(break_id, "ID", "breaks list")
    made = by_person(lambda desk, by: work(desk.pool, desk.clock, desk.journal, id_, cure, by, merchant))
    typer.echo(f"{cure} is proposed as {prefixed(PREFIX, made)}; another person has to approve it")


def cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a break as texts under `COLUMNS`."""
    sides = (
        "" if fen is None else fen_to_yuan(fen) for fen in (row["ours"], row["theirs"], row["difference"])
    )
    return (str(row["id"]), row["class"], str(row["settle_date"]), *sides, _state(row))


def _state(row: Mapping[str, Any]) -> str:
    from zhangfang.reconciliation import cures

    if row["cleared_at"]:
        return f"cleared by {row['cleared_by']}: {row['cure']}"
    if row["proposed_by"]:
        to = f" for {row['proposed_for']}" if row["proposed_for"] else ""
        return f"open, {row['proposed_cure']}{to} proposed by {row['proposed_by']}"
    return f"open, can be cured by {' or '.join(cures(row)) or 'the bank alone'}"


def aligned(rows: Sequence[Sequence[str]], right: Container[int] = range(3, 6)) -> list[str]:
    """Return rows as lines whose columns stand below each other; those numbered in `right`, amounts, to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            text.rjust(width) if n in right else text.ljust(width)
            for n, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
