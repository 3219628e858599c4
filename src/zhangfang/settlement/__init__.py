"""Settlement: pending money becomes available by evidence; the day is closed; statements are released."""

from zhangfang.settlement.dayend import DayNotOver, close_day
from zhangfang.settlement.service import settle
from zhangfang.settlement.statements import Statement, release, statement

__all__ = ["DayNotOver", "Statement", "close_day", "release", "settle", "statement"]
