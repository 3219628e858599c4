"""Start `zhangfang simulate` and `zhangfang drill run 4|5`; also runs as `python -m zhangfang_drill …`."""

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
    """Whether the drill runs the platform as it ships (on), or a platform without the guard (off)."""

    ON = "on"
    OFF = "off"


@drill.command("run")
def drill_run(
    number: Annotated[
        int, typer.Argument(min=4, max=5, help="4: an account type that no table lists; 5: lost statuses")
    ],
    guard: Annotated[
        Guard, typer.Option(help="on: the platform as it ships; off: the platform without the guard")
    ],
    json: Annotated[Path | None, typer.Option(help="write the figures as JSON to this file")] = None,
) -> None:
    """Play an incident at its real size; exit with 0 if every figure is the expected one."""
    from zhangfang_drill.incidents.drills import run

    sys.exit(run(number, guard=guard is Guard.ON, out=json))


@app.command()
def simulate(
    days: Annotated[int, typer.Option(min=1, help="how many days")] = 10,
    seed: Annotated[int, typer.Option(help="the same seed gives the same orders, faults and crashes")] = 1,
    channels: Annotated[
        str, typer.Option(help="channels, separated by commas; empty: all that have a sandbox bank")
    ] = "",
    silence: Annotated[
        str,
        typer.Option(help="people leave each break open for one of these numbers of days, such as 40,70,400"),
    ] = "",
    close: Annotated[
        Path | None,
        typer.Option(
            help="close the month at the end, and write its inspection package to this empty folder"
        ),
    ] = None,
    json: Annotated[Path | None, typer.Option(help="write the counts as JSON to this file")] = None,
) -> None:
    """Play random days with random faults and crashes on all channels; check the rules after each day."""
    from zhangfang_drill.simulated.simulate import simulate as play

    sys.exit(play(days, seed, _named(channels), _days(silence), json, close))


def _named(typed: str) -> tuple[str, ...]:
    from zhangfang_drill.world.adapters import ADAPTERS

    channels = tuple(filter(None, typed.split(","))) or tuple(ADAPTERS)
    if unknown := set(channels) - set(ADAPTERS):
        _refuse(f"--channels: got {', '.join(sorted(unknown))}; allowed: {', '.join(ADAPTERS)}")
    if absent := {ADAPTERS[name].pays_into for name in channels} - {"", *channels}:
        wanted = f"{', '.join(sorted(absent))} too, because the others pay their money there"
        _refuse(f"--channels: got {', '.join(channels)}; needed: {wanted}")
    return tuple(name for name in ADAPTERS if name in channels)


def _days(typed: str) -> tuple[int, ...]:
    parts = list(filter(None, typed.split(",")))
    if any(not part.isascii() or not part.isdigit() or len(part) > 4 for part in parts):
        _refuse(
            f"--silence: got {typed[:40]!r}; allowed: whole numbers of days up to 9999, separated by commas"
        )
    return tuple(map(int, parts))


def _refuse(what: str) -> None:
    print(what, file=sys.stderr)
    sys.exit(2)


def main() -> None:
    """Run the typed command. The platform inside logs only critical errors: the result is what the checks report."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.getLogger("uvicorn").addHandler(logging.NullHandler())
    logging.getLogger("uvicorn").propagate = False
    app(prog_name="zhangfang")


if __name__ == "__main__":
    main()
