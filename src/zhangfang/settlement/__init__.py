"""Settlement: moves proven pending money to available."""

from zhangfang.settlement.coming import (
    Carried,
    Coming,
    Cycle,
    Held,
    SetOff,
    Share,
    coming,
    cycles,
    held,
    owed,
    set_off,
    shares,
)
from zhangfang.settlement.payouts import pay_out
from zhangfang.settlement.service import settle

__all__ = [
    "Carried",
    "Coming",
    "Cycle",
    "Held",
    "SetOff",
    "Share",
    "coming",
    "cycles",
    "held",
    "owed",
    "pay_out",
    "set_off",
    "settle",
    "shares",
]
