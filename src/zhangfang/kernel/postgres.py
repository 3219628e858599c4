"""The embedded PostgreSQL: a server of our own, in a folder of our own, that only this machine's owner can reach.

The folder holds `data` (the database), `postgres.log` and the socket. There is no TCP port and no password: the
folder's mode 0700 is the door, so only the user whom the server runs as, and root, can come in. Nothing about
durability is changed: what has been committed is there after a power cut.
"""

import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from zhangfang.kernel.postgres_binaries import PostgresFailed, find_binaries, version_of

__all__ = ["EmbeddedPostgres", "PostgresFailed", "as_platform"]

NAME = "zhangfang"  # of the role that owns the tables, and of the database
PLATFORM = "zhangfang_platform"  # the role by which the platform works: the migrations make it
_SOCKET = ".s.PGSQL.5432"
_SOCKET_PATH_MAX = (
    107 if sys.platform == "linux" else 103
)  # bytes; the kernel's limit, seen only when connecting
_PATIENCE_S = 60.0  # a start replays what a crash left behind
_PR_SET_PDEATHSIG = 1

_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_directories": "..",  # seen from `data`, so that no name of a folder needs quoting
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",  # our statements are short; compiling one costs more than running it
    # The log must not carry personal data: neither statements nor the values that an error's detail quotes.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_checkpoints": "off",
}
_INITDB = (
    f"--username={NAME}",
    "--auth-local=trust",
    "--auth-host=reject",
    "--encoding=UTF8",
    "--locale=C",  # text sorts by its bytes, on every machine and after every update of its libraries
    "--data-checksums",
    "--no-instructions",
)
# What the server says while the one before it, which was killed or is stopping, has not wholly gone.
_NOT_YET = (
    'lock file "postmaster.pid" already exists',
    "pre-existing shared memory block",
    "is already locked",
)


def as_platform(url: str) -> str:
    """Return the URL of the platform's role for that of the owner of an embedded server."""
    return url.replace(f"//{NAME}@", f"//{PLATFORM}@")


