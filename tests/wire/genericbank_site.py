"""A sandbox of the generic bank and a connector to it, over real sockets."""

import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp

from tests.clock import SetClock
from tests.unit import genericbank_keys as keys
from zhangfang.channels.genericbank import GenericBank, GenericBankConfig
from zhangfang.channels.port import Operation, Order, PartyAccount
from zhangfang_sandbox.common.process import serve
from zhangfang_sandbox.common.rows import open_rows
from zhangfang_sandbox.genericbank.__main__ import build

ACCOUNT, CLIENT, OPENING = "8050000000000001", "ZF01", 100_000_00
PAYEE = PartyAccount("6228480402564890018", "张三")


@dataclass
class Site:
    """One bank, one client of it, one clock for both."""

    bank: GenericBank
    wire: str
    control: str
    clock: SetClock
    http: aiohttp.ClientSession

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Use the control plane."""
        async with self.http.request(method, self.control + path, json=body) as answer:
            said = await answer.json()
            assert answer.status == 200, said
            return said

    async def wait(self, **parts: float) -> None:
        """Let time pass at the bank and for us."""
        await self.at(self.clock.advance(timedelta(**parts)))

    async def at(self, moment: datetime) -> None:
        """Jump to a moment; the bank's clock stands there."""
        self.clock.set(moment)
        await self.ask("PUT", "/clock", {"now": moment.isoformat(), "rate": 0})

    async def plan(self, key: str, *faults: str) -> None:
        """Plan faults for an order."""
        await self.ask("PUT", "/faults", {"keyed": {key: list(faults)}, "late_seconds": 0.05})

    def order(self, key: str = "M-1", amount: int = 1230, payee: PartyAccount = PAYEE) -> Order:
        """A payout of this moment."""
        now = self.clock.now().replace(microsecond=0)
        return Order(Operation.PAYOUT, uuid4().hex, now, amount, key, "货款", payee)

    async def balance(self) -> int:
        """What the book says of our account, fen."""
        return int((await self.ask("GET", f"/book?account={ACCOUNT}"))["balance_fen"])


@asynccontextmanager
async def joined(wire: str, control: str, patience: float = 5.0) -> AsyncIterator[Site]:
    """Register at a bank that runs, and open an account there."""
    async with aiohttp.ClientSession() as http:
        async with http.post(
            f"{control}/clients", json={"client": CLIENT, "public_key": keys.public_pem(keys.OURS)}
        ) as answer:
            bank_key = (await answer.json())["bank_public_key"]
        clock = SetClock()
        ours = keys.private_pem(keys.OURS)
        config = GenericBankConfig(CLIENT, wire, ACCOUNT, ours, bank_key, timeout_seconds=patience)
        site = Site(GenericBank(config, clock), wire, control, clock, http)
        await site.at(clock.now())
        account = {"number": ACCOUNT, "name": "账房客户备付金", "opening_fen": OPENING, "client": CLIENT}
        await site.ask("POST", "/accounts", account)
        try:
            yield site
        finally:
            await site.bank.close()


@asynccontextmanager
async def served(folder: Path, patience: float = 5.0) -> AsyncIterator[Site]:
    """A bank in this process. Its key is that of the tests: a new one for each would take longer than they do."""
    store = open_rows(folder, "genericbank")
    store.put("key", keys.private_pem(keys.BANK))
    store.close()
    running = await serve(await build(folder), 0, 0)
    try:
        wire, control = (f"http://127.0.0.1:{port}" for port in (running.port, running.control_port))
        async with joined(wire, control, patience) as site:
            yield site
    finally:
        await running.stop()


@dataclass
class Process:
    """A bank as a process of its own."""

    child: subprocess.Popen[str]
    wire: str
    control: str

    @classmethod
    def start(cls, folder: Path) -> "Process":
        """Start it and wait until it is ready."""
        options = ["--data", str(folder), "--port", "0", "--control-port", "0"]
        command = [sys.executable, "-m", "zhangfang_sandbox.genericbank", *options]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        ready = json.loads(child.stdout.readline())
        return cls(child, f"http://127.0.0.1:{ready['port']}", f"http://127.0.0.1:{ready['control_port']}")

    def kill(self) -> None:
        """kill -9."""
        self.child.send_signal(signal.SIGKILL)
        self.child.wait()
        assert self.child.stdout is not None
        self.child.stdout.close()
