"""X.509 in ACP: whose messages are trusted, and for whom account numbers are encrypted.

Source: UnionPay ACP 5.1.0. A message carries its signer's certificate (`signPubKeyCert`); it is
trusted only if the configured middle and root certificates issued it and its common name ends in UnionPay's company name.
"""

import base64
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from zhangfang.channels.certificates import load, rsa_key_of
from zhangfang.channels.port import ForgedMessage
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.errors import InvalidInput

COMPANY = "中国银联股份有限公司"
_UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm, InvalidSignature, x509.DuplicateExtension)
_MAX_LEAVES = 16


class Trust:
    """Decides whether a certificate in a message is UnionPay's. Verified ones are cached by their text."""

    def __init__(self, root_pem: str, middle_pem: str, clock: Clock) -> None:
        """Read the two configured authorities; `InvalidInput` if they do not form a chain."""
        self._clock = clock
        self._root = load("root_pem", root_pem)
        self._middle = load("middle_pem", middle_pem)
        self._leaves: dict[str, tuple[rsa.RSAPublicKey, datetime, datetime]] = {}
        for name, authority in (("root_pem", self._root), ("middle_pem", self._middle)):
            _check_authority(name, authority, self._root)

    def key_of(self, pem: str) -> rsa.RSAPublicKey:
        """Return the public key of UnionPay's signing certificate, or raise `ForgedMessage`."""
        if pem not in self._leaves:
            if len(self._leaves) >= _MAX_LEAVES:
                self._leaves.clear()
            self._leaves[pem] = self._verified(pem)
        key, begins, ends = self._leaves[pem]
        if not begins <= self._clock.now() <= ends:
            raise ForgedMessage(f"signPubKeyCert: its chain is valid from {begins} to {ends}, not now")
        return key

    def _verified(self, pem: str) -> tuple[rsa.RSAPublicKey, datetime, datetime]:
        try:
            leaf = x509.load_pem_x509_certificate(pem.encode())
            leaf.verify_directly_issued_by(self._middle)
            key = leaf.public_key()
            names = [str(part.value) for part in leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        except _UNREADABLE:
            raise ForgedMessage("signPubKeyCert: not issued by the configured middle certificate") from None
        if len(names) != 1 or names[0].split("@")[-1] != COMPANY:
            raise ForgedMessage(f"signPubKeyCert: its common name does not end in @{COMPANY}")
        if not isinstance(key, rsa.RSAPublicKey) or key.key_size < 2048:
            raise ForgedMessage("signPubKeyCert: not an RSA key of 2048 bits or more")
        chain = (leaf, self._middle, self._root)
        begins = max(each.not_valid_before_utc for each in chain)
        return key, begins, min(each.not_valid_after_utc for each in chain)


class Cipher:
    """Encrypts account numbers for UnionPay: base64 of RSA with PKCS#1 v1.5 padding under its certificate."""

    def __init__(self, cert_pem: str) -> None:
        """Read UnionPay's encryption certificate."""
        certificate = load("encrypt_cert_pem", cert_pem)
        self.cert_id = str(certificate.serial_number)
        self._key = rsa_key_of("encrypt_cert_pem", certificate)

    def encrypt(self, text: str) -> str:
        """Return the ciphertext of at most 245 bytes of UTF-8."""
        return base64.b64encode(self._key.encrypt(text.encode(), padding.PKCS1v15())).decode()


def _check_authority(field: str, authority: x509.Certificate, root: x509.Certificate) -> None:
    try:
        authority.verify_directly_issued_by(root)
        is_authority = authority.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (*_UNREADABLE, x509.ExtensionNotFound):
        is_authority = False
    if not is_authority:
        raise InvalidInput(field, "no authority of this chain", "a CA certificate issued by root_pem")
