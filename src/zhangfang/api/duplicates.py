"""The administrator's calls about double payments: list the cases, and decide about each."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Annotated

import msgspec

from zhangfang import duplicates
from zhangfang.api.calls import Call, Spec
from zhangfang.api.payments import limit_of
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
    return DuplicateShown(
        id=prefixed(PREFIX, case.id),
        state=case.state.value,
        merchant=case.merchant,
        order_no=case.order_no,
        amount=case.amount,
        stays=prefixed(pay, case.keep),
        goes_back=prefixed(pay, case.intent) if case.intent else None,
        break_=str(case.break_) if case.break_ else None,
        reversal=prefixed(ref, case.reversal) if case.reversal else None,
        masked=case.masked,
        note=case.note,
        confirmed_by=case.confirmed_by,
        approved_by=case.approved_by,
        reason=case.reason,
        found_at=case.found_at,
        ended_at=case.ended_at,
    )


async def listed(call: Call) -> tuple[int, DuplicatePage]:
    """Show a page of cases, newest first."""
    limit = limit_of(call.query.get("limit", "20"))
    before = parse(PREFIX, call.query["cursor"], "cursor") if "cursor" in call.query else None
    found = await duplicates.cases(call.desk.pool, None, before, limit + 1)
    cursor = prefixed(PREFIX, found[limit - 1].id) if len(found) > limit else None
    return 200, DuplicatePage([shown(case) for case in found[:limit]], cursor)


async def confirm(call: Call) -> tuple[int, DuplicateShown]:
    """Confirm that a case is a double payment."""
    return await _decided(call, duplicates.confirm, call.body.reason)


async def approve(call: Call) -> tuple[int, DuplicateShown]:
    """Approve taking settled money back."""
    return await _decided(call, duplicates.approve)


async def dismiss(call: Call) -> tuple[int, DuplicateShown]:
    """Close a case that is no double payment."""
    return await _decided(call, duplicates.dismiss, call.body.reason)


async def _decided(
    call: Call, decide: Callable[..., Awaitable[Case]], *reason: str
) -> tuple[int, DuplicateShown]:
    id_ = parse(PREFIX, call.path["id"])
    try:
        return 201, shown(await decide(call.desk.pool, call.desk.clock, id_, call.body.by, *reason))
    except NoCase as error:
        raise ApiError(404, "not_found", str(error)) from None
    except SecondPerson as error:
        raise ApiError(409, "second_person_needed", str(error)) from None
    except DoesNotFit as error:
        raise ApiError(409, "not_allowed", str(error)) from None


CALLS: Sequence[Spec] = (
    Spec(
        "GET", "/v1/duplicates", "List suspected double payments", listed, gives=DuplicatePage, who="admin",
        query=("limit", "cursor"), prefix=PREFIX,
    ),
    Spec(
        "POST", "/v1/duplicates/{id}/confirm", "Confirm a double payment", confirm, Decision, DuplicateShown,
        who="admin", prefix=PREFIX,
    ),
    Spec(
        "POST", "/v1/duplicates/{id}/approve", "Approve the reversal of settled money", approve, Approval,
        DuplicateShown, who="admin", prefix=PREFIX,
    ),
    Spec(
        "POST", "/v1/duplicates/{id}/dismiss", "Dismiss a suspicion", dismiss, Decision, DuplicateShown, who="admin",
        prefix=PREFIX,
    ),
)  # fmt: skip
