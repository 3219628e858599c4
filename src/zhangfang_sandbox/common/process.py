"""How a bank starts: one command, two loopback ports, one JSON line when it is ready."""

import argparse
import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvloop
from aiohttp import web

from zhangfang_sandbox.common.store import StoreInUse

LOOPBACK = "127.0.0.1"

Wire = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Dropped(Exception):
    """The connection is to be closed without an answer."""


class PortTaken(Exception):
    """A port cannot be listened on."""


@dataclass(slots=True)
class Parts:
    """A bank ready to be served: its wire, its control plane, its background tasks, and how to close it."""

    wire: Wire
    control: web.Application
    background: Sequence[Coroutine[Any, Any, None]]
    close: Callable[[], Awaitable[None]]


@dataclass(slots=True)
class Served:
    """A bank that listens. The ports are the real ones, also where 0 was asked for; `more_ports` by name."""

    port: int
    control_port: int
    parts: Parts
    runners: list[web.BaseRunner]
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    more_ports: dict[str, int] = field(default_factory=dict)

    async def ended(self) -> None:
        """Never return, or raise the error of a background task: without its tasks the bank would stand still."""
        for done in asyncio.as_completed(self.tasks):
            await done

    async def stop(self) -> None:
        """Close the ports, stop the background tasks, close the store."""
        for runner in self.runners:
            await runner.cleanup()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.parts.close()


async def serve(parts: Parts, port: int, control_port: int) -> Served:
    """Listen on both ports of the loopback interface."""
    runners: list[web.BaseRunner] = [
        web.ServerRunner(web.Server(parts.wire, access_log=None), shutdown_timeout=1),
        web.AppRunner(parts.control, access_log=None, shutdown_timeout=1),
    ]
    ports: list[int] = []
    served = Served(0, 0, parts, runners)
    for runner, wanted in zip(runners, (port, control_port), strict=True):
        await runner.setup()
        try:
            await web.TCPSite(runner, LOOPBACK, wanted, backlog=1024).start()
        except OSError as error:
            for task in parts.background:
                task.close()
            await served.stop()
            raise PortTaken(f"port {wanted}: {os.strerror(error.errno or 0)}") from error
        ports.append(runner.addresses[0][1])
    served.port, served.control_port = ports
    served.tasks += [asyncio.create_task(task) for task in parts.background]
    return served


def arguments(bank: str) -> argparse.ArgumentParser:
    """The options every bank has."""
    parser = argparse.ArgumentParser(
        prog=f"python -m zhangfang_sandbox.{bank}", description=f"Sandbox bank: {bank}"
    )
    parser.add_argument("--data", type=Path, required=True, help="folder for everything the bank remembers")
    parser.add_argument("--port", type=port_number, required=True, help="the wire; 0 for any free port")
    parser.add_argument(
        "--control-port", type=port_number, required=True, help="the control plane; 0 for any free port"
    )
    return parser


def port_number(text: str) -> int:
    """A port as an option's type; 0 for any free one."""
    port = int(text)
    if not 0 <= port <= 65_535:
        raise argparse.ArgumentTypeError("must be from 0 to 65535")
    return port


def run(options: argparse.Namespace, build: Callable[[], Awaitable[Parts]]) -> int:
    """Serve until told to stop. Returns the exit code, 2 if a port or the folder cannot be used."""

    async def start() -> Served:
        return await serve(await build(), options.port, options.control_port)

    return run_served(options.data, start)


def run_served(data: Path, start: Callable[[], Awaitable[Served]]) -> int:
    """The same for a bank that opens its ports itself."""
    os.umask(0o077)  # the folder holds the bank's private keys
    try:
        data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        print(f"error: --data {data}: {error.strerror}", file=sys.stderr)
        return 2
    try:
        uvloop.run(_until_signal(start))
    except (PortTaken, StoreInUse) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


async def _until_signal(start: Callable[[], Awaitable[Served]]) -> None:
    served = await start()
    ports = {"port": served.port, "control_port": served.control_port}
    print(json.dumps(ports | served.more_ports), flush=True)
    told = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    waiting = [asyncio.create_task(one) for one in (told.wait(), served.ended(), _beat())]
    done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
    await served.stop()
    for task in done:
        task.result()


async def _beat() -> None:
    """Show a supervisor that the bank does not hang, once a second."""
    while True:
        _touch(os.environ.get("ZHANGFANG_PULSE"))
        await asyncio.sleep(1)


def _touch(path: str | None) -> None:
    if path:
        Path(path).touch()
