"""Programs beside the platform, each a package of its own: `zhangfang` only starts them, with the words as typed."""

import os
import sys
from collections.abc import Callable, Mapping
from typing import Final

import typer

PROGRAMS: Final[Mapping[str, tuple[tuple[str, ...], str]]] = {
    "demo": (
        ("zhangfang_demo",),
        "Play one business day from end to end on real processes, and report it.",
    ),
    "bench": (("zhangfang_bench",), "Measure, beside floors taken in the same run."),
    "simulate": (
        ("zhangfang_drill", "simulate"),
        "Play random days with random faults and crashes, and check the law after each of them.",
    ),
    "drill": (
        ("zhangfang_drill", "drill"),
        "Play the incidents of the past at their real size, with a guard or without it.",
    ),
}
_AS_TYPED = {"ignore_unknown_options": True, "allow_extra_args": True}


def add_to(app: typer.Typer) -> None:
    """Make a command of each program; its own `--help` says what it takes."""
    for name, (words, text) in PROGRAMS.items():
        command = app.command(name, help=text, context_settings=_AS_TYPED, add_help_option=False)
        command(_starter(words))


def _starter(words: tuple[str, ...]) -> Callable[[typer.Context], None]:
    def start(context: typer.Context) -> None:
        os.execv(sys.executable, [sys.executable, "-m", *words, *context.args])

    return start
