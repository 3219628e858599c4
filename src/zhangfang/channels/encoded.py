"""Base64 texts and posted forms from outside, read without believing them."""

import base64
import binascii
import re
from collections.abc import Mapping
from urllib.parse import quote_plus, unquote_plus

from zhangfang.channels.port import ChannelError, MalformedMessage

_MAX_FORM_BYTES = 64 * 1024
_MAX_FORM_FIELDS = 100
_PLAIN = re.compile(r"[A-Za-z0-9_.~-]*")  # what stands for itself in a form


def decoded(text: str | bytes, field: str, error: type[ChannelError] = MalformedMessage) -> bytes:
    """Return the bytes behind base64, in its one canonical spelling: nothing can be hidden in it. Else raise `error`."""
    try:
        given = text.encode("ascii") if isinstance(text, str) else text
        data = base64.b64decode(given, validate=True)
    except (binascii.Error, ValueError):
        raise error(f"{field}: {len(text)} characters that are not base64") from None
    if not data or base64.b64encode(data) != given:
        raise error(f"{field}: missing, or not base64 in its one spelling")
    return data


def form_pairs(body: bytes) -> list[tuple[str, str]]:
    """Return the fields of a URL-encoded form in UTF-8, blank ones included. Raises `MalformedMessage`."""
    if len(body) > _MAX_FORM_BYTES:
        raise MalformedMessage(f"body: {len(body)} bytes; at most {_MAX_FORM_BYTES} are read")
    try:
        pairs = (
            [pair.split("=", 1) for pair in body.decode("ascii").split("&", _MAX_FORM_FIELDS)] if body else []
        )
        if len(pairs) > _MAX_FORM_FIELDS:
            raise ValueError
        return [(_unquoted(name), _unquoted(value)) for name, value in pairs]
    except ValueError:
        raise MalformedMessage(f"body: {len(body)} bytes that are no URL-encoded form in UTF-8") from None


def form_body(fields: Mapping[str, str]) -> bytes:
    """Return the URL-encoded form of fields, as the standard library's `urlencode` does."""
    return "&".join([f"{_quoted(name)}={_quoted(value)}" for name, value in fields.items()]).encode("ascii")


# Each payment encodes and reads some eighty texts. Most need nothing, and finding that out is all that they cost.
def _unquoted(text: str) -> str:
    return unquote_plus(text, errors="strict") if "%" in text or "+" in text else text


def _quoted(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else quote_plus(text)
