"""Match rules: which files bank lines of an account may pay together. Two persons make, change and end a rule."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from zhangfang import approvals
from zhangfang.approvals import Person, Proposal
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import new_id
from zhangfang.kernel.sql import load

queries = load(__package__, "together.sql")

MATCH_RULE = "match rule"  # the kind of these proposals
_LISTED = 200
_CHANNELS, _LEAST, _TEXT = 8, 2, 64
_BOUNDS = {"days": (0, 31), "lines": (1, 5), "apart": (0, 7)}


class MatchRule(msgspec.Struct, frozen=True):
    """What is proposed: a new rule; with `ends`, a new version of the rule with that id, or (without `says`) its end.

    Up to `lines` lines may go together, at most `apart` days after the first, and only those of its text if `same_text`.
    """

    alias: str = ""
    channels: tuple[str, ...] = ()
    says: str = ""
    days: int = 0
    ends: str = ""
    lines: int = 1
    apart: int = 0
    same_text: bool = False


async def list_rules(pool: asyncpg.Pool, *, every: bool = False) -> list[Any]:
    """Return the rules in force by account and text, with what they have matched; with `every`, those that ended too."""
    return list(await pool.fetch(queries.rules, every, _LISTED))


async def propose_rule(
    pool: asyncpg.Pool, clock: Clock, wanted: MatchRule, known: Sequence[str], by: Person, reason: str
) -> UUID:
    """Propose a rule, a rule's new version, or its end; return the proposal's id. `known` are the channels that owe files.

    Raises `InvalidInput`, `NoProposal` if the same is proposed already.
    """
    if wanted.ends:
        await _in_force(pool, wanted.ends)
    if wanted.says or not wanted.ends:
        _check(wanted, known)
    target = f"match rule/{wanted.ends or f'{wanted.alias}/{wanted.says}'}"
    async with pool.acquire() as connection, connection.transaction():
        id_ = new_id(clock)
        await approvals.propose(
            connection, clock, id_, MATCH_RULE, target, wanted, by, approvals.reason(reason)
        )
    return id_


async def approve_rule(pool: asyncpg.Pool, clock: Clock, id_: UUID, seen: str, by: Person) -> str:
    """Approve another person's rule, or a rule's end, by its hash. From then on it holds for lines that are not booked."""

    async def begin(connection: asyncpg.Connection, found: Proposal) -> None:
        said, both = found.holds(MatchRule), f"{found.proposed_by} and {by.id}"
        ends = UUID(said.ends) if said.ends else None
        if ends:
            await _in_force(connection, said.ends)
            await connection.execute(queries.end, ends, clock.now(), both)
        if not said.says:
            return
        values = (
            said.alias,
            list(said.channels),
            said.says,
            said.days,
            said.lines,
            said.apart,
            said.same_text,
        )
        await connection.execute(queries.add, found.id, *values, clock.now(), both, ends)

    found = await approvals.approve(pool, clock, id_, MATCH_RULE, seen, by, begin)
    done = "in force" if found.holds(MatchRule).says else "ended"
    return found.result or await approvals.finish(pool, clock, found, done)


def _check(wanted: MatchRule, known: Sequence[str]) -> None:
    approvals.text("alias", wanted.alias, 1, _TEXT)
    approvals.text("says", wanted.says, _LEAST, _TEXT)
    if not 1 <= len(set(wanted.channels)) == len(wanted.channels) <= _CHANNELS or set(wanted.channels) - set(
        known
    ):
        raise InvalidInput(
            "channels", f"{len(wanted.channels)} of them", f"1 to {_CHANNELS} of {', '.join(known)}"
        )
    for name, (least, most) in _BOUNDS.items():
        if not least <= getattr(wanted, name) <= most:
            raise InvalidInput(name, str(getattr(wanted, name)), f"{least} to {most}")
    if wanted.lines == 1 and (wanted.apart or wanted.same_text):
        raise InvalidInput("lines", "1, with something that several need", f"2 to {_BOUNDS['lines'][1]}")


async def _in_force(db: Any, id_: str) -> None:
    try:
        found = await db.fetchval(queries.in_force, UUID(id_))
    except ValueError:
        found = None
    if not found:
        raise InvalidInput("ends", "no rule that is in force", "the id of a rule, as they are listed")
