"""Channels: the port that every connector has, and the connectors that are set up."""

from collections.abc import Mapping
from typing import Any

from zhangfang.channels.cmb import Cmb, CmbConfig
from zhangfang.channels.port import AcquiringChannel, BankChannel, PaymentChannel
from zhangfang.channels.unionpay import UnionPay, UnionPayConfig
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.settings import Settings

__all__ = ["AcquiringChannel", "BankChannel", "Cmb", "PaymentChannel", "UnionPay", "open_channels"]


def open_channels(settings: Settings, clock: Clock) -> dict[str, Any]:
    """Return a connector for every channel that has a file in the home folder, by name."""
    made: Mapping[str, Any] = {
        "unionpay": lambda held: UnionPay(UnionPayConfig(**held), clock),
        "cmb": lambda held: Cmb(CmbConfig(**held), clock),
    }
    held = {name: settings.channel(name) for name in made}
    return {name: made[name](config) for name, config in held.items() if config is not None}
