"""The further routes of this network's control plane: SMS codes and the sites."""

import asyncio
from collections.abc import Mapping

from aiohttp import ClientError, ClientSession, ClientTimeout, web

from zhangfang_sandbox.acquirer.acquiring import Acquirer
from zhangfang_sandbox.common.control import Refused, body_of, need
from zhangfang_sandbox.epcc import messages
from zhangfang_sandbox.epcc.dialect import HEADERS, Ways
from zhangfang_sandbox.epcc.doors import Door
from zhangfang_sandbox.epcc.mandates import Mandates
from zhangfang_sandbox.epcc.sites import DIGITS, Sites

_TICK = 0.05
_RETRY = 0.5


class Control:
    """Handlers of the further routes."""

    def __init__(
        self, acquirer: Acquirer, sites: Sites, mandates: Mandates, doors: Mapping[str, Door]
    ) -> None:
        self._store, self._sites, self._mandates, self._doors = acquirer.store, sites, mandates, doors

    def routes(self) -> list[web.RouteDef]:
        """GET /codes?order_no=, GET and PUT /sites, PUT /drain."""
        return [
            web.get("/codes", self.codes),
            web.get("/sites", self.sites),
            web.put("/sites", self.take_down),
            web.put("/drain", self.drain),
        ]

    async def codes(self, request: web.Request) -> web.Response:
        """The SMS code of a signing, as on the payer's phone."""
        found = self._mandates.shown(request.query.get("order_no", ""))
        if found is None:
            raise Refused("order_no: no such signing", 404)
        return web.json_response(found)

    async def sites(self, _: web.Request) -> web.Response:
        """Both sites: drained, down, their digits."""
        return await self._shown()

    async def take_down(self, request: web.Request) -> web.Response:
        """`{"site": "a", "down": true}` stops a site from listening; false lets it listen again."""
        data = await body_of(request)
        site, down = _site(data), need(data, "down", bool)
        self._sites.take_down(site, down)
        door = self._doors[site]
        await (door.shut() if down else door.open())
        return await self._shown()

    async def drain(self, request: web.Request) -> web.Response:
        """`{"site": "a", "drained": true}` retires a site's digits and tells members; false puts them in use again."""
        data = await body_of(request)
        self._sites.drain(_site(data), need(data, "drained", bool))
        return await self._shown()

    async def _shown(self) -> web.Response:
        await self._store.committed()
        return web.json_response(self._sites.shown({site: door.port for site, door in self._doors.items()}))


class Drills:
    """Tells members of retired digits until they acknowledge."""

    def __init__(self, acquirer: Acquirer, sites: Sites, ways: Ways) -> None:
        self._acquirer, self._sites, self._ways = acquirer, sites, ways

    async def tell(self) -> None:
        """Tell members of every change, for ever."""
        async with ClientSession(timeout=ClientTimeout(total=10)) as http:
            while True:
                untold = [(m, site) for m in self._acquirer.merchants for site in self._sites.untold(m)]
                taken = [await self._told(http, *each) for each in untold]
                await asyncio.sleep(_TICK if all(taken) else _RETRY)

    async def _told(self, http: ClientSession, mer_id: str, site: str) -> bool:
        await self._acquirer.store.committed()
        drained = site in self._sites.drained
        notice = self._ways.told(messages.DIGITS_NOTICE, {"CtrlNbInf": self._sites.notice(site)})
        url = self._acquirer.merchants[mer_id]["notify_url"]
        try:
            async with http.post(url, data=notice, headers=HEADERS, allow_redirects=False) as response:
                taken = self._ways.accepted(response.status, await response.content.read(4096))
        except (ClientError, TimeoutError, ValueError):
            return False
        if taken:
            self._sites.acknowledged(mer_id, site, drained)
        return taken


def _site(data: Mapping[str, object]) -> str:
    site: str = need(data, "site", str)
    if site not in DIGITS:
        raise Refused(f"site: must be one of {', '.join(DIGITS)}")
    return site
