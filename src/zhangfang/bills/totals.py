"""The totals that a file states of itself, in lines around its table, compared with the rows that were read.

A line is described by itself, with places for its numbers: `#交易合计：{in_count}笔，商家实收共{in_sum}元，{any}`.
"""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal

from zhangfang.bills.model import BillRefused

PLACES = frozenset({"count", "in_count", "out_count", "sum", "in_sum", "out_sum", "fee_sum", "any"})
_PLACE = re.compile(r"\{(\w+)\}")
_NUMBER = r"[+-]?(?:\d{1,16}|\d{1,3}(?:,\d{3}){1,5})(?:\.\d{1,6})?"
_COUNTS = ("count", "in_count", "out_count")


def places_of(template: str) -> set[str]:
    """Return the places that a line has."""
    return set(_PLACE.findall(template))


def check_totals(
    templates: Sequence[str], lines: Sequence[str], counted: Mapping[str, int], *, fen: bool, fee_minus: bool
) -> None:
    """Raise `BillRefused` unless each line is there once and says what was counted; sums are compared in fen."""
    for template in templates:
        found = [match for line in lines if (match := _pattern(template).fullmatch(line.strip().rstrip(",")))]
        if len(found) != 1:
            times = f"is there {len(found)} times, not once: the file is not complete"
            raise BillRefused(f"the line of totals {template} {times}")
        for place, text in zip(_PLACE.findall(template), found[0].groups(), strict=True):
            if place != "any":
                _compare(place, text, counted[place], fen=fen, fee_minus=fee_minus)


def _compare(place: str, text: str, counted: int, *, fen: bool, fee_minus: bool) -> None:
    number = Decimal(text.replace(",", ""))
    said = number if place in _COUNTS or fen else number * 100
    if place == "out_sum":  # what leaves us is written with a minus or without
        said = abs(said)
    if place == "fee_sum" and fee_minus:
        said = -said
    if said != counted:
        unit = "rows" if place in _COUNTS else "fen"
        raise BillRefused(f"totals: {place} says {said.normalize():f} {unit}, and the rows are {counted}")


def _pattern(template: str) -> re.Pattern[str]:
    """Return the pattern of a line: texts as they stand, a number at each place, and at `{any}` whatever stands there."""
    parts = _PLACE.split(template.strip().rstrip(","))
    texts = map(re.escape, parts[::2])
    places = ["(.{0,200}?)" if place == "any" else f"({_NUMBER})" for place in parts[1::2]]
    return re.compile("".join(text + place for text, place in zip(texts, [*places, ""], strict=True)))
