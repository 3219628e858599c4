"""Settlement: moves proven pending money to available, and releases statements."""

from zhangfang.settlement.service import settle
from zhangfang.settlement.statements import release, statement

__all__ = ["release", "settle", "statement"]
