"""Requests and probes are counted by the minute of the business clock; a probe that is not answered has failed."""

import asyncio
from types import SimpleNamespace
from typing import Any

import aiohttp
import httpx2
import pytest
from aiohttp import web
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.clock import SetClock
from tests.treasury import treasury
from zhangfang.weekly.minutes import Prober, Requests


async def _answer(request: Request) -> Response:
    status = int(request.path_params["status"])
    if status == 999:
        raise RuntimeError("it breaks")
    return Response("", status)


async def test_answers_are_counted_by_minute_and_operation_and_what_breaks_has_failed(
    database_url: str, clock: SetClock
) -> None:
    async with treasury(database_url, clock) as house:
        state: Any = SimpleNamespace(desk=house.desk)
        paths = ("/v1/payments/{status}", "/v1/payouts/{status}", "/console/{status}")
        app = Starlette(routes=[Route(path, _answer, methods=["GET", "POST"]) for path in paths])
        counting = Requests(app, state)
        transport = httpx2.ASGITransport(counting, raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url="http://api") as client:
            for path in ("payments/201", "payments/409", "payments/503", "payments/999", "payouts/201"):
                await client.post(f"/v1/{path}")
            await client.get("/v1/payments/200")
            await client.get("/console/500")
        assert state.requests is counting
        await counting.store(house.pool, house.clock.now())
        assert await house.pool.fetchval("SELECT count(*) FROM request_minute") == 0, "the minute is not over"
        house.clock.advance(minutes=1)
        for _ in range(2):  # what is stored is not counted again
            await counting.store(house.pool, house.clock.now())
        rows = await house.pool.fetch("SELECT operation, answered, failed FROM request_minute ORDER BY 1")
        assert [tuple(row) for row in rows] == [
            ("page", 1, 1), ("pay_in", 4, 2), ("payout", 1, 0), ("query", 1, 0),
        ]  # fmt: skip


async def test_a_probe_that_is_refused_late_or_no_200_has_failed(
    database_url: str, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {"status": 200, "wait": 0.0}
    monkeypatch.setattr("zhangfang.weekly.minutes.PROBE_TIMEOUT", aiohttp.ClientTimeout(total=0.2))

    async def health(_: web.Request) -> web.Response:
        await asyncio.sleep(said["wait"])
        return web.Response(status=int(said["status"]))

    app = web.Application()
    app.router.add_get("/health", health)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    async with treasury(database_url, clock) as house, aiohttp.ClientSession() as session:
        prober = Prober(session, house.clock, f"http://{host}:{port}")
        await prober.ask()
        said["status"] = 503
        await prober.ask()
        said.update(status=200, wait=1.0)
        await prober.ask()
        await runner.cleanup()
        await prober.ask()
        house.clock.advance(minutes=1)
        await prober.store(house.pool)
        row = await house.pool.fetchrow("SELECT probe, asked, failed FROM probe_minute")
        assert tuple(row) == ("api", 4, 3)
