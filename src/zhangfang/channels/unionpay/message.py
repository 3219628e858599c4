"""The text of ACP messages: `k=v&k=v`, its canonical form, and the part that may be stored.

Source: UnionPay ACP 5.1.0. An answer is not URL-encoded and a value may hold `=`, and `&` inside `{}` or `[]`;
a notification is an ordinary URL-encoded form.
"""

import re
from collections.abc import Iterable, Mapping

from zhangfang.channels.encoded import form_pairs
from zhangfang.channels.port import MalformedMessage
from zhangfang.kernel.text.masking import masked_account

_CLOSER = {"{": "}", "[": "]"}
_MARK = re.compile(r"[{}\[\]&]")
_MASKED = ("accNo", "payCardNo")
_DROPPED = frozenset({
    "signature", "signPubKeyCert", "customerInfo", "payerVerifiInfo", "tokenPayData", "cardTransData", "reserved",
    "fileContent",
})  # fmt: skip
_NAME = re.compile(r"[A-Za-z0-9_.]+")


def parse_answer(body: bytes) -> dict[str, str]:
    """Return the fields of a synchronous answer (UTF-8), or raise `MalformedMessage`."""
    text = _utf8(body)
    parts = _split(text) if "{" in text or "[" in text else text.split("&")
    return _fields(part.partition("=") for part in parts)


def parse_form(body: bytes) -> dict[str, str]:
    """Return the fields of a notification's body, blank ones included, or raise `MalformedMessage`."""
    pairs = form_pairs(body)
    for position, (_, value) in enumerate(pairs, 1):
        # With `&` in a value, one field could be read as two: the signed text would be the same.
        if "&" in value and len(_split(value)) > 1:
            raise MalformedMessage(f"field {position}: & outside of brackets")
    return _fields((name, "=", value) for name, value in pairs)


def without_blanks(fields: Mapping[str, str]) -> dict[str, str]:
    """Return the fields that are not blank: ACP neither sends nor signs blank ones."""
    return {name: value for name, value in fields.items() if value.strip()}


def canonical(fields: Mapping[str, str]) -> str:
    """Return the text that is signed: every field but `signature`, raw, by name in ASCII order."""
    return "&".join(f"{name}={fields[name]}" for name in sorted(fields) if name != "signature")


def masked(fields: Mapping[str, str]) -> str:
    """Return the message as it may be stored: account numbers masked; names, secrets and signatures left out."""
    kept = {name: value for name, value in fields.items() if name not in _DROPPED}
    kept.update({name: masked_account(kept[name]) for name in _MASKED if name in kept})
    return "&".join(f"{name}={value}" for name, value in kept.items())


def _utf8(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedMessage(f"answer: byte {error.start} of {len(body)} is not UTF-8") from None


def _fields(triples: Iterable[tuple[str, str, str]]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for position, (name, equals, value) in enumerate(triples, 1):
        if not equals or not _NAME.fullmatch(name):
            raise MalformedMessage(f"field {position}: no name=value with a name of letters and digits")
        if name in fields:
            raise MalformedMessage(f"field {position}: a name is given twice")
        fields[name] = value
    return fields


def _split(text: str) -> list[str]:
    """Split at `&` outside of brackets. A closing bracket without an opening one is plain text."""
    parts, start, expected = [], 0, []
    for mark in _MARK.finditer(text):
        letter, position = mark[0], mark.start()
        if letter in _CLOSER:
            expected.append((_CLOSER[letter], position))
        elif expected and letter == expected[-1][0]:
            expected.pop()
        elif letter == "&" and not expected:
            parts.append(text[start:position])
            start = position + 1
    if expected:
        raise MalformedMessage(f"answer: the bracket at character {expected[-1][1]} is never closed")
    return [*parts, text[start:]]
