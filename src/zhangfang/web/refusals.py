"""Refusals in Chinese: `refusals.csv` has the texts by which the platform refuses what people type, part by part.

A refusal of `InvalidInput` has three parts, `field: got …; allowed: …`; any other is looked up whole. What the table does
not have stays in English, and is marked so.
"""

import csv
import re
from importlib.resources import files

from markupsafe import Markup, escape

from zhangfang.web.words import Words

_INPUT = re.compile(r"(?P<field>.+?): got (?P<got>.*); allowed: (?P<allowed>.*)", re.DOTALL)
_HOLE = re.compile(r"\{\}")


def _rows() -> list[tuple[str, re.Pattern[str], str]]:
    text = files(__package__).joinpath("data", "refusals.csv").read_text("utf-8")
    return [(row["part"], _pattern(row["en"]), row["zh"]) for row in csv.DictReader(text.splitlines())]


def _pattern(text: str) -> re.Pattern[str]:
    """Return the pattern of a text in which each `{}` stands for something."""
    return re.compile("(.+?)".join(map(re.escape, _HOLE.split(text))), re.DOTALL)


_TABLE = _rows()


def chinese(part: str, text: str) -> str | None:
    """Return a part of a refusal in Chinese: field, got, allowed, or whole; None if the table does not have it."""
    for of, pattern, zh in _TABLE:
        if of == part and (found := pattern.fullmatch(text)):
            return zh.format(*found.groups())
    return None


def refusal(_: Words, text: str) -> Markup:
    """Return a refusal in the visitor's language; in English, and marked so, where it has no Chinese."""
    if _.lang != "zh":
        return escape(text)
    if (said := chinese("whole", text)) is None and (found := _INPUT.fullmatch(text)):
        field, got, allowed = (chinese(part, one) or one for part, one in found.groupdict().items())
        said = f"{field}：收到 {got}；应为 {allowed}"
    return escape(said) if said is not None else Markup('<span lang="en">{}</span>').format(text)
