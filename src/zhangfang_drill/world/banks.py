"""The sandbox banks of a simulation: real processes with real sockets, killed with SIGKILL and started again."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp

from zhangfang.assembly.house import answers
from zhangfang.kernel.postgres import die_with_parent

READY_SECONDS = 60.0
_AWAY = (aiohttp.ClientConnectionError, aiohttp.ServerDisconnectedError, TimeoutError, OSError)


class BankFailed(Exception):
    """A sandbox bank did not start, or refused a call that the simulation needs. The text holds the bank's message."""


class Banks:
    """Starts the banks of a home folder through one zygote process, and calls their control planes."""

    def __init__(self, home: Path, ports: Mapping[str, Sequence[int]]) -> None:
        """`ports` has, by bank name, the ports of its payment interface, its control plane and its second site."""
        self.names: Sequence[str] = tuple(ports)
        self._home = home
        self._ports = ports
        self._pids: dict[str, int] = {}
        self._zygote: subprocess.Popen[bytes] | None = None
        self.session: aiohttp.ClientSession | None = None

    def start_all(self) -> None:
        """Start every bank and wait until all answer."""
        self._zygote = subprocess.Popen(
            [sys.executable, "-m", "zhangfang_drill.world.zygote"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            preexec_fn=die_with_parent(),  # noqa: PLW1509 - one system call, loaded before the fork
        )
        for name in self.names:
            self._fork(name)

    def kill(self, name: str) -> None:
        """Kill a bank with SIGKILL."""
        with suppress(ProcessLookupError):
            os.kill(self._pids.pop(name), signal.SIGKILL)

    async def revive(self, name: str) -> None:
        """Start a bank that was killed, and return when it answers."""
        while _alive(self._ports[name]):  # noqa: ASYNC110 - no event tells when the killed process has freed its port
            await asyncio.sleep(0.005)
        self._fork(name)
        await self.ready(name)

    async def ready(self, name: str) -> None:
        """Return when a bank answers on both ports."""
        until = asyncio.get_running_loop().time() + READY_SECONDS
        while not all(answers(port) for port in self._ports[name]):
            if asyncio.get_running_loop().time() > until:
                raise BankFailed(f"{name} did not start:\n{self.log(name)}")
            await asyncio.sleep(0.01)

    def log(self, name: str) -> str:
        """Return the end of a bank's log."""
        path = self._log(name)
        return "\n".join(path.read_text(errors="replace").splitlines()[-15:]) if path.exists() else ""

    def stop(self) -> None:
        """Kill all banks, then the zygote."""
        for name in list(self._pids):
            self.kill(name)
        if self._zygote is not None:
            with self._zygote:  # closes its pipes, on which it ends, and waits for it
                pass

    async def ask(self, method: str, bank: str, path: str, body: Any = None) -> Any:
        """Call a control plane. While the bank restarts, repeat for READY_SECONDS: every such call may be repeated."""
        assert self.session is not None, "the session is opened before anybody asks"
        url = f"http://127.0.0.1:{self._ports[bank][1]}{path}"
        until = asyncio.get_running_loop().time() + READY_SECONDS
        while True:
            try:
                async with self.session.request(method, url, json=body) as answer:
                    said = await answer.json(content_type=None)
                    if answer.status >= 400:
                        raise BankFailed(f"{method} {bank}{path}: {answer.status} {said}")
                    return said
            except _AWAY as error:
                if asyncio.get_running_loop().time() > until:
                    raise BankFailed(f"{method} {bank}{path}: {error!r}\n{self.log(bank)}") from None
            await asyncio.sleep(0.02)

    async def set_time(self, moment: datetime) -> None:
        """Set every bank's clock to `moment` and stop it there."""
        body = {"now": moment.isoformat(), "rate": 0}
        await asyncio.gather(*(self.ask("PUT", name, "/clock", body) for name in self.names))

    def _fork(self, name: str) -> None:
        assert self._zygote is not None, "the zygote is started first"
        folder = self._home / "banks" / name
        folder.mkdir(parents=True, exist_ok=True)
        asked = {"bank": name, "data": str(folder), "ports": list(self._ports[name])}
        assert self._zygote.stdin is not None, "a pipe"
        assert self._zygote.stdout is not None, "a pipe"
        self._zygote.stdin.write(json.dumps(asked | {"log": str(self._log(name))}).encode() + b"\n")
        self._zygote.stdin.flush()
        self._pids[name] = json.loads(self._zygote.stdout.readline())["pid"]

    def _log(self, name: str) -> Path:
        return self._home / "logs" / f"{name}.log"


def _alive(ports: Sequence[int]) -> bool:
    return any(answers(port) for port in ports)
