"""A rule from what somebody typed: fields by name, tiers as `OVER_FEN:PPM`. Each fault names its field."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from zhangfang.fees.checking import MOST_TIERS
from zhangfang.kernel.errors import InvalidInput
from zhangfang.merchants import FeeKind, FeeRule, OnRefund, Taken, Tier

_TIER = re.compile(r"(\d{1,12}):(\d{1,7})", re.ASCII)
_CHOICES: Mapping[str, Sequence[str]] = {
    "kind": list(FeeKind),
    "taken": list(Taken),
    "on_refund": list(OnRefund),
    "tiers_by": ("amount", "month"),
    "tiers_how": ("marginal", "whole"),
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
