"""Two people agree a rule: one proposes it, another approves exactly that. It begins tomorrow at the earliest."""

from collections.abc import Collection
from dataclasses import replace
from uuid import UUID

import asyncpg
import msgspec

from zhangfang import approvals
from zhangfang.approvals import Person, Proposal
from zhangfang.fees.checking import check_agreed
from zhangfang.kernel.calendar import china_day
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import new_id
from zhangfang.kernel.sql import load
from zhangfang.merchants import FeeRule, get_merchant

queries = load(__package__, "agreeing.sql")

AGREED = "fee rule"  # the kind of these proposals


class Agreement(msgspec.Struct, frozen=True):
    """A rule for a merchant; or for a channel, whose charges are our cost."""

    subject: str
    rule: FeeRule
    reason: str


async def propose_rule(
    pool: asyncpg.Pool,
    clock: Clock,
    channels: Collection[str],
    subject: str,
    rule: FeeRule,
    by: Person,
    reason: str,
) -> UUID:
    """Propose a rule for a merchant or a channel; return the proposal's id. Nothing changes before it is approved.

    Raises `InvalidInput`, `UnknownMerchant`, `NotAnOperator`, `NoProposal` if one is open for the subject.
    """
    check_agreed(rule, channels, china_day(clock.now()))
    if subject not in channels:
        await get_merchant(pool, subject)
    elif rule.channel:
        raise InvalidInput("channel", "a channel", "none, for a channel's own charges")
    said, id_ = Agreement(subject, rule, approvals.reason(reason)), new_id(clock)
    async with pool.acquire() as connection, connection.transaction():
        await approvals.propose(connection, clock, id_, AGREED, subject, said, by, said.reason)
    return id_


async def approve_rule(pool: asyncpg.Pool, clock: Clock, id_: UUID, seen: str, by: Person) -> str:
    """Approve a proposed rule by its hash; return from which day it applies.

    One whose first day has come while it waited is refused and stays open: withdraw it, and propose it with a later day.
    """

    async def begin(connection: asyncpg.Connection, found: Proposal) -> None:
        said, today = found.holds(Agreement), china_day(clock.now())
        if said.rule.effective_from <= today:
            allowed = f"a day after {today}: withdraw it, and propose it with a later day"
            raise InvalidInput("effective_from", f"the date {said.rule.effective_from}", allowed)
        stored = msgspec.json.encode(said.rule, order="deterministic").decode()
        await connection.execute(queries.agree, id_, said.subject, stored, clock.now())

    found = await approvals.approve(pool, clock, id_, AGREED, seen, by, begin)
    day = found.holds(Agreement).rule.effective_from
    return await approvals.finish(pool, clock, found, f"applies from {day}")


async def rules_of(pool: asyncpg.Pool, subject: str) -> tuple[FeeRule, ...]:
    """Return the rules of a merchant, plain ones too, or of a channel; raises `UnknownMerchant`."""
    if subject.startswith("mer_"):
        return (await get_merchant(pool, subject)).fee_rules
    rows = await pool.fetch(queries.agreed, subject)
    return tuple(replace(msgspec.json.decode(row["rule"], type=FeeRule), id=row["id"]) for row in rows)
