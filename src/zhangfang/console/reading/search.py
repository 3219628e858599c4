"""One box for any number: ours, the merchant's, the channel's, the bank's."""

import re
from dataclasses import dataclass
from datetime import date
from uuid import UUID

import asyncpg

from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import parse
from zhangfang.kernel.sql import load

queries = load(__package__, "search.sql")

_PREFIXED = re.compile(r"([a-z]{2,8})_[0-9a-z]{26}")
_HEX = re.compile(r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}")
_BASE36 = re.compile(r"[0-9A-Za-z]{25}")  # how 128 bits are written where a bank allows 30 characters


@dataclass(frozen=True, slots=True)
class Hit:
    """What a number belongs to: `what` is payment, break, bank, file, voucher or merchant; `field` which number."""

    what: str
    field: str
    key: str
    intent: UUID | None
    day: date | None
    amount: int | None


async def search(pool: asyncpg.Pool, text: str) -> tuple[Hit, ...]:
    """Return what `text` is a number of, or the merchants whose name holds it; one hit for each thing found."""
    text = text.strip()[:100]
    if not text:
        return ()
    hits = [Hit(**row) for id_ in _ids(text) for row in await pool.fetch(queries.by_id, id_, id_.hex)]
    hits += [Hit(**row) for row in await pool.fetch(queries.by_number, text, _escaped(text))]
    return _once(hits)


def _ids(text: str) -> set[UUID]:
    found = set()
    if match := _PREFIXED.fullmatch(text):
        try:
            found.add(parse(match[1], text))
        except InvalidInput:
            return set()
    if _HEX.fullmatch(text):
        found.add(UUID(text))
    if _BASE36.fullmatch(text) and (value := int(text, 36)) < 1 << 128:
        found.add(UUID(int=value))
    return found


def _escaped(text: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", text)


def _once(hits: list[Hit]) -> tuple[Hit, ...]:
    """Leave one hit for each thing: a file's or a bank's line of a payment counts as the payment."""
    seen: dict[object, Hit] = {}
    for hit in hits:
        seen.setdefault(hit.intent or (hit.what, hit.key, hit.day), hit)
    return tuple(seen.values())
