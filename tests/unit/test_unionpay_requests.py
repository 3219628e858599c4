import base64
from datetime import UTC, date, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import padding

from tests.unit.unionpay_bank import MER_ID, NOW, bank, config, order
from zhangfang.channels.port import Operation, PartyAccount
from zhangfang.channels.unionpay import requests
from zhangfang.channels.unionpay.certificates import Cipher
from zhangfang.kernel.errors import InvalidInput

CIPHER = Cipher(bank()[3].pem)
COMMON = {"version": "5.1.0", "encoding": "UTF-8", "accessType": "0", "merId": MER_ID}
IDENTITY = {
    "orderId": "0192f0c1aaaa7bbb8cccdddddddddd00",
    "txnTime": "20261231110000",
    "reqReserved": "M-20261231-1",
}
MONEY = {
    "channelType": "07", "txnAmt": "12345", "currencyCode": "156",
    "backUrl": "http://127.0.0.1/notify?merchant=7",
}  # fmt: skip


def kind(txn_type: str, sub_type: str, biz_type: str) -> dict[str, str]:
    return {"txnType": txn_type, "txnSubType": sub_type, "bizType": biz_type}


def decrypted(text: str) -> str:
    return bank()[3].key.decrypt(base64.b64decode(text), padding.PKCS1v15()).decode()


def test_a_purchase_takes_the_payer_to_the_cashier_for_fifteen_minutes() -> None:
    fields = requests.purchase(order(Operation.PURCHASE), config(), "http://127.0.0.1/back")
    assert fields == COMMON | IDENTITY | MONEY | kind("01", "01", "000201") | {
        "frontUrl": "http://127.0.0.1/back",
        "payTimeout": "20261231111500",
    }


def test_a_collection_encrypts_the_account_and_the_phone() -> None:
    fields = requests.collection(order(), config(), CIPHER)
    account, info = fields.pop("accNo"), fields.pop("customerInfo")
    assert fields == COMMON | IDENTITY | MONEY | kind("11", "03", "000501") | {
        "accType": "01",
        "encryptCertId": str(bank()[3].certificate.serial_number),
    }
    assert decrypted(account) == "6222021234567890123"
    head, secret = base64.b64decode(info).decode().split("&encryptedInfo=")
    assert head == "{certifTp=01&certifId=11010119900307001X&customerNm=王小明"
    assert decrypted(secret.removesuffix("}")) == "phoneNo=13800000000"


def test_a_customer_without_a_document_or_phone_is_told_by_name_alone() -> None:
    account = PartyAccount("6222021234567890123", "王小明")
    assert base64.b64decode(requests.customer_info(account, CIPHER)).decode() == "{customerNm=王小明}"
    assert requests.customer_info(PartyAccount("6222021234567890123", ""), CIPHER) == ""


@pytest.mark.parametrize(("medium", "code"), [("card", "01"), ("passbook", "02"), ("corporate", "04")])
def test_the_medium_of_an_account_is_its_type(medium: str, code: str) -> None:
    account = PartyAccount("6222021234567890123", "王小明", medium=medium)
    assert requests.collection(order(account=account), config(), CIPHER)["accType"] == code


@pytest.mark.parametrize(("operation", "txn_type"), [(Operation.REFUND, "04"), (Operation.VOID, "31")])
def test_a_refund_or_void_names_its_original_by_query_id_or_else_by_order_and_time(
    operation: Operation, txn_type: str
) -> None:
    base = COMMON | IDENTITY | MONEY | kind(txn_type, "00", "000201")
    assert requests.reversal(order(operation), config()) == base | {"origQryId": "123456789012345678901"}
    by_order = order(operation, original_ref="", original_order_no="original01", original_requested_at=NOW)
    assert requests.reversal(by_order, config()) == base | {
        "origOrderId": "original01",
        "origTxnTime": "20261231110000",
    }


@pytest.mark.parametrize("operation", [Operation.REFUND, Operation.VOID])
def test_a_refund_or_void_takes_over_the_business_of_its_original(operation: Operation) -> None:
    fields = requests.reversal(order(operation, original_operation=Operation.COLLECTION), config())
    assert fields["bizType"] == "000501"
    for wrong in (None, Operation.REFUND):
        with pytest.raises(InvalidInput, match="original_operation"):
            requests.reversal(order(operation, original_operation=wrong), config())


def test_a_query_has_the_identity_of_the_order_and_no_amount() -> None:
    assert requests.query(order(), config()) == COMMON | IDENTITY | kind("00", "00", "000000")


def test_the_file_of_a_day_is_asked_for_without_the_year() -> None:
    assert requests.file(date(2026, 1, 2), config(), NOW) == COMMON | kind("76", "01", "000000") | {
        "settleDate": "0102",
        "fileType": "00",
        "txnTime": "20261231110000",
    }


