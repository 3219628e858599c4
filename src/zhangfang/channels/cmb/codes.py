"""What the bank's codes prove, as a table: `codes.csv`, from its CDC documents.

`sent` is the verdict in the answer to the request itself, `final` in the answer to a query. Operations: `payout` (the pair
reqSts/rtnFlg of one payment), `batch` (the same pair of a whole BB1PAYBH), `payroll` (stscod of an item of BB6DTLQY),
`resultcode` (head of any answer), `errcod` (why a payment failed). Mark V: read in public; K: unverified; G: invented.
A code that is not listed is UNKNOWN: only a listed one ends anything.
"""

from pathlib import Path

from zhangfang.channels.port import Verdict
from zhangfang.channels.verdicts import Codes

SUCCESS_CODE = "SUC0000"  # the request was received; nothing is said about the payment


proof = Codes(Path(__file__).parent / "codes.csv").of
"""What a code of an operation proves; an unlisted one nothing."""


def pair(req_sts: str, rtn_flg: str) -> str:
    """Return the pair as the table writes it: `rtnFlg` means something only when `reqSts` is FIN."""
    return f"FIN/{rtn_flg}" if req_sts == "FIN" else req_sts


def verdict(req_sts: str, rtn_flg: str) -> Verdict:
    """Return what a pair proves in the answer to a query (BB1PAYQR)."""
    return proof("payout", pair(req_sts, rtn_flg)).final


def first_verdict(req_sts: str, rtn_flg: str) -> Verdict:
    """Return what a pair proves in the answer to the payment itself (BB1PAYOP).

    Only FIN+F is final there; the bank wants every other outcome, also success, confirmed by BB1PAYQR (rule 11 of
    BB1PAYOP: the answer only says that the payment was submitted).
    """
    return proof("payout", pair(req_sts, rtn_flg)).sent


def elsewhere(err_cod: str) -> bool:
    """Return whether the bank itself refused for this reason, so that another channel may be tried."""
    return proof("errcod", err_cod).elsewhere
