"""Notifications from channels: verified, unordered, repeated. Answered only after what they prove is stored."""

from collections.abc import Mapping

from zhangfang.channels.port import NotifyingChannel
from zhangfang.payments.desk import Desk
from zhangfang.payments.evidence import weigh
from zhangfang.payments.model import Intent, NotFound, StepKind


async def notified(
    desk: Desk, channel: NotifyingChannel, headers: Mapping[str, str], body: bytes
) -> Intent | None:
    """Weigh a notification; None if it is about no order.

    Raises the port's `ForgedMessage` and `MalformedMessage`, and `NotFound`.
    """
    notification = channel.notification(headers, body)
    if notification is None:
        return None
    intent = await desk.journal.by_channel_order(notification.order_no)
    if intent is None or intent.channel != channel.name or intent.kind is not notification.operation:
        raise NotFound(f"no {notification.operation} of {channel.name} has this order number")
    await weigh(desk, intent, StepKind.NOTIFICATION, notification.answer)
    return intent
