"""What each respCode proves, as a table: `codes.csv`.

Source: UnionPay ACP 5.1.0. The column `operations` holds transaction types: 01, 04, 11, 12 and 31 move money, 21 submits a
batch of them, 00 is a query, 22 a query of a batch's result, 76 the file. `sent` is the verdict of the answer to a request,
`final` that of a notification or of a query's origRespCode; `elsewhere` marks a failure of UnionPay's own. The answer to a
question (00, 22, 76) is success, accepted (ask again later) or not found (there is no such order, batch or file).

Mark V: read in a public source; K: general knowledge, unverified, so in doubt it means "ask again"; G: invented. A code
that is not in the table is UNKNOWN: only a listed code ends an order.
"""

from pathlib import Path

from zhangfang.channels.port import Verdict
from zhangfang.channels.verdicts import Codes

QUERY, SUBMIT, RESULT, FILE = "00", "21", "22", "76"
_CODES = Codes(Path(__file__).parent / "codes.csv")


def sent(txn_type: str, code: str) -> Verdict:
    """Return what the answer to a request or a question proves."""
    return _CODES.of(txn_type, code).sent


def final(txn_type: str, code: str) -> Verdict:
    """Return what a notification's respCode, a query's origRespCode or an item of a batch result proves."""
    return _CODES.of(txn_type, code).final


def elsewhere(txn_type: str, code: str) -> bool:
    """Return whether a failure with this code is the channel's own, so that another one may be asked."""
    return _CODES.of(txn_type, code).elsewhere
