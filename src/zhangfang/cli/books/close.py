"""Month-end on the command line: what stands between us and the close, and the proposal to close."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from zhangfang.cli.aligned import aligned
from zhangfang.cli.running import with_person, with_pool
from zhangfang.kernel.ids import prefixed

if TYPE_CHECKING:
    from zhangfang.closing.checklist import Found

app = typer.Typer(
    help="Month-end: a checklist that checks itself, and the close by two people.", no_args_is_help=True
)
Month = Annotated[str, typer.Argument(metavar="MONTH", help="YYYY-MM")]
COLUMNS = ("", "item", "what has to be met", "in the way", "since", "such as", "whose", "what to do")


@app.command()
def check(month: Month) -> None:
    """Check each item of the month-end. Exit code 1: something stands in the way of the close."""
    from zhangfang.closing import checklist

    _, last = checklist.month_of(month)
    found = with_pool(lambda pool, clock: checklist.check(pool, last, clock.now()))
    for line in lines(found):
        typer.echo(line)
    if missing := checklist.in_the_way(found):
        typer.echo(f"{month} cannot be closed: {', '.join(one.item.name for one in missing)}")
        raise typer.Exit(1)
    typer.echo(f"{month} can be closed: all {len(found)} items are met")


@app.command()
def month(
    month: Month,
    except_: Annotated[
        list[str] | None,
        typer.Option(
            "--except", help="a soft item that is not met and is left open; may be given several times"
        ),
    ] = None,
    reason: Annotated[
        str, typer.Option(help="why an item is excepted, in 3 to 200 characters; it is kept")
    ] = "",
) -> None:
    """Propose to close the books through a month. Nothing is closed until another person approves it."""
    from zhangfang.approvals import PREFIX
    from zhangfang.closing import checklist, period

    _, last = checklist.month_of(month)
    left_out = tuple(except_ or ())
    made = with_person(
        lambda pool, clock, by: period.propose_closing(pool, clock, last, by, left_out, reason)
    )
    typer.echo(f"closing {month} is proposed as {prefixed(PREFIX, made)}; another person has to approve it")


def lines(found: "Sequence[Found]") -> list[str]:
    """Return the checklist as aligned lines."""
    cells = [
        (
            "ok" if one.good else "NO" if one.item.hard else "no",
            one.item.name, one.item.text.en, f"{one.count}" if one.count else "",
            f"{one.since}" if one.since else "", (one.which or "") if one.count else "",
            one.item.whose.en, "" if one.good else one.item.todo.en,
        )
        for one in found
    ]  # fmt: skip
    return aligned([COLUMNS, *cells], (3,))
