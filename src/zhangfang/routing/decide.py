"""Which channel a request goes by, as one pure function: the same tables, health and request give the same choice.

An account type that every channel marks as unsupported is refused. A payout to a type that is in no table is parked,
neither sent nor failed: the table is wrong, not the request.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable
from uuid import UUID

from zhangfang.channels.port import Operation
from zhangfang.kernel.clock import in_china
from zhangfang.routing.model import Ask, Cell, Choice, Fate, Health, Route, Tables


def decide(tables: Tables, health: Health, ask: Ask, tried: Collection[str] = ()) -> Choice:
    """Return the fate of a request and its channel. `tried` are channels where it has failed already."""
    routes = _rows(tables, ask)
    for possible, refusal in _sieves(health, ask, tried):
        routes = [route for route in routes if possible(route)]
        if not routes:
            return Choice(Fate.REFUSE, "", tables.version, refusal)
    known, unknown, refusals = _by_type(tables, ask, routes)
    now = [route for route in known if _ready(health, ask, route)]
    if now:
        best = _best(now, health, ask)
        return Choice(Fate.GO, best.channel, tables.version, f"{best.channel} by table set {tables.version}")
    if known:
        best = _best(known, health, ask)
        reason = f"{ask.operation} on {best.channel} is closed at this hour or does not answer; it waits"
        return Choice(Fate.WAIT, best.channel, tables.version, reason)
    if not unknown:
        return Choice(Fate.REFUSE, "", tables.version, refusals[0])
    return _not_in_the_table(tables, ask, _best(unknown, health, ask))


def product_of(ask: Ask) -> str:
    """Return the product as the table of routes names it: a purchase without one is made at the cashier."""
    return ask.product or ("cashier" if ask.operation is Operation.PURCHASE else "")


def _rows(tables: Tables, ask: Ask) -> list[Route]:
    return list(tables.routes.get((ask.operation, product_of(ask)), ()))


def _sieves(
    health: Health, ask: Ask, tried: Collection[str]
) -> Iterable[tuple[Callable[[Route], bool], str]]:
    """Give the conditions for a row in their order, each with the reason for a refusal if no row is left."""
    named = f"{ask.operation} {product_of(ask)}".strip()
    yield lambda row: row.channel in health.present, f"no channel that is set up does {named}"
    if ask.fixed:
        yield lambda row: row.channel == ask.fixed, f"{ask.fixed} has to do it, and does no {named}"
    signed = "the payer has signed with no channel that does it"
    yield lambda row: not row.agreement or row.channel == ask.fixed, signed
    yield lambda row: row.channel not in tried, "every channel that does it has been tried"
    yield lambda row: ask.instalments in row.instalments, f"no channel does {ask.instalments} instalments"
    yield (
        lambda row: row.min_fen <= ask.amount <= row.max_fen,
        f"the amount is outside the limits of every channel that does {named}",
    )


def _by_type(tables: Tables, ask: Ask, routes: Iterable[Route]) -> tuple[list[Route], list[Route], list[str]]:
    """Split rows by the account's type: those that take it, those without an entry for it, and why the others refuse."""
    if ask.type is None and ask.operation is Operation.PURCHASE:
        return list(routes), [], []
    known: list[Route] = []
    unknown: list[Route] = []
    refusals: list[str] = []
    for route in routes:
        cell = tables.cells.get((route.channel, ask.operation, ask.type)) if ask.type else None
        if cell is None:
            unknown.append(route)
        elif refusal := _refusal(cell, ask):
            refusals.append(refusal)
        else:
            known.append(route)
    return known, unknown, refusals


def _refusal(cell: Cell, ask: Ask) -> str:
    """Return why a row of the table of account types refuses a request, "" if it does not."""
    named = f"account type {cell.type}"
    if not cell.allowed:
        return f"{named} is not supported for {cell.operation}"
    if cell.bound_only and not ask.bound:
        return f"{named} is allowed for {cell.operation} with the bound account only"
    if cell.limit_fen is not None and ask.amount > cell.limit_fen:
        return f"{named} is allowed for {cell.operation} up to {cell.limit_fen} fen only"
    return ""


def _ready(health: Health, ask: Ask, route: Route) -> bool:
    return (route.channel, ask.operation) not in health.open and route.open_at(in_china(ask.at).time())


def _best(routes: Iterable[Route], health: Health, ask: Ask) -> Route:
    """Return the best row: not failing too often comes first, then cost, then priority, then the share of traffic."""
    ranked = [
        (((one.channel, ask.operation) in health.worse, one.cost(ask.amount), one.priority), one)
        for one in routes
    ]
    first = min(rank for rank, _ in ranked)
    equal = sorted((one for rank, one in ranked if rank == first), key=lambda one: one.channel)
    point = spread(ask.key, sum(one.share for one in equal), "share")
    for one in equal:
        point -= one.share
        if point < 0:
            return one
    return equal[-1]


def spread(key: UUID, parts: int, purpose: str) -> int:
    """Return a number from 0 to `parts` - 1 for a key: always the same for one purpose, and evenly spread."""
    digest = hashlib.blake2b(key.bytes, digest_size=8, person=purpose.encode()).digest()
    return int.from_bytes(digest) * parts >> 64


def _not_in_the_table(tables: Tables, ask: Ask, preferred: Route) -> Choice:
    """Park a payout, whose money we hold already; refuse a pay-in, of which we hold nothing."""
    named = f"account type {ask.type}" if ask.type else "an account of no type"
    if ask.operation is Operation.PAYOUT:
        reason = f"{named} is in no table for payout: held until one knows it"
        return Choice(Fate.PARK, preferred.channel, tables.version, reason)
    return Choice(Fate.REFUSE, "", tables.version, f"{named} is in no table for {ask.operation}")


def in_no_row(tables: Tables, ask: Ask) -> bool:
    """Whether no channel that the tables know has a row for the request's account type and operation."""
    if ask.type is None:
        return ask.operation is not Operation.PURCHASE
    channels = {route.channel for route in _rows(tables, ask)}
    return all((channel, ask.operation, ask.type) not in tables.cells for channel in channels)
