"""`zhangfang up`: everything on one machine, with sandbox banks, until it is told to stop."""

import os
import signal
import threading
from pathlib import Path

from rich.console import Console

from zhangfang.assembly.house import House
from zhangfang.assembly.program import log_to
from zhangfang.assembly.start import start
from zhangfang.kernel.settings import Settings

console = Console(soft_wrap=True)  # an address is never broken


def up(home: Path, port: int) -> None:
    """Start everything and stay until an interrupt or SIGTERM."""
    house = House(home, port)
    log_to(house.log_file("up").open("a", buffering=1))
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
    from zhangfang.assembly.sandbox.counter import set_time

    settings = Settings(home=house.home)
    if settings.virtual:
        set_time(house, settings.clock().now(), 1.0)


def _say(house: House, password: str | None) -> None:
    home, told = os.path.relpath(house.home), password or "the one that was shown at the first start"
    banks = [f"{bank:<11} {house.wire(bank)}" for bank in house.banks]
    console.print(f"""
[bold]Zhangfang is up[/bold] (sandbox: no real money) in {home}

  Console   {house.url}/console/      name [bold]operator[/bold]
  Password  [bold]{told}[/bold]
  API       {house.url}/v1/          documentation at {house.url}/docs
  Banks     {f"{chr(10)}            ".join(banks)}
            (simulated)
  Logs      {os.path.relpath(house.home / "logs")}

A first payment: docs/start/first-payment.md. Stop with Ctrl-C.""")
