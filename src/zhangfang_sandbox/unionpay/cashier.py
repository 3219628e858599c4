"""The cashier: plain pages in Chinese and English, where a payer pays or refuses.

At the end the browser posts a form to frontUrl. It proves nothing to the merchant: only the notification or a query
does.
"""

import base64
from collections.abc import Mapping
from decimal import Decimal
from hashlib import sha256
from html import escape
from pathlib import Path
from string import Template

from aiohttp import web

from zhangfang_sandbox.unionpay.bank import Bank
from zhangfang_sandbox.unionpay.book import Order
from zhangfang_sandbox.unionpay.wire import codes, messages

PATH = "/cashier/"
# The payer's sandbox card, as the book keeps it.
CARD = "621234*********0018"
_PAGE = Template(Path(__file__).with_name("cashier.html").read_text("utf-8"))
_SUBMIT = "document.forms[0].submit()"
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; "
    f"script-src 'sha256-{base64.b64encode(sha256(_SUBMIT.encode()).digest()).decode()}'"
)
# The buttons: the words, and whether the payer pays, without a notification, with a late notification.
_ACTIONS = {
    "pay": "付款 Pay",
    "refuse": "拒绝付款 Refuse",
    "silent": "付款，但不通知商户 Pay, go silent",
    "late": "付款，迟些通知商户 Pay, answer late",
}
_ENDS = {
    "SUCCESS": "付款成功 Paid",
    "FAILED": "付款失败或订单已超时 Not paid: refused, failed or expired",
    "PENDING": "付款处理中 The payment is being processed",
    "VOIDED": "付款已撤销 The payment was voided",
}


class Cashier:
    """Serves the pages of purchases."""

    def __init__(self, bank: Bank) -> None:
        self._bank = bank

    async def present(self, request: Mapping[str, str]) -> web.Response:
        """The page for a purchase whose form has just been posted, for the first time or again."""
        bank = self._bank
        order = bank.book.by_number(request["merId"], request["orderId"], request["txnTime"])
        same = order is not None and order.amount == int(request["txnAmt"]) and order.token
        if order is None or not same:
            order = bank.open(request, CARD)
            bank.present(order, request.get("payTimeout", ""))
        return await self._show(order)

    async def visit(self, token: str, action: str) -> web.Response:
        """A payer opens a page (no action) or has pressed one of its buttons."""
        order = self._bank.book.by_token(token)
        if order is None:
            return page("<p>没有这个订单 No such order</p>", status=404)
        if not action:
            return await self._show(order)
        if not self._bank.waiting(order):
            return await self._show(order, "此订单不能再付款 This order can no longer be paid")
        if action == "refuse":
            self._bank.refuse(order)
        elif action in _ACTIONS:
            self._bank.pay(order, silent=action == "silent", late=action == "late")
        else:
            allowed = ", ".join(_ACTIONS)
            return page(f"<p>action: must be one of {allowed}</p>", status=400)
        await self._bank.store.committed()
        return self._return(order)

    async def _show(self, order: Order, remark: str = "") -> web.Response:
        waits = self._bank.waiting(order)
        await self._bank.store.committed()
        if waits:
            buttons = "".join(
                f'<button name="action" value="{name}"{" class=first" if name == "pay" else ""}>{text}</button>'
                for name, text in _ACTIONS.items()
            )
            return page(
                f'{self._facts(order)}<form method="post" action="{PATH}{order.token}">{buttons}</form>'
            )
        said = f"<p>{remark}</p>" if remark else ""
        return page(f"{self._facts(order)}{said}<p><strong>{_ended(order)}</strong></p>")

    def _return(self, order: Order) -> web.Response:
        merchant = self._bank.merchants[order.mer_id]
        told = self._bank.seal.sign(messages.outcome(order), merchant)
        inputs = "".join(
            f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
            for name, value in told.items()
        )
        target = f'action="{escape(order.front_url)}" accept-charset="{order.encoding}"'
        button = '<button class="first">返回商户 Back to the merchant</button>'
        end = f"<p><strong>{_ended(order)}</strong></p>"
        content = f'{self._facts(order)}{end}<form method="post" {target}>{inputs}{button}</form>'
        return page(content, script=f"<script>{_SUBMIT}</script>")

    def _facts(self, order: Order) -> str:
        yuan = f"{Decimal(order.amount) / 100:,.2f}"
        rows = {
            "商户 Merchant": escape(self._bank.merchants[order.mer_id].name),
            "订单号 Order": escape(order.order_id),
            "银行卡 Card": order.acc_no,
        }
        if order.instalments:
            rows["分期 Instalments"] = f"{order.instalments}"
        listed = "".join(f"<dt>{name}</dt><dd>{text}</dd>" for name, text in rows.items())
        return f'<dl>{listed}<dt>金额 Amount</dt><dd class="amount">¥{yuan}</dd></dl>'


def _ended(order: Order) -> str:
    """How an order ended, as far as its payer is told."""
    return _ENDS["FAILED" if order.told else order.state]


def refused(refusal: codes.Refusal) -> web.Response:
    """The page for a form that the bank refuses."""
    said = escape(f"{refusal.code} {codes.words(refusal.code, refusal.detail)}")
    return page(f"<p>订单未被接受 The order was not accepted</p><p>{said}</p>", status=400)


def page(content: str, status: int = 200, script: str = "") -> web.Response:
    """A page of the bank."""
    text = _PAGE.substitute(content=content, script=script)
    headers = {
        "Content-Security-Policy": _POLICY,
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }
    return web.Response(text=text, status=status, content_type="text/html", headers=headers)
