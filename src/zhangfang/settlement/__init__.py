"""Settlement: moves proven pending money to available, and releases statements."""

from zhangfang.settlement.service import settle
from zhangfang.settlement.statements import Statement, release, statement

__all__ = ["Statement", "release", "settle", "statement"]
