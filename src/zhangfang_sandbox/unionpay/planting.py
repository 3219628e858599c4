"""Transactions that no merchant asked for and that the channel's file lists nevertheless."""

from datetime import date, datetime, time
from hashlib import sha256

from zhangfang_sandbox.common.clock import CHINA
from zhangfang_sandbox.unionpay.book import Order


def noon(day: date) -> datetime:
    """Noon of a day in China."""
    return datetime.combine(day, time(12), CHINA)


def stranger(mer_id: str, day: date, amount: int, seed: str, key: str, acc_no: str) -> Order:
    """A purchase by the merchant's static code, at noon of its day. Its number is a digest of its contents.

    It is not in the book yet. `amount` is fen, `acc_no` masked; another `seed` makes another number.
    """
    return Order(
        seq=0,
        mer_id=mer_id,
        order_id=sha256(f"{mer_id}|{day}|{amount}|{seed}".encode()).hexdigest()[:32],
        txn_time=f"{day:%Y%m%d}120000",
        txn_type="01",
        txn_sub_type="01",
        biz_type="000201",
        access_type="0",
        encoding="UTF-8",
        sign_method="01",
        amount=amount,
        key=key,
        acc_no=acc_no,
        query_id="",
        trace_no="",
        trace_time="",
        back_url="",
    )
