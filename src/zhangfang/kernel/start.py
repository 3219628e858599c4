"""Lets a supervisor start a process early: it loads its modules meanwhile, and goes on when a file is there."""

import os
import time
from pathlib import Path

VARIABLE = "ZHANGFANG_START"  # names the file; not set: the process goes on at once


def wait_for_start() -> None:
    """Return when what the process needs is there."""
    path = os.environ.get(VARIABLE)
    while path and not Path(path).exists():
        time.sleep(0.01)
