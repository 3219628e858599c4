"""The account that is debited or paid, in the clear or encrypted for the bank. The book stores it masked.

Facts of ACP 5.1.0: with `encryptCertId` present, `accNo` is base64 of RSA PKCS#1 v1.5 ciphertext. `customerInfo` is
base64 of `{k=v&k=v}`; inside, `encryptedInfo` is again base64 of ciphertext of `k=v&k=v`. A payout names its payee: a
person by customerNm, a company (accType 04) in `reserved` by comDebitCardAccName and businessLicenseRegNo.
"""

import base64
import binascii
import re

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from zhangfang_sandbox.unionpay.wire.codes import FORMAT, MISSING, Refusal
from zhangfang_sandbox.unionpay.wire.fields import PAYOUT
from zhangfang_sandbox.unionpay.wire.forms import Fields, charset
from zhangfang_sandbox.unionpay.wire.keys import Identity

_COMPANY = {"comDebitCardAccName", "businessLicenseRegNo"}
_ACCOUNT = re.compile(r"[0-9A-Za-z]{8,40}")
_PAIRS = re.compile(r"[A-Za-z0-9]+=[^&={}\[\]]*={0,2}(?:&[A-Za-z0-9]+=[^&={}\[\]]*={0,2})*")


class Customer:
    """Opens what merchants encrypted for the bank."""

    def __init__(self, identity: Identity) -> None:
        self._key, self._serial = identity.key, identity.serial

    def account(self, fields: Fields) -> str:
        """The masked account. Refuses one that cannot be read, and a payee without the names that the protocol
        requires."""
        number = fields["accNo"]
        if "encryptCertId" in fields:
            if fields["encryptCertId"] != self._serial:
                raise Refusal(FORMAT, "encryptCertId, the serial of the bank's certificate for encryption")
            number = self._open(number, "accNo").decode("ascii", "replace")
        if not _ACCOUNT.fullmatch(number):
            raise Refusal(FORMAT, "accNo, 8 to 40 letters or digits, or ciphertext with encryptCertId")
        info = self._info(fields)
        if fields.get("txnType") == PAYOUT:
            _check_payee(fields, info)
        return masked(number)

    def _info(self, fields: Fields) -> dict[str, str]:
        """A person's data. The bank does not check them, but refuses them if they cannot be read."""
        if "customerInfo" not in fields:
            return {}
        codec = charset(fields)
        inner = _unbase64(fields["customerInfo"], "customerInfo").decode(codec, "replace")
        if not (inner.startswith("{") and inner.endswith("}") and _PAIRS.fullmatch(inner[1:-1])):
            raise Refusal(FORMAT, "customerInfo, base64 of pairs in braces")
        parts = dict(pair.split("=", 1) for pair in inner[1:-1].split("&"))
        if "encryptedInfo" in parts:
            opened = self._open(parts["encryptedInfo"], "encryptedInfo").decode(codec, "replace")
            if not _PAIRS.fullmatch(opened):
                raise Refusal(FORMAT, "encryptedInfo, ciphertext of pairs")
        return parts

    def _open(self, text: str, name: str) -> bytes:
        try:
            return self._key.decrypt(_unbase64(text, name), PKCS1v15())
        except ValueError:
            raise Refusal(FORMAT, f"{name}, ciphertext for the bank's certificate") from None


def _check_payee(fields: Fields, info: Fields) -> None:
    if fields.get("accType") != "04":
        needed, given = {"customerNm"}, set(info)
    else:
        pairs = fields.get("reserved", "{}")[1:-1].split("&")
        needed, given = _COMPANY, {pair.split("=", 1)[0] for pair in pairs if not pair.endswith("=")}
    if missing := needed - given:
        raise Refusal(MISSING, sorted(missing)[0])


def masked(number: str) -> str:
    """First six and last four of an account, at most 19 characters as in the file; a short one is hidden whole."""
    hidden = min(len(number) - 10, 9)
    return f"{number[:6]}{'*' * hidden}{number[-4:]}" if hidden > 0 else "*" * len(number)


def _unbase64(text: str, name: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Refusal(FORMAT, f"{name}, base64") from None
