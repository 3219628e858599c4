"""SM2 signatures as the bank wants them: raw r‖s of 64 bytes, the user id in the hash (GB/T 32918.2, .5).

The arithmetic of signing is GmSSL's. Only our own public key, which the hash needs, is computed here, once at the
start: GmSSL's binding cannot derive it, and the bank gives out private keys only.
"""

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from gmssl_pyx import GmsslInnerError, sm2_sign, sm2_verify

# The curve of GB/T 32918.5: y² = x³ - 3x + b over the prime field; only prime, order and base point are needed.
_PRIME = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
ORDER = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
_BASE = (
    0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
    0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0,
)

_Point = tuple[int, int]


def sign(private: bytes, public: bytes, message: bytes, user_id: bytes) -> bytes:
    """Return the 64 bytes r‖s over `message`, hashed with `user_id` and our public key (ZA) by SM3."""
    r, s = decode_dss_signature(sm2_sign(private, public, message, user_id))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def verifies(public: bytes, message: bytes, signature: bytes, user_id: bytes) -> bool:
    """Return whether `signature` (r‖s) is the owner of `public`'s over `message`; False for any other bytes."""
    if len(signature) != 64:
        return False
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    try:
        return bool(sm2_verify(public, message, encode_dss_signature(r, s), user_id))
    except GmsslInnerError:
        return False


def public_key_of(private: bytes) -> bytes:
    """Return the 64 bytes x‖y of the public key, by double and add over the bits of the private one."""
    found: _Point | None = None
    for bit in bin(int.from_bytes(private, "big"))[2:]:
        found = _add(found, found)
        if bit == "1":
            found = _add(found, _BASE)
    if found is None:
        raise ValueError("an SM2 private key is not zero")
    return found[0].to_bytes(32, "big") + found[1].to_bytes(32, "big")


def _add(left: _Point | None, right: _Point | None) -> _Point | None:
    """Add two points; None is the point at infinity. A point never meets its opposite here, because the key is below
    the order."""
    if left is None or right is None:
        return left or right
    (x1, y1), (x2, y2) = left, right
    rise, run = (3 * x1 * x1 - 3, 2 * y1) if left == right else (y2 - y1, x2 - x1)
    slope = rise * pow(run, -1, _PRIME)
    x = (slope * slope - x1 - x2) % _PRIME
    return x, (slope * (x1 - x) - y1) % _PRIME
