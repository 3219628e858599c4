"""The digital envelope: personal data encrypted by a new AES key, and that key by the network's certificate.

Source: public code of members [V]: base64 of RSA over `01|` and 32 characters, which are the AES-256 key's bytes.
Unverified [K]: PKCS#1 v1.5 for the RSA, and ECB with PKCS#5 padding for the AES.
"""

import base64
import secrets
import string

from cryptography.hazmat.primitives import padding as blocks
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

_ALPHABET = string.ascii_letters + string.digits
_KEY_LENGTH = 32
_BLOCK_BITS = 128


class Envelope:
    """One message's key: `text` is DgtlEnvlp, `encrypt` makes the message's secret fields."""

    def __init__(self, receiver: rsa.RSAPublicKey) -> None:
        """Make a new random key for this message."""
        key = "".join(secrets.choice(_ALPHABET) for _ in range(_KEY_LENGTH))
        self.text = base64.b64encode(receiver.encrypt(f"01|{key}".encode(), padding.PKCS1v15())).decode()
        # ECB reveals which fields of one message are equal. The network seems to use it; we would not choose it.
        self._cipher = Cipher(algorithms.AES(key.encode()), modes.ECB())  # noqa: S305

    def encrypt(self, text: str) -> str:
        """Return base64 of the encrypted UTF-8 of `text`; blank stays blank."""
        if not text:
            return ""
        padder = blocks.PKCS7(_BLOCK_BITS).padder()
        plain = padder.update(text.encode()) + padder.finalize()
        encryptor = self._cipher.encryptor()
        return base64.b64encode(encryptor.update(plain) + encryptor.finalize()).decode()
