"""What the bench reads about the machine: CPU time of processes, cores, load. Linux only: it reads /proc."""

import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds of a process, of its finished children, and of its running children."""
    used = _stat(pid)
    return sum(int(ticks) for ticks in used[11:15]) / _TICKS + sum(map(cpu_seconds, children(pid)))


def children(pid: int) -> Iterator[int]:
    """Return the running children of a process."""
    try:
        yield from map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    except FileNotFoundError:
        return


def resident_mib(pid: int) -> float:
    """Return the memory that a process holds, in MiB."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    except FileNotFoundError:
        return 0.0


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat behind the name; utime, stime, cutime and cstime are 11 to 14."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def machine() -> dict[str, Any]:
    """Return what a reader needs to judge the figures. A load well above 0 before the start means other work."""
    return {
        "cores": os.cpu_count(),
        "cpu": _cpu_name(),
        "python": platform.python_version(),
        "kernel": platform.release(),
        "load_average_before": round(os.getloadavg()[0], 2),
    }


def _cpu_name() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown"
    )
