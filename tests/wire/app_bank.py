"""A shop that sells by app: a connector, its sandbox bank in this process, and a server that hears notifications."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import ClientSession, web

from tests.clock import SetClock
from tests.wire.unionpay_sandbox_client import eventually
from zhangfang.channels.chinaums import ChinaUms, ChinaUmsConfig
from zhangfang.channels.lakala import Lakala, LakalaConfig, make_merchant_certificate
from zhangfang.channels.port import ChannelError, Notification, Operation, Order, Verdict
from zhangfang_sandbox.chinaums.parts import build as build_chinaums
from zhangfang_sandbox.common.process import Served, serve
from zhangfang_sandbox.common.store import Store
from zhangfang_sandbox.lakala import keys
from zhangfang_sandbox.lakala.parts import build as build_lakala

MERCHANT = {"chinaums": "898340158110001", "lakala": "822290058110001"}
NAMES = {"chinaums": "银联商务清算", "lakala": "拉卡拉清算"}
BUILD = {"chinaums": build_chinaums, "lakala": build_lakala}
Connector = ChinaUms | Lakala
T = TypeVar("T")


@cache
def lakala_keys() -> dict[str, str]:
    """Keys are slow to make; the tests' banks share theirs."""
    return keys.create()


@cache
def lakala_pair() -> tuple[str, str]:
    return make_merchant_certificate(MERCHANT["lakala"], SetClock())


@dataclass
class Shop:
    """What a test needs of one bank. `heard` are the notifications that verified, `unheard` why others did not."""

    bank: str
    served: Served
    http: ClientSession
    clock: SetClock
    url: str = ""
    told: Mapping[str, Any] = field(default_factory=dict)
    heard: list[Notification] = field(default_factory=list)
    unheard: list[str] = field(default_factory=list)
    transfers: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    taken: bool = True
    numbers: int = 0
    connector: Any = None
    made: list[Connector] = field(default_factory=list)

    async def stop(self) -> None:
        """Stop the bank that is serving now."""
        await self.served.stop()

    async def restart(self, folder: Path) -> None:
        """Stop the bank and start it again on the same folder."""
        await self.served.stop()
        self.served = await served_on(self.bank, folder)

    async def control(self, method: str, path: str, data: Any = None, status: int = 200) -> Any:
        """The control plane's JSON; asserts its status."""
        url = f"http://127.0.0.1:{self.served.control_port}{path}"
        async with self.http.request(method, url, json=data) as response:
            answer = await response.json()
            assert response.status == status, answer
            return answer

    def connect(self, **changes: Any) -> Connector:
        """Another process of ours: a connector that knows nothing of what this one did."""
        made = self._connect(changes)
        self.made.append(made)
        return made

    def _connect(self, changes: dict[str, Any]) -> Connector:
        common: dict[str, Any] = {
            "base_url": f"http://127.0.0.1:{self.served.port}",
            "notify_url": f"{self.url}/notify",
            "timeout_seconds": 5.0,
        }
        if self.bank == "chinaums":
            own = {
                "mid": MERCHANT["chinaums"],
                "tid": "88880001",
                "source": "3194",
                "app_id": self.told["appId"],
            }
            own |= {"app_key": self.told["appKey"], "notify_key": self.told["notifyKey"]}
            return ChinaUms(ChinaUmsConfig(**(common | own | changes)), self.clock)
        key, certificate = lakala_pair()
        own = {"merchant_no": MERCHANT["lakala"], "term_no": "A0000001", "appid": "OP1", "sign_key_pem": key}
        own |= {"sign_cert_pem": certificate, "platform_cert_pem": self.told["platform_certificate"]}
        return Lakala(LakalaConfig(**(common | own | changes)), self.clock)

    async def set_time(self, now: datetime) -> None:
        """It is `now` everywhere, and stays so."""
        self.clock.set(now)
        await self.control("PUT", "/clock", {"now": now.isoformat(), "rate": 0})

    async def advance(self, **parts: float) -> None:
        await self.set_time(self.clock.now() + timedelta(**parts))

    async def fault(self, **plan: Any) -> None:
        """Plan faults; late things happen after a fifth of a second."""
        await self.control("PUT", "/faults", {"late_seconds": 0.2, **plan})

    def order(self, key: str = "", amount: int = 10000, **more: Any) -> Order:
        """A purchase with a number of its own; its key is `K1`, `K2` and so on."""
        self.numbers += 1
        number = f"ord{self.numbers:029d}"
        described = {"description": "物业费"} | more
        return Order(
            Operation.PURCHASE, number, self.clock.now(), amount, key or f"K{self.numbers}", **described
        )

    def undo(
        self, paid: Order, amount: int = 0, operation: Operation = Operation.REFUND, key: str = ""
    ) -> Order:
        """A refund or void of a purchase."""
        made = self.order(key, amount or paid.amount)
        return replace(
            made,
            operation=operation,
            original_order_no=paid.order_no,
            original_requested_at=paid.requested_at,
            original_operation=Operation.PURCHASE,
            original_amount=paid.amount,
        )

    async def payer(self, order: Order, action: str = "pay", status: int = 200) -> None:
        await self.control("POST", "/payers", {"order_no": order.order_no, "action": action}, status)

    async def paid(self, key: str = "", amount: int = 10000, **more: Any) -> Order:
        """A purchase that its payer has paid."""
        order = self.order(key, amount, **more)
        await self.connector.present(order, "https://shop.example/back")
        await self.payer(order)
        return order

    async def verdict(self, order: Order) -> Verdict:
        found: Verdict = (await self.connector.query(order)).verdict
        return found

    async def movements(self, after: int = 0) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = await self.control("GET", f"/movements?after={after}")
        return found

    async def handle(self, request: web.BaseRequest) -> web.Response:
        """Hear a notification as the platform would, or take a transfer as another bank would."""
        body = await request.read()
        if request.path in {"/credit", "/debit"}:
            self.transfers.append((request.path, json.loads(body)))
            return web.json_response({})
        try:
            heard = self.connector.notification(request.headers, body)
        except ChannelError as error:
            self.unheard.append(str(error))
            reply = self.connector.reply(taken=False)
        else:
            self.heard.append(heard)
            reply = self.connector.reply(taken=self.taken)
        return web.Response(text=reply.body, content_type=reply.media)


