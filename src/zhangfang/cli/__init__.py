"""The command line: `zhangfang`."""

from zhangfang.cli.main import main

__all__ = ["main"]
