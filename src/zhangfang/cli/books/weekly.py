"""The department's week, and the incidents that people record for it."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from zhangfang.cli.running import with_person, with_pool
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.money import yuan_to_fen

app = typer.Typer(help="Incidents: record, note, end and grade; the week tells them.", no_args_is_help=True)
Id = Annotated[str, typer.Argument(help="the incident's id, inc_…")]


def weekly(
    week: Annotated[
        str | None, typer.Option(help="ISO week, such as 2026-W21; none: this week so far")
    ] = None,
    json: Annotated[Path | None, typer.Option(help="write the figures as JSON to this file")] = None,
    pdf: Annotated[Path | None, typer.Option(help="write the week as a PDF to this file")] = None,
    markdown: Annotated[Path | None, typer.Option(help="write the week as Markdown to this file")] = None,
) -> None:
    """Print the department's week: success, availability, incidents, unknowns, double payments, breaks, releases.

    A week that is over is kept as it was printed first; what comes out otherwise later is a further version.
    """
    import msgspec

    from zhangfang import papers
    from zhangfang import weekly as work
    from zhangfang.kernel.calendar import china_day

    made = with_pool(
        lambda pool, clock: work.report(pool, clock, week or work.week_of(china_day(clock.now())))
    )
    if json is not None:
        json.write_bytes(msgspec.json.format(msgspec.json.encode(made), indent=1))
    if pdf is not None:
        pdf.write_bytes(papers.as_bytes("pdf", work.paper(made)))
    if markdown is not None:
        markdown.write_text(work.markdown(made), "utf-8")
    for line in work.text(made):
        typer.echo(line)


@app.command("open")
def open_(
    service: Annotated[str, typer.Option(help="which service, such as payouts")],
    found: Annotated[str, typer.Option(help="what was seen, by whom, in 1 to 500 characters")],
    began: Annotated[str, typer.Option(help="when it began, in China: 2026-05-26T10:33")],
) -> None:
    """Record that something has gone wrong."""
    from zhangfang.kernel.ids import prefixed
    from zhangfang.weekly import PREFIX, open_incident

    at = _moment(began, "--began")
    made = with_person(lambda pool, clock, by: open_incident(pool, clock, by, service, found, at))
    typer.echo(prefixed(PREFIX, made))


@app.command()
def note(id_: Id, text: Annotated[str, typer.Argument(help="what happened, in 1 to 500 characters")]) -> None:
    """Add a line to an incident's course."""
    from zhangfang.weekly import add_note, incident_id

    of = incident_id(id_)
    with_person(lambda pool, clock, by: add_note(pool, clock, by, of, text))
    typer.echo("noted")


@app.command()
def end(
    id_: Id,
    ended: Annotated[str, typer.Option(help="when it ended, in China: 2026-05-26T11:25")],
    cause: Annotated[str, typer.Option(help="why it happened")],
    effect: Annotated[str, typer.Option(help="whom it hit, and how")],
    handling: Annotated[str, typer.Option(help="what was done, and when")],
    minutes_down: Annotated[int, typer.Option(help="minutes for which a core operation was down")] = 0,
    payments: Annotated[
        int, typer.Option(help="payments that had no outcome, or a wrong one, for a time")
    ] = 0,
    amount: Annotated[str, typer.Option(help="their amount, in yuan")] = "0",
    wrong: Annotated[str, typer.Option(help="yuan lost or doubled and not put right on the same day")] = "0",
    on_statement: Annotated[
        bool, typer.Option("--on-statement", help="it reached a merchant's released statement")
    ] = False,
) -> None:
    """Record how an incident ended and how large it was; prints the grade that the rules propose."""
    from zhangfang.weekly import Ending, end_incident, incident_id

    of = incident_id(id_)
    said: Ending = Ending(
        ended_at=_moment(ended, "--ended"),
        cause=cause,
        effect=effect,
        handling=handling,
        minutes_down=minutes_down,
        payments_hit=payments,
        fen_hit=yuan_to_fen(amount, "--amount"),
        fen_wrong=yuan_to_fen(wrong, "--wrong"),
        on_statement=on_statement,
    )
    grade = with_person(lambda pool, clock, by: end_incident(pool, clock, by, of, said))
    typer.echo(f"the rules propose {grade}")


@app.command()
def grade(
    id_: Id,
    grade: Annotated[str, typer.Argument(help="A, B, C or D")],
    reason: Annotated[str, typer.Option(help="why, in 3 to 200 characters; it is kept")],
) -> None:
    """Grade an incident. A grade below the one that the rules propose needs a second person."""
    from zhangfang.approvals import PREFIX
    from zhangfang.kernel.ids import prefixed
    from zhangfang.weekly import grade_incident, incident_id

    of = incident_id(id_)
    waits = with_person(lambda pool, clock, by: grade_incident(pool, clock, by, of, grade, reason))
    if waits is None:
        typer.echo(f"graded {grade}")
    else:
        typer.echo(f"{grade} is proposed as {prefixed(PREFIX, waits)}; another person has to approve it")


def _moment(text: str, field: str) -> datetime:
    from zhangfang.kernel.clock import CHINA

    try:
        return datetime.fromisoformat(text).replace(tzinfo=CHINA)
    except ValueError:
        raise InvalidInput(field, f"{len(text)} characters", "a moment such as 2026-05-26T10:33") from None
