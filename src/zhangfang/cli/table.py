"""The table of commands, `commands.csv`: where each is, and its line in the list. It is imported when it is typed.

The list and completion need the lines alone. All modules of commands took a third of the time of `--help`.
"""

import csv
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command, get_group

from zhangfang.cli.machine.programs import AS_TYPED, PROGRAMS

COMMANDS: Final[Mapping[str, Mapping[str, str]]] = {
    row["name"]: row
    for row in csv.DictReader(Path(__file__).with_name("commands.csv").read_text("utf-8").splitlines())
}


class Listed(TyperGroup):
    """The commands of the table: lines without contents, until one is typed."""

    def __init__(self, **wiring: Any) -> None:
        """Have a line for each."""
        lines = {name: TyperCommand(name, help=row["line"]) for name, row in COMMANDS.items()}
        super().__init__(**wiring | {"commands": lines})

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Import the command that was typed."""
        if args[0] in COMMANDS:
            self.commands[args[0]] = load(args[0])
        return super().resolve_command(ctx, args)


def load(name: str) -> Any:
    """Return a command of the table, or a group of them, whole."""
    module, _, attribute = COMMANDS[name]["where"].partition(":")
    found = getattr(import_module(f"zhangfang.cli.{module}"), attribute)
    if isinstance(found, typer.Typer):
        made: Any = get_group(found)
        made.name = name
        return made
    single = typer.Typer(add_completion=False)
    single.command(name, **(AS_TYPED if name in PROGRAMS else {}))(found)
    return get_command(single)
