"""Starts a whole house with its sandbox banks. What does not depend on each other starts side by side."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from rich.console import Console

from zhangfang.assembly.house import House

console = Console()


def start(house: House) -> str | None:
    """Start the house; return the operator's password if it was made just now.

    The heavy imports come after the banks are started, and before there is a second thread: two threads that import
    modules which import each other would fail.
    """
    with console.status("PostgreSQL and the sandbox banks"), ThreadPoolExecutor(1) as beside:
        house.launch_banks()
        house.launch_platform()
        house.start_database()  # by this thread: the server lives no longer than the thread that starts it
        from zhangfang.assembly import first_steps

        provisioned = beside.submit(first_steps.provision, house, first_steps.counters(house.banks))
        password = asyncio.run(first_steps.database(house))
        provisioned.result()
    with console.status("ledger, API, driver"):
        house.start_platform()
        asyncio.run(first_steps.ledger(house))
    house.watch()
    return password
