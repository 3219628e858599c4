"""Closing: the timetable of a day, its end, the roll of balances, the trial balance, the period."""

from zhangfang.closing.certified import Certified, certified

__all__ = ["Certified", "certified"]
