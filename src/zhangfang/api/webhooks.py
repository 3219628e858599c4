"""The calls about a merchant's endpoints: where it is told of events, what was delivered there, and sending it again."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from zhangfang import webhooks
from zhangfang.api.calls import Call, Spec
from zhangfang.api.payments import LAST, PAGED
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import parse, prefixed

_EVENT = "^evt_[0-7][0-9a-hjkmnp-tv-z]{25}$"


class NewWebhook(msgspec.Struct, forbid_unknown_fields=True):
    """Where to tell you of events."""

    url: Annotated[str, msgspec.Meta(max_length=2000, pattern="^https?://")]


class WebhookMade(msgspec.Struct):
    """Your endpoint and the secret that signs what is sent to it (Standard Webhooks), shown this once."""

    id: str
    url: str
    secret: str


class WebhookShown(msgspec.Struct):
    """An endpoint. Nothing is sent before `rest_until`, because its last `failures` tries were not acknowledged."""

    id: str
    url: str
    enabled: bool
    created_at: datetime
    failures: int
    rest_until: datetime | None
    waiting_since: datetime | None


class WebhookList(msgspec.Struct):
    """Your endpoints, oldest first."""

    items: list[WebhookShown]


class DeliveryShown(msgspec.Struct):
    """One event at one endpoint: `waiting` for its next try, `delivered`, or `failed` after the last one."""

    event: str
    type: str
    state: Literal["waiting", "delivered", "failed"]
    attempts: int
    last_status: int | None
    note: str
    created_at: datetime
    next_try_at: datetime | None
    delivered_at: datetime | None


class DeliveryPage(msgspec.Struct):
    """Up to `limit` deliveries, newest first; `cursor` leads to the next page, null at the end."""

    items: list[DeliveryShown]
    cursor: str | None


class Redelivery(msgspec.Struct, forbid_unknown_fields=True):
    """What to send again: one event, or every one that failed for good and is not older than `since`."""

    event: Annotated[str, msgspec.Meta(pattern=_EVENT)] | None = None
    since: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


class RedeliveryShown(msgspec.Struct):
    """How many events are sent again."""

    events: int


def _id(call: Call) -> UUID:
    return parse("whe", call.path["id"])


def _made(new: webhooks.NewEndpoint) -> WebhookMade:
    return WebhookMade(prefixed("whe", new.endpoint.id), new.endpoint.url, new.secret)


def _shown(e: webhooks.Endpoint) -> WebhookShown:
    return WebhookShown(
        prefixed("whe", e.id), e.url, e.enabled, e.created_at, e.failures, e.rest_until, e.waiting_since
    )


def _delivery(d: webhooks.Delivery) -> DeliveryShown:
    event = prefixed("evt", d.event)
    tries = (d.attempts, d.last_status, d.note)
    return DeliveryShown(event, d.type, d.state, *tries, d.created_at, d.next_action_at, d.delivered_at)  # type: ignore[arg-type]


async def add(call: Call) -> tuple[int, WebhookMade]:
    """Add an endpoint; one that is there already gets a new secret."""
    desk, allowed = call.desk, call.office.webhook_networks
    new = await webhooks.add(desk.pool, desk.vault, desk.clock, call.who.id, call.body.url, allowed)
    return 201, _made(new)


async def listed(call: Call) -> tuple[int, WebhookList]:
    """List the endpoints."""
    return 200, WebhookList([_shown(one) for one in await webhooks.endpoints(call.desk.pool, call.who.id)])


async def replace(call: Call) -> tuple[int, WebhookMade]:
    """Give an endpoint another address and a new secret."""
    desk, allowed = call.desk, call.office.webhook_networks
    new = await webhooks.replace(desk.pool, desk.vault, call.who.id, _id(call), call.body.url, allowed)
    return 200, _made(new)


async def enable(call: Call) -> tuple[int, WebhookShown]:
    """Switch an endpoint on; what waits is sent at once."""
    return 201, _shown(await webhooks.switch(call.desk.pool, call.who.id, _id(call), on=True))


async def disable(call: Call) -> tuple[int, WebhookShown]:
    """Switch an endpoint off; its events wait."""
    return 201, _shown(await webhooks.switch(call.desk.pool, call.who.id, _id(call), on=False))


async def remove(call: Call) -> tuple[int, WebhookShown]:
    """Remove an endpoint; what it has not taken is not sent to it any more."""
    return 200, _shown(await webhooks.remove(call.desk.pool, call.who.id, _id(call)))


async def deliveries(call: Call) -> tuple[int, DeliveryPage]:
    """List what was sent to an endpoint, newest first."""
    limit, failed = call.query["limit"], call.query["failed"]
    before = parse("evt", call.query["cursor"], "cursor") if "cursor" in call.query else LAST
    found = await webhooks.deliveries(
        call.desk.pool, call.who.id, _id(call), before, limit + 1, failed=failed
    )
    cursor = prefixed("evt", found[limit - 1].event) if len(found) > limit else None
    return 200, DeliveryPage([_delivery(one) for one in found[:limit]], cursor)


async def redeliver(call: Call) -> tuple[int, RedeliveryShown]:
    """Send events to an endpoint again."""
    desk, body = call.desk, call.body
    if (body.event is None) == (body.since is None):
        raise InvalidInput("event", "both or neither of event and since", "one of them")
    if body.event is not None:
        event = parse("evt", body.event, "event")
        await webhooks.redeliver(desk.pool, desk.clock, call.who.id, _id(call), event)
        return 201, RedeliveryShown(1)
    count = await webhooks.redeliver_failed(desk.pool, desk.clock, call.who.id, _id(call), body.since)
    return 201, RedeliveryShown(count)


PATH = "/v1/webhooks"
ONE = f"{PATH}/{{id}}"
CALLS: Sequence[Spec] = (
    Spec("POST", PATH, "Say where to tell you of events", add, NewWebhook, WebhookMade, prefix="whe"),
    Spec("GET", PATH, "List your endpoints", listed, gives=WebhookList, prefix="whe"),
    Spec("PUT", ONE, "Replace an endpoint's address and secret", replace, NewWebhook, WebhookMade, prefix="whe"),
    Spec("POST", f"{ONE}/enable", "Switch an endpoint on", enable, gives=WebhookShown, prefix="whe"),
    Spec("POST", f"{ONE}/disable", "Switch an endpoint off", disable, gives=WebhookShown, prefix="whe"),
    Spec(
        "GET", f"{ONE}/deliveries", "List what was sent to an endpoint, newest first", deliveries, gives=DeliveryPage,
        query=(*PAGED, "failed"), prefix="whe", cursor=_EVENT,
    ),
    Spec(
        "POST", f"{ONE}/redeliveries", "Have events sent to an endpoint again", redeliver, Redelivery, RedeliveryShown,
        prefix="whe",
    ),
    Spec("DELETE", ONE, "Remove an endpoint", remove, gives=WebhookShown, prefix="whe"),
)  # fmt: skip
