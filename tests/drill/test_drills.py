"""Drills 4 and 5, small: what they do to money is the same as at the report's size.

One side of each is played in every run; `ZHANGFANG_DRILL_SEEDS` asks for both (`make drill`).
"""

import asyncio
import os
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from rich.progress import Progress

from tests.conftest import _execute, _with_database
from zhangfang_drill.incidents import drill4, drill5
from zhangfang_drill.incidents.drill5 import Size
from zhangfang_drill.world.mortal import MortalLoop

pytestmark = pytest.mark.drill

PAYOUTS = 9
LONG = pytest.mark.skipif(
    not os.environ.get("ZHANGFANG_DRILL_SEEDS"),
    reason="the other side is played: ZHANGFANG_DRILL_SEEDS asks for both",
)
SIZE = Size(collections=30, retried=4, merchants=3, amount=40_001)


@pytest.fixture
def play(postgres_url: str, template: str) -> Callable[..., dict[str, Any]]:
    """Return what plays a drill on a database of its own."""
    name = f"drill_{uuid4().hex}"
    asyncio.run(_execute(postgres_url, f"CREATE DATABASE {name} TEMPLATE {template}"))

    def played(drill: Any, guard: bool, **size: Any) -> dict[str, Any]:
        with asyncio.Runner(loop_factory=MortalLoop) as runner:
            url = _with_database(postgres_url, name)
            figures: dict[str, Any] = runner.run(
                drill.run(guard=guard, progress=Progress(disable=True), url=url, **size)
            )
        assert figures["ledger_verify"]["ok"], figures["ledger_verify"]
        return figures

    return played


@LONG
def test_drill_4_without_the_guard_every_payout_fails(play: Callable[..., dict[str, Any]]) -> None:
    figures = play(drill4, False, payouts=PAYOUTS)
    assert (figures["paid_once"], figures["paid_twice"], figures["unpaid"]) == (0, 0, PAYOUTS)
    assert (figures["failed"], figures["parked"]) == (PAYOUTS, 0)


def test_drill_4_with_the_guard_all_are_parked_and_then_paid_once(
    play: Callable[..., dict[str, Any]],
) -> None:
    figures = play(drill4, True, payouts=PAYOUTS)
    assert (figures["paid_once"], figures["paid_twice"], figures["unpaid"]) == (PAYOUTS, 0, 0)
    assert (figures["parked"], figures["failed"]) == (PAYOUTS, 0)
    assert figures["held_fen"] > 0
    assert figures["bad_release_rejected"]


def test_drill_5_without_the_guard_payers_are_debited_twice_and_healed(
    play: Callable[..., dict[str, Any]],
) -> None:
    figures = play(drill5, False, size=SIZE)
    assert (figures["double_debits"], figures["found"]) == (4, 4)
    assert (figures["reversed"], figures["adjusted"]) == (3, 1)
    assert (figures["legs"], figures["masked_lines"]) == (3 * 8, 3 * 4)
    assert (figures["resolved"], figures["amount_fen"]) == (30, 40_001)


@LONG
def test_drill_5_with_the_guard_nobody_is_debited_twice(play: Callable[..., dict[str, Any]]) -> None:
    figures = play(drill5, True, size=SIZE)
    assert (figures["double_debits"], figures["resolved"], figures["reversed"]) == (0, 30, 0)


def test_what_does_not_come_to_the_reports_figures_is_named() -> None:
    figures = {
        "paid_once": 716,
        "paid_twice": 1,
        "unpaid": 0,
        "failed": 0,
        "parked": 717,
        "bad_release_rejected": True,
    }
    assert drill4.wrong(True, figures) == ["paid_once: 716, not 717", "paid_twice: 1, not 0"]
