"""What waits for a second person on the command line: look at it, and approve exactly that."""

from typing import Annotated, Any

import typer

from zhangfang.cli.aligned import aligned
from zhangfang.cli.running import by_person, with_person, with_pool
from zhangfang.kernel.ids import parse, prefixed

app = typer.Typer(
    help="What one person proposes and another approves: outcomes, cures, reversals, tables, periods, refunds, stops.",
    no_args_is_help=True,
)
COLUMNS = ("id", "hash", "kind", "about", "proposed by", "reason", "state")
Id = Annotated[str, typer.Argument(metavar="ID", help="prp_…, as `list` shows it")]
_SHORT = 16  # digits of a hash in the list


@app.command("list")
def list_(every: Annotated[bool, typer.Option("--all", help="those that are over as well")] = False) -> None:
    """List what waits for a second person, newest first."""
    from zhangfang.approvals import proposals

    found = with_pool(lambda pool, _: proposals(pool, every=every))
    for line in aligned([COLUMNS, *map(_cells, found)], ()):
        typer.echo(line)


@app.command()
def show(proposal_id: Id) -> None:
    """Show a proposal whole: its content is what is carried out, and the hash is of these bytes."""
    from zhangfang.approvals import PREFIX, get

    id_ = parse(PREFIX, proposal_id)
    found = with_pool(lambda pool, _: get(pool, id_))
    for line in aligned([COLUMNS, _cells(found)], ()):
        typer.echo(line)
    typer.echo(found.content)
    typer.echo(f"hash {found.seen}")


@app.command()
def approve(
    proposal_id: Id,
    hash_: Annotated[
        str, typer.Argument(metavar="HASH", help="the hash that you looked at, 8 digits or more")
    ],
) -> None:
    """Approve what another person has proposed, as you have seen it: it is carried out at once."""
    from zhangfang.approvals import PREFIX
    from zhangfang.assembly.proposals import approve as work

    id_ = parse(PREFIX, proposal_id)
    done = by_person(lambda desk, by: work(desk, id_, hash_, by))
    typer.echo(f"approved by {done.decided_by}: {done.result}")


@app.command()
def withdraw(proposal_id: Id) -> None:
    """Take a proposal back that nobody has approved."""
    from zhangfang.approvals import PREFIX
    from zhangfang.approvals import withdraw as work

    id_ = parse(PREFIX, proposal_id)
    with_person(lambda pool, clock, by: work(pool, clock, id_, by))
    typer.echo("withdrawn")


def _cells(one: Any) -> tuple[str, ...]:
    from zhangfang.approvals import PREFIX

    state = "waits for a second person"
    if one.decision is not None:
        state = f"{'approved' if one.decision == 'approve' else 'withdrawn'} by {one.decided_by}"
        state += f": {one.result}" if one.result else ""
    return (
        prefixed(PREFIX, one.id),
        one.seen[:_SHORT],
        one.kind,
        one.target,
        one.proposed_by,
        one.reason,
        state,
    )
