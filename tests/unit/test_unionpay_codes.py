import csv
from pathlib import Path

import pytest

import zhangfang.channels.unionpay.codes as module
from zhangfang.channels.port import Verdict
from zhangfang.channels.unionpay.codes import elsewhere, final, sent

PULLS, RETURNS, PAYOUT = ("01", "11"), ("04", "31"), "12"
ALL = (*PULLS, *RETURNS, PAYOUT)
DEFINITE = (
    "10", "11", "13", "14", "31", "32", "33", "36", "38", "40", "43", "44", "61", "62", "63", "64", "65", "66", "67",
    "73",
)  # fmt: skip
ASK = "unknown unknown"
CODES = {
    # code: sent and final of money coming in (01, 11), of money going back (04, 31), and of a payout (12)
    **dict.fromkeys(DEFINITE, " ".join(["failed failed"] * 3)),
    **dict.fromkeys(("00", "A1", "A6"), " ".join(["accepted success"] * 3)),
    **dict.fromkeys(("03", "04", "05", "12", "37", "70", "71", "83", "99"), " ".join([ASK] * 3)),
    **dict.fromkeys(("02", "06", "39"), " ".join(["unknown failed"] * 3)),
    **dict.fromkeys(("42", "74", "75"), " ".join(["unknown manual"] * 3)),
    **dict.fromkeys(("34", "35", "45"), f"{ASK} failed failed {ASK}"),
    **dict.fromkeys(("90", "91"), "failed failed unknown failed unknown failed"),
    "01": f"unknown failed {ASK} {ASK}",
    "60": f"failed failed {ASK} {ASK}",
    "B0": f"{ASK} {ASK} unknown returned",
}
LATER = {"02", "03", "04", "05", "06", "37", "39", "41", "98", "99"}


@pytest.mark.parametrize("code", sorted(CODES))
def test_each_code_proves_what_the_protocol_says(code: str) -> None:
    pull_sent, pull_final, return_sent, return_final, payout_sent, payout_final = map(
        Verdict, CODES[code].split()
    )
    assert [sent(each, code) for each in ALL] == [pull_sent] * 2 + [return_sent] * 2 + [payout_sent]
    assert [final(each, code) for each in ALL] == [pull_final] * 2 + [return_final] * 2 + [payout_final]


@pytest.mark.parametrize("code", ["", "0", "000", "ZZ", "98", "41", "９９", "*"])
def test_an_unlisted_code_proves_nothing(code: str) -> None:
    assert {sent(each, code) for each in ALL} == {final(each, code) for each in ALL} == {Verdict.UNKNOWN}


def test_no_synchronous_answer_is_a_success() -> None:
    assert Verdict.SUCCESS not in {sent(each, code) for each in (*ALL, "21") for code in CODES}


@pytest.mark.parametrize("code", ["01", "12", "34", "60"])
def test_the_four_codes_that_keep_a_payout_open_never_end_one(code: str) -> None:
    assert {sent(PAYOUT, code), final(PAYOUT, code)} == {Verdict.UNKNOWN}


def test_a_question_is_answered_asked_again_or_about_nothing_and_never_about_an_order() -> None:
    codes = {*CODES, "41", "98", "ZZ", ""}
    assert {code for code in codes if sent("76", code) is Verdict.ACCEPTED} == LATER
    assert {code for code in codes if sent("22", code) is Verdict.ACCEPTED} == {"41"}
    for question, missing in (("00", {"34"}), ("22", {"34"}), ("76", set[str]())):
        assert {code for code in codes if sent(question, code) is Verdict.SUCCESS} == {"00"}
        assert {code for code in codes if sent(question, code) is Verdict.NOT_FOUND} == missing
        assert Verdict.FAILED not in {sent(question, code) for code in codes}


def test_only_a_failure_of_the_channels_own_sends_an_order_elsewhere() -> None:
    own = {code for code in CODES if elsewhere("11", code)}
    assert own == {"02", "06", "31", "32", "33", "39", "43", "44"}
    assert {final("11", code) for code in own} == {Verdict.FAILED}
    assert not elsewhere("11", "64")


def test_the_table_has_no_row_that_is_not_tested_here_and_marks_each() -> None:
    with (Path(module.__file__).parent / "codes.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["code"] for row in rows} == {*CODES, "41", "98"}
    assert {row["mark"] for row in rows} == {"V", "K", "G"}
    assert {row["elsewhere"] for row in rows} == {"", "yes"}
    pairs = [(row["code"], each) for row in rows for each in row["operations"].split()]
    assert len(pairs) == len(set(pairs))
