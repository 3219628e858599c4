"""Well-behaved callers: each creates a purchase, or lists some, at a steady pace, on one connection. A process of its own.

It reads a plan in JSON from stdin and prints the times of all calls, and how many were answered wrongly.
"""

import asyncio
import json
import random
import sys
import time

import msgspec
import uvloop

from zhangfang_bench.http import Wire, post


class Plan(msgspec.Struct):
    """For how many seconds, by how many callers, and how long each waits between two calls."""

    port: int
    key: str
    prefix: str
    seconds: float
    callers: int = 8
    pace: float = 0.1


async def run(plan: Plan) -> dict[str, object]:
    """Call; return each call's milliseconds and the answers that were not as they should be."""
    took: list[float] = []
    wrong: dict[str, int] = {}
    until = time.perf_counter() + plan.seconds

    async def caller(number: int) -> None:
        wire = await Wire(plan.port).open()
        calls = 0
        while time.perf_counter() < until:
            await asyncio.sleep(plan.pace * random.uniform(0.5, 1.5))
            request, good = _request(plan, f"{plan.prefix}-{number}-{calls}", calls)
            calls += 1
            began = time.perf_counter()
            try:
                status, _ = await wire.ask(request)
            except OSError as error:
                status, wire = 0, await Wire(plan.port).open()
                wrong[type(error).__name__] = wrong.get(type(error).__name__, 0) + 1
            else:
                if status != good:
                    wrong[str(status)] = wrong.get(str(status), 0) + 1
            took.append((time.perf_counter() - began) * 1000)

    await asyncio.gather(*map(caller, range(plan.callers)))
    return {"ms": took, "wrong": wrong}


def _request(plan: Plan, order_no: str, call: int) -> tuple[bytes, int]:
    key = f"Authorization: Bearer {plan.key}"
    if call % 2:
        return f"GET /v1/payments?limit=5 HTTP/1.1\r\nHost: x\r\n{key}\r\n\r\n".encode(), 200
    body = json.dumps({"kind": "purchase", "order_no": order_no, "amount": 100})
    return post("/v1/payments", body.encode(), key, f"Idempotency-Key: {order_no}"), 201


def main() -> None:
    """Read the plan, print the result."""
    print(json.dumps(uvloop.run(run(msgspec.json.decode(sys.stdin.buffer.read(), type=Plan)))), flush=True)


if __name__ == "__main__":
    main()
