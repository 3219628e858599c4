"""The calls about mandates (代收协议): a merchant creates one, the payer signs it with a code, the merchant can end it."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated

import msgspec

from zhangfang.api.calls import Call, Spec
from zhangfang.api.payments import LAST, PAGED
from zhangfang.api.shapes import Account, Fen, Text
from zhangfang.kernel.ids import parse, prefixed
from zhangfang.mandates import Mandate, Mandates
from zhangfang.mandates import NewMandate as Asked

MandateNo = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=64,
        pattern="^[A-Za-z0-9._:/#@-]+$",
        description="your own number for the mandate, unique for ever",
    ),
]


class NewMandate(msgspec.Struct, forbid_unknown_fields=True):
    """A payer's consent: limits in fen, days in China, `valid_until` included.

    It is signed at `channel` with a code that the payer receives. Without a channel it is valid at once, on the consent
    that the payer gave you: `evidence` is your reference to it.
    """

    mandate_no: MandateNo
    account: Account
    limit_each: Fen
    limit_day: Fen
    limit_month: Fen
    valid_from: date
    valid_until: date
    channel: Annotated[str, msgspec.Meta(max_length=20)] = ""
    evidence: Text = ""


class Code(msgspec.Struct, forbid_unknown_fields=True):
    """The code that the payer received."""

    code: Annotated[str, msgspec.Meta(pattern="^[0-9]{4,8}$")]


class MandateShown(msgspec.Struct):
    """A mandate as its merchant sees it. `code` and `message` are from the channel's last answer."""

    id: str
    mandate_no: str
    state: str
    account_tail: str
    name_masked: str
    limit_each: int
    limit_day: int
    limit_month: int
    valid_from: date
    valid_until: date
    channel: str
    evidence: str
    channel_order_no: str
    agreement: str
    code: str
    message: str
    created_at: datetime
    code_sent_at: datetime | None
    signed_at: datetime | None
    revoked_at: datetime | None
    ended_at: datetime | None


class MandatePage(msgspec.Struct):
    """Up to `limit` mandates, newest first; `cursor` leads to the next page, null at the end."""

    items: list[MandateShown]
    cursor: str | None


class MandateStepShown(msgspec.Struct):
    """One event of a mandate, and the channel's answer about it."""

    at: datetime
    kind: str
    verdict: str
    state: str
    code: str
    message: str


class MandateHistory(msgspec.Struct):
    """All events of a mandate, oldest first."""

    steps: list[MandateStepShown]


def _mandates(call: Call) -> Mandates:
    desk = call.desk
    return Mandates(desk.pool, desk.vault, desk.clock, desk.channels)


def shown(call: Call, m: Mandate) -> MandateShown:
    """Return a mandate as the API shows it, with only the last digits of the account."""
    own = ("id", "state", "channel_order_no")
    alike = {name: getattr(m, name) for name in MandateShown.__struct_fields__ if name not in own}
    return MandateShown(
        id=prefixed("man", m.id),
        state=m.state_at(call.desk.clock.now()).value,
        channel_order_no=m.order_no,
        **alike,
    )


async def create(call: Call) -> tuple[int, MandateShown]:
    """Create a mandate."""
    new: NewMandate = call.body
    fields = msgspec.structs.asdict(new) | {"account": new.account.party()}
    asked = Asked(idempotency_key=call.key, **fields)
    made, created = await _mandates(call).create(call.who.id, asked)
    return 201 if created else 200, shown(call, made)


async def get(call: Call) -> tuple[int, MandateShown]:
    """Show a mandate."""
    return 200, shown(call, await _mandates(call).get(call.who.id, parse("man", call.path["id"])))


async def page(call: Call) -> tuple[int, MandatePage]:
    """List mandates, newest first."""
    limit = call.query["limit"]
    before = parse("man", call.query["cursor"], "cursor") if "cursor" in call.query else LAST
    found = await _mandates(call).page(call.who.id, before, limit + 1)
    cursor = prefixed("man", found[limit - 1].id) if len(found) > limit else None
    return 200, MandatePage([shown(call, one) for one in found[:limit]], cursor)


async def history(call: Call) -> tuple[int, MandateHistory]:
    """Show what happened to a mandate."""
    steps = await _mandates(call).steps(call.who.id, parse("man", call.path["id"]))
    return 200, MandateHistory(
        [MandateStepShown(s.at, s.kind, s.verdict, s.state, s.code, s.message) for s in steps]
    )


async def send_code(call: Call) -> tuple[int, MandateShown]:
    """Send the payer another code."""
    return 201, shown(call, await _mandates(call).send_code(call.who.id, parse("man", call.path["id"])))


async def confirm(call: Call) -> tuple[int, MandateShown]:
    """Sign a mandate with the payer's code."""
    id_ = parse("man", call.path["id"])
    return 201, shown(call, await _mandates(call).confirm(call.who.id, id_, call.body.code))


async def revoke(call: Call) -> tuple[int, MandateShown]:
    """End a mandate."""
    return 200, shown(call, await _mandates(call).revoke(call.who.id, parse("man", call.path["id"])))


PATH = "/v1/mandates"
CALLS: Sequence[Spec] = (
    Spec("POST", PATH, "Create a mandate", create, NewMandate, MandateShown, idempotent=True, prefix="man"),
    Spec("GET", PATH, "List mandates, newest first", page, gives=MandatePage, query=PAGED, prefix="man"),
    Spec("GET", f"{PATH}/{{id}}", "Show a mandate", get, gives=MandateShown, prefix="man"),
    Spec(
        "GET", f"{PATH}/{{id}}/timeline", "Show what happened to a mandate", history, gives=MandateHistory,
        prefix="man",
    ),
    Spec(
        "POST", f"{PATH}/{{id}}/code", "Have its payer sent another code", send_code, gives=MandateShown, prefix="man",
    ),
    Spec(
        "POST", f"{PATH}/{{id}}/confirm", "Sign it with the payer's code", confirm, Code, MandateShown, prefix="man",
    ),
    Spec("DELETE", f"{PATH}/{{id}}", "End a mandate", revoke, gives=MandateShown, prefix="man"),
)  # fmt: skip
