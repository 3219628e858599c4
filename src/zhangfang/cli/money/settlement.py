"""Settlement on the command line: run it for a date, and see what comes next for a merchant."""

from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zhangfang.cli.aligned import aligned
from zhangfang.cli.running import a_day, by_person, with_person, with_pool
from zhangfang.kernel.ids import prefixed
from zhangfang.kernel.money import fen_to_yuan, yuan_to_fen

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


@app.command("next")
def next_(merchant: Annotated[str, typer.Argument(metavar="MERCHANT", help="mer_…")]) -> None:
    """Show a merchant's cycle, what is due when, what is held until when, and what is owed; amounts in yuan."""
    from zhangfang import advances, settlement
    from zhangfang.kernel.calendar import china_day
    from zhangfang.merchants import get_merchant

    async def work(pool: Any, clock: Any) -> list[tuple[str, ...]]:
        line = await advances.line_of(pool, await get_merchant(pool, merchant), china_day(clock.now()))
        cycles = await settlement.cycles(pool, merchant, china_day(clock.now()))
        rows: list[tuple[str, ...]] = [("cycle", one.cycle, one.product or "all else", "") for one in cycles]
        for due in await settlement.coming(pool, merchant):
            what = f"{due.lines} lines" + ("" if due.ready else ", waits for file or money")
            rows.append(("due", str(due.day), what, fen_to_yuan(due.fen)))
        for one in await settlement.held(pool, merchant):
            rows.append(("released", str(one.release_on), f"reserve of {one.run_date}", fen_to_yuan(one.fen)))
        for owed in await settlement.owed(pool, merchant):
            rows.append(("owed", "next", f"carried on {owed.run_date}", fen_to_yuan(-owed.owed)))
        if line.fen or line.standing:
            rows.append(
                ("advanced", "next", f"of a line of {fen_to_yuan(line.fen)}", fen_to_yuan(-line.standing))
            )
        return rows

    for line in aligned(with_pool(work)):
        typer.echo(line)


@app.command()
def advance(
    merchant: Annotated[str, typer.Argument(metavar="MERCHANT", help="mer_…")],
    amount: Annotated[str, typer.Option(help="in yuan")],
    reason: Annotated[str, typer.Option(help="why; kept for ever")],
) -> None:
    """Propose to advance a merchant money out of own funds; its next settlements pay it back. Another person approves."""
    from zhangfang import advances
    from zhangfang.approvals import PREFIX

    fen = yuan_to_fen(amount)
    made = with_person(lambda pool, clock, by: advances.propose(pool, clock, merchant, fen, by, reason))
    typer.echo(f"proposed as {prefixed(PREFIX, made)}; another person has to approve it")
