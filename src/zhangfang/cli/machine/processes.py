"""The platform's processes, each a command; and `up`, which starts them all."""

from pathlib import Path
from typing import Annotated

import typer

from zhangfang.cli.running import finish
from zhangfang.kernel.settings import Settings


def serve() -> None:
    """Run the HTTP API, the operator's console and the notifications from channels."""
    from zhangfang.assembly.processes import serve as work

    work(Settings())


def work() -> None:
    """Run the driver: it repairs what was left lying, tells merchants, and keeps the timetable of the day."""
    import uvloop

    from zhangfang.assembly.processes import drive_all

    uvloop.run(drive_all(Settings()))


def migrate(
    phase: Annotated[
        str | None, typer.Option(help="pre: before a deploy; post: after it; none: both")
    ] = None,
) -> None:
    """Bring the database's schema up to date, within a lock budget."""
    from zhangfang.schema import migrate as work

    finish(work(Settings().owner_database, phase))


def up(
    port: Annotated[int, typer.Option(help="port of the API and the console; 0: any that is free")] = 8200,
    home: Annotated[Path, typer.Option(help="where keys, sockets, files and the database are")] = Path(
        "var/up"
    ),
) -> None:
    """Start everything with sandbox banks beside it, say where to look and how to log in, and stay."""
    from zhangfang.cli.machine.up import up as work

    work(home, port)
