"""The calls about double payments, the administrator's: see the cases, and say what each of them is."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec

from zhangfang import duplicates
from zhangfang.api.calls import Call, Spec
from zhangfang.api.problems import ApiError
from zhangfang.approvals import SecondPerson
from zhangfang.channels.port import Operation
from zhangfang.duplicates import PREFIX, Case, DoesNotFit, NoCase
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import parse, prefixed
from zhangfang.payments import PREFIX as PAYMENT_PREFIX

Name = Annotated[
    str, msgspec.Meta(min_length=1, max_length=40, pattern=r"^\S", description="the person who decides")
]
Reason = Annotated[str, msgspec.Meta(min_length=3, max_length=200, description="why; kept for ever")]
_MOST = 100


class Decision(msgspec.Struct, forbid_unknown_fields=True):
    """Who decides about a case, and why."""

    by: Name
    reason: Reason


class Approval(msgspec.Struct, forbid_unknown_fields=True):
    """Who agrees. It has to be somebody else than who confirmed."""

    by: Name


class DuplicateShown(msgspec.Struct):
    """A case. `stays` and `goes_back` are payments; `break` stands for a line of the channel that goes back."""

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
    text = call.query.get("limit", "20")
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= _MOST):
        raise InvalidInput("limit", f"{len(text)} characters", f"1 to {_MOST}")
    limit = int(text)
    before = parse(PREFIX, call.query["cursor"], "cursor") if "cursor" in call.query else None
    found = await duplicates.cases(call.desk.pool, None, before, limit + 1)
    cursor = prefixed(PREFIX, found[limit - 1].id) if len(found) > limit else None
    return 200, DuplicatePage([shown(case) for case in found[:limit]], cursor)


async def confirm(call: Call) -> tuple[int, DuplicateShown]:
    """Say that a case is a double payment."""
    body: Decision = call.body
    return await _decided(
        duplicates.confirm(
            call.desk.pool, call.desk.clock, parse(PREFIX, call.path["id"]), body.by, body.reason
        )
    )


async def approve(call: Call) -> tuple[int, DuplicateShown]:
    """Agree that settled money is taken back."""
    body: Approval = call.body
    return await _decided(
        duplicates.approve(call.desk.pool, call.desk.clock, parse(PREFIX, call.path["id"]), body.by)
    )


async def dismiss(call: Call) -> tuple[int, DuplicateShown]:
    """Say that a case is none."""
    body: Decision = call.body
    return await _decided(
        duplicates.dismiss(
            call.desk.pool, call.desk.clock, parse(PREFIX, call.path["id"]), body.by, body.reason
        )
    )


async def _decided(work: Any) -> tuple[int, DuplicateShown]:
    try:
        return 201, shown(await work)
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
