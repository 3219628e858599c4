"""The command `zhangfang`: each process of the platform is one of its commands, and so is each thing an operator does.

A command imports what it needs when it runs: `--help` and completion import no part of the platform.
"""

from typing import Annotated

import typer

from zhangfang.assembly.program import answer, log_to
from zhangfang.cli.table import Listed

app = typer.Typer(
    cls=Listed,
    help="Zhangfang (账房): a payment platform for companies that hold other people's money.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    rich_markup_mode="rich",
)


def main() -> None:
    """Run the command that was typed."""
    answer(app)


def _say_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"zhangfang {version('zhangfang')}")
        raise typer.Exit


@app.callback()
def before_each(
    version: Annotated[
        bool,
        typer.Option("--version", help="say which release this is", is_eager=True, callback=_say_version),
    ] = False,
) -> None:
    """Prepare what every command needs."""
    log_to()
