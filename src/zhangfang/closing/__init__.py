"""Closing: the timetable of a day, its end, the roll of balances, the trial balance, the period."""
