"""EPCC-style messages as bytes: what is signed, and the XML in it.

Facts: the signature covers exactly the bytes from `<root` to `</root>` and follows as `{S:base64}`, with or without CRLF
before it. The reader parses the bytes itself: this dialect has elements and text, and nothing else of XML.
"""

import base64
import binascii
import re
from collections.abc import Mapping

NAMESPACE = "namespace_string"
MAX_BYTES = 64 * 1024

Groups = Mapping[str, Mapping[str, str]]
Told = dict[str, dict[str, str]]

_ENVELOPE = re.compile(
    rb'(?:<\?xml version="1.0" encoding="UTF-8"\?>\s*)?(<root xmlns="namespace_string">.*</root>)'
    rb"(?:\r\n)?\{S:([A-Za-z0-9+/]+={0,2})\}",
    re.DOTALL,
)
_TOKEN = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]*)>|([^<>]+)")
_ENTITY = re.compile(r"&(?:(amp|lt|gt|quot|apos);)?")
_PLAIN = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
_ESCAPES = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;"}


class Malformed(Exception):
    """A body is not a message."""


def split(raw: bytes) -> tuple[bytes, bytes]:
    """The signed bytes and the signature."""
    match = _ENVELOPE.fullmatch(raw)
    if match is None:
        raise Malformed("no <root…</root>{S:…}")
    try:
        return match[1], base64.b64decode(match[2], validate=True)
    except binascii.Error as error:
        raise Malformed("{S:}: not base64") from error


def joined(root: bytes, signature: bytes) -> bytes:
    """A whole body. Ours has no CRLF before the signature, like one public client's; members' bodies may have it."""
    mark = b"{S:" + base64.b64encode(signature) + b"}"
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + root + mark


def compose(header: Mapping[str, str], groups: Groups) -> bytes:
    """`<root…</root>`; a blank field is left out, and a group without fields too."""
    body = "".join(f"<{name}>{_fields(fields)}</{name}>" for name, fields in groups.items() if fields)
    whole = f"<MsgHeader>{_fields(header)}</MsgHeader><MsgBody>{body}</MsgBody>"
    return f'<root xmlns="{NAMESPACE}">{whole}</root>'.encode()


def parse(root: bytes) -> Told:
    """The fields of each group: `{"MsgHeader": {...}, "TrxInf": {...}, ...}`."""
    try:
        text = root.decode()
    except UnicodeDecodeError as error:
        raise Malformed("not UTF-8") from error
    inner = text[len(f'<root xmlns="{NAMESPACE}">') : -len("</root>")]
    told: Told = {}
    path: list[str] = []
    value = ""
    at = 0
    while at < len(inner):
        match = _TOKEN.match(inner, at)
        if match is None:
            raise Malformed(f"character {at}: no element and no text")
        at = match.end()
        closing, name, text = match[1], match[2], match[3]
        if name is None:
            value = text
        elif closing:
            _close(told, path, name, value)
            value = ""
        else:
            path.append(name)
            _open(told, path)
            value = ""
    if path or "MsgHeader" not in told:
        raise Malformed("an element is not closed, or there is no MsgHeader")
    return told


def _open(told: Told, path: list[str]) -> None:
    if path[0] not in ("MsgHeader", "MsgBody") or len(path) > 3:
        raise Malformed("elements out of place")
    group = path[0] if path[0] == "MsgHeader" else path[1] if len(path) > 1 else ""
    fresh = path == ["MsgHeader"] or (path[0] == "MsgBody" and len(path) == 2)
    if fresh and group in told:
        raise Malformed(f"{group}: there twice")
    if fresh:
        told[group] = {}


def _close(told: Told, path: list[str], name: str, value: str) -> None:
    if not path or path.pop() != name:
        raise Malformed(f"{name}: closed, but not open")
    depth = len(path)
    group = path[0] if path[:1] == ["MsgHeader"] else path[-1] if depth == 2 else ""
    if (depth, path[:1]) not in ((1, ["MsgHeader"]), (2, ["MsgBody"])):
        return
    if name in told[group]:
        raise Malformed(f"{group}/{name}: there twice")
    told[group][name] = _unescaped(value)


def _unescaped(text: str) -> str:
    def plain(match: re.Match[str]) -> str:
        if match[1] is None:
            raise Malformed("an entity that XML does not define by itself")
        return _PLAIN[match[1]]

    return _ENTITY.sub(plain, text)


def _fields(fields: Mapping[str, str]) -> str:
    return "".join(f"<{name}>{text.translate(_ESCAPES)}</{name}>" for name, text in fields.items() if text)
