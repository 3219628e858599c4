"""Notifications from channels, which come in any order and repeatedly. Each is verified, stored, and then answered."""

from collections.abc import Mapping

import asyncpg
import structlog

from zhangfang.channels.port import Notification, NotifyingChannel
from zhangfang.kernel.clock import Clock
from zhangfang.payments.course.evidence import evidence, weigh
from zhangfang.payments.desk import Desk
from zhangfang.payments.model import Intent, NotFound, StepKind
from zhangfang.payments.store import Journal, queries

log = structlog.get_logger()


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
    if intent is None:
        return await _of_earlier_attempt(desk.pool, desk.clock, desk.journal, channel.name, notification)
    if intent.channel != channel.name or intent.kind is not notification.operation:
        raise _nothing(channel.name, notification)
    await weigh(desk, intent, StepKind.NOTIFICATION, notification.answer)
    return intent


async def _of_earlier_attempt(
    pool: asyncpg.Pool, clock: Clock, journal: Journal, channel: str, notification: Notification
) -> Intent:
    """Store a notification about an attempt that has failed. A later one counts; the channel's file shows what moved."""
    row = await pool.fetchrow(queries.attempt_of_order, notification.order_no)
    intent = await journal.by_id(row["intent"]) if row and row["channel"] == channel else None
    if intent is None or intent.kind is not notification.operation:
        raise _nothing(channel, notification)
    log.error("a notification about an attempt that had ended", intent=str(intent.id), attempt=row["number"])
    await journal.note(evidence(clock, intent, StepKind.NOTIFICATION, notification.answer, ""))
    return intent


def _nothing(channel: str, notification: Notification) -> NotFound:
    return NotFound(f"no {notification.operation} of {channel} has this order number")
