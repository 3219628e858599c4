"""The bank's SM2, SM3 and SM4 against the standards' examples and against two other implementations."""

import base64

import gmssl_pyx
import pytest
from gmssl import func as gmssl_func
from gmssl import sm3 as gmssl_sm3
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire.cmb_sandbox_client import der_to_raw, raw_to_der
from zhangfang_sandbox.cmb.wire import sm2
from zhangfang_sandbox.cmb.wire.envelope import decrypt, encrypt

# GM/T 0003.5-2012, appendix A: signature on the recommended curve.
SECRET = 0x3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8
PUBLIC = (
    "09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020"
    "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13"
)
NONCE = 0x59276E27D506861A16680F3AD9C02DCCEF3CC1FA3CDBE4CE6D54B80DEAC1BC21
SIGNATURE = bytes.fromhex(
    "F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3"
    "B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA"
)
USER = b"1234567812345678"
MESSAGE = b"message digest"
KEY = sm2.PrivateKey.new()
CHECK = sm2.PublicKey.from_hex(KEY.public_hex)
GMSSL_PUBLIC, GMSSL_PRIVATE = gmssl_pyx.sm2_key_generate()
GMSSL_CHECK = sm2.PublicKey.from_hex(GMSSL_PUBLIC.hex())


def test_sm2_reproduces_the_standards_example() -> None:
    key = sm2.PrivateKey.new(SECRET)
    assert key.public_hex.upper() == PUBLIC
    assert sm2.user_digest(USER, key.public).hex().upper() == (
        "B2E14C5C79C6DF5B85F4FE7ED8DB7A262B9DA7E07CCB0EA9F4747B8CCDA8A4F3"
    )
    assert key.sign(MESSAGE, USER, NONCE) == SIGNATURE
    assert sm2.PublicKey.from_hex(PUBLIC).verifies(SIGNATURE, MESSAGE, USER)


@pytest.mark.parametrize(
    ("message", "digest"),
    [
        (b"abc", "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"),
        (b"abcd" * 16, "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"),
    ],
)
def test_sm3_gives_the_digests_of_gb_t_32905(message: bytes, digest: str) -> None:
    assert sm2.sm3(message).hex() == digest


@given(st.binary(max_size=300))
@settings(max_examples=30, deadline=None)
def test_sm3_agrees_with_two_other_implementations(data: bytes) -> None:
    assert sm2.sm3(data) == gmssl_pyx.sm3_hash(data)
    assert sm2.sm3(data).hex() == gmssl_sm3.sm3_hash(gmssl_func.bytes_to_list(data))


def test_sm4_gives_the_first_block_of_gb_t_32907() -> None:
    """The standard's example is one block without chaining; with a zero IV the first block of CBC is the same."""
    key = bytes.fromhex("0123456789abcdeffedcba9876543210")
    chained = bytes(
        a ^ b for a, b in zip(key, b"0" * 16, strict=True)
    )  # the IV of an empty user id is sixteen 0
    assert base64.b64decode(encrypt(chained, key, ""))[:16].hex() == "681edf34d206965e86b3e94f536e4246"


@given(st.binary(min_size=1, max_size=200), st.binary(min_size=16, max_size=16))
@settings(max_examples=50, deadline=None)
def test_sm4_agrees_with_gmssl_both_ways(data: bytes, key: bytes) -> None:
    theirs = gmssl_pyx.sm4_cbc_padding_encrypt(key, b"U003736239000000", data)
    assert base64.b64decode(encrypt(data, key, "U003736239")) == theirs
    assert decrypt(base64.b64encode(theirs).decode(), key, "U003736239") == data


@given(st.binary(max_size=300), st.binary(min_size=1, max_size=16))
@settings(max_examples=40, deadline=None)
def test_gmssl_accepts_the_banks_signature_and_the_bank_accepts_gmssls(message: bytes, user: bytes) -> None:
    public = bytes.fromhex(KEY.public_hex)
    assert gmssl_pyx.sm2_verify(public, message, raw_to_der(KEY.sign(message, user)), user)
    theirs = der_to_raw(gmssl_pyx.sm2_sign(GMSSL_PRIVATE, GMSSL_PUBLIC, message, user))
    assert GMSSL_CHECK.verifies(theirs, message, user)


@given(st.integers(0, 511))
@settings(max_examples=60, deadline=None)
def test_one_flipped_bit_of_a_signature_is_refused(bit: int) -> None:
    signature = bytearray(KEY.sign(MESSAGE, USER))
    signature[bit // 8] ^= 1 << bit % 8
    assert not CHECK.verifies(bytes(signature), MESSAGE, USER)


@given(st.binary(max_size=80))
@settings(max_examples=60, deadline=None)
def test_arbitrary_bytes_are_no_signature(junk: bytes) -> None:
    assert not CHECK.verifies(junk, MESSAGE, USER)


@pytest.mark.parametrize(("r", "s"), [(0, 1), (1, 0), (sm2.N, 1), (1, sm2.N), (1, sm2.N - 1)])
def test_numbers_out_of_range_are_no_signature(r: int, s: int) -> None:
    assert not CHECK.verifies(r.to_bytes(32, "big") + s.to_bytes(32, "big"), MESSAGE, USER)


def test_another_user_id_or_message_is_refused() -> None:
    signature = KEY.sign(MESSAGE, USER)
    assert CHECK.verifies(signature, MESSAGE, USER)
    assert not CHECK.verifies(signature, MESSAGE + b".", USER)
    assert not CHECK.verifies(signature, MESSAGE, b"1234567812345670")


@pytest.mark.parametrize(
    "text", ["", "00" * 64, "11" * 64, PUBLIC[:-2], PUBLIC + "00", " " * 128, f"{sm2.P:064x}" * 2]
)
def test_what_is_not_a_point_is_no_public_key(text: str) -> None:
    with pytest.raises(ValueError, match="not "):
        sm2.PublicKey.from_hex(text)


@given(st.integers(1, sm2.N - 1), st.integers(0, sm2.N - 1))
@settings(max_examples=30, deadline=None)
def test_sums_over_the_table_agree_with_the_group_law(a: int, b: int) -> None:
    """a·G + b·G is (a + b)·G, also where the sum is the point at infinity or a doubling."""
    for second in (b, a, sm2.N - a):
        total = (a + second) % sm2.N
        expected = None if total == 0 else sm2.PrivateKey.new(total).public[0]
        assert sm2.x_of_sum((a, sm2.G_TABLE), (second, sm2.G_TABLE)) == expected
