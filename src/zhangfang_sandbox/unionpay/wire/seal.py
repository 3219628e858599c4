"""Signs the bank's messages, verifies the merchants'.

signMethod 01: RSA PKCS#1 v1.5 with SHA-256 over the hex of a first SHA-256; our certificate travels in
`signPubKeyCert` and is itself signed. signMethod 11: a hash keyed with a secret that merchant and bank share.
"""

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from zhangfang_sandbox.unionpay.wire.forms import Fields, digest, keyed_hash
from zhangfang_sandbox.unionpay.wire.keys import Identity

_PADDING, _HASH = PKCS1v15(), hashes.SHA256()


@dataclass(slots=True)
class Merchant:
    """A registered merchant: public keys by certId (decimal serial), and a secret for signMethod 11 or `""`."""

    mer_id: str
    name: str
    keys: dict[str, RSAPublicKey] = field(default_factory=dict)
    secure_key: str = ""


class Seal:
    """Signs and verifies. `null` is only for benchmarks: it signs with a constant and accepts everything."""

    def __init__(self, keys: Mapping[str, Identity], null: bool = False) -> None:
        self._leaf, self._stranger, self._null = keys["leaf"], keys["stranger"], null

    def sign(self, fields: Fields, merchant: Merchant | None, stranger: bool = False) -> dict[str, str]:
        """The fields that are not blank, signed by `signMethod`; with the stranger's key if `stranger`."""
        told = {name: value for name, value in fields.items() if value.strip()}
        if told.get("signMethod") == "11" and merchant is not None and merchant.secure_key:
            return told | {"signature": keyed_hash(told, merchant.secure_key)}
        who = self._stranger if stranger else self._leaf
        told |= {"signMethod": "01", "signPubKeyCert": who.certificate}
        return told | {"signature": "null" if self._null else _signature(told, who)}

    def genuine(self, fields: Fields, merchant: Merchant) -> bool:
        """Whether the merchant signed this."""
        if self._null:
            return True
        if fields.get("signMethod") == "11":
            claimed = fields.get("signature", "").encode()
            return bool(merchant.secure_key) and hmac.compare_digest(
                claimed, keyed_hash(fields, merchant.secure_key).encode()
            )
        key = merchant.keys.get(fields.get("certId", ""))
        if key is None or fields.get("signMethod") != "01":
            return False
        try:
            key.verify(base64.b64decode(fields["signature"], validate=True), digest(fields), _PADDING, _HASH)
        except (InvalidSignature, binascii.Error, ValueError):
            return False
        return True


def _signature(fields: Fields, who: Identity) -> str:
    return base64.b64encode(who.key.sign(digest(fields), _PADDING, _HASH)).decode()
