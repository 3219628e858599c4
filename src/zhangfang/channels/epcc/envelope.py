"""The body of an HTTP message: declaration, `<root…</root>`, and `{S:<base64>}`, the signature over those very bytes.

Source: public code of members; SHA256withRSA [V]. CRLF before `{S:` is there in some sources and not in others [C];
both are read. Exactly the verified bytes are then parsed; the rest of the body is not used.
"""

import base64
import re

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from zhangfang.channels.encoded import decoded
from zhangfang.channels.port import ForgedMessage, MalformedMessage

_DECLARATION = b'<?xml version="1.0" encoding="UTF-8"?>\r\n'
_HEAD = re.compile(rb'(?:<\?xml version="1\.0" encoding="(?:UTF-8|utf-8)"\?>[ \t\r\n]*)?')
_TAIL = re.compile(rb"(?:\r\n)?\{S:([A-Za-z0-9+/=]{1,1024})\}")
_START, _END = b"<root", b"</root>"


def sealed(root: bytes, key: rsa.RSAPrivateKey) -> bytes:
    """Return the whole body for `<root…</root>`. The same bytes give the same signature."""
    signature = key.sign(root, padding.PKCS1v15(), hashes.SHA256())
    return _DECLARATION + root + b"\r\n{S:" + base64.b64encode(signature) + b"}"


def opened(body: bytes, key: rsa.RSAPublicKey, max_bytes: int) -> bytes:
    """Return the verified `<root…</root>`. Raises `MalformedMessage`, `ForgedMessage`."""
    root, signature = _parts(body, max_bytes)
    try:
        key.verify(signature, root, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        raise ForgedMessage("{S:}: the signature does not match the message") from None
    return root


def _parts(body: bytes, max_bytes: int) -> tuple[bytes, bytes]:
    if len(body) > max_bytes:
        raise MalformedMessage(f"body: {len(body)} bytes; at most {max_bytes} are read")
    start, end = body.find(_START), body.rfind(_END) + len(_END)
    if start < 0 or end < start + len(_END) or not _HEAD.fullmatch(body, 0, start):
        raise MalformedMessage("body: no <root…</root> behind at most an XML declaration in UTF-8")
    tail = _TAIL.fullmatch(body, end)
    if tail is None:
        raise MalformedMessage("body: after </root> there must be {S:base64} and nothing else")
    return body[start:end], decoded(tail[1], "{S:}")
