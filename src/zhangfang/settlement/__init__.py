"""Settlement: moves proven pending money to available, and releases statements."""

from zhangfang.settlement.payouts import pay_out
from zhangfang.settlement.service import settle
from zhangfang.settlement.statements import release, statement

__all__ = ["pay_out", "release", "settle", "statement"]
