"""How a process is put together from the settings: pool, ledger, channels, vault and clock."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg

from zhangfang.channels import open_channels
from zhangfang.channels.port import BankChannel
from zhangfang.closing.day import Day
from zhangfang.kernel.database import connect
from zhangfang.kernel.settings import Settings
from zhangfang.ledger import LedgerClient
from zhangfang.payments import Desk
from zhangfang.reconciliation import Account
from zhangfang.vault import Vault

OUR_ACCOUNT = "cmb"  # the ledger knows an account of ours by its bank's name: it never holds a number


@asynccontextmanager
async def open_pool(settings: Settings, size: int = 16) -> AsyncIterator[asyncpg.Pool]:
    """Open the database, and close it after use."""
    pool = await connect(settings.database, size)
    try:
        yield pool
    finally:
        pool.terminate()


@asynccontextmanager
async def open_desk(settings: Settings, size: int = 16) -> AsyncIterator[Desk]:
    """Open everything that payments work with."""
    clock = settings.clock()
    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(open_pool(settings, size))
        ledger = await stack.enter_async_context(LedgerClient(settings.ledger_socket))
        channels = open_channels(settings, clock)
        for channel in channels.values():
            stack.push_async_callback(channel.close)
        desk = Desk(pool, ledger, channels, Vault(settings.key_file), clock, OUR_ACCOUNT)
        stack.push_async_callback(desk.gate.router.close)
        yield desk


def day_of(desk: Desk) -> Day:
    """Return the timetable's view of a desk: who acquires, and which accounts are ours."""
    banks = [channel for channel in desk.channels.values() if isinstance(channel, BankChannel)]
    accounts = tuple(Account(bank.name, bank, tuple(desk.acquirers.values())) for bank in banks)
    return Day(desk, accounts)
