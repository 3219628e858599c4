"""The calls about double payments: the administrator lists the cases, and operators decide about each."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any

import msgspec

from zhangfang import approvals, duplicates
from zhangfang.api.calls import Call, Spec
from zhangfang.api.problems import ApiError
from zhangfang.approvals import ItChanged, NoProposal, SecondPerson
from zhangfang.channels.port import Operation
from zhangfang.duplicates import PREFIX, Case, DoesNotFit, NoCase
from zhangfang.kernel.ids import parse, prefixed
from zhangfang.payments import PREFIX as PAYMENT_PREFIX

Reason = Annotated[
    str,
    msgspec.Meta(
        min_length=3, max_length=200, description="why; kept for ever", examples=["the caller asked twice"]
    ),
]


class Decision(msgspec.Struct, forbid_unknown_fields=True):
    """Why a case is decided so; who decides is the operator whose token the call carries."""

    reason: Reason


class Approval(msgspec.Struct, forbid_unknown_fields=True):
    """What is approved: the hash of the proposal, as the case shows it. It takes another person than who confirmed."""

    hash: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class DuplicateShown(msgspec.Struct):
    """A case. `stays` and `goes_back` are payments; `break` is set if a line of the channel goes back instead.

    `proposal` and `hash` are there once it was settled and confirmed: that is what a second person approves.
    """

    id: str
    state: str
    merchant: str
    order_no: str
    amount: int
    stays: str
    goes_back: str | None
    break_: str | None = msgspec.field(name="break")
    reversal: str | None
    masked: bool
    note: str
    confirmed_by: str | None
    approved_by: str | None
    proposal: str | None
    hash: str | None
    reason: str
    found_at: datetime
    ended_at: datetime | None


class DuplicatePage(msgspec.Struct):
    """Cases, newest first; `cursor` leads to the next page."""

    data: list[DuplicateShown]
    cursor: str | None


async def shown(call: Call, case: Case) -> DuplicateShown:
    """Return a case as the API shows it."""
    pay, ref = PAYMENT_PREFIX[Operation.COLLECTION], PAYMENT_PREFIX[Operation.REFUND]
    proposal = await approvals.get(call.desk.pool, case.proposal) if case.proposal else None
    own: dict[str, Any] = {
        "id": prefixed(PREFIX, case.id),
        "state": case.state.value,
        "stays": prefixed(pay, case.keep),
        "goes_back": prefixed(pay, case.intent) if case.intent else None,
        "break_": str(case.break_) if case.break_ else None,
        "reversal": prefixed(ref, case.reversal) if case.reversal else None,
        "proposal": prefixed(approvals.PREFIX, proposal.id) if proposal else None,
        "hash": proposal.seen if proposal else None,
    }
    alike = {name: getattr(case, name) for name in DuplicateShown.__struct_fields__ if name not in own}
    return DuplicateShown(**own | alike)


async def listed(call: Call) -> tuple[int, DuplicatePage]:
    """Show a page of cases, newest first."""
    limit = call.query["limit"]
    before = parse(PREFIX, call.query["cursor"], "cursor") if "cursor" in call.query else None
    found = await duplicates.cases(call.desk.pool, None, before, limit + 1)
    cursor = prefixed(PREFIX, found[limit - 1].id) if len(found) > limit else None
    return 200, DuplicatePage([await shown(call, case) for case in found[:limit]], cursor)


def decider(decide: Callable[..., Awaitable[Case]]) -> Any:
    """Return the function that decides about a case as the operator, for the reason in the body."""

    async def decided(call: Call) -> tuple[int, DuplicateShown]:
        id_ = parse(PREFIX, call.path["id"])
        with _refusals():
            case = await decide(call.desk.pool, call.desk.clock, id_, call.by, call.body.reason)
        return 201, await shown(call, case)

    return decided


async def approved(call: Call) -> tuple[int, DuplicateShown]:
    """Approve the reversal that a case proposes, by its hash."""
    pool, id_ = call.desk.pool, parse(PREFIX, call.path["id"])
    with _refusals():
        case = await duplicates.get(pool, id_)
        if case.proposal is None:
            raise DoesNotFit(f"the case is {case.state}; allowed: one that waits for a second person")
        await duplicates.approve(pool, call.desk.clock, case.proposal, call.body.hash, call.by)
    return 201, await shown(call, await duplicates.get(pool, id_))


@contextmanager
def _refusals() -> Iterator[None]:
    """Answer what a decision may be refused for."""
    try:
        yield
    except NoCase as error:
        raise ApiError(404, "not_found", str(error)) from None
    except SecondPerson as error:
        raise ApiError(409, "second_person_needed", str(error)) from None
    except ItChanged as error:
        raise ApiError(409, "it_changed", str(error)) from None
    except (DoesNotFit, NoProposal) as error:
        raise ApiError(409, "not_allowed", str(error)) from None


CALLS: Sequence[Spec] = (
    Spec(
        "GET", "/v1/duplicates", "List suspected double payments", listed, gives=DuplicatePage, who="admin",
        query=("limit", "cursor"), prefix=PREFIX,
    ),
    Spec(
        "POST", "/v1/duplicates/{id}/confirm", "Confirm a double payment", decider(duplicates.confirm), Decision,
        DuplicateShown, who="operator", prefix=PREFIX,
    ),
    Spec(
        "POST", "/v1/duplicates/{id}/approve", "Approve the reversal of settled money",
        approved, Approval, DuplicateShown, who="operator", prefix=PREFIX,
    ),
    Spec(
        "POST", "/v1/duplicates/{id}/dismiss", "Dismiss a suspicion", decider(duplicates.dismiss), Decision,
        DuplicateShown, who="operator", prefix=PREFIX,
    ),
)  # fmt: skip
