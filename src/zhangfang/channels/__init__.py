"""Channels: the port that every connector has, and the connectors that are set up."""

from collections.abc import Callable, Mapping
from typing import Any

from zhangfang.channels.chinaums import ChinaUms, ChinaUmsConfig
from zhangfang.channels.cmb import Cmb, CmbConfig
from zhangfang.channels.epcc import Epcc, EpccConfig
from zhangfang.channels.genericbank import GenericBank, GenericBankConfig
from zhangfang.channels.lakala import Lakala, LakalaConfig
from zhangfang.channels.port import AcquiringChannel, BankChannel, PaymentChannel
from zhangfang.channels.unionpay import UnionPay, UnionPayConfig
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.settings import Settings

__all__ = [
    "BANKS",
    "CONNECTORS",
    "AcquiringChannel",
    "BankChannel",
    "Cmb",
    "PaymentChannel",
    "UnionPay",
    "open_channels",
]

CONNECTORS: Mapping[str, Callable[[Mapping[str, Any], Clock], Any]] = {
    "unionpay": lambda held, clock: UnionPay(UnionPayConfig(**held), clock),
    "chinaums": lambda held, clock: ChinaUms(ChinaUmsConfig(**held), clock),
    "lakala": lambda held, clock: Lakala(LakalaConfig(**held), clock),
    "epcc": lambda held, clock: Epcc(EpccConfig(**held), clock),
    "cmb": lambda held, clock: Cmb(CmbConfig(**held), clock),
    "genericbank": lambda held, clock: GenericBank(GenericBankConfig(**held), clock),
}
BANKS = ("cmb", "genericbank")  # they hold an account of ours, which the ledger knows by their name


def open_channels(settings: Settings, clock: Clock) -> dict[str, Any]:
    """Return a connector for every channel that has a file in the home folder, by name."""
    held = {name: settings.channel(name) for name in CONNECTORS}
    return {name: CONNECTORS[name](config, clock) for name, config in held.items() if config is not None}
