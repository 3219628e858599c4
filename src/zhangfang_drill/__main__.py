"""`python -m zhangfang_drill simulate …` and `… drill run 4|5 …` are `zhangfang simulate` and `zhangfang drill run`."""

import logging
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import structlog
import typer

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)
drill = typer.Typer(
    help="Play the incidents of the past at their real size, with a guard or without it.",
    no_args_is_help=True,
)
app.add_typer(drill, name="drill")


class Guard(StrEnum):
    """Whether the platform is played as it stands, or put together by the drill without the guard."""

    ON = "on"
    OFF = "off"


@drill.command("run")
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
    from zhangfang_drill.incidents.drills import run

    sys.exit(run(number, guard=guard is Guard.ON, out=json))


@app.command()
def simulate(
    days: Annotated[int, typer.Option(min=1, help="how many days")] = 10,
    seed: Annotated[int, typer.Option(help="one seed draws the same orders, faults and crashes again")] = 1,
    channels: Annotated[
        str, typer.Option(help="channels, with commas between; none: all that have a sandbox bank")
    ] = "",
    json: Annotated[Path | None, typer.Option(help="write the counts as JSON to this file")] = None,
) -> None:
    """Play random days with random faults and crashes on all channels, and check the law after each of them."""
    from zhangfang_drill.simulated.simulate import simulate as play

    sys.exit(play(days, seed, _named(channels), json))


def _named(typed: str) -> tuple[str, ...]:
    from zhangfang_drill.world.adapters import ADAPTERS

    channels = tuple(filter(None, typed.split(","))) or tuple(ADAPTERS)
    if unknown := set(channels) - set(ADAPTERS):
        _refuse(f"--channels: got {', '.join(sorted(unknown))}; allowed: {', '.join(ADAPTERS)}")
    if absent := {ADAPTERS[name].pays_into for name in channels} - {"", *channels}:
        wanted = f"{', '.join(sorted(absent))} too, where the money of the others arrives"
        _refuse(f"--channels: got {', '.join(channels)}; needed: {wanted}")
    return tuple(name for name in ADAPTERS if name in channels)


def _refuse(what: str) -> None:
    print(what, file=sys.stderr)
    sys.exit(2)


def main() -> None:
    """Run what was typed. The platform inside is as good as silent: what counts is what the checks say."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.getLogger("uvicorn").addHandler(logging.NullHandler())
    logging.getLogger("uvicorn").propagate = False
    app(prog_name="zhangfang")


if __name__ == "__main__":
    main()
