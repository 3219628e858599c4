"""Is the platform well? Asked at most once a second, however many ask, and answered in time, whatever hangs."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from zhangfang.api.problems import answer
from zhangfang.kernel.sql import load
from zhangfang.ledger import LedgerUnavailable
from zhangfang.payments import Desk

queries = load(__package__, "health.sql")
SECONDS = 1.5  # that each part has to answer
FRESH_SECONDS = 1.0  # for so long an answer is given to others who ask


class Look:
    """A question to one part of the platform. It is asked once at a time: what hangs is not asked again meanwhile."""

    def __init__(self, ask: Callable[[], Awaitable[Any]], away: Exception) -> None:
        """`away` is raised where the part does not answer in time."""
        self._ask, self._away = ask, away
        self._asking: asyncio.Task[Any] | None = None
        self._began = 0.0

    async def answer(self) -> Any:
        """Return what the part says, or raise its error."""
        now = asyncio.get_running_loop().time()
        if self._asking is None or (self._asking.done() and now - self._began > FRESH_SECONDS):
            self._began = now
            self._asking = asyncio.ensure_future(self._ask())
        await asyncio.wait({self._asking}, timeout=SECONDS)
        if not self._asking.done():
            raise self._away
        return self._asking.result()


class Health:
    """What `GET /health` asks: can a row be stored, and does the ledger answer?"""

    def __init__(self, desk: Desk) -> None:
        """Ask nothing yet."""
        self._clock = desk.clock
        self._database = Look(
            lambda: desk.pool.execute(queries.write), asyncpg.InterfaceError("no answer in time")
        )
        self._ledger = Look(desk.ledger.status, LedgerUnavailable("no answer in time"))

    async def page(self, _: Request) -> Response:
        """Answer 200 if all is well, else 503 with the code of what is not."""
        try:
            said: tuple[Any, Any] = await asyncio.gather(self._database.answer(), self._ledger.answer())
        except Exception as error:
            return answer(error)
        return JSONResponse({"ok": True, "ledger_seq": said[1].seq, "now": self._clock.now().isoformat()})
