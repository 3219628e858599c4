"""The bank's envelope: canonical JSON, signed by SM2, encrypted by SM4, in base64 (CDC, request processing).

Both directions look alike: {"request" or "response": {"head", "body"}, "signature": {"sigtim", "sigdat"}}. The
signature is over the canonical text with a literal placeholder in the place of `sigdat`. Errors of the bank's gateway
are plain text without a signature, so they are checked first.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NoReturn

from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.padding import PKCS7

from zhangfang.channels.cmb import sm2
from zhangfang.channels.cmb.codes import SUCCESS_CODE
from zhangfang.channels.cmb.masking import masked
from zhangfang.channels.port import ChannelError, ForgedMessage, MalformedMessage
from zhangfang.kernel.text.masking import masked_text

PLACEHOLDER = "__signature_sigdat__"
_GATEWAY = "CDCServer:"
_ERROR = "ErrMsg:"

Json = dict[str, Any]


class Refused(ChannelError):
    """The bank answered with an error. For a payment it proves nothing; a query has to.

    `code` is the bank's `resultcode`, or `CDCServer` for its gateway; `raw` is the message, masked.
    """

    def __init__(self, code: str, message: str, raw: str) -> None:
        """Keep what the bank said."""
        super().__init__(f"CMB answered {code}: {message}")
        self.code = code
        self.message = message
        self.raw = raw


@dataclass(frozen=True, slots=True)
class Keys:
    """Our user id and SM2 key (32 bytes; public 64), the bank's public key (64) and the shared SM4 key (16)."""

    uid: str
    private: bytes = field(repr=False)
    public: bytes
    bank: bytes
    sm4: bytes = field(repr=False)

    @property
    def padded_uid(self) -> bytes:
        """Return the user id filled with `0` to 16: both SM2's user id and SM4's initial vector."""
        return self.uid.ljust(16, "0").encode("ascii")


@dataclass(frozen=True, slots=True)
class Reply:
    """A verified answer with SUC0000: its body, and the whole of it as canonical JSON with personal data masked."""

    body: Json
    raw: str


def canonical(value: object) -> str:
    """Return JSON with the keys of every level in ASCII order and no white space; decimals as they were written."""
    if isinstance(value, dict):
        inner = (f"{json.dumps(key, ensure_ascii=False)}:{canonical(value[key])}" for key in sorted(value))
        return "{" + ",".join(inner) + "}"
    if isinstance(value, list):
        return "[" + ",".join(canonical(item) for item in value) + "]"
    return str(value) if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=False)


def seal(kind: str, head: Mapping[str, str], body: Mapping[str, object], sigtim: str, keys: Keys) -> str:
    """Return the value of DATA: `kind` (`request`) with head and body, signed by us at `sigtim`, encrypted, base64."""
    message = {"head": dict(head), "body": dict(body)}
    draft = {kind: message, "signature": {"sigtim": sigtim, "sigdat": PLACEHOLDER}}
    signature = sm2.sign(keys.private, keys.public, canonical(draft).encode(), keys.padded_uid)
    sigdat = base64.b64encode(signature).decode("ascii")
    plain = canonical({kind: message, "signature": {"sigtim": sigtim, "sigdat": sigdat}}).encode()
    padder = PKCS7(128).padder()
    padded = padder.update(plain) + padder.finalize()
    encryptor = Cipher(SM4(keys.sm4), modes.CBC(keys.padded_uid)).encryptor()
    return base64.b64encode(encryptor.update(padded) + encryptor.finalize()).decode("ascii")


def unseal(data: bytes, head: Mapping[str, str], keys: Keys) -> Reply:
    """Return the bank's answer to the request with this `head` (funcode, userid, reqid).

    Raises `Refused` for an error of gateway or bank, `MalformedMessage` for what cannot be read, `ForgedMessage`
    for a wrong signature or a signed answer to some other request.
    """
    data = data.strip()
    if data.startswith(_GATEWAY.encode()):
        _refuse_plain(data.decode("utf-8", "replace"))
    document = parse(_decrypt(data, keys), "response")
    _check_signature(document, keys)
    response = _object(document, "response")
    answered = _object(response, "head")
    for name, value in head.items():
        if answered.get(name) != value:
            raise ForgedMessage(f"response.head.{name}: not that of the request; expected the same")
    raw = canonical(masked(document))
    if answered.get("resultcode") != SUCCESS_CODE:
        message = masked_text(str(answered.get("resultmsg", "")))
        raise Refused(masked_text(str(answered.get("resultcode", ""))), message, raw)
    return Reply(_object(response, "body"), raw)


def _refuse_plain(text: str) -> NoReturn:
    """Raise the gateway's own error; it is not signed, so it proves nothing."""
    shown = masked_text(text[:500])
    raise Refused(_GATEWAY.rstrip(":"), (shown.partition(_ERROR)[2] or shown).strip(" []"), shown)


def _decrypt(data: bytes, keys: Keys) -> bytes:
    """Undo base64 and SM4-CBC. Base64 must be in its one canonical spelling, so that every byte counts."""
    try:
        sealed = base64.b64decode(data, validate=True)
        if base64.b64encode(sealed) != data:
            raise MalformedMessage(f"response: {len(data)} bytes of base64 with stray bits")
        decryptor = Cipher(SM4(keys.sm4), modes.CBC(keys.padded_uid)).decryptor()
        padded = decryptor.update(sealed) + decryptor.finalize()
        unpadder = PKCS7(128).unpadder()
        return unpadder.update(padded) + unpadder.finalize()
    except (binascii.Error, ValueError) as error:
        raise MalformedMessage(
            f"response: {len(data)} bytes; expected base64 of SM4-CBC under our key, or {_GATEWAY}…"
        ) from error


def parse(plain: bytes, what: str) -> Json:
    """Read a JSON object; numbers with a point stay decimal, so that they are signed as they were written."""
    try:
        document = json.loads(plain.decode(), parse_float=Decimal, parse_constant=_no_constant)
        canonical(document).encode()  # a lone surrogate has no UTF-8
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise MalformedMessage(f"{what}: {len(plain)} bytes; expected JSON in UTF-8") from error
    if not isinstance(document, dict):
        raise MalformedMessage(f"{what}: JSON, but not an object")
    return document


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _check_signature(document: Json, keys: Keys) -> None:
    """Raise `ForgedMessage` unless the bank signed the document with the placeholder put back."""
    signature = _object(document, "signature")
    try:
        claimed = base64.b64decode(str(signature.get("sigdat", "")), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ForgedMessage("signature.sigdat: not base64; expected 64 bytes r‖s") from error
    draft = document | {"signature": signature | {"sigdat": PLACEHOLDER}}
    if not sm2.verifies(keys.bank, canonical(draft).encode(), claimed, keys.padded_uid):
        raise ForgedMessage("signature.sigdat: does not verify with the bank's public key")


def _object(document: Json, name: str) -> Json:
    found = document.get(name, {} if name == "body" else None)
    if not isinstance(found, dict):
        raise MalformedMessage(f"{name}: {type(found).__name__}; expected an object")
    return found
