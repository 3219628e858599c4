"""Whatever the bytes: what was signed is believed, what was touched is not, and nothing else ever comes out."""

import base64
import contextlib
import zlib
from datetime import date
from functools import lru_cache
from urllib.parse import urlencode

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.unit.unionpay_bank import (
    MER_ID,
    NOW,
    bank_signs,
    config,
    content,
    order,
    stopped_clock,
    text_of,
    zipped,
    zm_row,
)
from zhangfang.channels.abilities import Batch
from zhangfang.channels.encoded import form_body
from zhangfang.channels.port import ForgedMessage, MalformedMessage, Operation, Verdict
from zhangfang.channels.unionpay import KeyedSigner, RsaSigner, UnionPay, zmfile
from zhangfang.channels.unionpay.answers import settle_date
from zhangfang.channels.unionpay.batches import of_result
from zhangfang.channels.unionpay.codes import final, sent
from zhangfang.channels.unionpay.message import canonical, parse_answer, parse_form
from zhangfang.kernel.text.masking import masked_account

NAMES = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=1, max_size=10)
PLAIN = st.text(st.characters(exclude_characters="&={}[]", exclude_categories=["Cs"]), max_size=20)
BRACED = st.dictionaries(NAMES, PLAIN, min_size=1, max_size=3).map(lambda inner: "{" + text_of(inner) + "}")
FIELDS = st.dictionaries(NAMES, PLAIN | BRACED, min_size=1, max_size=8)
DAY = date(2026, 12, 31)


@lru_cache(maxsize=1)
def signer() -> RsaSigner:
    return RsaSigner(config(), stopped_clock())


@lru_cache(maxsize=1)
def channel() -> UnionPay:
    return UnionPay(config(), stopped_clock())


@given(FIELDS)
def test_a_message_is_read_as_it_was_written(fields: dict[str, str]) -> None:
    assert parse_answer(text_of(fields).encode()) == fields
    assert parse_form(form_body(fields)) == fields


@given(FIELDS)
def test_what_the_bank_signs_is_believed_after_the_wire(fields: dict[str, str]) -> None:
    assume(not {"signature", "signMethod", "signPubKeyCert"} & set(fields))
    signer().verify(parse_answer(text_of(bank_signs(fields)).encode()))
    signer().verify(parse_form(urlencode(bank_signs(fields)).encode()))


@given(FIELDS, st.text(max_size=8))
def test_the_keyed_method_believes_itself_and_no_other_key(fields: dict[str, str], key: str) -> None:
    signed = KeyedSigner(key).sign(fields)
    KeyedSigner(key).verify(signed)
    with pytest.raises(ForgedMessage):
        KeyedSigner(key + "x").verify(signed)


SIGNED = text_of(
    bank_signs({"orderId": "o1", "txnAmt": "100", "respCode": "03", "respMsg": "处理中[03]"})
).encode()
SIGNED_FIELDS = parse_answer(SIGNED)


@given(st.integers(0, len(SIGNED) - 1), st.integers(1, 255))
def test_a_changed_byte_never_verifies(position: int, flip: int) -> None:
    changed = bytearray(SIGNED)
    changed[position] ^= flip
    with contextlib.suppress(MalformedMessage):
        fields = parse_answer(bytes(changed))
        with pytest.raises(ForgedMessage):
            signer().verify(fields)


@given(st.dictionaries(st.sampled_from(sorted(SIGNED_FIELDS)), PLAIN, min_size=1))
def test_a_changed_field_never_verifies(changes: dict[str, str]) -> None:
    changed = SIGNED_FIELDS | changes
    assume(
        canonical(changed) != canonical(SIGNED_FIELDS) or changed["signature"] != SIGNED_FIELDS["signature"]
    )
    with pytest.raises(ForgedMessage):
        signer().verify(changed)


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda data: data.decode("latin-1")))
def test_any_text_as_a_batch_result_ends_nothing(text: str) -> None:
    batch = Batch(Operation.COLLECTION, "0001", NOW, [order()])
    fields = {"merId": MER_ID, "txnType": "22", "txnSubType": "02", "batchNo": "0001", "respCode": "00"}
    fields |= {
        "txnTime": "20261231110000",
        "fileContent": base64.b64encode(zlib.compress(text.encode())).decode(),
    }
    with pytest.raises(MalformedMessage):
        of_result(fields, batch)


@given(st.binary(max_size=300))
def test_random_bytes_are_malformed_or_forged_and_nothing_else(body: bytes) -> None:
    with contextlib.suppress(MalformedMessage):
        parse_answer(body)
    with pytest.raises((MalformedMessage, ForgedMessage)):
        channel().notification({}, body)


