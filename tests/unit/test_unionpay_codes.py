import csv
from pathlib import Path

import pytest

import zhangfang.channels.unionpay.codes as module
from zhangfang.channels.port import Verdict
from zhangfang.channels.unionpay.codes import final, sent

PULLS, RETURNS = ("01", "11"), ("04", "31")
ALL = PULLS + RETURNS
DEFINITE = [
    "10",
    "11",
    "13",
    "14",
    "31",
    "32",
    "33",
    "36",
    "38",
    "40",
    "43",
    "44",
    "61",
    "62",
    "63",
    "64",
    "65",
    "66",
    "67",
    "73",
    "90",
    "91",
]
CODES = {
    **dict.fromkeys(DEFINITE, "failed failed failed failed"),
    # code: sent and final of money coming in (01, 11), sent and final of money going back (04, 31)
    **dict.fromkeys(("00", "A1", "A6"), "accepted success accepted success"),
    **dict.fromkeys(
        ("03", "04", "05", "12", "37", "70", "71", "83", "99"), "unknown unknown unknown unknown"
    ),
    **dict.fromkeys(("02", "06", "39"), "unknown failed unknown failed"),
    **dict.fromkeys(("42", "74", "75"), "unknown manual unknown manual"),
    **dict.fromkeys(("34", "35", "45"), "unknown unknown failed failed"),
    "01": "unknown failed unknown unknown",
    "60": "failed failed unknown unknown",
}


@pytest.mark.parametrize("code", sorted(CODES))
def test_each_code_proves_what_the_protocol_says(code: str) -> None:
    pull_sent, pull_final, return_sent, return_final = map(Verdict, CODES[code].split())
    assert [sent(each, code) for each in ALL] == [pull_sent] * 2 + [return_sent] * 2
    assert [final(each, code) for each in ALL] == [pull_final] * 2 + [return_final] * 2


@pytest.mark.parametrize("code", ["", "0", "000", "ZZ", "98", "41", "９９", "*"])
def test_an_unlisted_code_proves_nothing(code: str) -> None:
    assert {sent(each, code) for each in ALL} == {final(each, code) for each in ALL} == {Verdict.UNKNOWN}


def test_no_synchronous_answer_is_a_success() -> None:
    assert Verdict.SUCCESS not in {sent(each, code) for each in ALL for code in CODES}


def test_the_table_has_no_row_that_is_not_tested_here_and_marks_each() -> None:
    with (Path(module.__file__).parent / "codes.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["code"] for row in rows} == set(CODES)
    assert {row["mark"] for row in rows} == {"V", "K"}
    pairs = [(row["code"], each) for row in rows for each in row["txn_types"].split()]
    assert len(pairs) == len(set(pairs))
