"""How many log-ins are tried before the password is looked at no more, for a quarter of an hour.

Counted are tries from one address at one name, from one address at any name, and from anywhere at one name. The last would
let a stranger lock an operator out. So a browser in which the operator has signed in before keeps a cookie, and has a
count of its own, which no stranger can use up: the "device cookies" of
https://owasp.org/www-community/Slow_Down_Online_Guessing_Attacks_with_Device_Cookies.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from zhangfang.kernel.sql import load

queries = load(__package__, "throttle.sql")

LOCKED_FOR = timedelta(minutes=15)
TRIES = 5  # from one address at one name, or from one known browser
PER_SOURCE = 20  # from one address at all names
PER_NAME = 100  # at one name from all addresses but known browsers


@dataclass(frozen=True, slots=True)
class Caller:
    """Who tries: the address, and the cookie of a browser that the operator has signed in with before ("": none)."""

    source: str
    device: str = ""


@dataclass(frozen=True, slots=True)
class Count:
    """What is counted under a key, and how many tries it allows."""

    key: str
    most: int


def counts(name: str, caller: Caller) -> Sequence[Count]:
    """Return what a try counts for, in the order in which it is counted."""
    if caller.device:
        return (Count(f"device/{caller.device}", TRIES),)
    return (
        Count(f"pair/{caller.source}/{name}", TRIES),
        Count(f"source/{caller.source}", PER_SOURCE),
        Count(f"name/{name}", PER_NAME),
    )


async def take(pool: asyncpg.Pool, several: Sequence[Count]) -> tuple[datetime | None, datetime | None]:
    """Count a try. Return until when it is refused, and until when the next will be if this one is wrong; None: it is not.

    It is counted before the password is looked at, so that guesses sent at once are counted as well. A try that is refused
    counts no further, so that one address uses up nobody else's tries.
    """
    after = None
    for one in several:
        row = await pool.fetchrow(queries.count, one.key, LOCKED_FOR, one.most)
        if row["tries"] > one.most:
            return row["locked_until"], None
        after = row["locked_until"] if row["tries"] == one.most else after
    return None, after


async def give_back(pool: asyncpg.Pool, several: Sequence[Count]) -> None:
    """After a success: forget the wrong tries of this browser or address, and take the good one out of the wider counts."""
    first, *wider = several
    await pool.execute(queries.forget, first.key)
    await pool.execute(queries.take_back, [one.key for one in wider])
