"""What every JSON from a caller has to be before its fields are looked at: JSON to its last byte, and no key twice."""

import json
import re
from typing import Any

from zhangfang.kernel.errors import InvalidInput

_NAME = re.compile(r"[A-Za-z_]{1,40}")  # of a field: what else stands there may be data


def read_once(text: str, whole: str) -> None:
    """Raise `InvalidInput` if an object has a key twice, `ValueError` if the text is no JSON (or nested beyond reading).

    A key that may be data is called by the name of the `whole`. Readers that look at the fields first would take the last of
    two equal keys, and would call half a text a wrong field.
    """
    try:
        _decoder.decode(text)
    except _Twice as twice:
        name = twice.args[0]
        raise InvalidInput(
            name if _NAME.fullmatch(name) else whole, "the key twice", "each key once"
        ) from None
    except RecursionError:
        raise ValueError("nested beyond reading") from None


class _Twice(Exception):
    """An object has this key twice."""


def _once(pairs: list[tuple[str, Any]]) -> None:
    if len(pairs) != len({key for key, _ in pairs}):
        keys = [key for key, _ in pairs]
        raise _Twice(next(key for key in keys if keys.count(key) > 1))


def _refused(_: str) -> None:
    raise ValueError("not a number")


_decoder = json.JSONDecoder(
    object_pairs_hook=_once, parse_int=str, parse_float=str, parse_constant=_refused
)  # numbers are made by whoever looks at the fields
