"""What each code proves, as a table: `codes.csv`.

`sent` is the verdict of a SysRtnCd in the answer to an order, or of a TrxStatus there; `final` that of a BizStsCd, or of
a TrxStatus in a query's answer or notice. Mark V: read in a public source; G: convention of this platform and its
sandbox, for the network's tables are not public. A code that is not in the table is UNKNOWN: only a listed one ends an
order.
"""

from pathlib import Path

from zhangfang.channels.port import Verdict
from zhangfang.channels.verdicts import UNLISTED, Codes, Meaning

OK = "00000000"
SIGNING = "signing"


meaning = Codes(Path(__file__).parent / "codes.csv").of
"""What a code proves about an operation (of the port, or `signing`)."""


def business(operation: str, status: str, code: str) -> Meaning:
    """Return what TrxStatus and BizStsCd prove together: an order has ended only if both say the same."""
    by_status, by_code = meaning(operation, status), meaning(operation, code or OK)
    if by_status.final in (Verdict.SUCCESS, Verdict.FAILED) and by_code.final is not by_status.final:
        return UNLISTED
    return Meaning(by_status.sent, by_status.final, by_code.elsewhere)
