"""The people of the demo's day: merchants who call the API, and payers at the bank's cashier.

They behave as a good client does: a request without an answer is repeated with the same Idempotency-Key and the same
order number, and nothing else.
"""

import asyncio
import re
from dataclasses import dataclass
from typing import Any

import aiohttp

from zhangfang.kernel.errors import ZhangfangError

PATIENCE_SECONDS = 90.0
PRESENTED_TRIES = 8
TIMEOUT = aiohttp.ClientTimeout(total=15)
FINAL = frozenset({"SUCCESS", "FAILED", "REFUSED", "CLOSED"})
_ACTION = re.compile(r'<form method="post" action="([^"]+)"')
_ENDED = "<strong>"  # the cashier says in bold how it ended
_AWAY = (aiohttp.ClientError, TimeoutError, ConnectionError)


class GaveUp(ZhangfangError):
    """A caller of the demo got no usable answer for a minute and a half."""


@dataclass(slots=True)
class Tally:
    """How often the API was asked, and how often it did not answer or answered with a 5xx: its availability."""

    asked: int = 0
    unanswered: int = 0


class Caller:
    """Calls the API with one key, again and again until there is an answer that says something."""

    def __init__(
        self, session: aiohttp.ClientSession, base: str, key: str, tally: Tally | None = None
    ) -> None:
        """`base` is the API's address, `key` a merchant's or the administrator's; `tally` counts for several callers."""
        self._tally = tally or Tally()
        self._session = session
        self._base = base
        self._headers = {"Authorization": f"Bearer {key}"}

    async def post(self, path: str, body: Any, key: str) -> tuple[int, Any]:
        """Return status and answer of a request that moves money."""
        return await self.call("POST", path, body, {"Idempotency-Key": key})

    async def get(self, path: str) -> Any:
        """Return what a call shows."""
        status, shown = await self.call("GET", path)
        if status != 200:
            raise GaveUp(f"GET {path}: {status} {shown}")
        return shown

    async def call(
        self, method: str, path: str, body: Any = None, more: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        """Return the first answer that is not a 5xx."""
        until = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        last: object = "no answer"
        while asyncio.get_running_loop().time() < until:
            self._tally.asked += 1
            try:
                async with self._session.request(
                    method,
                    self._base + path,
                    json=body,
                    headers=self._headers | (more or {}),
                    timeout=TIMEOUT,
                ) as answer:
                    if answer.status < 500:
                        return answer.status, await answer.json(content_type=None)
                    last = answer.status
            except _AWAY as error:
                last = type(error).__name__
            self._tally.unanswered += 1
            await asyncio.sleep(0.2)
        raise GaveUp(f"{method} {path}: {last}")

    async def presented(self, path: str, made: Any) -> Any:
        """Return a purchase as shown with what takes its payer to the channel; after some tries, as it is.

        A channel whose answer with it was lost may never give it again: the payer then has nothing to pay with.
        """
        for _ in range(PRESENTED_TRIES):
            if made["state"] != "REDIRECTED" or {"redirect", "app"} & made.keys():
                break
            await asyncio.sleep(0.3)
            made = await self.get(path)
        return made

    async def final(self, path: str) -> Any:
        """Wait until an intent has its outcome, and return it."""
        until = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        while asyncio.get_running_loop().time() < until:
            shown = await self.get(path)
            if shown["state"] in FINAL:
                return shown
            await asyncio.sleep(0.2)
        raise GaveUp(f"{path}: no outcome")


async def pay(session: aiohttp.ClientSession, redirect: dict[str, Any], choice: str) -> None:
    """Be a payer: open the cashier's form and press a button; if the bank does not answer, try again."""
    for _ in range(int(PATIENCE_SECONDS / 0.3)):
        try:
            async with session.post(redirect["url"], data=redirect["fields"], timeout=TIMEOUT) as shown:
                page = await shown.text()
            form = _ACTION.search(page)
            if form is None and _ENDED in page:
                return  # paid, refused or expired already: a payer sees that and goes
            if form is None:
                await asyncio.sleep(0.3)  # the bank is busy: the payer presses reload
                continue
            url = redirect["url"].split("/gateway/")[0] + form.group(1)
            async with session.post(url, data={"action": choice}, timeout=TIMEOUT) as done:
                await done.text()
            return
        except _AWAY:
            await asyncio.sleep(0.3)
    raise GaveUp("the cashier did not answer")
