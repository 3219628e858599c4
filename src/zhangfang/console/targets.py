"""What an act or a proposal is about, as people read it: a link to its page where it has one."""

import re
from datetime import date
from typing import Any

from markupsafe import Markup, escape

from zhangfang import adjustments, duplicates
from zhangfang.payments import PREFIX
from zhangfang.web.tables import TERMS, term
from zhangfang.web.visit import Visit
from zhangfang.web.words import Words

_BREAK = r"[0-9a-f]{8}-[0-9a-f-]{27}"
_PLACES = dict.fromkeys(PREFIX.values(), "/payments") | {
    duplicates.PREFIX: "/duplicates",
    "mer": "/merchants",
    adjustments.PREFIX: "/adjustments",
    adjustments.FREEZE: "/freezes",
    adjustments.ENTRY: "/register",
}


def target(_: Words, visit: Visit[Any], about: str) -> Markup:
    """Return what an act was on: a link to the payment or case, a date of the books, a table, or an operation."""
    head, _slash, tail = about.partition("/")
    if head.partition("_")[0] in _PLACES and not tail:
        href = visit.href(f"{_PLACES[head.partition('_')[0]]}/{head}")
        return Markup('<a class="zf-mono" href="{}">{}</a>').format(href, head)
    if head in TERMS["releases"]:
        return escape(_("{table}, release {n}", table=term(_, "releases", head), n=tail))
    if head == "bulk" or re.fullmatch(_BREAK, about):
        called = _("many breaks at once") if tail else _("the break")
        return Markup('<a href="{}">{}</a>').format(visit.href(f"/breaks/{about}"), called)
    if head == "map":
        name, _slash, version = tail.partition("/")
        named = Markup('<span translate="no">{}</span>').format(name)
        return escape(_("column map {name}, version {n}", name=named, n=version))
    if head in _NAMED:
        return _NAMED[head](_, visit, tail)
    return escape(" · ".join(part for part in (term(_, "channel", head), term(_, "operation", tail)) if part))


def _books(_: Words, _visit: Visit[Any], day: str) -> Markup:
    return escape(_("the books of {day}", day=_.short(date.fromisoformat(day))))


def _statements(_: Words, visit: Visit[Any], tail: str) -> Markup:
    day, _slash, merchant = tail.partition("/")
    href = visit.href(f"/statements/{merchant}/{day}") if merchant else visit.href("/statements", date=day)
    text = _("statements of {day}", day=_.short(date.fromisoformat(day)))
    return Markup('<a href="{}">{}</a>').format(href, text)


def _own_money(_: Words, visit: Visit[Any], _tail: str) -> Markup:
    return Markup('<a href="{}">{}</a>').format(visit.href("/reserve"), _("own money in the reserve"))


def _match_rule(_: Words, visit: Visit[Any], _tail: str) -> Markup:
    return Markup('<a href="{}">{}</a>').format(visit.href("/matching"), _("rule of matching"))


_NAMED = {"books": _books, "statements": _statements, "own money": _own_money, "match rule": _match_rule}
