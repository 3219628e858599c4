"""Signatures and envelopes: they prove the sender, and hide what only the network may read.

Facts: SHA256withRSA over the bytes; DgtlEnvlp is RSA over `01|` and a 32 character AES-256 key. Unverified: PKCS#1 v1.5,
and ECB with PKCS#5 padding.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from zhangfang_sandbox.epcc import body
from zhangfang_sandbox.epcc.codes import FORMAT, SIGNATURE, Refusal
from zhangfang_sandbox.epcc.keys import Identity

Merchants = Mapping[str, Mapping[str, Any]]


class Seal:
    """The network's keys at work. `merchants` maps a member's number to what was registered."""

    def __init__(self, identities: Mapping[str, Identity], merchants: Merchants) -> None:
        self._own, self._merchants = identities, merchants
        self._keys: dict[str, RSAPublicKey] = {}
        self.serial = identities["sign"].serial
        self.encrypt_serial = identities["encrypt"].serial

    def genuine(self, root: bytes, signature: bytes, issr_id: str, serial: str) -> None:
        """Refuse a message that its sender did not sign with the certificate it names."""
        pem = self._merchants.get(issr_id, {}).get("sign", {}).get(serial)
        if pem is None:
            raise Refusal(SIGNATURE, "SignSN")
        try:
            self._key(pem).verify(signature, root, padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature as error:
            raise Refusal(SIGNATURE) from error

    def sealed(self, root: bytes, fault: str = "") -> bytes:
        """The whole body of an answer or notice, spoilt as the fault says."""
        key = self._own["stranger" if fault == "wrong_chain" else "sign"].key
        signature = key.sign(root, padding.PKCS1v15(), hashes.SHA256())
        if fault == "bad_signature":
            signature = bytes(len(signature))
        whole = body.joined(root, signature)
        return whole[: len(whole) // 2] if fault == "garbled_answer" else whole

    def key_of(self, envelope: str) -> bytes:
        """The AES key that a DgtlEnvlp carries."""
        try:
            plain = self._own["encrypt"].key.decrypt(base64.b64decode(envelope), padding.PKCS1v15())
        except (ValueError, binascii.Error) as error:
            raise Refusal(FORMAT, "DgtlEnvlp") from error
        if plain[:3] != b"01|" or len(plain) != 35:
            raise Refusal(FORMAT, "DgtlEnvlp")
        return plain[3:]

    @staticmethod
    def decrypted(key: bytes, text: str, field: str) -> str:
        """The plain text of a secret field."""
        try:
            decryptor = Cipher(algorithms.AES256(key), modes.ECB()).decryptor()  # noqa: S305 - as the network does
            padded = decryptor.update(base64.b64decode(text, validate=True)) + decryptor.finalize()
            if not padded or not 1 <= padded[-1] <= 16 or padded[-padded[-1] :] != padded[-1:] * padded[-1]:
                raise ValueError("padding")
            return padded[: -padded[-1]].decode()
        except (ValueError, binascii.Error) as error:
            raise Refusal(FORMAT, field) from error

    def _key(self, pem: str) -> RSAPublicKey:
        if pem not in self._keys:
            key = x509.load_pem_x509_certificate(pem.encode()).public_key()
            if not isinstance(key, RSAPublicKey):
                raise Refusal(SIGNATURE, "SignSN")
            self._keys[pem] = key
        return self._keys[pem]
