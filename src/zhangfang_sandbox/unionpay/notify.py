"""Notifications: a form posted to the merchant's backUrl, again and again until it is answered.

Facts of ACP 5.1.0: an answer of HTTP 200 or 302 within 10 s ends it; up to 5 sends with gaps of 1, 2, 4 and 5
minutes (by the bank's clock). A failed transaction is never notified.
"""

from collections.abc import Mapping

from zhangfang_sandbox.acquirer.couriers import Notice
from zhangfang_sandbox.unionpay.book import Order
from zhangfang_sandbox.unionpay.wire import forms, messages
from zhangfang_sandbox.unionpay.wire.seal import Merchant, Seal


def notice(seal: Seal, merchants: Mapping[str, Merchant]) -> Notice[Order]:
    """How this bank notifies."""

    def compose(order: Order, older: bool) -> tuple[dict[str, str], bytes]:
        fields = messages.older(order) if older else messages.outcome(order)
        headers = {"Content-Type": f"application/x-www-form-urlencoded;charset={order.encoding}"}
        return headers, forms.form(seal.sign(fields, merchants[order.mer_id]))

    return Notice([60 * minutes for minutes in (1, 2, 4, 5)], compose, lambda status, _: status in {200, 302})