def give_keys(bank: str, folder: Path) -> None:
    """Put ready-made keys into the bank's folder."""
    folder.mkdir(exist_ok=True)
    if bank == "lakala":
        store = Store(folder / "bank.db", "")
        store.put("keys", lakala_keys())
        store.close()


async def served_on(bank: str, folder: Path) -> Served:
    """The bank on its folder."""
    give_keys(bank, folder)
    return await serve(await BUILD[bank](folder), 0, 0)


def registration(bank: str) -> dict[str, Any]:
    """What POST /merchants takes."""
    if bank == "chinaums":
        return {"merId": MERCHANT[bank], "tid": "88880001", "source": "3194", "name": "测试商户"}
    certificate = lakala_pair()[1]
    return {"merId": MERCHANT[bank], "term_no": "A0000001", "appid": "OP1", "certificate": certificate}


@asynccontextmanager
async def shop_of(bank: str, folder: Path, clock: SetClock) -> AsyncIterator[Shop]:
    """A registered merchant of a bank, at ten in the morning; the bank's net is paid to the shop's own server."""
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(ClientSession())
        shop = Shop(bank, await served_on(bank, folder), http, clock)
        runner = web.ServerRunner(web.Server(shop.handle, access_log=None))
        stack.push_async_callback(runner.cleanup)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        stack.push_async_callback(shop.stop)  # before the server that it talks to
        shop.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        await shop.set_time(clock.now())
        shop.told = await shop.control("POST", "/merchants", registration(bank))
        account = {"merId": MERCHANT[bank], "url": shop.url, "account": "7559000001"}
        await shop.control("POST", "/settlement_account", account)
        shop.connector = shop.connect()
        yield shop
        for connector in shop.made:
            await connector.close()


async def until(look: Callable[[], T]) -> T:
    """Wait for something to become true."""

    async def ask() -> T:
        return look()

    return await eventually(ask)
