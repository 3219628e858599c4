"""A folder for what nobody keeps: in memory where the machine has room there, so that a sync costs next to nothing.

A process that is killed loses nothing by that, only a machine would.
"""

import os
import shutil
import tempfile
from pathlib import Path

_MEMORY = Path("/dev/shm")  # noqa: S108 - mkdtemp makes a folder of our own in it
_ROOM = 4 << 30  # bytes that have to be free


def scratch(prefix: str = "zf-") -> Path:
    """Make an empty folder of a short path, for sockets lie in it. Whoever asked for it removes it."""
    roomy = _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _ROOM
    return Path(tempfile.mkdtemp(prefix=prefix, dir=_MEMORY if roomy else "/tmp"))  # noqa: S108
