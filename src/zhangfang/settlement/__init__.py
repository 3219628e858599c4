"""Settlement: moves proven pending money to available."""

from zhangfang.settlement.service import pay_out, settle

__all__ = ["pay_out", "settle"]
