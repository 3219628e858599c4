"""Setting up the sandbox: our keys are made, the sandbox banks learn our public ones, and we learn theirs.

With real channels a person does this at the bank's counter; the result is the same files in `channels/`.
"""

import json
import secrets
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from datetime import time as hour
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from zhangfang.assembly.home import HouseError, owner
from zhangfang.assembly.house import House
from zhangfang.assembly.sandbox.control import ask
from zhangfang.kernel.calendar import add_working_days, china_day
from zhangfang.kernel.clock import CHINA, Clock, SystemClock, set_clock
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.settings import Settings, write_private
from zhangfang.vault import create_key_file

Counter = Any  # the module that sets a bank up: each bank has one of its own


def counters(banks: Iterable[str]) -> Mapping[str, Counter]:
    """Import the modules that set these banks up."""
    return {bank: import_module(f"zhangfang.assembly.sandbox.{bank}") for bank in banks}


def provision(house: House, modules: Mapping[str, Counter] | None = None) -> None:
    """Make what is missing: vault keys, our certificates and keys, the banks' registrations and channel files."""
    if not (house.home / "vault.json").exists():
        create_key_file(house.home / "vault.json")
    if not (house.home / "admin-key").exists():
        write_private(house.home / "admin-key", f"zf_admin_{secrets.token_urlsafe(32)}")
    modules = modules or counters(house.banks)
    with ThreadPoolExecutor() as threads:
        books = threads.map(partial(set_up, house, SystemClock()), modules.items())
        write_private(house.home / "banks.json", json.dumps(dict(books)))


def set_up(house: House, clock: Clock, counter: tuple[str, Counter]) -> tuple[str, Mapping[str, Any]]:
    """Write a bank's channel file; return its name and where the auditor finds its book.

    At a later start our keys stay, and either side learns the other's present address.
    """
    bank, module = counter
    house.wait_for_bank(bank)
    path = house.home / "channels" / f"{bank}.json"
    held = json.loads(path.read_text()) if path.exists() else module.made(house, clock)
    now = held | module.register(house, held, clock)
    if not path.exists() or now != held:
        write_private(path, json.dumps(now))
    return bank, {"control": house.control(bank), **module.BOOK}


def set_time(house: House, now: datetime, rate: float = 1.0) -> None:
    """Set the virtual clock of the banks and of the platform."""
    _set_clocks(house.home, map(house.control, house.banks), now, rate)


def advance(home: Path, days: int = 0, hours: int = 0, to: datetime | None = None) -> datetime:
    """Move the clocks of a running sandbox on; return the new time. Without a time: to noon of the next working day."""
    settings = Settings(home=home)
    if not (settings.sandbox and (home / "banks.json").exists()):
        raise HouseError(
            f"--home {home}: no sandbox; only the clock of `zhangfang up` and its banks can be moved"
        )
    if not owner(home):
        raise HouseError(f"--home {home}: nothing is running there; start `zhangfang up --home {home}` first")
    now = settings.clock().now()
    later = to or now + timedelta(days=days, hours=hours)
    if later == now:
        later = datetime.combine(add_working_days(china_day(now), 1), hour(12), CHINA)
    if later < now:
        raise InvalidInput("--to", "a time that is over", "a later one: the clock never goes back")
    banks = json.loads((home / "banks.json").read_text()).values()
    _set_clocks(home, (bank["control"] for bank in banks), later, 1.0)
    return later


def _set_clocks(home: Path, controls: Iterable[str], now: datetime, rate: float) -> None:
    """Set the banks' clocks first: none of them is asked for a day that it has not begun."""
    for control in controls:
        ask("PUT", f"{control}/clock", {"now": now.isoformat(), "rate": rate})
    set_clock(home / "clock.json", now, rate)
    time.sleep(0.05)  # until every process has seen it: no request carries the time before the jump
