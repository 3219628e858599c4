"""The connector's side of batches: what it hands in, and what it believes of a result."""

import base64
import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import padding

from tests.unit.test_unionpay_client import RESET, Fields, gateway, unionpay
from tests.unit.unionpay_bank import MER_ID, NOW, bank, bank_signs, config, issue, order, text_of
from zhangfang.channels.abilities import Batch, BatchChannel, BatchResult
from zhangfang.channels.port import Operation, PartyAccount, Verdict
from zhangfang.channels.unionpay import batches
from zhangfang.channels.unionpay.certificates import Cipher
from zhangfang.kernel.errors import InvalidInput

CIPHER = Cipher(bank()[3].pem)
SERIAL = str(bank()[3].certificate.serial_number)
HEADER = f"{MER_ID}|0007|20261231110000|11|2|12445"
LINES = ("order0001|20261231110000|12345|00|{}|0101|ok", "order0002|20261231110000|100|64||| balance")
RESULT = "\n".join([f"{HEADER}|1|12345", LINES[0].format("2" * 21), LINES[1], ""])


def batch(operation: Operation = Operation.COLLECTION, **changes: Any) -> Batch:
    orders = [order(operation, order_no="order0001"), order(operation, order_no="order0002", amount=100)]
    return replace(Batch(operation, "0007", NOW, orders), **changes)


def opened(content: str) -> str:
    return zlib.decompress(base64.b64decode(content)).decode()


def packed(text: str) -> str:
    return base64.b64encode(zlib.compress(text.encode())).decode()


def decrypted(text: str) -> str:
    return bank()[3].key.decrypt(base64.b64decode(text), padding.PKCS1v15()).decode()


def answering(changes: Fields, signer: Any = None) -> Callable[[Fields], bytes]:
    def reply(fields: Fields) -> bytes:
        names = ("merId", "txnType", "txnSubType", "batchNo", "txnTime")
        echoed = {name: fields[name] for name in names}
        return text_of(bank_signs(echoed | {"respCode": "00", "respMsg": "ok"} | changes, signer)).encode()

    return reply


async def sent(reply: Callable[[Fields], bytes]) -> Verdict:
    async with gateway(reply) as there, unionpay(there.url) as channel:
        return (await channel.send_batch(batch())).verdict


async def queried(reply: Callable[[Fields], bytes]) -> BatchResult:
    async with gateway(reply) as there, unionpay(there.url) as channel:
        return await channel.query_batch(batch())


def test_a_batch_is_handed_in_as_a_deflated_file_of_its_items() -> None:
    fields = batches.submission(batch(), config(), CIPHER)
    kind = {"txnType": "21", "txnSubType": "02", "bizType": "000501", "batchNo": "0007"}
    kind |= {"txnTime": "20261231110000", "totalQty": "2", "totalAmt": "12445", "merId": MER_ID}
    assert {name: fields[name] for name in kind} == kind
    header, first, second, end = opened(fields["fileContent"]).split("\n")
    assert (header, end) == (HEADER, "")
    cells = first.split("|")
    assert cells[:3] == ["order0001", "20261231110000", "12345"]
    assert (decrypted(cells[3]), cells[4:6], cells[7:]) == (
        "6222021234567890123",
        ["01", SERIAL],
        ["", "", "", "M-20261231-1"],
    )
    assert (
        base64.b64decode(cells[6]).decode() == "{certifTp=01&certifId=11010119900307001X&customerNm=王小明}"
    )
    assert second.split("|")[:3] == ["order0002", "20261231110000", "100"]


def test_a_batch_of_payouts_names_companies_and_has_memos() -> None:
    company = PartyAccount("6222021234567890123", "甲|乙公司", medium="corporate", id_no="91440300X")
    orders = [order(Operation.PAYOUT, account=company, description="货款|5月")]
    text = opened(batches.submission(batch(Operation.PAYOUT, orders=orders), config(), CIPHER)["fileContent"])
    header, line, _ = text.split("\n")
    assert header == f"{MER_ID}|0007|20261231110000|12|1|12345"
    cells = line.split("|")
    assert len(cells) == 11
    assert cells[7:9] == ["{comDebitCardAccName=甲｜乙公司&businessLicenseRegNo=91440300X}", "货款｜5月"]


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("number", {"number": "0000"}),
        ("number", {"number": "7"}),
        ("orders", {"orders": []}),
        ("orders", {"orders": [order()] * 2}),
        ("orders", {"orders": [order(order_no=f"order{n:05d}") for n in range(5_001)]}),
        ("orders", {"orders": [order(Operation.PAYOUT)]}),
        ("orders", {"orders": [order(key="a|b")]}),
        ("operation", {"operation": Operation.REFUND}),
    ],
)
def test_a_batch_that_the_channel_cannot_take_is_refused_by_field(
    field: str, changes: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInput, match=f"^{field}: "):
        batches.submission(batch(**changes), config(), CIPHER)


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Verdict.ACCEPTED),
        ({"respCode": "12"}, Verdict.UNKNOWN),
        ({"respCode": "06"}, Verdict.UNKNOWN),
        ({"respCode": "14"}, Verdict.FAILED),
        ({"respCode": "64"}, Verdict.FAILED),
        ({"respCode": "ZZ"}, Verdict.UNKNOWN),
        ({"batchNo": "0008"}, Verdict.UNKNOWN),
        ({"txnTime": "20261231110001"}, Verdict.UNKNOWN),
        ({"txnType": "22"}, Verdict.UNKNOWN),
        ({"merId": "777290058110049"}, Verdict.UNKNOWN),
    ],
)
async def test_the_answer_to_a_batch_is_at_best_that_it_was_taken(changes: Fields, verdict: Verdict) -> None:
    assert await sent(answering(changes)) == verdict


