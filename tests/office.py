"""A platform with a console that several people use at once, each in a browser of their own."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from httpx2 import ASGITransport, AsyncClient, Response
from starlette.applications import Starlette
from starlette.routing import Mount

from tests.clock import SetClock
from tests.console import CHANNELS, KEY
from tests.people import token_of
from tests.treasury import Treasury, treasury
from zhangfang.approvals import Person
from zhangfang.assembly.console import OperatorActs
from zhangfang.console import Console, console_app
from zhangfang.web import auth


@dataclass
class Browser:
    """A browser of one person."""

    http: AsyncClient
    page: str = ""

    async def get(self, path: str) -> Response:
        answer = await self.http.get("/console" + path)
        self.page = answer.text
        return answer

    async def send(self, path: str, *, file: tuple[str, bytes] | None = None, **fields: str) -> Response:
        """Send the form of the page that is open, with its hidden fields."""
        hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', self.page))
        parts = {"upload": file} if file else None
        answer = await self.http.post("/console" + path, data=hidden | fields, files=parts)
        self.page = answer.text
        return answer


@dataclass
class Office:
    """A platform whose console several people use."""

    house: Treasury
    app: Starlette

    async def desk(self, person: Person) -> Browser:
        """Sign a person in."""
        http = AsyncClient(transport=ASGITransport(app=self.app), base_url="http://console.test")
        signed = auth.sign(KEY, await token_of(self.house.pool, person))
        http.cookies.set("zf_session", signed, domain="console.test", path="/console")
        return Browser(http)


@asynccontextmanager
async def open_office(database_url: str, clock: SetClock) -> AsyncIterator[Office]:
    """Start a platform with its console."""
    async with treasury(database_url, clock) as house:
        site = Console(
            pool=house.pool, clock=clock, key=KEY, channels=CHANNELS, actions=OperatorActs(house.desk)
        )
        yield Office(house, Starlette(routes=[Mount("/console", console_app(site))]))
