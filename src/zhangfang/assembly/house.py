"""A house of processes on one machine: PostgreSQL, ledger, API, driver and the sandbox banks, watched and restarted.

Everything runs as a real process on loopback. A process that dies is started again, as any supervisor would. The home
folder belongs to one house at a time.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from zhangfang.assembly.home import HouseError, empty, take
from zhangfang.assembly.liveness import LOOKS, Pulse, postgres_answers
from zhangfang.assembly.liveness import SECONDS as LOOK_SECONDS
from zhangfang.assembly.logs import rotate
from zhangfang.assembly.ports import all_free, free_ports
from zhangfang.kernel.postgres import EmbeddedPostgres, PostgresFailed, as_platform, die_with_parent
from zhangfang.kernel.pulse import VARIABLE
from zhangfang.kernel.settings import port_number, write_private
from zhangfang.kernel.start import VARIABLE as START

__all__ = ["BANKS", "House", "HouseError", "Process", "answers", "unix_answers"]

log = structlog.get_logger()

BANKS = ("cmb", "genericbank", "unionpay", "chinaums", "lakala", "epcc")  # those that hold our accounts first
READY_SECONDS = 30.0
AUDIT_SECONDS = 20  # the console's seal stands on an audit that is less than a minute old


@dataclass(slots=True)
class Process:
    """One child: its command, its environment, and the file that its output goes to."""

    name: str
    command: list[str]
    log: Path
    env: Mapping[str, str] = field(default_factory=dict)
    pulse: Pulse | None = None
    child: "subprocess.Popen[bytes] | None" = None
    starts: int = 0

    def start(self) -> None:
        """Start it in a session of its own: an interrupt from the terminal reaches it through us alone."""
        if self.pulse:
            self.pulse.begin()
        with self.log.open("ab") as out:
            self.child = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=os.environ | dict(self.env),
                start_new_session=True,
                preexec_fn=die_with_parent(),  # noqa: PLW1509 - one system call, loaded before the fork
            )
        self.starts += 1

    def running(self) -> bool:
        """Whether it lives."""
        return self.child is not None and self.child.poll() is None

    def kill(self) -> None:
        """End it at once."""
        if self.child is not None and self.child.poll() is None:
            self.child.kill()
            self.child.wait()

    def stop(self, seconds: float = 5.0) -> None:
        """End it in good order, or at once if it does not listen."""
        if self.child is None or self.child.poll() is not None:
            return
        self.child.terminate()
        try:
            self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()


class House:
    """Starts, watches and stops all processes of one home folder."""

    def __init__(
        self,
        home: Path,
        port: int = 0,
        commands: Mapping[str, list[str]] | None = None,
        banks: Sequence[str] = BANKS,
        *,
        fresh: bool = False,
    ) -> None:
        """Own the home folder, until `stop`; `fresh` empties it first.

        `commands` replaces the command of a process by name: a drill assembles its own parts that way. `banks` are the
        sandbox banks that are started; the two that hold our accounts belong to them where others pay.
        """
        self.home = home.absolute()
        self.banks = tuple(banks)
        port_number(port, "--port")
        self._release = weakref.finalize(self, os.close, take(self.home))
        if fresh:
            empty(self.home)
        (self.home / "logs").mkdir(exist_ok=True)
        self.port, *spare = free_ports(1 + 2 * len(self.banks))
        self.port = _untaken(port) if port else self.port
        self.postgres = EmbeddedPostgres(self.home / "postgres")
        self.database_url = os.environ.get("ZHANGFANG_DATABASE_URL") or ""
        self.owner_url = os.environ.get("ZHANGFANG_OWNER_DATABASE_URL") or self.database_url
        self._commands = dict(commands or {})
        self._may_start = self.home / "pulse" / "start"
        self.ports = self._bank_ports(spare)
        self.processes: dict[str, Process] = {}
        self._watching = threading.Event()
        self._deaf = 0  # looks in a row that PostgreSQL did not answer
        self._watcher: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Return the API's address."""
        return f"http://127.0.0.1:{self.port}"

    def control(self, bank: str) -> str:
        """Return the address of a sandbox bank's control plane."""
        return f"http://127.0.0.1:{self.ports[bank][1]}"

    def wire(self, bank: str) -> str:
        """Return the address of a sandbox bank's wire."""
        return f"http://127.0.0.1:{self.ports[bank][0]}"

    def environment(self) -> dict[str, str]:
        """Return what the platform's processes find in their environment."""
        env = {"ZHANGFANG_HOME": str(self.home), "ZHANGFANG_PORT": str(self.port), "PYTHONUNBUFFERED": "1"}
        env[START] = str(self._may_start)
        env["ZHANGFANG_WEBHOOK_ALLOW"] = "127.0.0.0/8"  # receivers are tried out beside the sandbox
        return env | ({"ZHANGFANG_DATABASE_URL": self.database_url} if self.database_url else {})

    def start_database(self) -> str:
        """Start PostgreSQL, unless another one is given, and return the URL of its owner, who migrates.

        The platform's processes find the URL of a role that may not change what is evidence.
        """
        if not self.database_url:
            self.owner_url = self.postgres.start()
            write_private(self.home / "database-owner-url", self.owner_url)
            write_private(self.home / "database-url", as_platform(self.owner_url))
        return self.owner_url

    def start_banks(self) -> None:
        """Start the sandbox banks and wait until all of them answer."""
        self.launch_banks()
        for bank in self.banks:
            self.wait_for_bank(bank)

    def launch_banks(self) -> None:
        """Start the sandbox banks; which of them answers, `wait_for_bank` says."""
        for bank in self.banks:
            port, control = map(_untaken, self.ports[bank])
            folder = self.home / "banks" / bank
            command = [sys.executable, "-m", f"zhangfang_sandbox.{bank}", "--data", str(folder)]
            self._start(bank, [*command, "--port", str(port), "--control-port", str(control)])

    def wait_for_bank(self, bank: str) -> None:
        """Wait until a bank that was started answers, by its wire and by its control plane."""
        if bank in self.processes:
            self._wait(bank, lambda: all(map(answers, self.ports[bank])))

    def launch_platform(self) -> None:
        """Start ledger and API. They load their modules, and go on at `start_platform`."""
        _untaken(self.port)
        self._may_start.unlink(missing_ok=True)
        for name in ("ledger", "serve"):
            self._start(name, [sys.executable, "-m", "zhangfang", name])

    def start_platform(self) -> None:
        """Have ledger and API go on and wait until they answer, then start the driver: nobody waits for it."""
        if "serve" not in self.processes:
            self.launch_platform()
        self._may_start.touch()
        self._wait("ledger", lambda: unix_answers(self.home / "ledger.sock"))
        self._wait("serve", lambda: answers(self.port))
        self._start("work", [sys.executable, "-m", "zhangfang", "work"])

    def start_auditor(self) -> None:
        """Start the auditor: what it records is what the console's seal stands on."""
        audit = [sys.executable, "-m", "zhangfang_audit", "books", "--home", str(self.home)]
        self._start("audit", [*audit, "--record", "--every", str(AUDIT_SECONDS)])

    def watch(self) -> None:
        """Start again whatever dies or hangs, until `stop`."""
        self._watching.set()
        self._watcher = threading.Thread(target=self._keep, daemon=True)
        self._watcher.start()

    def kill(self, name: str) -> None:
        """Kill one process with SIGKILL: a drill's way of asking whether all is well."""
        child = self.postgres.process if name == "postgres" else self.processes[name].child
        if child is not None and child.poll() is None:
            os.kill(child.pid, signal.SIGKILL)

    def stop(self) -> None:
        """Stop everything, the database last, and give the home up."""
        self._watching.clear()
        if self._watcher is not None:
            self._watcher.join(5)
        for name in ("audit", "serve", "work", "ledger", *self.banks):
            if name in self.processes:
                self.processes[name].stop()
        if not self.database_url:
            self.postgres.stop()
        self._release()

    def log_file(self, name: str) -> Path:
        """Return where a process's output goes."""
        return self.home / "logs" / f"{name}.log"

    def log_tail(self, name: str, lines: int = 15) -> str:
        """Return the end of a process's log."""
        path = self.log_file(name)
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) if path.exists() else ""

    def _start(self, name: str, command: list[str]) -> None:
        """Start a process, and only then let the watcher see it: a new dictionary takes the place of the old one."""
        pulse = self.home / "pulse" / name
        env = {VARIABLE: str(pulse)} | ({} if name in self.banks else self.environment())
        process = Process(name, self._commands.get(name, command), self.log_file(name), env, Pulse(pulse))
        process.start()
        self.processes = {**self.processes, name: process}

    def _wait(self, name: str, ready: Callable[[], bool]) -> None:
        until = time.monotonic() + READY_SECONDS
        while not ready():
            if not self.processes[name].running() or time.monotonic() > until:
                raise HouseError(f"{name} did not start:\n{self.log_tail(name)}")
            time.sleep(0.02)

    def _keep(self) -> None:
        """Look ten times a second for what has died, and once a second for what hangs."""
        looked = 0.0
        while self._watching.is_set():
            try:
                if time.monotonic() - looked >= LOOK_SECONDS:
                    looked = time.monotonic()
                    self._end_what_hangs()
                    rotate((*(self.home / "logs").glob("*.log"), *(self.home / "postgres").glob("*.log")))
                self._look()
            except (
                Exception
            ) as error:  # a full disk, say: what cannot be started now is tried at the next look
                log.warning("the watcher could not do its work", error=repr(error))
            time.sleep(0.1)

    def _look(self) -> None:
        """Start again what has died."""
        server = self.postgres.process
        if not self.database_url and (server is None or server.poll() is not None):
            with suppress(PostgresFailed):  # the next look tries again
                self.postgres.start()
        for process in self.processes.values():
            if self._watching.is_set() and not process.running():
                process.start()

    def _end_what_hangs(self) -> None:
        """Kill what lives and shows no sign of it; it is then started like anything that died."""
        for process in self.processes.values():
            if process.running() and process.pulse and process.pulse.stopped():
                log.warning("a process hangs and is started again", process=process.name)
                process.kill()
        server = self.postgres.process
        if not self.database_url and server is not None and server.poll() is None:
            self._deaf = 0 if postgres_answers(self.postgres.socket) else self._deaf + 1
            if self._deaf >= LOOKS:
                log.warning("PostgreSQL hangs and is started again")
                self._deaf = 0
                server.kill()
                server.wait()

    def _bank_ports(self, spare: Sequence[int]) -> dict[str, tuple[int, int]]:
        """Return wire and control plane of each bank. They stay over a restart: channels and clients hold them."""
        path = self.home / "ports.json"
        held = json.loads(path.read_text()) if path.exists() else {}
        pairs = zip(spare[::2], spare[1::2], strict=True)
        ports = {bank: tuple(held.get(bank) or pair) for bank, pair in zip(self.banks, pairs, strict=True)}
        write_private(path, json.dumps(held | ports))
        return ports


def _untaken(port: int) -> int:
    if not all_free([port]):
        raise HouseError(f"port {port} is taken; stop what listens there, or choose another with --port")
    return port


def answers(port: int) -> bool:
    """Whether something listens on a port of loopback."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def unix_answers(path: Path) -> bool:
    """Whether something listens on a Unix socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        return path.exists() and probe.connect_ex(str(path)) == 0
