"""Crossings from one shard to another, asked for and finished. Why that is safe: `crossing`.

Each function takes the clients by shard. It may be interrupted at any point, and may run several times at once.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from itertools import product
from typing import NamedTuple
from uuid import UUID

import structlog

from zhangfang.kernel.clock import CHINA, Clock
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import born_at, new_id
from zhangfang.ledger.client.client import LedgerClient, LedgerUnavailable
from zhangfang.ledger.client.opening import AccountsRefused
from zhangfang.ledger.crossing import (
    STANDS,
    Crossing,
    Fate,
    Outcome,
    arrival,
    crossing,
    fate,
    hold,
    outcome,
    resolution,
    transit,
    unresolved,
)
from zhangfang.ledger.model import Account, AccountFlag, Balance, Book, Entry, Result, Transfer

Clients = Mapping[int, LedgerClient]
PAGE = 8_192  # entries asked for at once, and sequence numbers looked at first

_log = structlog.get_logger()


class Crossed(NamedTuple):
    """How far a crossing has come, and the answer that says so; None when a shard gave none."""

    outcome: Outcome
    because: Result | None


async def open_transits(clients: Clients, here: int) -> None:
    """Open shard `here`'s transit accounts for all the others; opened before is as good. `AccountsRefused` if one is not."""
    answers = await clients[here].create_accounts(list(_transits(clients, here)))
    if refused := set(answers) - STANDS:
        raise AccountsRefused(f"transit accounts of shard {here}: {', '.join(one.name for one in refused)}")


async def cross(clients: Clients, one: Crossing, clock: Clock) -> Crossed:
    """Send money to another shard. Asked again with the same crossing it goes on where it stopped.

    `LedgerUnavailable` says nothing about it: ask again, or leave it to `finish_open_crossings`. `InvalidInput`: there is
    no such account there (or no transit account), and nothing was asked for.
    """
    needed = {one.credit, transit(one.book, one.there, one.here).id}
    found = await clients[one.there].lookup_accounts(needed)
    if not all(id_ in found and found[id_].book == one.book for id_ in needed):
        raise InvalidInput("credit", "no account", f"one of its book on shard {one.there}, transits opened")
    [held] = await clients[one.here].create_transfers([hold(one)])
    if held.result not in STANDS:
        return Crossed(Outcome.REFUSED, held.result)
    return await _finish(clients, one, one.business_date, clock)


async def finish_open_crossings(
    clients: Clients, here: int, today: date, clock: Clock
) -> list[tuple[Crossing, Crossed]]:
    """Finish what is open on shard `here`, and say how far each has come; what is OPEN still is for the next time.

    A step whose own business date is closed takes `today`. Nothing is asked for an account that is frozen or closed. It
    reads back to the oldest open crossing, not further, and nothing when none is open.
    """
    found = await open_crossings(clients, here)
    debits = await clients[here].lookup_accounts({one.debit for one in found}) if found else {}
    done = [_finish_if_free(clients, one, debits[one.debit].flags, today, clock) for one in found]
    return list(zip(found, await asyncio.gather(*done), strict=True))


async def finish_regularly(clients: Clients, clock: Clock, every: float) -> None:
    """Open the transit accounts and finish the open crossings of every shard, now and every so many seconds, for ever."""
    while True:
        for shard in clients:
            try:
                await open_transits(clients, shard)
                today = clock.now().astimezone(CHINA).date()
                for one, crossed in await finish_open_crossings(clients, shard, today, clock):
                    _report(one, crossed)
            except LedgerUnavailable as error:
                _log.warning("crossings put off", shard=shard, error=str(error))
        await asyncio.sleep(every)


def _report(one: Crossing, crossed: Crossed) -> None:
    say = {Outcome.OPEN: _log.warning, Outcome.BROKEN: _log.error}.get(crossed.outcome, _log.info)
    because = crossed.because.name if crossed.because is not None else "no answer"
    since = born_at(one.id).isoformat()
    say(
        f"crossing {crossed.outcome}",
        id=str(one.id),
        here=one.here,
        there=one.there,
        since=since,
        because=because,
    )


# --- finishing one -------------------------------------------------------------------------------------------------


async def _finish_if_free(
    clients: Clients, one: Crossing, flags: AccountFlag, today: date, clock: Clock
) -> Crossed:
    barred = {AccountFlag.CLOSED: Result.ACCOUNT_CLOSED, AccountFlag.FROZEN: Result.ACCOUNT_FROZEN}
    for flag, why in barred.items():
        if flags & flag:  # its hold could not be posted, and each try would store a refusal
            return Crossed(Outcome.OPEN, why)
    try:
        return await _finish(clients, one, today, clock)
    except LedgerUnavailable:
        return Crossed(Outcome.OPEN, None)


async def _finish(clients: Clients, one: Crossing, today: date, clock: Clock) -> Crossed:
    """Take steps 2 and 3 of a crossing whose step 1 stands."""
    here, there = clients[one.here], clients[one.there]
    days = dict.fromkeys((one.business_date, today))
    answer = await _ask(there, lambda day: arrival(one, day), days)
    id_ = arrival(one, today).id
    stands = {} if answer in STANDS else await there.lookup_transfers([id_])  # perhaps with another date
    proven = fate(one, answer, stands[id_].transfer if id_ in stands else None)
    if proven is Fate.UNPROVEN:
        return Crossed(Outcome.OPEN, answer)
    last = await _ask(here, lambda day: resolution(one, proven, new_id(clock), day), days)
    end = outcome(proven, last)
    return Crossed(end, answer if end in (Outcome.ARRIVED, Outcome.REFUSED) else last)


async def _ask(client: LedgerClient, made: Callable[[date], Transfer], days: Iterable[date]) -> Result:
    """Ask for a transfer on the first of the days that is not closed."""
    for day in days:
        [answer] = await client.create_transfers([made(day)])
        if answer.result is not Result.PERIOD_CLOSED:
            return answer.result
    return Result.PERIOD_CLOSED


# --- finding the open ones -----------------------------------------------------------------------------------------


async def open_crossings(clients: Clients, here: int) -> list[Crossing]:
    """Return the crossings that left shard `here` and are open."""
    client = clients[here]
    ways = {account.id: other for account, other in _transits(clients, here).items()}
    found = []
    for balance in (await client.account_balances(ways)).values():
        held = await _held(client, balance)
        found += [one for each in held if (one := crossing(each, here, ways[balance.account]))]
    return found


async def _held(client: LedgerClient, balance: Balance) -> list[Transfer]:
    """Return the open pendings that credit an account: back through its entries until all that it holds is found."""
    missing, until, width = balance.credits_pending, balance.seq, PAGE
    resolved: set[UUID] = set()
    held: list[Transfer] = []
    while missing and until:
        after = max(0, until - width)
        found = unresolved(await _entries(client, balance.account, after, until), balance.account, resolved)
        held = found + held
        missing -= sum(one.amount for one in found)
        until, width = after, 2 * width
    return held


async def _entries(client: LedgerClient, account: UUID, after: int, until: int) -> list[Entry]:
    """Return an account's entries with `after` < seq <= `until`."""
    entries: list[Entry] = []
    while page := await client.account_transfers(account, after, PAGE):
        entries += [entry for entry in page if entry.seq <= until]
        after = page[-1].seq
        if after >= until or len(page) < PAGE:
            break
    return entries


def _transits(shards: Iterable[int], here: int) -> dict[Account, int]:
    """Return the transit accounts of shard `here`, each with the shard that it leads to."""
    return {transit(book, here, other): other for other, book in product(shards, Book) if other != here}
