"""How a program of the command line runs: its log goes to stderr, and an error of ours is one line, not a traceback."""

import sys
from typing import TextIO

import typer

from zhangfang.kernel.errors import ZhangfangError


def run(app: typer.Typer, name: str | None = None) -> None:
    """Run a program with its log; `name` is what it is called in its help."""
    log_to()
    answer(app, name)


def answer(app: typer.Typer, name: str | None = None) -> None:
    """Run the command that was typed."""
    try:
        app(prog_name=name)
    except ZhangfangError as error:
        print(f"zhangfang: {error}", file=sys.stderr)
        sys.exit(1)


def log_to(file: TextIO | None = None) -> None:
    """Write log entries as JSON lines to a file that is open; none: to stderr."""
    import logging

    import structlog

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=lambda *_: structlog.PrintLogger(file or sys.stderr),
    )
