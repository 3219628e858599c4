"""`zhangfang up`: everything on one machine, with sandbox banks, until it is told to stop."""

import os
import signal
import threading
from pathlib import Path

from rich.console import Console

from zhangfang.assembly.house import House
from zhangfang.assembly.sandbox.counter import set_time
from zhangfang.assembly.start import start
from zhangfang.kernel.settings import Settings

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
