"""The files that processes write to are bounded in size and number: a log that fills the disk stops the money."""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

MOST_BYTES = 10 * 2**20  # then it is rotated
KEPT = 4  # older ones beside each: name.log.1 is the newest of them


def rotate(paths: Iterable[Path]) -> None:
    """Rotate each file that has grown too long."""
    for path in paths:
        if path.stat().st_size > MOST_BYTES:
            _rotate(path)


def _rotate(path: Path) -> None:
    """Copy the file away and empty it. The process that writes goes on at its new end, since it only ever appends; a line
    that it writes between the two steps may be lost."""
    for n in range(KEPT, 1, -1):
        older = _numbered(path, n - 1)
        if older.exists():
            older.replace(_numbered(path, n))
    shutil.copyfile(path, _numbered(path, 1))
    os.truncate(path, 0)


def _numbered(path: Path, n: int) -> Path:
    return path.with_name(f"{path.name}.{n}")
