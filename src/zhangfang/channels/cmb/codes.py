"""What the bank's pair `reqSts`/`rtnFlg` proves about a payment (CDC documents of BB1PAYOP and BB1PAYQR).

`rtnFlg` means something only when `reqSts` is FIN. A pair that is not listed proves nothing.
"""

from collections.abc import Mapping

from zhangfang.channels.port import Verdict

SUCCESS_CODE = "SUC0000"  # the request was received; nothing is said about the payment

_STATUS: Mapping[str, Verdict] = {
    "OPR": Verdict.ACCEPTED,  # being received
    "AUT": Verdict.ACCEPTED,  # waits for approval in the enterprise
    "NTE": Verdict.ACCEPTED,  # final approval given
    "APW": Verdict.ACCEPTED,  # waits for a person at the bank
    "BNK": Verdict.ACCEPTED,  # the bank works on it
    "WRF": Verdict.MANUAL,  # suspicious: its state is unknown to the bank itself
}
_FINISHED: Mapping[str, Verdict] = {
    "S": Verdict.SUCCESS,
    "F": Verdict.FAILED,
    "B": Verdict.RETURNED,  # paid, then sent back (退票)
    "R": Verdict.FAILED,  # refused by the enterprise's approver
    "D": Verdict.FAILED,  # nobody approved in time
    "C": Verdict.FAILED,  # withdrawn
    "U": Verdict.MANUAL,  # held at the bank (挂账)
}


def verdict(req_sts: str, rtn_flg: str) -> Verdict:
    """Return what a pair proves in the answer to a query (BB1PAYQR)."""
    if req_sts == "FIN":
        return _FINISHED.get(rtn_flg, Verdict.UNKNOWN)
    return _STATUS.get(req_sts, Verdict.UNKNOWN)


def first_verdict(req_sts: str, rtn_flg: str) -> Verdict:
    """Return what a pair proves in the answer to the payment itself (BB1PAYOP).

    There FIN+F alone is final; the bank wants every other outcome confirmed by BB1PAYQR, success included (rule 11
    of BB1PAYOP: the answer says no more than that the money was put forward).
    """
    said = verdict(req_sts, rtn_flg)
    settled = said in (Verdict.SUCCESS, Verdict.RETURNED, Verdict.FAILED)
    return Verdict.ACCEPTED if settled and rtn_flg != "F" else said
