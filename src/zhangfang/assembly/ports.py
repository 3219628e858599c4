"""Ports of loopback that nobody takes before their owner listens on them."""

import fcntl
import os
import socket
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from random import SystemRandom

_FIRST, _BLOCKS, _SIZE = 15_000, 1_000, 17  # all below those that the kernel gives to outgoing connections
_held: list[int] = []  # descriptors of locks; they end with the process


def free_ports(count: int) -> list[int]:
    """Return `count` free ports, at most 17, which no other caller on this machine gets while this process lives."""
    for block in SystemRandom().sample(range(_BLOCKS), _BLOCKS):
        ports = range(_FIRST + block * _SIZE, _FIRST + (block + 1) * _SIZE)[:count]
        if _lock(block) and all_free(ports):
            return list(ports)
    raise OSError(f"no {count} free ports in a row from {_FIRST} on")


def all_free(ports: Iterable[int]) -> bool:
    """Whether each of the ports could be listened on."""
    return all(map(_bindable, ports))


def _lock(block: int) -> bool:
    folder = Path(tempfile.gettempdir()) / f"zhangfang-ports-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    lock = os.open(folder / str(block), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return False
    _held.append(lock)
    return True


def _bindable(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return True
    return False
