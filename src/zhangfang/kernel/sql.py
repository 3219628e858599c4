"""SQL is in `.sql` files next to the code that runs it: `-- name: pay_in` starts a statement, `$1` is a parameter.

A statement ends where the next one starts. Its text goes to asyncpg unchanged.
"""

import re
from collections.abc import Iterator
from importlib import resources

_NAME = re.compile(r"^-- name: *(.*?) *$", re.MULTILINE)
_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]*")


class Queries:
    """The statements of one file by name: `queries.pay_in` or `queries["pay_in"]` is the SQL text."""

    def __init__(self, source: str, texts: dict[str, str]) -> None:
        """Keep `texts` by name; errors name the file `source`."""
        self._source = source
        self._texts = texts

    def __getitem__(self, name: str) -> str:
        """Return the SQL text of `name`, or raise `KeyError` naming the file and what it has."""
        try:
            return self._texts[name]
        except KeyError:
            raise KeyError(f"no '-- name: {name}' in {self._source}; it has {sorted(self._texts)}") from None

    def __iter__(self) -> Iterator[str]:
        """Return the names, in the order of the file."""
        return iter(self._texts)

    def __getattr__(self, name: str) -> str:
        """Return the SQL text of `name`, or raise `AttributeError` naming the file and what it has."""
        try:
            return self[name]
        except KeyError as error:
            raise AttributeError(error.args[0]) from None


def load(package: str, file: str) -> Queries:
    """Read `file` in the folder of `package`: `queries = load(__package__, "store.sql")`."""
    return parse(f"{package}/{file}", resources.files(package).joinpath(file).read_text("utf-8"))


def parse(source: str, text: str) -> Queries:
    """Split `text` at its `-- name:` lines. Raises `ValueError` for a name used twice, malformed or without SQL."""
    head, *parts = _NAME.split(text)
    if _without_comments(head):
        raise ValueError(f"{source}: SQL before the first '-- name:' line")
    texts: dict[str, str] = {}
    for name, body in zip(parts[::2], parts[1::2], strict=True):
        if not _IDENTIFIER.fullmatch(name):
            raise ValueError(f"{source}: the name {name!r} is not lower-case letters, digits and _")
        if name in texts:
            raise ValueError(f"{source}: the name {name!r} is used twice")
        if not _without_comments(body):
            raise ValueError(f"{source}: {name!r} has no SQL")
        texts[name] = body.strip()
    return Queries(source, texts)


def _without_comments(text: str) -> str:
    return "".join(line for line in text.splitlines() if not line.lstrip().startswith("--")).strip()
