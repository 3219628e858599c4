from datetime import date
from urllib.parse import urlencode

import pytest

from tests.unit.unionpay_bank import CN, MER_ID, bank_signs, config, issue, stopped_clock
from zhangfang.channels.port import ForgedMessage, MalformedMessage, Operation, Verdict
from zhangfang.channels.unionpay import UnionPay
from zhangfang.channels.unionpay.answers import settle_date

FACTS = {
    "version": "5.1.0", "encoding": "UTF-8", "txnType": "01", "txnSubType": "01", "bizType": "000201",
    "merId": MER_ID, "orderId": "0192f0c1aaaa7bbb8cccdddddddddd00", "txnTime": "20261231110000", "txnAmt": "12345",
    "currencyCode": "156",
    "settleAmt": "12345", "settleDate": "1231", "queryId": "123456789012345678901", "respCode": "00",
    "respMsg": "成功[0000000]", "accNo": "6222021234567890123", "reqReserved": "M+1", "exchangeRate": "",
}  # fmt: skip


def channel() -> UnionPay:
    return UnionPay(config(), stopped_clock())


def body(changes: dict[str, str] | None = None) -> bytes:
    return urlencode(bank_signs(FACTS | (changes or {}))).encode()


def test_a_notification_is_the_evidence_of_its_order() -> None:
    told = channel().notification({}, body())
    assert (told.order_no, told.operation) == ("0192f0c1aaaa7bbb8cccdddddddddd00", Operation.PURCHASE)
    answer = told.answer
    assert (answer.verdict, answer.code, answer.message) == (Verdict.SUCCESS, "00", "成功[0000000]")
    assert (answer.amount, answer.settle_date) == (12345, date(2026, 12, 31))
    assert answer.channel_ref == "123456789012345678901"
    assert "622202****0123" in answer.raw
    assert "6222021234567890123" not in answer.raw


def test_a_repeated_notification_says_the_same() -> None:
    ours = channel()
    assert ours.notification({}, body()) == ours.notification({}, body())


@pytest.mark.parametrize(
    ("txn_type", "operation"),
    [
        ("11", Operation.COLLECTION),
        ("04", Operation.REFUND),
        ("31", Operation.VOID),
        ("12", Operation.PAYOUT),
    ],
)
def test_a_notification_names_its_operation(txn_type: str, operation: Operation) -> None:
    assert channel().notification({}, body({"txnType": txn_type})).operation == operation


def test_a_notification_of_a_failure_is_a_failure_and_of_the_unlisted_unknown() -> None:
    assert channel().notification({}, body({"respCode": "64"})).answer.verdict == Verdict.FAILED
    assert channel().notification({}, body({"respCode": "ZZ"})).answer.verdict == Verdict.UNKNOWN


def test_a_notification_that_anyone_else_signed_or_changed_is_forged() -> None:
    for forged in (
        body().replace(b"txnAmt=12345", b"txnAmt=12346"),
        body() + b"&merchant=7",  # a parameter of our own URL does not belong into the body
        urlencode(FACTS).encode(),
        urlencode(bank_signs(FACTS, issue(CN))).encode(),
        b"",
    ):
        with pytest.raises((ForgedMessage, MalformedMessage)) as caught:
            channel().notification({}, forged)
        assert forged == b"" or caught.type is ForgedMessage


@pytest.mark.parametrize(
    "changes",
    [
        {"merId": "777290058110049"},
        {"txnType": "99"},
        {"txnType": ""},
        {"orderId": ""},
        {"respCode": ""},
        {"txnAmt": "12.3"},
        {"txnAmt": "１２"},
        {"settleDate": "1332"},
        {"settleDate": "12-31"},
        {"txnTime": "yesterday"},
    ],
)
def test_a_signed_notification_that_cannot_be_read_names_the_field(changes: dict[str, str]) -> None:
    with pytest.raises(MalformedMessage, match=next(iter(changes))):
        channel().notification({}, body(changes))


@pytest.mark.parametrize(
    ("month_and_day", "txn_time", "day"),
    [
        ("1231", "20261231110000", date(2026, 12, 31)),
        ("0101", "20261231230000", date(2027, 1, 1)),
        ("0105", "20261220230000", date(2027, 1, 5)),
        ("0101", "20270101000000", date(2027, 1, 1)),
        ("0630", "20260629120000", date(2026, 6, 30)),
        ("0228", "20260301000000", date(2026, 2, 28)),
        ("0229", "20280228233000", date(2028, 2, 29)),
    ],
)
def test_a_settlement_date_takes_its_year_from_the_transaction(
    month_and_day: str, txn_time: str, day: date
) -> None:
    assert settle_date(month_and_day, txn_time) == day
