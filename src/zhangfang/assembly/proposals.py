"""Which context carries out which kind of proposal. What is carried out is what the stored proposal says."""

from collections.abc import Awaitable, Callable, Mapping
from uuid import UUID

from zhangfang import (
    adjustments,
    advances,
    approvals,
    bills,
    duplicates,
    fees,
    merchants,
    payments,
    reconciliation,
    routing,
    weekly,
)
from zhangfang.approvals import Person, Proposal
from zhangfang.closing import period
from zhangfang.payments import Desk

Approve = Callable[[Desk, UUID, str, Person], Awaitable[object]]

KINDS: Mapping[str, Approve] = {
    payments.OUTCOME: payments.approve_outcome,
    payments.REFUND: payments.approve_refund,
    payments.REFUSAL: payments.approve_refusal,
    payments.OPENING: lambda desk, *rest: payments.approve_opening(desk.pool, desk.clock, *rest),
    payments.OWN_ACCOUNT: lambda desk, *rest: payments.approve_own_account(
        desk.pool, desk.vault, desk.clock, *rest
    ),
    payments.WITHDRAWAL: payments.approve_withdrawal,
    reconciliation.CURE: reconciliation.approve,
    reconciliation.BULK: reconciliation.approve_many,
    reconciliation.VERSION: reconciliation.approve_version,
    reconciliation.MATCH_RULE: lambda desk, *rest: reconciliation.approve_rule(desk.pool, desk.clock, *rest),
    duplicates.REVERSAL: lambda desk, *rest: duplicates.approve(desk.pool, desk.clock, *rest),
    routing.RELEASE: lambda desk, *rest: routing.promote(desk.pool, desk.clock, *rest),
    period.CLOSE: lambda desk, *rest: period.approve_closing(desk.pool, desk.ledger, desk.clock, *rest),
    bills.MAP: lambda desk, *rest: bills.approve_map(desk.pool, desk.clock, *rest),
    adjustments.ADJUSTMENT: lambda desk, *rest: adjustments.approve(
        desk.pool, desk.ledger, desk.clock, *rest
    ),
    adjustments.THAW: lambda desk, *rest: adjustments.approve_thaw(desk.pool, desk.ledger, desk.clock, *rest),
    adjustments.REGISTER: lambda desk, *rest: adjustments.approve_entry(
        desk.pool, desk.ledger, desk.clock, *rest
    ),
    advances.ADVANCE: lambda desk, *rest: advances.approve(
        desk.pool, desk.ledger, desk.clock, payments.book, *rest
    ),
    fees.AGREED: lambda desk, *rest: fees.approve_rule(desk.pool, desk.clock, *rest),
    fees.TAKING: lambda desk, *rest: fees.approve_taking(
        desk.pool, desk.ledger, desk.clock, payments.book, *rest
    ),
    merchants.ACCOUNT: lambda desk, *rest: merchants.approve_account(
        desk.pool, desk.vault, desk.clock, *rest
    ),
    merchants.TERMS: lambda desk, *rest: merchants.approve_terms(desk.pool, desk.clock, *rest),
    merchants.CYCLE: lambda desk, *rest: merchants.approve_cycle(desk.pool, desk.clock, *rest),
    weekly.GRADE: lambda desk, *rest: weekly.approve_grade(desk.pool, desk.clock, *rest),
    approvals.GIVING: lambda desk, *rest: approvals.approve_roles(desk.pool, desk.clock, *rest),
    period.REOPEN: lambda desk, *rest: period.approve_reopening(desk.pool, desk.ledger, desk.clock, *rest),
}


async def approve(desk: Desk, id_: UUID, seen: str, by: Person) -> Proposal:
    """Approve a proposal by the hash that the person has seen, carry it out, and return it with its result."""
    found = await approvals.get(desk.pool, id_)
    await KINDS[found.kind](desk, id_, seen, by)
    return await approvals.get(desk.pool, id_)
