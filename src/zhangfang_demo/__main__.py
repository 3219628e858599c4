"""`python -m zhangfang_demo` is `zhangfang demo`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from zhangfang.assembly.program import run as run_program
from zhangfang_demo.demo import demo as play

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)


@app.command()
def demo(
    orders: Annotated[Path | None, typer.Option(help="a CSV of orders; none: the one that ships")] = None,
    json: Annotated[Path | None, typer.Option(help="write the report as JSON to this file")] = None,
    home: Annotated[
        Path | None,
        typer.Option(help="play the day in this new or empty folder; none: var/demo, emptied first"),
    ] = None,
    check: Annotated[bool, typer.Option(help="only check the orders, start nothing")] = False,
) -> None:
    """Play one business day from end to end on real processes, and report it."""
    sys.exit(play(orders, json, home, check_only=check))


if __name__ == "__main__":
    run_program(app, "zhangfang demo")
