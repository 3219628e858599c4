"""The algorithms against the national standards and against a second implementation."""

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from gmssl_pyx import sm2_verify, sm3_hash

from tests.unit.cmb_counterpart import PADDED, digest, engine_of, public_of
from zhangfang.channels.cmb import make_enterprise_key
from zhangfang.channels.cmb.sm2 import ORDER, public_key_of, sign, verifies

# GB/T 32918.5, the example on the recommended curve: "message digest" by ALICE's default id.
STANDARD_PRIVATE = bytes.fromhex("3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8")
STANDARD_PUBLIC = bytes.fromhex(
    "09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020"
    "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13"
)
STANDARD_SIGNATURE = bytes.fromhex(
    "F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3"
    "B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA"
)
STANDARD_ID = b"1234567812345678"


def test_sm3_gives_the_standard_digest_of_abc() -> None:
    expected = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    assert sm3_hash(b"abc").hex() == expected


def test_sm4_gives_the_standard_block() -> None:
    key = bytes.fromhex("0123456789abcdeffedcba9876543210")
    encryptor = Cipher(SM4(key), modes.ECB()).encryptor()
    assert (encryptor.update(key) + encryptor.finalize()).hex() == "681edf34d206965e86b3e94f536e4246"


def test_the_standard_signature_verifies() -> None:
    assert verifies(STANDARD_PUBLIC, b"message digest", STANDARD_SIGNATURE, STANDARD_ID)


def test_the_standard_private_key_gives_the_standard_public_key() -> None:
    assert public_key_of(STANDARD_PRIVATE) == STANDARD_PUBLIC


@pytest.mark.parametrize("private", [1, 2, 3, 4, 7, ORDER - 2])
def test_public_keys_of_edge_scalars_agree_with_a_second_implementation(private: int) -> None:
    key = private.to_bytes(32, "big")
    assert public_key_of(key).hex() == public_of(key.hex())


def test_a_private_key_of_zero_has_no_public_key() -> None:
    with pytest.raises(ValueError, match="not zero"):
        public_key_of(bytes(32))


def test_a_new_enterprise_key_is_a_pair_and_new_each_time() -> None:
    private, public = make_enterprise_key()
    assert public_key_of(bytes.fromhex(private)).hex() == public
    assert make_enterprise_key() != (private, public)


def test_a_signature_of_ours_verifies_in_a_second_implementation() -> None:
    private, public = make_enterprise_key()
    message = "付款 12.30".encode()
    signature = sign(bytes.fromhex(private), bytes.fromhex(public), message, PADDED)
    assert len(signature) == 64
    assert engine_of("", public).verify(signature.hex(), digest(public, message))


def test_a_signature_is_bound_to_message_key_and_user_id() -> None:
    private, public = (bytes.fromhex(part) for part in make_enterprise_key())
    other = bytes.fromhex(make_enterprise_key()[1])
    signature = sign(private, public, b"pay", PADDED)
    assert verifies(public, b"pay", signature, PADDED)
    assert not verifies(public, b"paY", signature, PADDED)
    assert not verifies(other, b"pay", signature, PADDED)
    assert not verifies(public, b"pay", signature, b"U003736239000001")


def test_a_signature_in_der_is_not_taken_for_a_raw_one() -> None:
    r, s = int.from_bytes(STANDARD_SIGNATURE[:32], "big"), int.from_bytes(STANDARD_SIGNATURE[32:], "big")
    der = encode_dss_signature(r, s)
    assert sm2_verify(STANDARD_PUBLIC, b"message digest", der, STANDARD_ID)
    assert not verifies(STANDARD_PUBLIC, b"message digest", der, STANDARD_ID)


@pytest.mark.parametrize("signature", [b"", bytes(63), bytes(64), bytes(65), b"\xff" * 64])
def test_bytes_that_are_no_signature_do_not_verify(signature: bytes) -> None:
    assert not verifies(STANDARD_PUBLIC, b"message digest", signature, STANDARD_ID)
