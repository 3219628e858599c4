"""The EPCC-style sandbox network in this process, a member of it, and a server that takes what it pushes."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

from aiohttp import ClientSession, web

from tests.clock import SetClock
from zhangfang.channels.abilities import Signing
from zhangfang.channels.epcc import Epcc, EpccConfig, make_key_and_request
from zhangfang.channels.port import (
    Answer,
    ForgedMessage,
    MalformedMessage,
    Notification,
    Operation,
    Order,
    PartyAccount,
)
from zhangfang.kernel.clock import in_china
from zhangfang_sandbox.common.process import Served
from zhangfang_sandbox.common.store import Store
from zhangfang_sandbox.epcc import keys
from zhangfang_sandbox.epcc.parts import start

ISSR_ID = "Z2026058119001"
SITE_A, SITE_B = keys.SITES.values()
PAYER = PartyAccount("6222021234567890123", "王小明 & <子>", id_no="11010119900307001X", phone="13800000000")


@cache
def bank_keys() -> dict[str, str]:
    """RSA keys are slow to make: the tests' networks share theirs."""
    return keys.create()


@cache
def requests() -> dict[str, tuple[str, str]]:
    """Our two keys and the requests for their certificates."""
    return {name: make_key_and_request(ISSR_ID) for name in ("tls", "sign")}


def config(folder: Path, ports: tuple[int, int], told: dict[str, str], **changes: Any) -> EpccConfig:
    """What we know after the network has registered us and told us its certificates and ours."""
    parts: dict[str, Any] = {
        "issr_id": ISSR_ID,
        "sites": {SITE_A: f"https://127.0.0.1:{ports[0]}", SITE_B: f"https://127.0.0.1:{ports[1]}"},
        "payee_account": "243300133", "payee_name": "账房备付金", "digits_file": str(folder / "digits.json"),
        "ca_pem": told["ca"], "epcc_sign_cert_pem": told["sign"], "epcc_encrypt_cert_pem": told["encrypt"],
        "tls_key_pem": requests()["tls"][0], "tls_cert_pem": told["tls_certificate"],
        "sign_key_pem": requests()["sign"][0], "sign_cert_pem": told["sign_certificate"],
        "timeout_seconds": 10.0,
    }  # fmt: skip
    return EpccConfig(**(parts | changes))


@dataclass
class Receiver:
    """Takes notices as the API does: verified and read by the connector, answered with its 303."""

    channel: Epcc | None = None
    url: str = ""
    got: list[Notification | None] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    refuse: int = 0

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.bodies.append(body)
        assert self.channel is not None
        try:
            told = self.channel.notification(request.headers, body)
        except (ForgedMessage, MalformedMessage):
            return web.Response(status=400)
        self.got.append(told)
        self.refuse -= 1
        reply = self.channel.reply(taken=self.refuse < 0)
        return web.Response(text=reply.body, content_type=reply.media)


