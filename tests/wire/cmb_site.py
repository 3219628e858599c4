"""A sandbox CMB in this process and a connector to it, over real sockets; and a bare place where notices arrive."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
from aiohttp import web

from tests.clock import SetClock
from zhangfang.channels.abilities import Batch
from zhangfang.channels.cmb import Cmb, CmbConfig, make_enterprise_key
from zhangfang.channels.port import Operation, Order, PartyAccount
from zhangfang_sandbox.cmb.__main__ import build
from zhangfang_sandbox.common.process import serve

UID, ACCOUNT, OPENING = "U003736239", "755900000010101", 100_000_00
PAYEE = PartyAccount("6225880123456789", "王小明", bank="中国工商银行")
AT_HOME = PartyAccount("6214830123456789", "李晓红", bank="招商银行")


@dataclass
class Site:
    """One bank, one enterprise, one clock for both."""

    bank: Cmb
    control: str
    clock: SetClock
    http: aiohttp.ClientSession
    notices: list[bytes] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

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
        return Order(Operation.PAYOUT, uuid4().hex, self.clock.now(), amount, key, "货款", payee)

    def batch(self, *orders: Order, number: str = "0001") -> Batch:
        """A batch of this moment."""
        return Batch(Operation.PAYOUT, number, self.clock.now(), orders)

    async def balance(self) -> int:
        """What the book says of our account, fen."""
        return int((await self.ask("GET", f"/book?account={ACCOUNT}"))["balance_fen"])

    async def noticed(self, count: int) -> list[bytes]:
        """Return the notices once so many have arrived."""
        async with asyncio.timeout(20):
            while len(self.notices) < count:
                self.arrived.clear()
                await self.arrived.wait()
        return self.notices


@asynccontextmanager
async def served(folder: Path, **config: Any) -> AsyncIterator[Site]:
    """A bank, and a connector with `config` on top of no pace at all."""
    running = await serve(await build(folder), 0, 0)
    private, public = make_enterprise_key()
    async with aiohttp.ClientSession() as http, listener() as (site_url, heard):
        control = f"http://127.0.0.1:{running.control_port}"
        enterprise = {"uid": UID, "public_key": public, "notify_url": site_url}
        async with http.post(f"{control}/enterprises", json=enterprise) as answer:
            learned = await answer.json()
        held = {"query_gap_seconds": 0, "statement_gap_seconds": 0} | learned | config
        wire = f"http://127.0.0.1:{running.port}"
        clock = SetClock()
        cmb = Cmb(CmbConfig(uid=UID, base_url=wire, account=ACCOUNT, private_key=private, **held), clock)
        site = heard(Site(cmb, control, clock, http))
        await site.at(clock.now())
        account = {"number": ACCOUNT, "name": "账房客户备付金", "opening_fen": OPENING, "enterprise": UID}
        await site.ask("POST", "/accounts", account)
        try:
            yield site
        finally:
            await cmb.close()
            await running.stop()


@asynccontextmanager
async def listener() -> AsyncIterator[tuple[str, Any]]:
    """A server that takes every POST; it tells the site that is put into it."""
    sites: list[Site] = []

    async def take(request: web.BaseRequest) -> web.StreamResponse:
        sites[0].notices.append(await request.read())
        sites[0].arrived.set()
        return web.Response(text="SUCCESS")

    def heard(site: Site) -> Site:
        sites.append(site)
        return site

    runner = web.ServerRunner(web.Server(take, access_log=None))
    await runner.setup()
    place = web.TCPSite(runner, "127.0.0.1", 0)
    await place.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/notify/cmb", heard
    finally:
        await runner.cleanup()
