"""The clock of a sandbox: moved on, so that files, settlement and payouts come in seconds and not on the next days."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from zhangfang.kernel.errors import InvalidInput

app = typer.Typer(
    help="The clock of a sandbox. A platform with real channels has none.", no_args_is_help=True
)


@app.command()
def advance(
    days: Annotated[int, typer.Option(min=0, max=366, help="so many days further")] = 0,
    hours: Annotated[int, typer.Option(min=0, max=999, help="so many hours further")] = 0,
    to: Annotated[str | None, typer.Option(help="to this time in China, YYYY-MM-DD HH:MM")] = None,
    home: Annotated[Path, typer.Option(help="home folder of a running `zhangfang up`")] = Path("var/up"),
) -> None:
    """Move the clock of the platform and of its sandbox banks on. It never goes back.

    Without an option: to noon of the next working day in China, when the files of the day before are there, its money
    has arrived and merchants are settled.
    """
    from zhangfang.assembly.sandbox.counter import advance as work
    from zhangfang.kernel.clock import in_china

    if sum(map(bool, (days, hours, to))) > 1:
        raise InvalidInput("--days, --hours, --to", "more than one", "one of them, or none")
    now = work(home, days, hours, _moment(to))
    typer.echo(f"it is {in_china(now):%A, %Y-%m-%d %H:%M} in China")


def _moment(text: str | None) -> datetime | None:
    from zhangfang.kernel.clock import CHINA

    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=CHINA) if text else None
    except ValueError:
        raise InvalidInput("--to", f"{len(text or '')} characters", "YYYY-MM-DD HH:MM") from None
