"""ACP 5.1.0 messages as bytes: forms in, bare `k=v&k=v` out, and the text that is signed.

Facts: a message is a form in the charset that its own field `encoding` names. An answer's body is not percent-encoded.
What is signed is every field but `signature` that is not blank, sorted by name and joined as `k=v&k=v`, raw.
"""

from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from urllib.parse import quote_plus, unquote_to_bytes

Fields = Mapping[str, str]

CHARSETS = {"UTF-8": "utf-8", "GBK": "gbk"}


class Malformed(Exception):
    """A body is not a form of distinct fields in a charset we know."""


def charset(fields: Fields) -> str:
    """Python's name for the message's charset; UTF-8 where it names none that we know."""
    return CHARSETS.get(fields.get("encoding", ""), "utf-8")


def parse(body: bytes) -> dict[str, str]:
    """The fields of a form; blank ones are dropped, since they are never signed."""
    raw: dict[bytes, bytes] = {}
    for piece in body.split(b"&"):
        name, _, value = piece.partition(b"=")
        name = _unquoted(name)
        if name in raw:
            raise Malformed("a field is there twice")
        raw[name] = _unquoted(value)
    codec = CHARSETS.get(raw.get(b"encoding", b"").decode("latin-1"), "utf-8")
    try:
        fields = {name.decode("ascii"): value.decode(codec) for name, value in raw.items()}
    except UnicodeDecodeError as error:
        raise Malformed(f"not {codec}") from error
    return {name: value for name, value in fields.items() if value.strip()}


def bare(fields: Fields) -> bytes:
    """The body of a synchronous answer."""
    return "&".join(f"{name}={value}" for name, value in fields.items()).encode(charset(fields), "replace")


def form(fields: Fields) -> bytes:
    """The body of a notification."""
    codec = charset(fields)
    return "&".join([f"{name}={_quoted(value, codec)}" for name, value in fields.items()]).encode()


@lru_cache(maxsize=256)  # the certificate, and most other values, are the same in every notification
def _quoted(text: str, codec: str) -> str:
    return quote_plus(text, encoding=codec, errors="replace")


def signing_text(fields: Fields) -> str:
    """What a signature is made over."""
    names = sorted(name for name, value in fields.items() if name != "signature" and value.strip())
    return "&".join(f"{name}={fields[name]}" for name in names)


def digest(fields: Fields) -> bytes:
    """What RSA signs (signMethod 01): the lower-case hex of a first SHA-256, to be hashed again."""
    return _hex(signing_text(fields), charset(fields)).encode()


def keyed_hash(fields: Fields, secure_key: str) -> str:
    """The signature of signMethod 11: SHA-256 over the text, `&` and the hex of the key's SHA-256."""
    return _hex(f"{signing_text(fields)}&{_hex(secure_key, 'utf-8')}", charset(fields))


def _hex(text: str, codec: str) -> str:
    return sha256(text.encode(codec, "replace")).hexdigest()


@lru_cache(1024)  # the certificate is long, and always the same
def _unquoted(piece: bytes) -> bytes:
    return unquote_to_bytes(piece.replace(b"+", b" "))
