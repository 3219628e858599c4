"""Every pair of reqSts and rtnFlg, in the answer to a query and in the first answer."""

import pytest

from zhangfang.channels.cmb.codes import first_verdict, verdict
from zhangfang.channels.port import Verdict

PAIRS = [
    ("OPR", "", Verdict.ACCEPTED, Verdict.ACCEPTED),
    ("AUT", "", Verdict.ACCEPTED, Verdict.ACCEPTED),
    ("NTE", "", Verdict.ACCEPTED, Verdict.ACCEPTED),
    ("APW", "", Verdict.ACCEPTED, Verdict.ACCEPTED),
    ("BNK", "", Verdict.ACCEPTED, Verdict.ACCEPTED),
    ("WRF", "", Verdict.MANUAL, Verdict.MANUAL),
    ("FIN", "S", Verdict.SUCCESS, Verdict.ACCEPTED),
    ("FIN", "F", Verdict.FAILED, Verdict.FAILED),
    ("FIN", "B", Verdict.RETURNED, Verdict.ACCEPTED),
    ("FIN", "R", Verdict.FAILED, Verdict.ACCEPTED),
    ("FIN", "D", Verdict.FAILED, Verdict.ACCEPTED),
    ("FIN", "C", Verdict.FAILED, Verdict.ACCEPTED),
    ("FIN", "U", Verdict.MANUAL, Verdict.MANUAL),
    ("FIN", "", Verdict.UNKNOWN, Verdict.UNKNOWN),
    ("FIN", "M", Verdict.UNKNOWN, Verdict.UNKNOWN),
    ("FIN", "V", Verdict.UNKNOWN, Verdict.UNKNOWN),
    ("", "", Verdict.UNKNOWN, Verdict.UNKNOWN),
    ("fin", "S", Verdict.UNKNOWN, Verdict.UNKNOWN),
]


@pytest.mark.parametrize(("req_sts", "rtn_flg", "queried", "at_once"), PAIRS)
def test_each_pair_has_its_verdict(req_sts: str, rtn_flg: str, queried: Verdict, at_once: Verdict) -> None:
    assert verdict(req_sts, rtn_flg) is queried
    assert first_verdict(req_sts, rtn_flg) is at_once


@pytest.mark.parametrize("req_sts", ["OPR", "AUT", "NTE", "APW", "BNK"])
@pytest.mark.parametrize("rtn_flg", ["S", "F", "B", "R", "D", "C", "U"])
def test_the_result_means_nothing_before_the_end(req_sts: str, rtn_flg: str) -> None:
    assert verdict(req_sts, rtn_flg) is first_verdict(req_sts, rtn_flg) is Verdict.ACCEPTED
