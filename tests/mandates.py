"""Mandates for tests: a payer's consent on paper, in force at once."""

from dataclasses import replace
from datetime import date
from typing import Any

from zhangfang.channels.port import PartyAccount
from zhangfang.mandates import Mandate, Mandates, NewMandate
from zhangfang.payments import Desk

WIDE = 10**11  # fen: wider than any test's collections


def new_mandate(account: PartyAccount, number: str = "M-1", /, **other: Any) -> NewMandate:
    """Return a request for a mandate on paper with wide limits, for the year 2026."""
    plain = NewMandate(
        number,
        f"mandate {number}",
        account,
        WIDE,
        WIDE,
        WIDE,
        date(2026, 1, 1),
        date(2027, 12, 31),
        "",
        "box 7",
    )
    return replace(plain, **other)


async def sign(
    desk: Desk, merchant: str, account: PartyAccount, number: str = "M-1", **other: Any
) -> Mandate:
    """Give the merchant the payer's mandate; the same again finds it."""
    mandates = Mandates(desk.pool, desk.vault, desk.clock, desk.channels)
    made, _ = await mandates.create(merchant, new_mandate(account, number, **other))
    return made
