"""What is wrong with a request's body, in our words: the field, the shape of what came, and what is allowed there.

msgspec finds the fault and says where; what is allowed is read from the type of the field itself.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import inspect

from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.text.json_once import read_once

Decode = Callable[[bytes], Any]

# What msgspec says → what came. A group is the name of the field that is missing or too many.
SHAPES = (
    (re.compile(r"Object missing required field `(.*)`"), "nothing"),
    (re.compile(r"Object contains unknown field `(.*)`"), "a field that is not known"),
    (re.compile(r"Expected `[^`]*`, got `([^`]*)`"), "{}"),
    (re.compile(r"Expected `str` of length <= "), "text that is too long"),
    (re.compile(r"Expected `str` of length >= "), "text that is too short"),
    (re.compile(r"Expected `str` matching regex "), "text of another form"),
    (re.compile(r"Expected `array` of length "), "a list of another length"),
    (re.compile(r"Expected `int` |Integer value out of range"), "an integer out of range"),
    (re.compile(r"Invalid enum value"), "a value that is not one of them"),
    (re.compile(r"Invalid "), "text of another form"),
)
NAMES = {
    "int": "an integer",
    "float": "a number with a fraction",
    "str": "text",
    "bool": "true or false",
    "null": "null",
    "array": "a list",
    "object": "an object",
}
_NAME = re.compile(r"[A-Za-z_][A-Za-z_]{0,39}")  # of a field: what else stands there may be data


def decoder(takes: type) -> Decode:
    """Return what makes `takes` of a body; what does not fit is `InvalidInput`, what is no JSON `msgspec.DecodeError`.

    The whole body is read before a field is looked at: a body that ends in the middle is no JSON, whatever it begins with.
    """
    decode: Decode = msgspec.json.Decoder(takes).decode

    def decoded(body: bytes) -> Any:
        try:
            read_once(body.decode(), "body")
        except ValueError as error:
            raise msgspec.DecodeError(type(error).__name__) from None
        try:
            return decode(body)
        except msgspec.ValidationError as error:
            raise explained(str(error), takes) from None

    return decoded


def explained(message: str, takes: type) -> InvalidInput:
    """Return our error for what msgspec says of a body of this type."""
    said, _, path = message.partition(" - at `$")
    path = path.rstrip("`").removeprefix(".")
    pattern, shape = next(((one, shape) for one, shape in SHAPES if one.match(said)), (None, "another value"))
    found = pattern.match(said) if pattern else None
    name = found[1] if found and found.re.groups and shape != "{}" else ""
    kind = _at(inspect.type_info(takes), path)
    if shape == "nothing":
        kind = _at(kind, name)
    elif shape == "{}" and found:
        shape = NAMES.get(found[1], "another value")
    whole = ".".join(part for part in (path, name if _NAME.fullmatch(name) else "") if part)
    return InvalidInput(whole or "body", shape, allowed(kind))


def allowed(kind: inspect.Type) -> str:
    """Return in words what a type allows."""
    return next((words(kind) for one, words in WORDS.items() if isinstance(kind, one)), "see /docs")


def _range(what: str, least: int | None, most: int | None, both: str, above: str, below: str) -> str:
    """Return a thing with its bounds; a text's least length of 0 is no bound."""
    if least is None and most is None:
        return what
    if least is None:
        return f"{what} {below.format(most)}"
    return f"{what} {above.format(least)}" if most is None else f"{what} {both.format(least, most)}"


def _text(kind: Any) -> str:
    words = ("of {} to {} characters", "of {} characters or more", "of at most {} characters")
    text = _range("text", kind.min_length, kind.max_length, *words)
    return text + (f" that matches {kind.pattern}" if kind.pattern else "")


WORDS: Mapping[type, Callable[[Any], str]] = {
    inspect.Metadata: lambda kind: allowed(kind.type),
    inspect.IntType: lambda kind: _range(
        "an integer", kind.ge, kind.le, "from {} to {}", "of {} or more", "up to {}"
    ),
    inspect.StrType: _text,
    inspect.BoolType: lambda _: "true or false",
    inspect.NoneType: lambda _: "null",
    inspect.DateType: lambda _: "a date as YYYY-MM-DD",
    inspect.DateTimeType: lambda _: "a moment as YYYY-MM-DDThh:mm:ss with a time zone",
    inspect.LiteralType: lambda kind: ", ".join(str(value) or '""' for value in kind.values),
    inspect.UnionType: lambda kind: " or ".join(map(allowed, kind.types)),
    inspect.StructType: lambda kind: f"an object with {', '.join(one.encode_name for one in kind.fields)}",
    inspect.ListType: lambda kind: f"a list; each of it: {allowed(kind.item_type)}",
}


def _at(kind: inspect.Type, path: str) -> inspect.Type:
    """Return the type at a path such as `fee_rules[0].kind`."""
    for name, _ in re.findall(r"([^.\[\]]+)|(\[[^\]]*\])", re.sub(r"\[[^\]]*\]", ".[]", path)):
        kind = _inside(kind, name)
    return _bare(kind)


def _inside(kind: inspect.Type, name: str) -> inspect.Type:
    kind = _bare(kind)
    if isinstance(kind, inspect.ListType):
        return kind.item_type
    fields = kind.fields if isinstance(kind, inspect.StructType) else ()
    return next((one.type for one in fields if one.encode_name == name), inspect.AnyType())


def _bare(kind: inspect.Type) -> inspect.Type:
    """Return a type without its description; of an optional object, the object."""
    while isinstance(kind, inspect.Metadata):
        kind = kind.type
    if isinstance(kind, inspect.UnionType):
        return next(
            (one for one in kind.types if isinstance(one, inspect.StructType | inspect.ListType)), kind
        )
    return kind
