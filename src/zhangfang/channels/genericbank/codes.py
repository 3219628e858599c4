"""What the bank's codes prove, as a table: `codes.csv`. All of them are invented (mark G): no public source has any.

`payout` codes are about a payment: `sent` in the acknowledgement, `final` in the answer to a query. `answer` codes are
about a message: `sent` of PAY001, `final` of QRY001. A code that is not listed is UNKNOWN: only a listed one ends an order.
"""

from pathlib import Path

from zhangfang.channels.verdicts import Codes

OK = "0000"  # the message was understood: what it says of the payment is in its body


proof = Codes(Path(__file__).parent / "codes.csv").of
"""What a code of an operation proves; an unlisted one nothing."""
