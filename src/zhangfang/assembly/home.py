"""The home folder of a house. One process owns it at a time: whoever comes second is told who that is."""

import fcntl
import os
import shutil
import sys
import time
from pathlib import Path

from zhangfang.kernel.errors import InvalidInput, ZhangfangError

TRIES = 20
LOCK = "lock"  # the file in the home; the process that holds its lock is the owner, and is named in it


class HouseError(ZhangfangError):
    """A process of the platform could not be started; the text says which, why, and where its log is."""


def take(home: Path) -> int:
    """Make the folder if it is new and own it. Return the descriptor of the lock, which is held until it is closed."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        home.chmod(0o700)
        lock = os.open(home / LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except (OSError, ValueError) as error:  # a path with a NUL byte is a ValueError
        shape = f"{home!s:.200} ({getattr(error, 'strerror', error)})"
        raise InvalidInput("--home", shape, "a folder of yours, or a place where one can be made") from None
    if not _owned(lock):
        os.close(lock)
        raise HouseError(
            f"--home {home}: {owner(home)} is at work there; stop it first, or name another folder"
        )
    os.ftruncate(lock, 0)
    os.write(lock, f"process {os.getpid()} ({' '.join(map(os.path.basename, sys.argv[:2]))})".encode())
    return lock


def owner(home: Path) -> str:
    """Return which process owns a home, "" if none does."""
    try:
        with (home / LOCK).open() as file:
            free = _locked(file.fileno(), fcntl.LOCK_SH)  # for a moment; several may look at once
            return "" if free else file.read() or "a process that is just starting"
    except OSError:
        return ""


def holds_anything(home: Path) -> bool:
    """Whether there is anything in a folder but the lock."""
    return home.is_dir() and any(path.name != LOCK for path in home.iterdir())


def empty(home: Path) -> None:
    """Remove all that is in a home but the lock. Whoever calls it owns the home."""
    for path in home.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        elif path.name != LOCK:
            path.unlink()


def _owned(lock: int) -> bool:
    """Lock it for good. Whoever looks who the owner is locks it for a moment, so it is tried for half a second."""
    for _ in range(TRIES):
        if _locked(lock, fcntl.LOCK_EX):
            return True
        time.sleep(0.025)
    return False


def _locked(file: int, how: int) -> bool:
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
