"""A rule from what somebody typed, on the command line or in a form. Each fault names its field."""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec

from zhangfang.fees.checking import MOST_TIERS
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.money import yuan_to_fen
from zhangfang.merchants import FeeKind, FeeRule, OnRefund, Taken, Tier

_TIER = re.compile(r"(\d{1,12}):(\d{1,7})", re.ASCII)
_PERCENT = re.compile(r"\d{1,3}(\.\d{1,4})?", re.ASCII)
_CHOICES: Mapping[str, Sequence[str]] = {
    "kind": list(FeeKind),
    "taken": list(Taken),
    "on_refund": list(OnRefund),
    "tiers_by": ("amount", "month"),
    "tiers_how": ("marginal", "whole"),
    "borne": ("merchant", "payer"),
}


def rule_of(given: Mapping[str, Any], tiers: Sequence[str]) -> FeeRule:
    """Return the rule of these fields; figures and names are checked when it is proposed. Raises `InvalidInput`."""
    for field, allowed in _CHOICES.items():
        if given[field] not in allowed:
            words = ", ".join(one or "nothing" for one in allowed)
            raise InvalidInput(field, f"{len(given[field])} characters", words)
    return msgspec.convert(
        dict(given) | {"tiers": [_tier(text) for text in tiers[: MOST_TIERS + 1]]}, FeeRule
    )


def _tier(text: str) -> Tier:
    found = _TIER.fullmatch(text.strip())
    if found is None:
        raise InvalidInput("tier", f"{len(text)} characters", "OVER_FEN:PPM, such as 1000000:5000")
    return Tier(int(found[1]), int(found[2]))


def rule_typed(typed: Mapping[str, str]) -> FeeRule:
    """Return the rule of a form: rates in per cent, amounts in yuan, tiers as `over: per cent`, with commas between."""
    rate, most, parts = typed["rate"], typed["max"], typed["instalments"].strip()
    if parts and not re.fullmatch(r"\d{1,2}", parts, re.ASCII):
        raise InvalidInput("instalments", f"{len(parts)} characters", "a number, or nothing")
    given: dict[str, Any] = {
        **{name: typed[name] for name in ("kind", "channel", "product", "account_type", "fee_by", *_CHOICES)},
        "effective_from": _day("from", typed["from"]),
        "until": _day("until", typed["until"]) if typed["until"] else None,
        "rate_ppm": _ppm("rate", rate),
        "fixed_fen": _fen("fixed", typed["fixed"]),
        "min_fen": _fen("min", typed["min"]),
        "max_fen": _fen("max", most) if most.strip() else None,
        "instalments": int(parts) if parts else None,
    }
    return rule_of(given, [_typed_tier(one) for one in typed["tiers"].split(",") if one.strip()])


def _typed_tier(text: str) -> str:
    over, _, rate = text.partition(":")
    return f"{_fen('tiers', over)}:{_ppm('tiers', rate)}"


def _ppm(field: str, text: str) -> int:
    text = text.strip().removesuffix("%").strip()
    if not _PERCENT.fullmatch(text):
        raise InvalidInput(
            field, f"{len(text)} characters", "per cent with at most four decimals, such as 0.38"
        )
    return int(Decimal(text).scaleb(4))


def _fen(field: str, text: str) -> int:
    return yuan_to_fen(text.strip().replace(",", ""), field) if text.strip() else 0


def _day(field: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidInput(field, f"{len(text)} characters", "a date such as 2026-09-01") from None
