"""Signatures: SHA256withRSA (PKCS#1 v1.5) in base64 over the exact bytes of a body, in the header X-Signature."""

import base64
import binascii

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

BITS = 2048


def new_key() -> RSAPrivateKey:
    """Make a key."""
    return generate_private_key(65537, BITS)


def stored_key(key: RSAPrivateKey) -> str:
    """Write a private key as PEM."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def key_of(pem: str) -> RSAPrivateKey:
    """Read `stored_key`."""
    key = load_pem_private_key(pem.encode(), None)
    assert isinstance(key, RSAPrivateKey), "the bank's own key is RSA"
    return key


def public_pem(key: RSAPrivateKey) -> str:
    """Write the public key as PEM."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def public_of(pem: str) -> RSAPublicKey:
    """Read a client's public key. Raises ValueError for anything that is no RSA key of at least 2048 bits."""
    key = load_pem_public_key(pem.encode())
    if not isinstance(key, RSAPublicKey) or key.key_size < BITS:
        raise ValueError("not an RSA key of 2048 bits or more")
    return key


def sign(key: RSAPrivateKey, body: bytes) -> str:
    """Sign a body."""
    return base64.b64encode(key.sign(body, PKCS1v15(), SHA256())).decode()


def genuine(key: RSAPublicKey, body: bytes, signature: str) -> bool:
    """Say whether the owner of `key` signed `body`."""
    try:
        key.verify(base64.b64decode(signature, validate=True), body, PKCS1v15(), SHA256())
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True
