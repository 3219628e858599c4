"""How a program of the command line runs: its log goes to stderr, and an error of ours is one line, not a traceback."""

import logging
import sys

import structlog
import typer

from zhangfang.kernel.errors import ZhangfangError


def run(app: typer.Typer, name: str | None = None) -> None:
    """Run the command that was typed; `name` is what the program is called in its help."""
    log_to_stderr()
    try:
        app(prog_name=name)
    except ZhangfangError as error:
        print(f"zhangfang: {error}", file=sys.stderr)
        sys.exit(1)


def log_to_stderr() -> None:
    """Write log entries as JSON lines to stderr."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
