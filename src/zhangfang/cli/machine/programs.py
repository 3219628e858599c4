"""Programs beside the platform, each a package of its own: `zhangfang` only starts them, with the words as typed."""

import os
import sys
from collections.abc import Mapping
from typing import Any, Final

import typer

PROGRAMS: Final[Mapping[str, tuple[str, ...]]] = {
    "demo": ("zhangfang_demo",),
    "bench": ("zhangfang_bench",),
    "simulate": ("zhangfang_drill", "simulate"),
    "drill": ("zhangfang_drill", "drill"),
}
# Its own `--help` says what a program takes.
AS_TYPED: Final[Mapping[str, Any]] = {
    "context_settings": {"ignore_unknown_options": True, "allow_extra_args": True},
    "add_help_option": False,
}


def start(context: typer.Context) -> None:
    """Become the program that was typed."""
    os.execv(sys.executable, [sys.executable, "-m", *PROGRAMS[str(context.info_name)], *context.args])