async def test_a_batch_that_was_perhaps_sent_is_unknown_and_one_that_was_not_is_not_sent() -> None:
    assert await sent(lambda _: RESET) == Verdict.UNKNOWN
    assert await sent(answering({}, issue("another@中国银联股份有限公司"))) == Verdict.UNKNOWN
    async with unionpay("http://127.0.0.1:9") as channel:
        assert (await channel.send_batch(batch())).verdict == Verdict.NOT_SENT
        assert (await channel.query_batch(batch())).answer.verdict == Verdict.UNKNOWN
        ours: BatchChannel = channel
        assert ours.batch_most == {Operation.COLLECTION: 5_000, Operation.PAYOUT: 5_000}
        assert ours.batch_rules.query_after[0].total_seconds() == 3600


@pytest.mark.parametrize(
    ("code", "verdict"),
    [("41", Verdict.ACCEPTED), ("34", Verdict.NOT_FOUND), ("10", Verdict.UNKNOWN), ("06", Verdict.UNKNOWN)],
)
async def test_a_result_that_is_not_there_says_nothing_of_the_items(code: str, verdict: Verdict) -> None:
    found = await queried(answering({"respCode": code, "fileContent": packed(RESULT)}))
    assert (found.answer.verdict, dict(found.items)) == (verdict, {})


async def test_a_result_has_a_verdict_for_each_item() -> None:
    found = await queried(answering({"fileContent": packed(RESULT)}))
    assert found.answer.verdict == Verdict.SUCCESS
    assert "fileContent" not in found.answer.raw
    first, second = found.items["order0001"], found.items["order0002"]
    assert (first.verdict, first.amount, first.channel_ref) == (Verdict.SUCCESS, 12345, "2" * 21)
    assert first.settle_date == date(2027, 1, 1)
    assert (second.verdict, second.code, second.amount) == (Verdict.FAILED, "64", 100)


async def test_an_item_that_the_channel_does_not_list_or_calls_a_duplicate_is_not_ended() -> None:
    text = RESULT.replace(LINES[1] + "\n", "").replace("|00|", "|12|").replace("|1|12345\n", "|0|0\n")
    found = await queried(answering({"fileContent": packed(text)}))
    assert {name: answer.verdict for name, answer in found.items.items()} == {"order0001": Verdict.UNKNOWN}


CHANGED: Mapping[str, str] = {
    "empty": packed(""),
    "no line feed at the end": packed(RESULT[:-1]),
    "another batch": packed(RESULT.replace("|0007|", "|0008|")),
    "another total": packed(RESULT.replace("|12445|", "|12446|")),
    "another order": packed(RESULT.replace("order0002", "order0003")),
    "another time of an item": packed(RESULT.replace("order0002|20261231110000", "order0002|20261231110001")),
    "an item twice": packed(RESULT + LINES[1] + "\n"),
    "cut": packed(RESULT.replace(LINES[0].format("2" * 21) + "\n", "")),
    "a success that is unread, and another quantity": packed(
        RESULT.replace("|0101|", "|0231|").replace("|1|1", "|3|1")
    ),
    "a failure that is unread, and another sum": packed(
        RESULT.replace("|64|", "||").replace("|1|12345\n", "|1|12346\n")
    ),
    "sums that are not those of the items": packed(RESULT.replace("|1|12345\n", "|1|12346\n")),
    "not UTF-8": base64.b64encode(zlib.compress(b"\xff\n")).decode(),
    "not base64": "?",
    "not DEFLATE": base64.b64encode(b"plain").decode(),
    "cut DEFLATE": base64.b64encode(zlib.compress(RESULT.encode())[:-5]).decode(),
    "a bomb": base64.b64encode(zlib.compress(bytes(17 * 1024 * 1024))).decode(),
}


@pytest.mark.parametrize("change", CHANGED)
async def test_a_result_that_cannot_be_ours_is_unknown_and_ends_no_item(change: str) -> None:
    found = await queried(answering({"fileContent": CHANGED[change]}))
    assert (found.answer.verdict, dict(found.items)) == (Verdict.UNKNOWN, {})
    assert found.answer.message


@pytest.mark.parametrize(
    ("was", "is_now", "read"),
    [
        ("balance", "balance|x", "order0001"),
        ("|100|", "|1.00|", "order0001"),
        ("|64|", "||", "order0001"),
        ("|0101|", "|0231|", "order0002"),  # of the success, whose amount is still in the sum
    ],
)
async def test_an_item_that_cannot_be_understood_ends_nothing_and_hides_no_other(
    was: str, is_now: str, read: str
) -> None:
    found = await queried(answering({"fileContent": packed(RESULT.replace(was, is_now))}))
    assert (found.answer.verdict, list(found.items)) == (Verdict.SUCCESS, [read])


async def test_a_number_in_the_channels_words_is_masked() -> None:
    text = RESULT.replace("balance", "card 6222020000000000123 is closed")
    found = await queried(answering({"fileContent": packed(text)}))
    assert found.items["order0002"].message == " card 622202****0123 is closed"
    assert "0000000000" not in found.items["order0002"].raw
