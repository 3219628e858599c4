"""`zhangfang drill run 4|5`: play a drill, print its figures, write them as JSON; exit code 0 if all are as expected."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from zhangfang_drill.incidents import drill4, drill5
from zhangfang_drill.world.mortal import MortalLoop

console = Console(stderr=True)
Play = Callable[..., Coroutine[Any, Any, dict[str, Any]]]
DRILLS: Mapping[int, tuple[Play, Callable[[bool, Mapping[str, Any]], list[str]]]] = {
    4: (drill4.run, drill4.wrong),
    5: (drill5.run, drill5.wrong),
}


def run(number: int, *, guard: bool, out: Path | None) -> int:
    """Play a drill at the report's size; return the exit code."""
    play, judge = DRILLS[number]
    columns = (TextColumn("{task.description:48}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress, asyncio.Runner(loop_factory=MortalLoop) as runner:
        figures = runner.run(play(guard=guard, progress=progress))
    wrong = [*judge(guard, figures), *_unproven(figures)]
    if out is not None:
        out.write_text(json.dumps(figures | {"wrong": wrong}, indent=2, ensure_ascii=False) + "\n", "utf-8")
    _show(number, guard, figures, wrong)
    return 1 if wrong else 0


def _unproven(figures: Mapping[str, Any]) -> list[str]:
    return [
        f"{name}: {figures[name]['said']}"
        for name in ("ledger_verify", "books_audit")
        if not figures[name]["ok"]
    ]


def _show(number: int, guard: bool, figures: Mapping[str, Any], wrong: list[str]) -> None:
    table = Table(title=f"演练 Drill {number}, guard {'on' if guard else 'off'}")
    table.add_column("figure")
    table.add_column("value", justify="right")
    for name, value in figures.items():
        if not isinstance(value, dict):
            table.add_row(name, f"{value:,}" if type(value) is int else str(value))
    console.print(table)
    for line in wrong:
        console.print(f"wrong: {line}", style="red", markup=False)