def test_time_is_chinas() -> None:
    assert requests.time14(datetime(2026, 12, 31, 16, 0, 1, tzinfo=UTC)) == "20270101000001"


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("order_no", {"order_no": "a" * 33}),
        ("order_no", {"order_no": "short"}),
        ("order_no", {"order_no": "with-hyphen"}),
        ("key", {"key": ""}),
        ("key", {"key": "a&b"}),
        ("key", {"key": "a{b"}),
        ("key", {"key": "a\nb"}),
        ("key", {"key": "单" * 342}),
        ("amount", {"amount": 0}),
        ("amount", {"amount": 10**12}),
        ("account", {"account": None}),
        ("account.medium", {"account": PartyAccount("6222021234567890", "王", medium="wallet")}),
        ("account.number", {"account": PartyAccount("", "王")}),
        ("account.number", {"account": PartyAccount("6" * 41, "王")}),
        ("account.phone", {"account": PartyAccount("6222021234567890", "王", phone="1&cvn2=1")}),
        ("account.id_no", {"account": PartyAccount("6222021234567890", "王", id_no="1}")}),
    ],
)
def test_an_order_that_would_break_the_message_is_refused_by_field(
    field: str, changes: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInput, match=f"^{field}: "):
        requests.collection(order(**changes), config(), CIPHER)


def test_a_reversal_without_an_original_is_refused() -> None:
    with pytest.raises(InvalidInput, match="original_ref"):
        requests.reversal(order(Operation.REFUND, original_ref="", original_order_no="original01"), config())


def test_instalments_are_a_subtype_and_a_number_of_two_digits() -> None:
    fields = requests.purchase(order(Operation.PURCHASE, instalments=6), config(), "http://127.0.0.1/back")
    assert fields["txnSubType"] == "03"
    assert fields["instalTransInfo"] == "{numberOfInstallments=06}"
    for wrong in (1, -3, 100):
        with pytest.raises(InvalidInput, match=r"^instalments: "):
            requests.purchase(order(Operation.PURCHASE, instalments=wrong), config(), "http://127.0.0.1/back")


def test_who_bears_the_charge_of_instalments_is_not_told() -> None:
    """It is a matter of the merchant's contract with UnionPay."""
    made = [
        requests.purchase(
            order(Operation.PURCHASE, instalments=6, fee_by=by), config(), "http://127.0.0.1/back"
        )
        for by in ("", "payer", "merchant")
    ]
    assert made[0] == made[1] == made[2]


def test_a_known_card_pays_in_instalments_without_a_cashier() -> None:
    paid = order(Operation.PURCHASE, instalments=12, account=PartyAccount("6222021234567890123", "王小明"))
    fields = requests.card_purchase(paid, config(), CIPHER)
    account, info = fields.pop("accNo"), fields.pop("customerInfo")
    assert (decrypted(account), bool(info)) == ("6222021234567890123", True)
    assert fields == COMMON | IDENTITY | MONEY | kind("01", "03", "000201") | {
        "accType": "01",
        "encryptCertId": CIPHER.cert_id,
        "instalTransInfo": "{numberOfInstallments=12}",
    }


def test_a_payout_to_a_person_names_him_and_has_a_memo() -> None:
    fields = requests.payout(order(Operation.PAYOUT, description="五月工资"), config(), CIPHER)
    account, info = fields.pop("accNo"), fields.pop("customerInfo")
    assert decrypted(account) == "6222021234567890123"
    assert "customerNm=王小明" in base64.b64decode(info).decode()
    assert fields == COMMON | IDENTITY | MONEY | kind("12", "00", "000401") | {
        "accType": "01",
        "encryptCertId": CIPHER.cert_id,
        "billNo": "五月工资",
    }


@pytest.mark.parametrize("medium", ["corporate", "card"])
def test_a_payout_to_a_company_names_it_with_its_licence(medium: str) -> None:
    company = PartyAccount("755900000000001", "阳光&物业", medium, id_no="91440300X", holder="corporate")
    fields = requests.payout(order(Operation.PAYOUT, account=company), config(), CIPHER)
    assert fields["accType"] == "04"
    assert fields["reserved"] == "{comDebitCardAccName=阳光＆物业&businessLicenseRegNo=91440300X}"
    assert base64.b64decode(fields["customerInfo"]).decode() == "{customerNm=阳光＆物业}"
    assert fields["billNo"] == "M-20261231-1"


def test_a_payout_to_a_company_needs_its_licence() -> None:
    company = PartyAccount("755900000000001", "阳光物业", "corporate")
    with pytest.raises(InvalidInput, match=r"^account\.id_no: "):
        requests.payout(order(Operation.PAYOUT, account=company), config(), CIPHER)


def test_a_collection_from_a_company_has_no_field_of_payouts() -> None:
    company = PartyAccount("755900000000001", "阳光物业", "corporate", id_no="91440300X")
    fields = requests.collection(order(account=company), config(), CIPHER)
    assert fields["accType"] == "04"
    assert not {"reserved", "billNo"} & fields.keys()


@pytest.mark.parametrize("medium", ["virtual", "wallet"])
def test_an_account_of_a_kind_that_has_no_code_is_refused(medium: str) -> None:
    account = PartyAccount("6222021234567890", "王", medium=medium)
    with pytest.raises(InvalidInput, match=r"^account\.medium: "):
        requests.payout(order(Operation.PAYOUT, account=account), config(), CIPHER)


def test_a_memo_is_cut_and_holds_nothing_that_takes_a_message_apart() -> None:
    told = requests.memo(order(Operation.PAYOUT, description="a&b=c|{d}\n[e]" + "长" * 40))
    assert told == "a＆b＝c｜｛d｝ ［e］" + "长" * 19
    assert len(told) == 32
