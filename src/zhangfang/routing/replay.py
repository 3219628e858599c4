"""The replay of a release: it decides about recent orders again, and the result is compared with the live tables.

A release that parks, refuses or delays any order that the live tables let go is rejected for good. The channels'
present health is not used: the table is judged, not the day.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import asyncpg
import msgspec

from zhangfang import approvals
from zhangfang.approvals import PLATFORM, Person
from zhangfang.channels.port import AccountType, Operation
from zhangfang.kernel.clock import Clock
from zhangfang.routing import shape
from zhangfang.routing.decide import decide
from zhangfang.routing.model import Ask, Choice, Fate, Health, Kind, NotNow, Tables
from zhangfang.routing.release import changing, get, queries, rows_of, store

Order = Mapping[str, Any]  # a row of the table `intent`

RECENT = 10_000
LISTED = 20
# Orders that ended so do not prove that the live tables are right.
_CAME_TO_NOTHING = ("FAILED", "REFUSED", "CLOSED")


@dataclass(frozen=True, slots=True)
class Broken:
    """An order that the live tables let go and the new ones do not."""

    intent: str
    operation: str
    amount: int
    account_type: str
    channel: str
    fate: str
    reason: str


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a replay. `on` is the table set that it was compared with, `orders` the number of orders.

    The live tables let `went` of them go. `broken` counts those that the new tables do not let go, by fate, and
    `examples` are some of them. `moved` go by another channel; `freed` are let go by the new tables only.
    """

    version: int
    on: int
    orders: int
    went: int
    moved: int
    freed: int
    broken: Mapping[str, int]
    examples: tuple[Broken, ...]

    @property
    def rejected(self) -> bool:
        """Whether the release is rejected."""
        return bool(self.broken)


async def replay(
    pool: asyncpg.Pool, clock: Clock, version: int, channels: Collection[str], by: Person = PLATFORM
) -> Report:
    """Compare a draft with the live tables over the latest 10,000 orders, and store the report with the draft.

    `channels` are the ones that are set up. Raises `UnknownVersion`, `NotNow`.
    """
    row = await get(pool, version, ("draft", "replayed"))
    standing = await pool.fetchrow(store.standing)
    live = {kind: await rows_of(pool, kind) for kind in Kind}
    new = live | {Kind(row["kind"]): await rows_of(pool, Kind(row["kind"]), version)}
    orders = await pool.fetch(queries.recent, RECENT)
    report = compare(
        _tables(standing["live"], live), _tables(version, new), orders, Health(frozenset(channels))
    )
    state = "rejected" if report.rejected else "replayed"
    async with changing(pool) as connection:
        if (await connection.fetchrow(store.standing))["live"] != report.on:
            raise NotNow("the live tables have changed during the replay; allowed: replay it again")
        held = msgspec.json.encode(report).decode()
        kind = await connection.fetchval(queries.replayed, version, state, clock.now(), report.on, held)
        if kind is None:
            raise NotNow(f"release {version} has gone on meanwhile")
        await approvals.record(connection, clock, by, "replay table", f"{kind}/{version}", state)
    return report


def compare(
    live: tuple[int, Tables], new: tuple[int, Tables], orders: Iterable[Order], health: Health
) -> Report:
    """Let both table sets decide about each order, a row of the table `intent`. A pure function."""
    counted: Counter[str] = Counter()
    broken: Counter[str] = Counter()
    examples: list[Broken] = []
    for order in orders:
        ask, before = _as_it_was(live[1], order, health)
        after = decide(new[1], health, ask)
        what = _compared(before, after, came_to_nothing=order["state"] in _CAME_TO_NOTHING)
        counted.update(what)
        if "broken" in what:
            broken[after.fate.value] += 1
            examples += [_broken(order, before, after)] if len(examples) < LISTED else []
    found = {name: counted[name] for name in ("orders", "went", "moved", "freed")}
    return Report(new[0], live[0], **found, broken=dict(broken), examples=tuple(examples))


def _compared(before: Choice, after: Choice, *, came_to_nothing: bool) -> set[str]:
    """Return the counters to which an order adds."""
    goes = after.fate is Fate.GO
    if before.fate is not Fate.GO:
        return {"orders", "freed"} if goes else {"orders"}
    if came_to_nothing:
        return {"orders"}
    if not goes:
        return {"orders", "went", "broken"}
    return {"orders", "went"} | ({"moved"} if after.channel != before.channel else set())


def _as_it_was(tables: Tables, order: Order, health: Health) -> tuple[Ask, Choice]:
    """Return an order as it was asked for, and what the live tables do with it.

    Whether its account was bound is not stored. If the live tables let the order go only as bound, it was.
    """
    kind = Operation(order["kind"])
    parts = (order["account_type"] or "").split("/")
    ask = Ask(
        operation=kind,
        amount=order["amount"],
        at=order["created_at"],
        key=order["id"],
        product=order["product"],
        type=AccountType(*parts) if len(parts) == 3 else None,
        instalments=order["instalments"],
        fixed=order["channel"] if order["agreement"] else "",
        bound=order["mandate"] is not None,
    )
    choice = decide(tables, health, ask)
    if choice.fate is Fate.GO:
        return ask, choice
    bound = replace(ask, bound=True)
    as_bound = decide(tables, health, bound)
    return (bound, as_bound) if as_bound.fate is Fate.GO else (ask, choice)


def _broken(order: Order, before: Choice, after: Choice) -> Broken:
    why = before.channel, after.fate.value, after.reason
    return Broken(str(order["id"]), order["kind"], order["amount"], order["account_type"], *why)


def _tables(version: int, rows: Mapping[Kind, Sequence[shape.Row]]) -> tuple[int, Tables]:
    return version, shape.tables(version, rows[Kind.ROUTES], rows[Kind.ACCOUNT_TYPES])
