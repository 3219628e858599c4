"""Settlement: moves proven pending money to available."""

from zhangfang.settlement.payouts import pay_out
from zhangfang.settlement.service import settle

__all__ = ["pay_out", "settle"]
