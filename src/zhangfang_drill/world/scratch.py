"""A temporary folder, in memory if the machine has 4 GiB free there, because a sync to memory costs almost nothing.

A killed process loses no data by this; only a crash of the whole machine would.
"""

import os
import shutil
import tempfile
from pathlib import Path

_MEMORY = Path("/dev/shm")  # noqa: S108 - mkdtemp makes a folder of our own in it
_ROOM = 4 << 30  # bytes that must be free


def scratch(prefix: str = "zf-") -> Path:
    """Make an empty folder with a short path, as sockets in it need. The caller removes it."""
    roomy = _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _ROOM
    return Path(tempfile.mkdtemp(prefix=prefix, dir=_MEMORY if roomy else "/tmp"))  # noqa: S108
