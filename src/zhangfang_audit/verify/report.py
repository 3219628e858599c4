"""What `verify` found, on one screen: each check, and below the table the differences with their entries."""

import sys
from collections.abc import Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from zhangfang_audit.verify.found import CHECKS, Line
from zhangfang_audit.verify.verify import Verified


def show(shards: Sequence[Verified], console: Console) -> None:
    """Print a table for each shard, and its differences."""
    for one in shards:
        console.print(_table(one))
        for name, lines in one.found.lines.items():
            for line in lines:
                console.print(_text(name, line), markup=False, highlight=False)
            if one.found.counts[name] > len(lines):
                console.print(f"{name}: … {one.found.counts[name] - len(lines)} more")
    ok = all(one.found.ok for one in shards)
    console.print("账平 History proves the books." if ok else "账不平 History contradicts the books.")


def _table(one: Verified) -> Table:
    rate = f"{one.rows / one.seconds:,.0f} entries/s" if one.seconds else ""
    title = f"账本核验 Ledger, shard {one.shard}: {one.rows:,} entries, {one.accounts:,} accounts, "
    title += f"{one.pendings_open:,} holds open, {one.refusals:,} refusals, {one.pages:,} pages; {one.seconds:.1f} s, {rate}"
    table = Table(title=title)
    table.add_column("检查 Check")
    table.add_column("")
    table.add_column("差异 Differences", justify="right")
    for name, what in CHECKS.items():
        count = one.found.counts[name]
        table.add_row(name, what, f"{count:,}" if count else "ok")
    return table


def _text(name: str, line: Line) -> str:
    where = "" if line.seq is None else f" seq {line.seq}"
    where += "" if line.transfer is None else f" {line.transfer}"
    return f"{name}:{where}  {line.what}: is {line.stored}, should be {line.due}"


class Bar:
    """A progress bar on stderr, where that is a terminal."""

    def __init__(self) -> None:
        """Prepare it; it shows while used in a `with`."""
        columns = (
            TextColumn("shard {task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        self._progress = Progress(*columns, console=Console(file=sys.stderr), disable=not sys.stderr.isatty())
        self._tasks: dict[int, TaskID] = {}

    def __enter__(self) -> "Bar":
        """Show it."""
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave it as it stands."""
        self._progress.stop()

    def __call__(self, shard: int, done: int, total: int) -> None:
        """Move it on."""
        if shard not in self._tasks:
            self._tasks[shard] = self._progress.add_task(str(shard))
        self._progress.update(self._tasks[shard], completed=done, total=total)
