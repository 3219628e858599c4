"""Settlement: moves proven pending money to available, and releases statements."""

from zhangfang.settlement.service import pay_out, settle
from zhangfang.settlement.statements import release, statement

__all__ = ["pay_out", "release", "settle", "statement"]
