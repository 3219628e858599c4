"""Every account over several business dates: the sums of the days, and the turnover of each code and day."""

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from zhangfang.closing.files.entries import days_of
from zhangfang.closing.trial import Balance, trial_balance


@dataclass(frozen=True, slots=True)
class Month:
    """`balances` are the accounts over all dates; `turnover` is debit and credit by (book, code) and date, in fen."""

    first: date
    last: date
    balances: tuple[Balance, ...]
    turnover: dict[tuple[int, int], dict[date, tuple[int, int]]]


async def read_month(db: Any, first: date, last: date) -> Month:
    """Read the trial balance of each date and add them up: each account's opening, turnover and closing.

    An account that exists once in each shard, such as a channel's, has one id, and is one account here.
    """
    whole: dict[Any, Balance] = {}
    turnover: dict[tuple[int, int], dict[date, tuple[int, int]]] = defaultdict(dict)
    for day in days_of(first, last):
        for one in await trial_balance(db, day):
            known = whole.get(one.account, replace(one, opening=0, debit=0, credit=0))
            whole[one.account] = replace(
                known,
                opening=known.opening + (one.opening if day == first else 0),
                debit=known.debit + one.debit,
                credit=known.credit + one.credit,
            )
            if one.debit or one.credit:
                debit, credit = turnover[one.book, one.code].get(day, (0, 0))
                turnover[one.book, one.code][day] = debit + one.debit, credit + one.credit
    ordered = sorted(whole.values(), key=lambda b: (b.book, b.code, b.subject))
    return Month(first, last, tuple(ordered), dict(turnover))
