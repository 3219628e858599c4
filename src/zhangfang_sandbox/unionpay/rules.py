"""What the bank decides, as pure functions.

Facts of ACP 5.1.0: the settlement day runs from 23:00 to 23:00 China time; a void needs the whole amount of an
original that succeeded on the same settlement day and was never refunded; refunds may be partial and repeated up to
the original's amount. Unverified: the fee of 30 basis points, the surcharge of instalments (50 basis points for each,
which the payer owes the issuer), that a payout costs nothing, and the codes where the tables name only a group.
"""

from datetime import date, datetime, time, timedelta

from zhangfang_sandbox.acquirer.closing import settle_date
from zhangfang_sandbox.common.clock import CHINA
from zhangfang_sandbox.unionpay.book import Order
from zhangfang_sandbox.unionpay.wire.codes import ALREADY_RETURNED, MISMATCH, SUCCESS, WRONG_STATE
from zhangfang_sandbox.unionpay.wire.fields import DEBITS, VOID

# Invented: the time of the next settlement day at which a payout comes back.
_BACK_AT = time(10)


def fee_of(amount: int) -> int:
    """30 basis points of a pay-in, half a fen rounded up, at least one fen. Fen in, fen out."""
    return max(1, (amount * 30 + 5_000) // 10_000)


def surcharge_of(amount: int, instalments: int) -> int:
    """The issuer's charge to its payer for instalments. Fen in, fen out."""
    return (amount * 50 * instalments + 5_000) // 10_000


def back_at(settled: date) -> datetime:
    """When a payout that settled on this date comes back, if it does: on the next one."""
    return datetime.combine(settled + timedelta(days=1), _BACK_AT, CHINA)


def succeed(order: Order, at: datetime) -> None:
    """Make `order` a success of the moment `at`."""
    order.state, order.resp_code = "SUCCESS", SUCCESS
    order.settle_date = settle_date(at).isoformat()
    order.trace_time = f"{at.astimezone(CHINA):%m%d%H%M%S}"
    order.fee = fee_of(order.amount) if order.txn_type in DEBITS else 0
    order.surcharge = surcharge_of(order.amount, order.instalments)


def judge_return(order: Order, original: Order | None, today: date) -> str:
    """The respCode of a refund or void: success, or why not."""
    if original is None or original.txn_type not in DEBITS or original.state in {"PENDING", "FAILED"}:
        return WRONG_STATE
    if original.state == "VOIDED" or original.refunded == original.amount:
        return ALREADY_RETURNED
    if order.biz_type != original.biz_type:
        return MISMATCH
    if order.txn_type == VOID:
        return _judge_void(order, original, today)
    return SUCCESS if order.amount <= original.amount - original.refunded else MISMATCH


def _judge_void(order: Order, original: Order, today: date) -> str:
    if original.refunded:
        return ALREADY_RETURNED
    if order.amount != original.amount:
        return MISMATCH
    return SUCCESS if original.settle_date == today.isoformat() else WRONG_STATE
