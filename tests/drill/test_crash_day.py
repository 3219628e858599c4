"""kill -9 of any process at any moment of a business day changes nothing of what the day comes to.

An undisturbed day is played once. Then the same orders meet the same faults while processes are killed; every order,
every account on every business date, and the banks' own books have to come to the same, and the auditor finds nothing.
Two mutants show that the comparison would notice. `ZHANGFANG_DRILL_SEEDS` asks for more seeds (`make drill`).
"""

import os

import pytest

from tests.drill.day import BANKS, OFTEN, PROCESSES, Kill, Played, kills, play
from tests.drill.mutant import command
from tests.drill.outcome import Differs, check_books, check_same
from zhangfang_demo.day_faults import FAULTS

pytestmark = [pytest.mark.drill, pytest.mark.timeout(900)]

SEEDS = range(1, 1 + int(os.environ.get("ZHANGFANG_DRILL_SEEDS", "1")))
BREAKS = {"amount_differs", "missing_here", "missing_there", "unknown_debit", "unknown_receipt"}
WHILE_ASKING = [
    Kill("orders", 0.0, "serve", "late_answer")
]  # the bank has debited, and we do not know it yet


@pytest.fixture(scope="module")
def undisturbed() -> Played:
    """Play the day once without a kill."""
    return play()


def test_an_undisturbed_day_meets_every_fault_and_balances(undisturbed: Played) -> None:
    assert set(undisturbed.faults) >= {*FAULTS["unionpay"], *FAULTS["cmb"]}
    assert set(undisturbed.starts.values()) == {1}
    assert {key[0] for key in undisturbed.outcome.breaks} == BREAKS
    states = {(key[1], row[0]) for key, row in undisturbed.outcome.orders.items()}
    assert states >= {
        ("purchase", "SUCCESS"), ("purchase", "FAILED"), ("purchase", "CLOSED"), ("collection", "SUCCESS"),
        ("collection", "FAILED"), ("refund", "SUCCESS"), ("refund", "FAILED"), ("payout", "SUCCESS"),
        ("payout", "FAILED"),
    }  # fmt: skip
    check_books(undisturbed.audit)


@pytest.mark.parametrize("seed", SEEDS)
def test_kills_at_random_moments_change_nothing(seed: int, undisturbed: Played) -> None:
    schedule = kills(seed, len(PROCESSES) if seed % 2 else 3)
    played = play(schedule)
    assert played.killed == schedule
    check_same(played.outcome, undisturbed.outcome)
    check_books(played.audit)


def test_the_api_killed_between_a_debit_and_its_answer_changes_nothing(undisturbed: Played) -> None:
    played = play(WHILE_ASKING)
    assert played.starts["serve"] == 2
    check_same(played.outcome, undisturbed.outcome)
    check_books(played.audit)


def test_a_posting_template_one_fen_off_is_found(undisturbed: Played) -> None:
    played = play(commands={name: command("one-fen", name) for name in ("serve", "work")})
    with pytest.raises(Differs, match="accounts"):
        check_same(played.outcome, undisturbed.outcome)
    with pytest.raises(Differs, match="channel_gap_fen"):
        check_books(played.audit)


def test_sending_before_storing_is_found_by_a_kill_between_them(undisturbed: Played) -> None:
    played = play(WHILE_ASKING, {"serve": command("sent-first", "serve")})
    with pytest.raises(Differs, match="bank_debits"):
        check_same(played.outcome, undisturbed.outcome)
    with pytest.raises(Differs, match="double_debits"):
        check_books(played.audit)


def test_every_fault_of_the_demo_is_drilled() -> None:
    assert {bank: set(rates) for bank, rates in OFTEN.items()} == {bank: set(FAULTS[bank]) for bank in BANKS}
