"""The parameters of an address: one table makes their checks and their part of the document.

A parameter is refused if no line of the table of calls names it, if it is given twice, or if its value has another form
than its schema says. So one value has one spelling: `007` is not 7.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.text.parameters import only, whole
from zhangfang.statements import FORMS, KINDS

SCHEMAS: Mapping[str, dict[str, Any]] = {
    "limit": {"type": "integer", "minimum": 1, "maximum": 100, "default": 20},
    "batch_no": {"type": "string", "pattern": "^[A-Za-z0-9._:/#@-]{1,64}$"},
    "count": {"type": "integer", "minimum": 1, "maximum": 100_000},
    "amount": {"type": "integer", "minimum": 0, "maximum": 10**18 - 1},
    "partial": {"type": "boolean", "default": False},
    "failed": {"type": "boolean", "default": False},
    "version": {"type": "integer", "minimum": 1, "maximum": 9999},
}
PLACES: Mapping[str, dict[str, Any]] = {  # of an address, besides ids
    "day": {"type": "string", "format": "date"},
    "kind": {"type": "string", "enum": list(KINDS)},
    "form": {"type": "string", "enum": list(FORMS)},
}
REQUIRED = ("batch_no", "count", "amount")


def read(given: Sequence[tuple[str, str]], schemas: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the parameters' values, with the defaults of those that are absent; else raise `InvalidInput`."""
    texts = only(given, schemas)
    held = {name: schema["default"] for name, schema in schemas.items() if "default" in schema}
    for name in REQUIRED:
        if name in schemas and name not in texts:
            raise InvalidInput(name, "nothing", _allowed(schemas[name]))
    return held | {name: _value(name, text, schemas[name]) for name, text in texts.items()}


def _value(name: str, text: str, schema: Mapping[str, Any]) -> Any:
    if schema["type"] == "integer":
        return whole(name, text, schema["minimum"], schema["maximum"])
    fits = text in ("true", "false") if schema["type"] == "boolean" else re.search(schema["pattern"], text)
    if not fits or text.endswith("\n"):
        raise InvalidInput(name, f"{len(text)} characters", _allowed(schema))
    return text == "true" if schema["type"] == "boolean" else text


def _allowed(schema: Mapping[str, Any]) -> str:
    if schema["type"] == "integer":
        return f"{schema['minimum']} to {schema['maximum']}"
    return "true or false" if schema["type"] == "boolean" else f"text that matches {schema['pattern']}"
