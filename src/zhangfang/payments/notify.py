"""Notifications from channels: verified, unordered, repeated. Answered only after what they prove is stored."""

from zhangfang.channels.port import AcquiringChannel
from zhangfang.payments.desk import Desk
from zhangfang.payments.evidence import weigh
from zhangfang.payments.model import Intent, NotFound, StepKind


async def notified(desk: Desk, channel: AcquiringChannel, body: bytes) -> Intent:
    """Weigh a notification. Raises the port's `ForgedMessage` and `MalformedMessage`, and `NotFound`."""
    notification = channel.notification(body)
    intent = await desk.journal.by_channel_order(notification.order_no)
    if intent is None or intent.channel != channel.name or intent.kind is not notification.operation:
        raise NotFound(f"no {notification.operation} of {channel.name} has this order number")
    await weigh(desk, intent, StepKind.NOTIFICATION, notification.answer)
    return intent
