"""What an order needs from its channel before it is sent: the rules of its operation, and an order number."""

from uuid import UUID

from zhangfang.channels.abilities import order_number
from zhangfang.channels.port import ChannelError, Channels, Rules
from zhangfang.kernel.clock import Clock
from zhangfang.payments.model import Intent, OperationStopped


def rules_of(channels: Channels, intent: Intent) -> Rules:
    """Return the channel's own rules for the intent's operation."""
    return channels[intent.channel].rules[intent.kind]


def new_number(channels: Channels, clock: Clock, channel: str, id_: UUID) -> str:
    """Return a new channel order number. Raises `OperationStopped` if the channel can give none now."""
    try:
        return order_number(channels[channel], id_, clock.now())
    except ChannelError as error:
        raise OperationStopped(f"{channel} gives no order numbers now ({error}); try again later") from None
