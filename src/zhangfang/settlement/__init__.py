"""Settlement: pending money becomes available by evidence; statements are released."""

from zhangfang.settlement.service import settle
from zhangfang.settlement.statements import Statement, release, statement

__all__ = ["Statement", "release", "settle", "statement"]
