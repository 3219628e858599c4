"""Signatures over the exact bytes of a message: SHA256withRSA (PKCS#1 v1.5) in base64, in the header X-Signature [G]."""

import base64

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from zhangfang.channels.certificates import new_key
from zhangfang.channels.encoded import decoded
from zhangfang.channels.port import ForgedMessage
from zhangfang.kernel.errors import InvalidInput

_BITS = 2048


class Signer:
    """Signs with our key and checks the bank's."""

    def __init__(self, sign_key_pem: str, bank_key_pem: str) -> None:
        """Read both keys; one that is none is `InvalidInput`."""
        try:
            ours = serialization.load_pem_private_key(sign_key_pem.encode(), None)
            bank = serialization.load_pem_public_key(bank_key_pem.encode())
        except (ValueError, TypeError):
            raise InvalidInput("genericbank keys", "text that is no key", "PEM of RSA keys") from None
        if not (isinstance(ours, rsa.RSAPrivateKey) and isinstance(bank, rsa.RSAPublicKey)):
            raise InvalidInput("genericbank keys", "keys of another kind", "RSA keys")
        if min(ours.key_size, bank.key_size) < _BITS:
            raise InvalidInput("genericbank keys", "a short key", f"{_BITS} bits or more")
        self._ours, self._bank = ours, bank

    def sign(self, body: bytes) -> str:
        """Return our signature."""
        return base64.b64encode(self._ours.sign(body, padding.PKCS1v15(), hashes.SHA256())).decode("ascii")

    def verify(self, body: bytes, signature: str) -> None:
        """Raise `ForgedMessage` unless the bank signed these bytes."""
        try:
            claimed = decoded(signature, "X-Signature", ForgedMessage)
            self._bank.verify(claimed, body, padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            raise ForgedMessage("X-Signature: does not verify with the bank's key") from None


def make_client_key() -> str:
    """Return a new private key of ours as PEM; the bank registers its public part."""
    return new_key()[1]


def public_pem_of(private_pem: str) -> str:
    """Return the public key of a private one, as PEM."""
    public = serialization.load_pem_private_key(private_pem.encode(), None).public_key()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return public.public_bytes(serialization.Encoding.PEM, form).decode("ascii")
