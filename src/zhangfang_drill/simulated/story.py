"""A report on an order that broke a rule: its steps, the bank's view of it, and the faults planned for its number."""

from collections.abc import Mapping
from datetime import date
from itertools import groupby
from typing import Any

from zhangfang.kernel.clock import in_china
from zhangfang_drill.law.judging import Violation
from zhangfang_drill.law.movements import Truth
from zhangfang_drill.law.oracle import queries
from zhangfang_drill.world.world import World
from zhangfang_sandbox.common.faults import chance


async def tell(world: World, truth: Truth, violation: Violation, day: date) -> str:
    """Return the report as text; it holds no personal data."""
    lines = [f"{day}: rule {violation.rule}: {violation.order_no or '(no order)'} {violation.what}"]
    steps = await world.pool.fetch(queries.story, violation.intent)
    for told, several in groupby(steps, key=_told):
        first, *more = several
        times = f" ({len(more)} times more, until {in_china(more[-1]['at']):%m-%d %H:%M})" if more else ""
        lines.append(f"  {in_china(first['at']):%m-%d %H:%M:%S} {told}{times}")
    for movement in truth.of.values():
        if violation.order_no and movement.key == violation.order_no:
            lines.append(
                f"  {movement.bank}: {movement.operation} {movement.order_no} {movement.amount} fen {movement.state}"
                f" {movement.settle_date}"
            )
    if violation.order_no:
        lines.append(
            f"  faults of its number: {', '.join(await _planned(world, violation.order_no)) or 'none'}"
        )
    for row in await world.pool.fetch(queries.waiting_tasks):
        lines.append(f"  waits: {row['kind']} {row['key']}, {row['attempts']} tries: {row['note']}")
    return "\n".join(lines)


def _told(row: Mapping[str, Any]) -> str:
    told = " ".join(filter(None, (row["kind"], row["verdict"], row["code"], row["message"])))
    return told + (f" → {row['state']}" if row["state"] else "")


async def _planned(world: World, key: str) -> list[str]:
    """Return the faults that the banks' current plans hold for an order number."""
    found = []
    for name in world.banks.names:
        plan = await world.banks.ask("GET", name, "/faults")
        found += [
            f"{name} {fault}"
            for fault, rate in plan["rates"].items()
            if chance(plan["seed"], fault, key) < rate
        ]
    return found
