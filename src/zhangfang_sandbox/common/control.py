"""The control plane that all banks share: health, clock, faults, and errors in JSON.

It answers on a port of its own and is never part of the wire.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any

from aiohttp import web

from zhangfang_sandbox.common.clock import BankClock
from zhangfang_sandbox.common.faults import LATE_SECONDS, Faults, Plan
from zhangfang_sandbox.common.store import Store

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Refused(Exception):
    """The control plane refuses a request; the text names the field, and what is allowed."""

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.status = status


@web.middleware
async def errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every refusal is `{"error": text}` with a 4xx status."""
    try:
        return await handler(request)
    except Refused as refusal:
        return web.json_response({"error": str(refusal)}, status=refusal.status)
    except web.HTTPException as error:
        return web.json_response({"error": error.reason}, status=error.status)


async def body_of(request: web.Request) -> dict[str, Any]:
    """The request's JSON object."""
    try:
        data = json.loads(await request.read())
    except ValueError as error:
        raise Refused("body: must be JSON") from error
    if not isinstance(data, dict):
        raise Refused(f"body: must be a JSON object, got {type(data).__name__}")
    return data


def need(data: Mapping[str, Any], name: str, *kinds: type) -> Any:
    """Return the field `name`, which must be there and be of one of `kinds` (true and false are not numbers here)."""
    value = data.get(name)
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        allowed = " or ".join(kind.__name__ for kind in kinds)
        raise Refused(f"{name}: must be {allowed}, got {type(value).__name__}")
    return value


def instant(data: Mapping[str, Any], name: str) -> datetime:
    """The field `name` as an aware time."""
    text = need(data, name, str)
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise Refused(f"{name}: must be an ISO-8601 time, got {len(text)} characters") from error
    if at.tzinfo is None:
        raise Refused(f"{name}: must carry an offset from UTC, such as +08:00")
    return at


def plan_of(data: Mapping[str, Any], known: frozenset[str]) -> Plan:
    """Return a fault plan from JSON. An unknown fault is refused; the error lists the known ones."""
    rates = need({"rates": {}, **data}, "rates", dict)
    keyed = need({"keyed": {}, **data}, "keyed", dict)
    if not all(isinstance(faults, list) for faults in keyed.values()):
        raise Refused("keyed: must map each key to a list of faults")
    named = set(rates) | {str(fault) for faults in keyed.values() for fault in faults}
    if unknown := named - known:
        raise Refused(f"fault: unknown {sorted(unknown)}, allowed {sorted(known)}")
    for fault in rates:
        if not 0 <= need(rates, fault, int, float) <= 1:
            raise Refused(f"rates.{fault}: must be from 0 to 1")
    late = need({"late_seconds": LATE_SECONDS, **data}, "late_seconds", int, float)
    if not 0 <= late <= 3600:
        raise Refused("late_seconds: must be from 0 to 3600")
    return Plan(need({"seed": 0, **data}, "seed", int), rates, keyed, late)


def routes(store: Store, handlers: Mapping[str, Callable[[Any], object]]) -> list[web.RouteDef]:
    """Routes of one function each. `"POST /credit"` gets the request's JSON object, `"GET /book"` its query.

    What a function returns is answered as JSON, after everything it wrote is stored.
    """

    def answered(work: Callable[[Any], object], *, reads_body: bool) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            answer = work(await body_of(request) if reads_body else request.query)
            await store.committed()
            return web.json_response(answer)

        return handle

    found = []
    for name, work in handlers.items():
        method, path = name.split()
        found.append(web.route(method, path, answered(work, reads_body=method != "GET")))
    return found


def application(
    store: Store,
    clock: BankClock,
    faults: Faults,
    known: frozenset[str],
    check: Callable[[datetime], None] = lambda now: None,
) -> web.Application:
    """A control plane with health, clock and faults (`known` are the bank's). `check` may refuse a new time."""
    app = web.Application(middlewares=[errors_as_json])
    app.add_routes(clock_routes(store, clock, check))
    app.add_routes(fault_routes(store, faults, known))
    return app


def clock_routes(store: Store, clock: BankClock, check: Callable[[datetime], None]) -> list[web.RouteDef]:
    """Health and clock. `check` may refuse a new time before it is set."""

    def shown() -> dict[str, Any]:
        return {"now": clock.now().isoformat(), "rate": clock.rate}

    async def health(_: web.Request) -> web.Response:
        return web.json_response({"ok": True, "now": clock.now().isoformat()})

    async def get_clock(_: web.Request) -> web.Response:
        return web.json_response(shown())

    async def put_clock(request: web.Request) -> web.Response:
        data = await body_of(request)
        now = instant(data, "now")
        rate = need({"rate": clock.rate, **data}, "rate", int, float)
        if not 0 <= rate <= 100_000:
            raise Refused("rate: must be from 0 (the clock stands) to 100000")
        check(now)
        clock.set(now, rate)
        clock.save(store)
        await store.committed()
        return web.json_response(shown())

    return [web.get("/health", health), web.get("/clock", get_clock), web.put("/clock", put_clock)]


def fault_routes(store: Store, faults: Faults, known: frozenset[str]) -> list[web.RouteDef]:
    """The plan of faults, and what has been met."""

    async def put_faults(request: web.Request) -> web.Response:
        faults.set(plan_of(await body_of(request), known))
        await store.committed()
        return web.json_response(faults.report())

    async def get_faults(_: web.Request) -> web.Response:
        return web.json_response(faults.report())

    return [web.put("/faults", put_faults), web.get("/faults", get_faults)]
