"""The HTTP application in process, on a shop with fake banks, with merchants that have keys."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from starlette.applications import Starlette

from tests.clock import SetClock
from tests.desk import PAYER, Shop, open_shop
from zhangfang.api import build_app
from zhangfang.kernel.settings import Settings
from zhangfang.merchants import Merchant, create_api_key
from zhangfang.payments import Desk

ADMIN = "zf_admin_test"
ACCOUNT = {
    "number": PAYER.number,
    "name": PAYER.name,
    "id_no": PAYER.id_no,
    "phone": PAYER.phone,
}


@dataclass
class Caller:
    """Somebody with a key; `seen` has the text of every answer."""

    client: httpx2.AsyncClient
    secret: str
    merchant: Merchant | None = None

    async def __call__(
        self, method: str, url: str, body: Any = None, key: str | None = None, **other: Any
    ) -> httpx2.Response:
        """Make a call; `key` is the Idempotency-Key."""
        headers = {"Authorization": f"Bearer {self.secret}"} | other.pop("headers", {})
        if key is not None:
            headers["Idempotency-Key"] = key
        if body is not None:
            other["json"] = body
        return await self.client.request(method, url, headers=headers, **other)


@dataclass
class Counter:
    """The API's counter: the shop behind it, and ways to call."""

    app: Starlette
    shop: Shop
    client: httpx2.AsyncClient
    seen: list[str]

    @property
    def admin(self) -> Caller:
        """Return the administrator."""
        return Caller(self.client, ADMIN)

    async def caller(self, available: int = 0) -> Caller:
        """Admit a merchant and return it as a caller."""
        merchant = await self.shop.merchant(available)
        _, secret = await create_api_key(self.shop.desk.pool, self.shop.clock, merchant.id)
        return Caller(self.client, secret, merchant)


@asynccontextmanager
async def open_counter(url: str, folder: Path) -> AsyncIterator[Counter]:
    """Build the application as the server does, and open it."""
    home = folder / "home"
    home.mkdir()
    (home / "admin-key").write_text(ADMIN)
    seen: list[str] = []

    async def keep(answer: httpx2.Response) -> None:
        await answer.aread()
        seen.append(answer.text)

    async with open_shop(url, folder, SetClock()) as shop:

        @asynccontextmanager
        async def open_desk() -> AsyncIterator[Desk]:
            yield shop.desk

        app = build_app(Settings(home=home), open_desk, lambda _: [])
        transport = httpx2.ASGITransport(app)
        hooks = {"response": [keep]}
        async with (
            app.router.lifespan_context(app),
            httpx2.AsyncClient(transport=transport, base_url="http://api", event_hooks=hooks) as client,
        ):
            yield Counter(app, shop, client, seen)
