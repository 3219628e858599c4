"""The clients of the platform: callers of the API, who repeat unanswered requests, and payers at the cashier."""

import asyncio
import re
from collections.abc import Awaitable, Callable

import aiohttp

from zhangfang.channels.port import Operation
from zhangfang_drill.simulated.orders import Asked
from zhangfang_drill.world.banks import BankFailed
from zhangfang_drill.world.world import World

TRIES = 400
PAUSE_SECONDS = 0.02
PATHS: dict[Operation, Callable[[Asked], str]] = {
    Operation.PURCHASE: lambda _: "/v1/payments",
    Operation.COLLECTION: lambda _: "/v1/payments",
    Operation.PAYOUT: lambda _: "/v1/payouts",
    Operation.REFUND: lambda asked: f"/v1/payments/{asked.original.id if asked.original else ''}/refunds",
    Operation.VOID: lambda asked: f"/v1/payments/{asked.original.id if asked.original else ''}/void",
}
_ACTION = re.compile(r'<form method="post" action="([^"]+)"')


async def ask(world: World, asked: Asked) -> None:
    """Send an order as often, and with the idempotency keys, as its `manner` says; the order number stays the same."""
    keys = {"once": "k", "twice": "kk", "new_key": "kl", "at_once": "klk"}[asked.manner]
    if asked.manner == "at_once":
        await asyncio.gather(*(_until_answered(world, asked, key) for key in keys))
        return
    for key in keys:
        await _until_answered(world, asked, key)


async def _until_answered(world: World, asked: Asked, key: str) -> None:
    """Repeat a request until there is an answer below 500, at most TRIES times; store what it says, or status 0."""
    path = PATHS[asked.kind](asked)
    for _ in range(TRIES):
        status, said = await world.api(
            "POST", path, asked.merchant.key, asked.body, f"{asked.order_no}-{key}"
        )
        if 0 < status < 500:
            asked.statuses.append(status)
            if status in (200, 201):
                asked.ids.add(said["id"])
                asked.redirect = said.get("redirect") or asked.redirect
                asked.app = said.get("app") or asked.app
                asked.channel = said.get("channel", "")
                asked.channel_order_no = said.get("channel_order_no", "")
            return
        await asyncio.sleep(PAUSE_SECONDS)
    asked.statuses.append(0)


async def pay(world: World, asked: Asked) -> None:
    """Act as the payer of a purchase: open the page, then pay, refuse or leave; retry while the bank does not answer."""
    if asked.payer == "never":
        return
    if asked.redirect is not None and not await _patiently(lambda: _open(world, asked)):
        return
    if asked.payer in ("pay", "refuse"):
        await _patiently(lambda: _act(world, asked))


async def _patiently(act: Callable[[], Awaitable[bool]]) -> bool:
    for _ in range(40):
        try:
            if await act():
                return True
        except (aiohttp.ClientError, TimeoutError, OSError, BankFailed):
            pass
        await asyncio.sleep(PAUSE_SECONDS)
    return False


async def _open(world: World, asked: Asked) -> bool:
    """Post the form to the cashier; keep the address that its buttons post to."""
    assert asked.redirect is not None, "checked by the caller"
    async with world.session.post(asked.redirect["url"], data=asked.redirect["fields"]) as shown:
        page = await shown.text()
    form = _ACTION.search(page)
    if form is not None:
        asked.redirect["action"] = asked.redirect["url"].split("/gateway/")[0] + form.group(1)
    return form is not None or "<strong>" in page


async def _act(world: World, asked: Asked) -> bool:
    if asked.app is not None:
        body = {"order_no": asked.channel_order_no, "action": asked.payer}
        await world.banks.ask("POST", asked.channel, "/payers", body)
        return True
    if asked.redirect is None or "action" not in asked.redirect:
        return True
    async with world.session.post(asked.redirect["action"], data={"action": asked.payer}) as done:
        return done.status < 500
