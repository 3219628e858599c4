"""A progress bar on stderr for a command that takes long."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def counting(title: str, total: int) -> Iterator[Callable[[str, int], None]]:
    """Show a bar of `total` steps, and give what tells it which part is at work and how many steps are done."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), refresh_per_second=4) as progress:
        task = progress.add_task(title, total=total)
        yield lambda part, done: progress.update(task, description=f"{title}: {part}", advance=done)
