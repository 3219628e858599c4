"""Keys for the tests of the generic bank, made anew each time, and RSA once more in plain integers."""

import base64
import hashlib

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

# ASN.1 of "SHA-256 digest follows" (RFC 8017, 9.2 note 1)
DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")

OURS = rsa.generate_private_key(65537, 2048)
BANK = rsa.generate_private_key(65537, 2048)


def private_pem(key: rsa.RSAPrivateKey) -> str:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def public_pem(key: rsa.RSAPrivateKey) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def padded(body: bytes, size: int = 256) -> int:
    """The number that a PKCS#1 v1.5 signature of SHA-256 is the root of."""
    tail = DIGEST_INFO + hashlib.sha256(body).digest()
    return int.from_bytes(b"\x00\x01" + b"\xff" * (size - 3 - len(tail)) + b"\x00" + tail, "big")


def opened(signature: str, key: rsa.RSAPrivateKey) -> int:
    """Raise a signature to the public exponent."""
    numbers = key.public_key().public_numbers()
    return pow(int.from_bytes(base64.b64decode(signature), "big"), numbers.e, numbers.n)


def signed(body: bytes, key: rsa.RSAPrivateKey) -> str:
    """Sign in plain integers."""
    numbers = key.private_numbers()
    found = pow(padded(body), numbers.d, numbers.public_numbers.n)
    return base64.b64encode(found.to_bytes(256, "big")).decode()
