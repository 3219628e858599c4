"""`zhangfang up`: everything on one machine, with sandbox banks, until it is told to stop."""

import asyncio
import os
import signal
import threading
from pathlib import Path

from rich.console import Console

from zhangfang.cli.house import House
from zhangfang.cli.sandbox import provision, set_time
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.settings import Settings
from zhangfang.schema import migrate

console = Console()


def up(home: Path, port: int) -> None:
    """Start everything and stay until an interrupt or SIGTERM."""
    house = House(home, port)
    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    try:
        password = start(house)
        house.start_auditor()
        _go_on(house)
        _say(house, password)
        stop.wait()
    finally:
        house.stop()


def _go_on(house: House) -> None:
    """Let a virtual clock that a demo left behind go on from where it stood, as fast as any other."""
    settings = Settings(home=house.home)
    if settings.virtual:
        set_time(house, settings.clock().now(), 1.0)


def start(house: House) -> str | None:
    """Start the house; return the operator's password if it was made just now."""
    with console.status("PostgreSQL"):
        url = house.start_database()
        asyncio.run(migrate(url))
    with console.status("sandbox banks"):
        house.start_banks()
        provision(house)
    clock = Settings(home=house.home).clock()
    password = asyncio.run(_operator(url, clock))
    with console.status("ledger, API, driver"):
        house.start_platform()
        asyncio.run(_open_accounts(house))
    house.watch()
    return password


async def _operator(url: str, clock: Clock) -> str | None:
    from zhangfang.kernel.database import connect
    from zhangfang.portal import ensure_operator

    pool = await connect(url, 2)
    try:
        return await ensure_operator(pool, clock)
    finally:
        pool.terminate()


async def _open_accounts(house: House) -> None:
    """Open the ledger accounts of the platform and of its channels."""
    from zhangfang.cli.parts import open_platform_accounts
    from zhangfang.ledger import LedgerClient

    async with LedgerClient(house.home / "ledger.sock") as ledger:
        await open_platform_accounts(ledger)


def _say(house: House, password: str | None) -> None:
    console.print(
        f"\n[bold]Zhangfang is up[/bold] (sandbox: no real money) in {os.path.relpath(house.home)}\n"
    )
    console.print(f"  Console   {house.url}/console/      name [bold]operator[/bold]")
    told = password or "the one that was shown at the first start"
    console.print(f"  Password  [bold]{told}[/bold]")
    console.print(f"  API       {house.url}/v1/          documentation at {house.url}/docs")
    console.print(f"  Banks     UnionPay {house.wire('unionpay')}, CMB {house.wire('cmb')} (both simulated)")
    console.print(f"  Logs      {os.path.relpath(house.home / 'logs')}\n")
    console.print("A first payment: docs/start/first-payment.md. Stop with Ctrl-C.")
