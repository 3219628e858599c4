"""Starts a whole house with its sandbox banks: database, banks, ledger, API and driver, in this order."""

import asyncio

from rich.console import Console

from zhangfang.assembly.house import House
from zhangfang.assembly.parts import open_platform_accounts
from zhangfang.assembly.sandbox.counter import provision
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.database import connect
from zhangfang.kernel.settings import Settings
from zhangfang.ledger import LedgerClient
from zhangfang.schema import migrate
from zhangfang.web.auth import ensure_operator

console = Console()


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

    pool = await connect(url, 2)
    try:
        return await ensure_operator(pool, clock)
    finally:
        pool.terminate()


async def _open_accounts(house: House) -> None:
    """Open the ledger accounts of the platform and of its channels."""

    async with LedgerClient(house.home / "ledger.sock") as ledger:
        await open_platform_accounts(ledger)
