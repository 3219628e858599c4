"""What the control plane shows: the bank's book, its sums, and all movements."""

from typing import Any

from aiohttp import web

from zhangfang_sandbox.acquirer.plane import BOOK, Plane
from zhangfang_sandbox.common.shapes import sequence
from zhangfang_sandbox.unionpay.bank import Bank
from zhangfang_sandbox.unionpay.days import Days

_BOOK = {
    "seq": "seq",
    "merId": "orders.mer_id",
    "orderId": "order_id",
    "txnTime": "txn_time",
    "txnType": "txn_type",
    "txnSubType": "txn_sub_type",
    "bizType": "biz_type",
    "amount": "amount",
    "state": "state",
    "respCode": "resp_code",
    "queryId": "query_id",
    "settleDate": "nullif(settle_date, '')",
    "key": "key",
    "origQryId": "nullif(orig_qry_id, '')",
    "fee": "fee",
    "accNo": "acc_no",
    "told": "nullif(told, '')",
    "instalments": "instalments",
    "batch": "nullif(batch, '')",
    "returned_on": "nullif(returned_on, '')",
    "listed_in": "nullif(listed_in, '')",
    "settled_in": "settled_in",
    "return_settled_in": "return_settled_in",
}
# What the bank owes: an order counts until the transfer that contains it, refunds and payouts with a minus. A payout
# that came back is owed again until the transfer that contains its return.
_OWED = f"""SELECT
    coalesce(sum(CASE WHEN settled_in IS NOT NULL THEN 0 WHEN txn_type IN ('04','12') THEN -amount ELSE amount END), 0)
        + coalesce(sum(CASE WHEN state='RETURNED' AND return_settled_in IS NULL THEN amount END), 0)
        - coalesce(sum(CASE WHEN settled_in IS NOT NULL AND correction_settled_in IS NULL THEN excess END), 0),
    coalesce(sum(CASE WHEN settled_in IS NULL THEN fee END), 0)
    {BOOK} WHERE state IN ('SUCCESS','RETURNED') AND txn_type<>'31'"""
# Keys with more than one movement. Denied orders are counted apart, because merchants cannot know of them.
_DOUBLE = """SELECT count(*) FROM (SELECT 1 FROM orders
    WHERE txn_type IN ({}) AND state='SUCCESS' AND refunded<amount AND key<>'' AND told=''
    GROUP BY mer_id, key HAVING count(*)>1)"""
_DENIED = "SELECT count(*) FROM orders WHERE state='SUCCESS' AND told<>'' AND refunded<amount"
_FIGURES = (
    "pay_in_count", "pay_in_fen", "refund_count", "refund_fen", "payout_count", "payout_fen", "returned_fen",
    "fee_fen", "adjust_fen", "net_fen",
)  # fmt: skip
_OPERATIONS = {"01": "purchase", "11": "collection", "04": "refund", "31": "void", "12": "payout"}
_MOVEMENTS = f"""SELECT seq, key, order_id, txn_type, amount, state, nullif(settle_date, ''), orig_qry_id, fee, acc_no,
    settled_in, return_settled_in, state IN ('SUCCESS','VOIDED') AND told<>'', orders.mer_id
    {BOOK} WHERE seq>? ORDER BY seq"""
_COLUMNS = (
    "seq", "key", "order_no", "operation", "amount", "state", "settle_date", "original", "fee", "account",
    "settled_in", "return_settled_in", "denied",
)  # fmt: skip


class Views(Plane):
    """Handlers that change nothing."""

    _bank: Bank
    _days: Days
    columns = _BOOK

    async def movements(self, request: web.Request) -> web.Response:
        """Every order after a number of the book, in its current state; amounts in fen.

        `settled_in` is the settlement date whose transfer paid it, `return_settled_in` the one that paid its return;
        `denied`: the bank has the money and answers that the order failed.
        """
        rows = []
        for *values, mer_id in self._store.read(_MOVEMENTS, (sequence(request.query),)):
            row = dict(zip(_COLUMNS, values, strict=True))
            original = self._bank.book.by_query_id(mer_id, row["original"])
            row |= {"operation": _OPERATIONS[row["operation"]], "denied": bool(row["denied"])}
            rows.append(row | {"original": original.order_id if original else ""})
        return await self._done(rows)

    async def summary(self, _: web.Request) -> web.Response:
        """What the bank owes by its own book, and the sums of each day."""
        owed, fees = self._store.read(_OWED)[0]
        counts = {
            "double_debits": _DOUBLE.format("'01','11'"),
            "double_payouts": _DOUBLE.format("'12'"),
            "denied": _DENIED,
        }
        found = {name: self._store.read(sql)[0][0] for name, sql in counts.items()}
        days = self._figures()
        return await self._done({"owed_fen": owed, "unsettled_fee_fen": fees, "days": days, **found})

    def _figures(self) -> dict[str, dict[str, Any]]:
        """The sums of all merchants: closed days by their files, open days so far."""
        sums = ",".join(f"sum({name})" for name in _FIGURES)
        closed = self._store.read(
            f"SELECT settle_date,{sums},min(transferred) FROM days GROUP BY 1 ORDER BY 1"  # noqa: S608
        )
        found = {
            day: dict(zip(_FIGURES, values, strict=True)) | {"transferred": bool(done)}
            for day, *values, done in closed
        }
        for mer_id in self._bank.merchants:
            for day, figures in self._days.open_sums(mer_id).items():
                kept = found.setdefault(day, dict.fromkeys(_FIGURES, 0) | {"transferred": False})
                for name in _FIGURES:
                    kept[name] += getattr(figures, name)
        return found
