"""Properties of the bank's connector over large inputs."""

import contextlib
import json
import secrets
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from zhangfang.channels.abilities import Batch
from zhangfang.channels.cmb import batching, make_enterprise_key, replies
from zhangfang.channels.cmb.envelope import Keys, Reply, canonical, seal, unseal
from zhangfang.channels.cmb.masking import masked
from zhangfang.channels.cmb.requests import order_no_of, yur_ref
from zhangfang.channels.cmb.sm2 import public_key_of
from zhangfang.channels.port import ChannelError, MalformedMessage, Operation, Verdict

NUMBERS = st.integers(min_value=0, max_value=(1 << 128) - 1)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=20,
)
REFERENCE = yur_ref("0" * 32)
HEAD = {"funcode": "BB1PAYQR", "userid": "U1", "reqid": "1"}


def pair() -> tuple[Keys, Keys]:
    """Our keys, and those of the bank with which it seals an answer."""
    (ours, our_point), (theirs, their_point) = make_enterprise_key(), make_enterprise_key()
    sm4 = secrets.token_bytes(16)
    points = bytes.fromhex(our_point), bytes.fromhex(their_point)
    return (
        Keys("U1", bytes.fromhex(ours), points[0], points[1], sm4),
        Keys("U1", bytes.fromhex(theirs), points[1], points[0], sm4),
    )


OURS, THEIRS = pair()
PAID = {
    "bb1payqrz1": [{"yurRef": REFERENCE, "reqNbr": "1", "reqSts": "FIN", "rtnFlg": "S", "trsAmt": "1.05"}]
}
SEALED = seal("response", HEAD | {"resultcode": "SUC0000"}, PAID, "20261123090000", THEIRS).encode()


def test_the_untouched_answer_is_a_success() -> None:
    assert replies.query_answer(unseal(SEALED, HEAD, OURS), REFERENCE).verdict is Verdict.SUCCESS


@pytest.mark.parametrize("position", range(len(SEALED)))
def test_a_change_of_any_byte_is_noticed(position: int) -> None:
    for mask in (0x01, 0x20, 0x80):
        touched = bytearray(SEALED)
        touched[position] ^= mask
        with pytest.raises(ChannelError):
            unseal(bytes(touched), HEAD, OURS)


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_random_bytes_are_malformed_or_the_gateways(data: bytes) -> None:
    with pytest.raises(ChannelError):
        unseal(data, HEAD, OURS)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_random_text_of_the_gateway_is_read_without_trouble(data: bytes) -> None:
    with pytest.raises(ChannelError):
        unseal(b"CDCServer:" + data, HEAD, OURS)


@settings(deadline=None)
@given(NUMBERS)
def test_every_order_number_has_a_reference_of_its_own(number: int) -> None:
    reference = yur_ref(f"{number:032x}")
    assert len(reference) == 25
    assert int(reference, 36) == number
    assert order_no_of(reference) == f"{number:032x}"


@settings(deadline=None)
@given(NUMBERS, NUMBERS)
def test_references_sort_as_the_order_numbers_do(left: int, right: int) -> None:
    assert (left < right) == (yur_ref(f"{left:032x}") < yur_ref(f"{right:032x}"))


@settings(deadline=None)
@given(st.text(max_size=40))
def test_a_reference_is_ours_or_refused(text: str) -> None:
    with contextlib.suppress(MalformedMessage):
        assert yur_ref(order_no_of(text)) == text


@settings(deadline=None)
@given(JSON)
def test_canonical_json_is_what_a_sorting_writer_writes(value: Any) -> None:
    written = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert canonical(value) == written
    assert json.loads(canonical(value)) == value


@settings(deadline=None)
@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**9), max_value=10**9))
def test_a_decimal_is_written_as_it_was_read(number: Decimal) -> None:
    text = f"{number:f}"
    assert canonical(json.loads(text, parse_float=Decimal)) == text


@settings(deadline=None)
@given(st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), JSON, max_size=4))
def test_any_body_survives_the_envelope(body: dict[str, Any]) -> None:
    sealed = seal("response", HEAD | {"resultcode": "SUC0000"}, body, "20261123090000", THEIRS)
    assert unseal(sealed.encode(), HEAD, OURS).body == body