class EmbeddedPostgres:
    """One server on one folder.

    The server is our child and stops with the thread that called `start`: call it from a thread that lives as long
    as the server should, the main one as a rule. `process` is there for a supervisor to watch; after a crash call
    `start` again.
    """

    def __init__(self, folder: Path) -> None:
        """Take a folder that is empty, not there yet, or has been used before. Nothing is touched until `start`."""
        self.folder = folder.absolute()
        self.url = f"postgresql://{NAME}@/{NAME}?host={quote(str(self.folder))}"
        self.socket = self.folder / _SOCKET
        self.process: subprocess.Popen[bytes] | None = None
        self._data = self.folder / "data"

    def start(self) -> str:
        """Create the database if it is new, start the server, wait until it answers, and return its URL.

        The URL is for asyncpg: role and database `zhangfang`, through the socket. Raises `PostgresFailed`.
        """
        if self.process and self.process.poll() is None:
            return self.url
        self._check_folder()
        try:
            user = self._server_user()
            binaries = find_binaries(user)
            self._prepare(binaries, user)
            self._check_version(binaries)
            self._launch(binaries, user)
        except PermissionError as error:
            raise PostgresFailed(
                f"PostgreSQL: {error.filename}: permission denied; start as its owner"
            ) from error
        return self.url

    def stop(self) -> None:
        """Stop the server in good order: open transactions are rolled back, memory is written to the disk."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.send_signal(signal.SIGQUIT)  # leaves the rest to the next start's recovery
                self.process.wait()
        self.process = None

    def _check_folder(self) -> None:
        length = len(os.fsencode(self.socket))
        if length > _SOCKET_PATH_MAX:
            raise PostgresFailed(
                f"PostgreSQL: the folder {self.folder} makes a socket path of {length} bytes; allowed: at most "
                f"{_SOCKET_PATH_MAX}. Choose a folder with a shorter path"
            )
        if "," in str(self.folder):  # in a URL it parts two hosts
            raise PostgresFailed(
                f"PostgreSQL: the folder {self.folder} has a comma in its name; choose another"
            )
        if self.folder.exists() and not self.folder.is_dir():
            raise PostgresFailed(f"PostgreSQL: {self.folder} is a file; allowed: a folder")

    def _server_user(self) -> int | None:
        """Return whom the server runs as: as root the folder's owner or `nobody`, otherwise None, ourselves."""
        if os.geteuid() != 0:
            return None
        owner = self._data.stat().st_uid if self._data.exists() else 0
        return owner or pwd.getpwnam("nobody").pw_uid

    def _prepare(self, binaries: Path, user: int | None) -> None:
        if self._data.exists():
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        draft = self.folder / "data.new"  # what a crash in the middle of this left behind
        shutil.rmtree(draft, ignore_errors=True)
        if strange := sorted(
            path.name for path in self.folder.iterdir() if not path.name.startswith("postgres.log")
        ):
            raise PostgresFailed(
                f"PostgreSQL: {self.folder} holds other files ({strange[0]}); allowed: an empty folder"
            )
        draft.mkdir(mode=0o700)
        for folder in (self.folder, draft):
            folder.chmod(0o700)
            if user is not None:
                os.chown(folder, user, pwd.getpwuid(user).pw_gid)
        self._run([str(binaries / "initdb"), *_INITDB, "-D", _place(draft, user)], draft, user)
        single = [str(binaries / "postgres"), "--single", "-D", _place(draft, user), "postgres"]
        self._run(single, draft, user, f"CREATE DATABASE {NAME};\n")
        draft.rename(self._data)

    def _check_version(self, binaries: Path) -> None:
        held = (self._data / "PG_VERSION").read_text().strip()
        if str(have := version_of(binaries)) != held:
            raise PostgresFailed(
                f"PostgreSQL: {self._data} was made by version {held}, the programs in {binaries} are version {have}. "
                f"Name programs of version {held} in ZHANGFANG_POSTGRES_BIN, or move the data with pg_dump"
            )

    def _run(self, command: list[str], cwd: Path, user: int | None, stdin: str = "") -> None:
        done = subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            text=True,
            cwd=cwd,
            env=_ENVIRONMENT,
            check=False,
            **_as_user(user),
        )
        if done.returncode or "ERROR:" in done.stderr:
            raise PostgresFailed(f"PostgreSQL: {Path(command[0]).name} failed: {done.stderr.strip()[-600:]}")

    def _launch(self, binaries: Path, user: int | None) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while (said := self._try_launch(binaries, user, deadline)) is not None:
            if time.monotonic() > deadline or not any(text in said for text in _NOT_YET):
                why = said.strip()[-600:] or f"it did not answer within {_PATIENCE_S:.0f} s and said nothing"
                raise PostgresFailed(f"PostgreSQL did not start on {self.folder}: {why}")
            time.sleep(0.1)

    def _try_launch(self, binaries: Path, user: int | None, deadline: float) -> str | None:
        """Start the server once. Return None when it answers, or what it said before it gave up."""
        self._drop_stale_locks()
        settings = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
        log_path = self.folder / "postgres.log"
        with log_path.open("ab") as log:
            said_before = log.tell()
            self.process = subprocess.Popen(
                [binaries / "postgres", "-D", _place(self._data, user), *settings],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._data,
                env=_ENVIRONMENT,
                start_new_session=True,  # Ctrl-C in a terminal reaches us alone; we stop the server in our own order
                preexec_fn=die_with_parent(),  # noqa: PLW1509 - one system call, loaded before the fork
                **_as_user(user),
            )
        while self.process.poll() is None:
            if self._answers():
                return None
            if time.monotonic() > deadline:
                self.stop()
                break
            time.sleep(0.01)
        self.process = None
        with log_path.open("rb") as log:
            log.seek(said_before)
            return log.read().decode(errors="replace")

    def _answers(self) -> bool:
        """Tell whether the server takes connections, by the state it writes into its lock file, as `pg_ctl` does."""
        lines = _lines(self._data / "postmaster.pid")
        return (
            self.process is not None
            and len(lines) >= 8
            and lines[0].strip() == str(self.process.pid)
            and lines[7].strip() == "ready"
        )

    def _drop_stale_locks(self) -> None:
        """Remove lock files whose process id now belongs to some other program.

        A container that was killed counts its process ids from 1 again when it starts; PostgreSQL then sees its old id
        alive and would refuse for ever.
        """
        for lock in (self._data / "postmaster.pid", self.folder / f"{_SOCKET}.lock"):
            pid = (_lines(lock) or [""])[0].strip()
            program = _lines(Path(f"/proc/{pid}/comm")) if pid.isdecimal() else []
            if program and program[0].strip() != "postgres":
                lock.unlink(missing_ok=True)


_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def _as_user(user: int | None) -> dict[str, Any]:
    """Return the arguments that let a child run as `user`: initdb and postgres refuse root."""
    if user is None:
        return {}
    return {"user": user, "group": pwd.getpwuid(user).pw_gid, "extra_groups": []}


def _place(folder: Path, user: int | None) -> str:
    """Return the name by which a child that was started in `folder` finds it.

    As root the folder may lie under one that is closed to the server's user (`/root`, say). The working folder was
    entered before the change of user, and this name of it needs no way through the folders above.
    """
    return str(folder) if user is None else "/proc/self/cwd"


def die_with_parent() -> Callable[[], None] | None:
    """Return what a child calls so that it stops in good order if we are killed. Linux has it; elsewhere None."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGINT)
        if os.getppid() != parent:  # killed between the fork and the call
            os._exit(1)

    return ask


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except FileNotFoundError:
        return []
