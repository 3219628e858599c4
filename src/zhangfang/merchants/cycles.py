"""Settlement cycles (结算周期): on which day a payment's money is due, from its settlement date and the calendar alone.

A cycle is a short text:

    D+0       the settlement date itself, a holiday too: as soon as file and money have come
    T+n       the n-th working day after it, n from 0 to 30; T+0 the date itself
    W1 … W7   the first Monday (1) … Sunday (7) after it
    M1 … M31  the first such day of a month after it; in a shorter month its last day

Except with D+0, a day that is no working day moves to the next working day.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Final

from zhangfang.kernel.calendar import add_working_days, is_working_day
from zhangfang.kernel.errors import InvalidInput

EACH_DAY: Final = "D+0"
PRODUCTS: Final = ("cashier", "alipay_app", "collection")
"""What can have a cycle of its own: the products of a purchase, and collections."""

_CYCLE = re.compile(r"D\+0|T\+(?:\d|[12]\d|30)|W[1-7]|M(?:[1-9]|[12]\d|3[01])", re.ASCII)
_CYCLES = "D+0, T+0 to T+30, W1 to W7, or M1 to M31"


def check_cycle(cycle: str, field: str = "cycle") -> str:
    """Return `cycle`, or raise `InvalidInput`."""
    if not _CYCLE.fullmatch(cycle):
        raise InvalidInput(field, f"{len(cycle)} characters", _CYCLES)
    return cycle


def check_product(product: str) -> str:
    """Return `product`, or raise `InvalidInput`."""
    if product not in PRODUCTS:
        raise InvalidInput("product", f"{len(product)} characters", ", ".join(PRODUCTS))
    return product


def due(cycle: str, day: date) -> date:
    """Return the day on which money of the settlement date `day` is due. It never falls when `day` rises."""
    if cycle == EACH_DAY:
        return day
    first = _FIRST[cycle[0]](day, int(cycle.lstrip("TWM+")))
    return first if is_working_day(first) else add_working_days(first, 1)


def _after(day: date, weekday: int) -> date:
    return day + timedelta(days=(weekday - day.isoweekday() - 1) % 7 + 1)


def _of_a_month(day: date, number: int) -> date:
    this = _within(day, number)
    return this if this > day else _within(_end(day) + timedelta(days=1), number)


def _within(day: date, number: int) -> date:
    """Return the day `number` of the month of `day`, or the last one of a shorter month."""
    return day.replace(day=min(number, _end(day).day))


def _end(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


_FIRST: Final = {"T": add_working_days, "W": _after, "M": _of_a_month}


def latest(cycle: str, run: date) -> date:
    """Return the latest settlement date whose money is due on `run` or before it."""
    day = run
    while due(cycle, day) > run:
        day -= timedelta(days=1)
    return day


def falling_due(cycles: Iterable[str], run: date) -> tuple[Sequence[str], Sequence[date]]:
    """Return the cycles that have a run on `run`, and the latest settlement date that is due then for each.

    On a day that is no working day only D+0 has one.
    """
    found = [cycle for cycle in sorted(cycles) if cycle == EACH_DAY or is_working_day(run)]
    return found, [latest(cycle, run) for cycle in found]