@given(
    st.dictionaries(
        st.sampled_from(["signature", "signMethod", "signPubKeyCert", "merId", "txnType"]), st.text()
    )
)
def test_random_fields_never_verify(fields: dict[str, str]) -> None:
    with pytest.raises(ForgedMessage):
        signer().verify(fields)
    with pytest.raises(ForgedMessage):
        signer().verify({"signMethod": "01", **fields})


@given(
    st.dictionaries(
        st.sampled_from(["merId", "txnType", "respCode", "orderId", "txnAmt", "settleDate", "txnTime"]), PLAIN
    )
)
def test_random_signed_fields_are_a_notification_or_malformed(fields: dict[str, str]) -> None:
    body = urlencode(
        bank_signs({"merId": MER_ID, "txnType": "01", "respCode": "00", "orderId": "o1"} | fields)
    ).encode()
    with contextlib.suppress(MalformedMessage):
        assert channel().notification({}, body).operation in Operation


def _read_or_malformed(text: str) -> None:
    with contextlib.suppress(MalformedMessage):
        zmfile.parse(text, f"{MER_ID}_20261231.zip", MER_ID, DAY)


@given(st.text(max_size=100), st.binary(max_size=300))
def test_random_bytes_in_any_layer_of_a_file_are_malformed(text: str, data: bytes) -> None:
    _read_or_malformed(text)
    _read_or_malformed(base64.b64encode(data).decode())
    _read_or_malformed(base64.b64encode(zlib.compress(data)).decode())
    _read_or_malformed(content({"ZM_": data, "ZME_": data}))


ARCHIVE = zipped({"ZM_": zm_row() + b"\n"})


@given(st.integers(0, len(ARCHIVE) - 1), st.integers(1, 255))
def test_a_changed_byte_of_a_zip_is_malformed_or_changes_nothing_that_is_read(
    position: int, flip: int
) -> None:
    changed = bytearray(ARCHIVE)
    changed[position] ^= flip
    text = base64.b64encode(zlib.compress(bytes(changed))).decode()
    try:
        file = zmfile.parse(text, "", MER_ID, DAY)
    except MalformedMessage:
        return
    assert [(line.order_no, line.amount, line.credit) for line in file.lines] == [("order0001", 12345, True)]


@given(st.integers(0, 606), st.binary(min_size=1, max_size=40))
def test_random_bytes_in_a_row_are_read_or_malformed(position: int, data: bytes) -> None:
    row = zm_row()
    _read_or_malformed(content({"ZM_": row[:position] + data + row[position + len(data) :]}))


AMOUNTS = st.integers(0, 10**12 - 1)


@given(
    AMOUNTS,
    st.sampled_from("CD"),
    AMOUNTS,
    st.text("阳光花园物业费abc12", max_size=16),
    st.sampled_from(["01", "11", "04", "31", "12"]),
)
def test_what_a_row_says_is_what_a_line_says(
    amount: int, sign: str, fee: int, note: str, txn_type: str
) -> None:
    row = zm_row(
        {7: f"{amount:012}", 16: f"D{fee:012}", 17: f"{sign}{amount:012}", 20: txn_type, 35: note, 31: note}
    )
    (line,) = zmfile.parse(content({"ZM_": row}), "", MER_ID, DAY).lines
    assert (line.amount, line.credit, line.fee, line.note) == (amount, sign == "C", fee, note)


@given(st.dates(date(2000, 1, 1), date(2100, 12, 31)), st.integers(0, 150))
def test_a_settlement_date_after_its_transaction_is_found_again(day: date, later: int) -> None:
    settled = date.fromordinal(day.toordinal() + later)
    assert settle_date(f"{settled:%m%d}", f"{day:%Y%m%d}120000") == settled


@given(st.sampled_from(["01", "11", "04", "31", "12"]), st.text(max_size=3))
def test_no_code_makes_a_request_a_success_and_every_code_has_a_verdict(txn_type: str, code: str) -> None:
    assert sent(txn_type, code) in (Verdict.ACCEPTED, Verdict.UNKNOWN, Verdict.FAILED)
    ends = (Verdict.SUCCESS, Verdict.UNKNOWN, Verdict.FAILED, Verdict.MANUAL)
    assert final(txn_type, code) in (*ends, *([Verdict.RETURNED] if txn_type == "12" else []))


@given(st.text(min_size=1, max_size=40))
def test_a_masked_account_shows_at_most_ten_characters(number: str) -> None:
    assert len(masked_account(number).replace("****", "", 1)) <= 10
