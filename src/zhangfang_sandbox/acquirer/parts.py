"""How an acquiring bank is put together from what its folder remembers."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from zhangfang_sandbox.acquirer import orders
from zhangfang_sandbox.acquirer.acquiring import Acquirer, Dialect
from zhangfang_sandbox.acquirer.control import application
from zhangfang_sandbox.acquirer.couriers import Notifier
from zhangfang_sandbox.acquirer.settling import Days
from zhangfang_sandbox.acquirer.transfers import Transfers
from zhangfang_sandbox.common import faults
from zhangfang_sandbox.common.clock import BankClock
from zhangfang_sandbox.common.process import Parts, Wire
from zhangfang_sandbox.common.store import Store

_SETTLED_BY = (("settled_in", "listed_in"), ("correction_settled_in", "corrected_in"))

Merchants = Mapping[str, Mapping[str, Any]]


async def assemble(
    folder: Path,
    dialect_of: Callable[[Store, BankClock, Merchants], Dialect],
    wire_of: Callable[[Acquirer, Days], Wire],
    schema: str = "",
) -> Parts:
    """Open the folder, make what it lacks, and return the bank ready to be served.

    `dialect_of` gets the store (for its own keys), the clock, and a mapping of the registered merchants, which is
    filled later: for each, what `Dialect.register` keeps.
    """
    store = Store(folder / "bank.db", faults.SCHEMA + orders.SCHEMA + schema)
    clock = BankClock.load(store)
    clock.save(store)
    merchants: dict[str, dict[str, Any]] = {}
    dialect = dialect_of(store, clock, merchants)
    book, planned = orders.Book(store, dialect.own_no), faults.Faults(store)
    notifier = Notifier(store, clock, planned, book, dialect.notice)
    acquirer = Acquirer(store, clock, planned, book, notifier, dialect, merchants)
    days = Days(acquirer)
    transfers = Transfers(store, clock, f"{dialect.name}清算", dialect.prefix, _SETTLED_BY)
    acquirer.resume()

    async def close() -> None:
        acquirer.close()
        await notifier.close()
        await transfers.close()
        store.close()

    background = [days.watch(notifier.release), transfers.work()]
    return Parts(wire_of(acquirer, days), application(acquirer, days), background, close)
