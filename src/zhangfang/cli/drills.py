"""`zhangfang simulate` and `zhangfang drill run`: programs of their own, which this only starts."""

import subprocess
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="Play the incidents of the past at their real size, with a guard or without it.",
    no_args_is_help=True,
)


class Guard(StrEnum):
    """Whether the platform is played as it stands, or put together by the drill without the guard."""

    ON = "on"
    OFF = "off"


@app.command("run")
def drill_run(
    number: Annotated[
        int, typer.Argument(min=4, max=5, help="4: an account type that no table knows; 5: lost statuses")
    ],
    guard: Annotated[
        Guard, typer.Option(help="on: the platform as it stands; off: one that lacks the guard")
    ],
    json: Annotated[Path | None, typer.Option(help="write the figures as JSON to this file")] = None,
) -> None:
    """Play an incident at its real size; exit with 0 if it came to what it has to."""
    _start("run", str(number), "--guard", guard.value, json=json)


def simulate(
    days: Annotated[int, typer.Option(min=1, help="how many days")] = 10,
    seed: Annotated[int, typer.Option(help="one seed draws the same orders, faults and crashes again")] = 1,
    channels: Annotated[
        str, typer.Option(help="channels, with commas between; none: all that have a sandbox bank")
    ] = "",
    json: Annotated[Path | None, typer.Option(help="write the counts as JSON to this file")] = None,
) -> None:
    """Play random days with random faults and crashes on all channels, and check the law after each of them."""
    options = ("--days", str(days), "--seed", str(seed), "--channels", channels)
    _start("simulate", *options, json=json)


def _start(*options: str, json: Path | None) -> None:
    command = [sys.executable, "-m", "zhangfang_drill", *options]
    command += ["--json", str(json)] if json else []
    sys.exit(subprocess.run(command, check=False).returncode)
