"""Base64 texts and posted forms from outside, read without believing them."""

import base64
import binascii
from urllib.parse import parse_qsl

from zhangfang.channels.port import ChannelError, MalformedMessage

_MAX_FORM_BYTES = 64 * 1024
_MAX_FORM_FIELDS = 100


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
        return parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,  # a blank field can be part of the signed text
            strict_parsing=True,
            errors="strict",
            max_num_fields=_MAX_FORM_FIELDS,
        )
    except ValueError:
        raise MalformedMessage(f"body: {len(body)} bytes that are no URL-encoded form in UTF-8") from None