@settings(deadline=None)
@given(st.integers(min_value=1, max_value=10**12 - 1))
def test_yuan_with_two_decimals_are_fen(fen: int) -> None:
    record = {"yurRef": REFERENCE, "reqSts": "BNK", "trsAmt": f"{Decimal(fen) / 100:.2f}"}
    assert replies.query_answer(Reply({"bb1payqrz1": [record]}, ""), REFERENCE).amount == fen


@settings(deadline=None)
@given(
    st.integers(min_value=0, max_value=10**9), st.integers(min_value=0, max_value=10**6), st.integers(3, 6)
)
def test_a_third_decimal_is_refused_even_if_it_is_zero(yuan: int, fraction: int, places: int) -> None:
    record = {"yurRef": REFERENCE, "reqSts": "BNK", "trsAmt": f"{yuan}.{fraction % 10**places:0{places}d}"}
    with pytest.raises(MalformedMessage, match="trsAmt"):
        replies.query_answer(Reply({"bb1payqrz1": [record]}, ""), REFERENCE)


BATCH = Batch(Operation.PAYOUT, "0001", datetime(2026, 11, 23, tzinfo=UTC), [])
MORE = ["bthNbr", "yurref", "trsdsp", "stscod", "trsamt", "reqsta", "sucNum", "reqnbr"]
FIELDS = st.sampled_from(
    ["yurRef", "reqNbr", "reqSts", "rtnFlg", "trsAmt", "rtnNar", "transDate", "ctnFlag", *MORE]
)
RECORDS = st.lists(st.dictionaries(FIELDS, JSON, max_size=6) | JSON, max_size=3)


@settings(deadline=None)
@given(RECORDS | JSON)
def test_no_record_is_misread_with_anything_but_malformed(records: Any) -> None:
    readers = {
        "bb1payopz1": lambda reply: replies.payment_answer(reply, REFERENCE),
        "bb1payqrz1": lambda reply: replies.query_answer(reply, REFERENCE),
        "bb1payqbz1": replies.late_returns,
        "bb1payqby1": replies.late_returns,
        "TRANSQUERYBYBREAKPOINT_Z1": lambda reply: replies.statement_page(reply, "1", ""),
        "TRANSQUERYBYBREAKPOINT_Z2": lambda reply: replies.statement_page(reply, "1", ""),
        "accounts": replies.account_numbers,
        "bb1paybhz1": lambda reply: batching.taken(reply, BATCH),
        "bb6cdcbhz1": lambda reply: batching.taken(reply, BATCH),
        "bb1qrybtz1": lambda reply: batching.standing(reply, BATCH, payroll=False),
        "bb6bthqyz1": lambda reply: batching.standing(reply, BATCH, payroll=True),
        "bb1qrybdz1": lambda reply: batching.details(reply, BATCH, payroll=False),
        "bb6dtlqyz1": lambda reply: batching.details(reply, BATCH, payroll=True),
        "bb6rfdqyz1": batching.returns,
    }
    for block, read in readers.items():
        with contextlib.suppress(MalformedMessage):
            read(Reply({block: records}, ""))


@settings(deadline=None)
@given(
    st.from_regex(r"[1-9][0-9]{12,19}", fullmatch=True),
    st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF), min_size=2, max_size=6),
)
def test_accounts_and_names_never_stay_in_the_evidence(account: str, name: str) -> None:
    body = {"z": [{"crtAcc": account, "crtNam": name, "rtnTxt": f"户口{account}不存在", "new": account}]}
    kept = canonical(masked(body))
    assert account not in kept
    assert name not in kept


@settings(deadline=None)
@given(st.integers(min_value=1, max_value=(1 << 256) - 1))
def test_a_derived_public_key_lies_on_the_curve(private: int) -> None:
    prime = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
    b = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
    assume(private < 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54122)
    point = public_key_of(private.to_bytes(32, "big"))
    x, y = int.from_bytes(point[:32], "big"), int.from_bytes(point[32:], "big")
    assert (y * y - x**3 + 3 * x - b) % prime == 0
