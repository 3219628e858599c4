"""Setting up the sandbox: our keys are made, the sandbox banks learn our public ones, and we learn theirs.

With real channels a person does this at the bank's counter; the result is the same files in `channels/`.
"""

import json
import secrets
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from importlib import import_module
from typing import Any

from zhangfang.assembly.house import House
from zhangfang.assembly.sandbox.control import ask
from zhangfang.kernel.clock import Clock, SystemClock, set_clock
from zhangfang.kernel.settings import write_private
from zhangfang.vault import create_key_file


def provision(house: House) -> None:
    """Make what is missing: vault keys, our certificates and keys, the banks' registrations and channel files."""
    if not (house.home / "vault.json").exists():
        create_key_file(house.home / "vault.json")
    if not (house.home / "admin-key").exists():
        write_private(house.home / "admin-key", f"zf_admin_{secrets.token_urlsafe(32)}")
    clock = SystemClock()
    books = {}
    for bank in house.banks:
        set_up, book = _counter(bank)
        set_up(house, clock)
        books[bank] = book(house)
    write_private(house.home / "banks.json", json.dumps(books))


def _counter(bank: str) -> tuple[Callable[[House, Clock], None], Callable[[House], Mapping[str, Any]]]:
    """Return how a bank is set up, and where the auditor finds its book: each bank has a module of its own for that."""
    module = import_module(f"zhangfang.assembly.sandbox.{bank}")
    return module.provision, module.book


def set_time(house: House, now: datetime, rate: float = 1.0) -> None:
    """Set the virtual clock of the banks and of the platform."""
    for bank in house.banks:
        ask("PUT", house.control(bank) + "/clock", {"now": now.isoformat(), "rate": rate})
    set_clock(house.home / "clock.json", now, rate)
    time.sleep(0.05)  # until every process has seen it: no request carries the time before the jump
