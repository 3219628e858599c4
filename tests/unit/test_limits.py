"""Limits of roles: what a person may move is the most of the roles that have the right, at each way in."""

from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.clock import SetClock
from tests.people import LIN, WANG, ZHAO, may
from tests.treasury import Treasury, treasury
from tests.unit.test_two_persons import MADE, standing
from zhangfang import adjustments, approvals, payments, reconciliation
from zhangfang.approvals import LIMITED, ROLES, AboveLimit, Limit, set_limit
from zhangfang.approvals.limits import most_of
from zhangfang.assembly.console import OperatorActs
from zhangfang.assembly.proposals import approve
from zhangfang.kernel.errors import InvalidInput

WHAT = {
    adjustments.ADJUSTMENT: "adjustment", reconciliation.CURE: "write_off", reconciliation.BULK: "write_off",
    payments.REFUND: "refund",
}  # fmt: skip
LIMITS = st.dictionaries(
    st.tuples(st.sampled_from(list(ROLES)), st.sampled_from(LIMITED)), st.integers(0, 10**9)
)


@pytest.fixture
async def house(database_url: str, clock: SetClock) -> AsyncIterator[Treasury]:
    async with treasury(database_url, clock) as made:
        yield made


@given(
    LIMITS,
    st.sets(st.sampled_from(list(ROLES))),
    st.sampled_from(LIMITED),
    st.sampled_from(["refund", "propose", "approve"]),
)
def test_a_person_may_what_the_strongest_role_with_the_right_may(
    table: dict[tuple[str, str], int], roles: set[str], what: str, right: str
) -> None:
    most = 0
    for (role, of), fen in table.items():
        if role in roles and of == what and right in ROLES[role] and fen > most:
            most = fen
    several = [Limit(role, of, fen) for (role, of), fen in table.items()]
    assert most_of(several, roles, what, right) == most
    assert most_of(several, ROLES, what, right) >= most, "a role more never allows less"


@pytest.mark.parametrize("kind", WHAT)
async def test_above_the_checkers_limit_another_checker_approves_and_nothing_was_done(
    house: Treasury, kind: str
) -> None:
    id_ = await MADE[kind](house)
    await may(house.pool, WANG, "finance_checker")
    seen, before = (await approvals.get(house.pool, id_)).seen, await standing(house.pool)
    await set_limit(house.pool, house.clock, "finance_checker", WHAT[kind], 0)
    with pytest.raises(AboveLimit, match="who may: no role"):
        await approve(house.desk, id_, seen, WANG)
    assert await standing(house.pool) == before
    await set_limit(house.pool, house.clock, "finance_checker", WHAT[kind], 10**9)
    assert (await approve(house.desk, id_, seen, WANG)).result


@pytest.mark.parametrize("kind", [kind for kind in WHAT if kind != payments.REFUND])
async def test_above_the_makers_limit_nothing_is_proposed_and_the_checkers_limit_does_not_help(
    house: Treasury, kind: str
) -> None:
    await set_limit(house.pool, house.clock, "finance_maker", WHAT[kind], 0)
    with pytest.raises(AboveLimit, match="who may: no role"):
        await MADE[kind](house)
    assert await approvals.proposals(house.pool, every=True) == ()


async def test_what_a_refund_needs_is_read_from_the_roles_of_who_asks(house: Treasury) -> None:
    paid, acts = await house.paid(await house.merchant(), 300), OperatorActs(house.desk)
    await may(
        house.pool, LIN, "support", "finance_checker"
    )  # a checker's limit is none for refunds of one's own
    await may(house.pool, ZHAO, "finance_maker")
    await set_limit(house.pool, house.clock, "support", "refund", 99)
    await set_limit(house.pool, house.clock, "finance_maker", "refund", 100)
    assert await acts.refund(paid.id, 100, LIN, "a" * 32) is None
    assert await acts.refund(paid.id, 100, ZHAO, "b" * 32) is not None


async def test_a_limit_is_set_for_a_role_and_a_kind_that_there_are(house: Treasury) -> None:
    for role, what, fen, field in (
        ("boss", "refund", 1, "role"),
        ("risk", "tea", 1, "what"),
        ("risk", "cure", -1, "most"),
    ):
        with pytest.raises(InvalidInput, match=f"^{field}: "):
            await set_limit(house.pool, house.clock, role, what, fen)
