"""The accountant's commands: the trial balance of any date, the day-end roll, opening a closed period again."""

import json as to_json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from zhangfang.cli.running import a_day, with_person, with_pool
from zhangfang.kernel.ids import prefixed
from zhangfang.kernel.money import fen_to_yuan

app = typer.Typer(
    help="The books by business date: trial balance, day-end roll, what is closed.", no_args_is_help=True
)
reopen = typer.Typer(help="Open a closed period again; another person approves it.", no_args_is_help=True)
app.add_typer(reopen, name="reopen")


class Order(StrEnum):
    """How a trial balance is ordered."""

    CODE = "code"
    SUBJECT = "subject"


@app.command("trial-balance")
def trial_balance(
    day: Annotated[str, typer.Option("--date", help="business date, YYYY-MM-DD")],
    by: Annotated[Order, typer.Option(help="by code under the chart's headings, or by subject")] = Order.CODE,
    json: Annotated[Path | None, typer.Option(help="write it as JSON, in fen, to this file")] = None,
) -> None:
    """Print the trial balance at the end of a business date, in yuan. Exit code 1: debits and credits differ."""
    from zhangfang.cli.books.books_text import sheet
    from zhangfang.closing import trial

    asked = a_day(day, "--date")
    balances = with_pool(lambda pool, _: trial.trial_balance(pool, asked))
    if json is not None:
        json.write_text(to_json.dumps(trial.as_json(asked, by.value, balances), ensure_ascii=False, indent=1))
    for line in sheet(by.value, balances):
        typer.echo(line)
    if gap := trial.gap(balances):
        typer.echo(f"debits and credits differ by {fen_to_yuan(abs(gap))}")
        raise typer.Exit(1)


@app.command()
def roll(
    day: Annotated[str, typer.Option("--date", help="business date, YYYY-MM-DD")],
) -> None:
    """Roll a business date that is over, as the timetable does by itself. Rolling it again changes nothing."""
    from zhangfang.closing.roll import roll as work

    asked = a_day(day, "--date")
    with_pool(lambda pool, clock: work(pool, clock, asked))
    typer.echo(f"business date {asked} is rolled")


@app.command()
def status() -> None:
    """Say where the books are: today's business date, rolled and closed through which, and who waits for whom."""
    from zhangfang.approvals import proposals
    from zhangfang.cli.books.books_text import where
    from zhangfang.closing import period
    from zhangfang.closing.roll import standing

    found = with_pool(lambda pool, clock: standing(pool, clock.now()))
    asked = with_pool(lambda pool, _: period.requests(pool))
    closing = with_pool(lambda pool, _: proposals(pool, kind=period.CLOSE))
    opening = with_pool(lambda pool, _: proposals(pool, kind=period.REOPEN))
    for line in where(found, asked, (*closing, *opening)):
        typer.echo(line)


@app.command()
def export(
    month: Annotated[str, typer.Option(help="the month, YYYY-MM")],
    out: Annotated[Path, typer.Option(help="folder for the files; it is made if it is not there")],
) -> None:
    """Write a month's books: journal as CSV; trial balance, general and subsidiary ledger, vouchers as XLSX and PDF."""
    from zhangfang.approvals import recorded
    from zhangfang.cli.machine.progress import counting
    from zhangfang.closing.checklist import month_of
    from zhangfang.closing.files import PARTS, export_books

    first, last = month_of(month, "--month")
    steps = (last - first).days + 1 + len(PARTS)

    async def work(pool: Any, clock: Any, by: Any) -> Any:
        async with recorded(pool, clock, by, "export", f"books/{last}"):
            with counting(f"books of {month}", steps) as tell:
                return await export_books(pool, first, last, out, tell)

    made = with_person(work)
    for name in made.too_long:
        typer.echo(
            f"{name} is left out: it has more rows than its form can hold; {out / 'journal.csv'} has all"
        )
    typer.echo(f"{made.vouchers} vouchers of {month} in {len(made.files)} files in {out}")


@reopen.command()
def propose(
    to: Annotated[str, typer.Option(help="the last business date that stays closed, YYYY-MM-DD")],
    reason: Annotated[str, typer.Option(help="why, in 3 to 200 characters; it is kept")],
) -> None:
    """Propose to open a closed period again. Nothing is opened until another person approves it."""
    from zhangfang.approvals import PREFIX
    from zhangfang.closing import period

    last = a_day(to, "--to")
    made = with_person(lambda pool, clock, by: period.propose_reopening(pool, clock, last, reason, by))
    typer.echo(
        f"opening again after {last} is proposed as {prefixed(PREFIX, made)}; another person has to approve it"
    )
