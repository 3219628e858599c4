"""The administrator's calls about double payments: list the cases, and decide about each."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec

from zhangfang import duplicates
from zhangfang.api.calls import Call, Spec
from zhangfang.api.problems import ApiError
from zhangfang.approvals import SecondPerson
from zhangfang.channels.port import Operation
from zhangfang.duplicates import PREFIX, Case, DoesNotFit, NoCase
from zhangfang.kernel.ids import parse, prefixed
from zhangfang.payments import PREFIX as PAYMENT_PREFIX

Name = Annotated[
    str, msgspec.Meta(min_length=1, max_length=40, pattern=r"^\S", description="the person who decides")
]
Reason = Annotated[str, msgspec.Meta(min_length=3, max_length=200, description="why; kept for ever")]


class Decision(msgspec.Struct, forbid_unknown_fields=True):
    """Who decides about a case, and why."""

    by: Name
    reason: Reason


class Approval(msgspec.Struct, forbid_unknown_fields=True):
    """Who approves. It must be another person than the one who confirmed."""

    by: Name


class DuplicateShown(msgspec.Struct):
    """A case. `stays` and `goes_back` are payments; `break` is set if a line of the channel goes back instead."""

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
    reason: str
    found_at: datetime
    ended_at: datetime | None


class DuplicatePage(msgspec.Struct):
    """Cases, newest first; `cursor` leads to the next page."""

    data: list[DuplicateShown]
    cursor: str | None


def shown(case: Case) -> DuplicateShown:
    """Return a case as the API shows it."""
    pay, ref = PAYMENT_PREFIX[Operation.COLLECTION], PAYMENT_PREFIX[Operation.REFUND]
    own: dict[str, Any] = {
        "id": prefixed(PREFIX, case.id),
        "state": case.state.value,
        "stays": prefixed(pay, case.keep),
        "goes_back": prefixed(pay, case.intent) if case.intent else None,
        "break_": str(case.break_) if case.break_ else None,
        "reversal": prefixed(ref, case.reversal) if case.reversal else None,
    }
    alike = {name: getattr(case, name) for name in DuplicateShown.__struct_fields__ if name not in own}
    return DuplicateShown(**own | alike)


async def listed(call: Call) -> tuple[int, DuplicatePage]:
    """Show a page of cases, newest first."""
    limit = call.query["limit"]
    before = parse(PREFIX, call.query["cursor"], "cursor") if "cursor" in call.query else None
    found = await duplicates.cases(call.desk.pool, None, before, limit + 1)
    cursor = prefixed(PREFIX, found[limit - 1].id) if len(found) > limit else None
    return 200, DuplicatePage([shown(case) for case in found[:limit]], cursor)


def decider(decide: Callable[..., Awaitable[Case]]) -> Any:
    """Return the function that decides about a case by the name and, of a `Decision`, the reason in the body."""

    async def decided(call: Call) -> tuple[int, DuplicateShown]:
        said = msgspec.structs.astuple(call.body)
        try:
            case = await decide(call.desk.pool, call.desk.clock, parse(PREFIX, call.path["id"]), *said)
        except NoCase as error:
            raise ApiError(404, "not_found", str(error)) from None
        except SecondPerson as error:
            raise ApiError(409, "second_person_needed", str(error)) from None
        except DoesNotFit as error:
            raise ApiError(409, "not_allowed", str(error)) from None
        return 201, shown(case)

    return decided


CALLS: Sequence[Spec] = (
    Spec(
        "GET", "/v1/duplicates", "List suspected double payments", listed, gives=DuplicatePage, who="admin",
        query=("limit", "cursor"), prefix=PREFIX,
    ),
    Spec(
        "POST", "/v1/duplicates/{id}/confirm", "Confirm a double payment", decider(duplicates.confirm), Decision,
        DuplicateShown, who="admin", prefix=PREFIX,
    ),
    Spec(
        "POST", "/v1/duplicates/{id}/approve", "Approve the reversal of settled money",
        decider(duplicates.approve), Approval, DuplicateShown, who="admin", prefix=PREFIX,
    ),
    Spec(
        "POST", "/v1/duplicates/{id}/dismiss", "Dismiss a suspicion", decider(duplicates.dismiss), Decision,
        DuplicateShown, who="admin", prefix=PREFIX,
    ),
)  # fmt: skip
