"""Settlement on the command line: run it for a date."""

from datetime import date
from typing import TYPE_CHECKING, Annotated

import typer

from zhangfang.cli.running import a_day, by_person

if TYPE_CHECKING:
    from zhangfang.approvals import Person
    from zhangfang.payments import Desk

app = typer.Typer(help="Settlement: run it, or see what comes next.", no_args_is_help=True)


@app.command()
def run(
    day: Annotated[
        str, typer.Option("--date", help="the run's date, YYYY-MM-DD, today at the latest; none: today")
    ] = "",
) -> None:
    """Settle what is due and proven. The timetable does it each day; a second run finds what the first has left."""
    from zhangfang import approvals
    from zhangfang.kernel.calendar import china_day
    from zhangfang.kernel.errors import InvalidInput
    from zhangfang.settlement import settle

    chosen = a_day(day, "--date") if day else None

    async def work(desk: "Desk", by: "Person") -> tuple[date, list[str]]:
        today = china_day(desk.clock.now())
        on = chosen or today
        if on > today:
            raise InvalidInput("--date", f"the date {on}", f"{today} or earlier")
        await approvals.record(desk.pool, desk.clock, by, "run settlement", str(on))
        return on, await settle(desk, on)

    on, waiting = by_person(work, 4)
    for text in waiting:
        typer.echo(f"  {text}")
    typer.echo(f"settled for {on}; {len(waiting)} things wait")