@dataclass
class Net:
    """A running network with us as its member."""

    served: Served
    receiver: Receiver
    clock: SetClock
    http: ClientSession
    agreement: str = ""
    channel: Epcc = field(init=False)

    @asynccontextmanager
    async def once_more(self) -> AsyncIterator[None]:
        """Speak to the same network again after everything here was closed."""
        async with ClientSession() as self.http:
            yield
        await self.channel.close()

    async def control(self, method: str, path: str, body: Any = None) -> Any:
        url = f"http://127.0.0.1:{self.served.control_port}{path}"
        async with self.http.request(method, url, json=body) as answer:
            assert answer.status < 300, await answer.text()
            return json.loads(await answer.read())

    async def register(self, issr_id: str = ISSR_ID) -> dict[str, str]:
        told: dict[str, str] = await self.control("POST", "/merchants", {
            "merId": issr_id, "name": "账房", "notify_url": self.receiver.url,
            "tls_csr": requests()["tls"][1], "sign_csr": requests()["sign"][1],
        })  # fmt: skip
        return told

    async def faults(self, *faults: str, key: str = "K1", late: float = 0.05) -> None:
        await self.control("PUT", "/faults", {"keyed": {key: list(faults)}, "late_seconds": late})

    async def movements(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = await self.control("GET", "/movements?after=0")
        return rows

    async def debits(self) -> int:
        return sum(
            row["state"] == "SUCCESS" and row["operation"] == "collection" for row in await self.movements()
        )

    async def set_time(self, moment: datetime) -> None:
        self.clock.set(moment)
        await self.control("PUT", "/clock", {"now": moment.isoformat(), "rate": 0})

    async def days_on(self, days: int) -> None:
        """Go on by whole days, and wait until the network has made the file of yesterday."""
        await self.set_time(self.clock.now() + timedelta(days=days))
        yesterday = str(in_china(self.clock.now()).date() - timedelta(days=1))
        while yesterday not in [  # noqa: ASYNC110 - the network closes its day by itself
            day["settle_date"] for day in (await self.control("GET", "/book/summary"))["days"]
        ]:
            await asyncio.sleep(0.01)

    def number(self) -> str:
        return self.channel.order_number(uuid4(), self.clock.now())

    def signing(self, account: PartyAccount = PAYER) -> Signing:
        return Signing(self.number(), self.clock.now(), account)

    async def signed(self) -> str:
        """Sign a mandate with the code that the payer's telephone shows."""
        signing = self.signing()
        await self.channel.request_code(signing)
        shown = await self.control("GET", f"/codes?order_no={signing.order_no}")
        self.agreement = (await self.channel.sign(signing, shown["code"])).agreement
        return self.agreement

    def collection(self, amount: int = 12345, key: str = "K1", **changes: Any) -> Order:
        parts: dict[str, Any] = {
            "operation": Operation.COLLECTION, "order_no": self.number(), "requested_at": self.clock.now(),
            "amount": amount, "key": key, "description": "物业费 <3月> & 水费", "agreement": self.agreement,
        }  # fmt: skip
        return Order(**(parts | changes))

    def collection_of(self, first: str, key: str = "K1") -> Order:
        """A collection whose TrxId has a site's digits: `first` is their CtrlNbF."""
        while True:
            order = self.collection(key=key)
            if order.order_no[-6:-4] == first:
                return order

    def refund(self, original: Order, amount: int, key: str = "R1") -> Order:
        return Order(
            Operation.REFUND, self.number(), self.clock.now(), amount, key,
            original_order_no=original.order_no, original_requested_at=original.requested_at,
            original_operation=Operation.COLLECTION, original_amount=original.amount,
        )  # fmt: skip

    async def collect(self, amount: int = 12345, key: str = "K1") -> tuple[Order, Answer]:
        order = self.collection(amount, key)
        return order, await self.channel.send(order)


async def until(look: Callable[[], Any]) -> None:
    """Wait for something to become true."""
    while not look():  # noqa: ASYNC110 - the thing looked at is another process's or library's
        await asyncio.sleep(0.01)


@asynccontextmanager
async def network(folder: Path, **changes: Any) -> AsyncIterator[Net]:
    """Start a network at 1 September 2026, 10:00, register, fetch the digits, sign a mandate."""
    _plant_keys(folder)
    served = await start(folder, 0, 0, 0)
    receiver, clock = Receiver(), SetClock()
    async with _serving(receiver), ClientSession() as http:
        net = Net(served, receiver, clock, http)
        try:
            await net.set_time(clock.now())
            held = config(
                folder, (served.port, served.more_ports["second_port"]), await net.register(), **changes
            )
            net.channel = receiver.channel = Epcc(held, clock)
            await net.channel.upkeep()
            await net.signed()
            yield net
            await net.channel.close()
        finally:
            await served.stop()


def _plant_keys(folder: Path) -> None:
    """A store writes inside a running loop."""
    folder.mkdir(parents=True, exist_ok=True)
    store = Store(folder / "bank.db", "")
    if store.get("keys", None) is None:
        store.put("keys", bank_keys())
    store.close()


@asynccontextmanager
async def _serving(receiver: Receiver) -> AsyncIterator[None]:
    app = web.Application()
    app.add_routes([web.post("/notify", receiver.take)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/notify"
    try:
        yield
    finally:
        await runner.cleanup()
