"""The calls about statements: which are released, and each of them as a file. A merchant sees its own only."""

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from datetime import date, datetime

import msgspec
from starlette.responses import Response, StreamingResponse

from zhangfang import statements
from zhangfang.api.calls import Call, Spec
from zhangfang.kernel.errors import Busy, InvalidInput
from zhangfang.statements import FORMS, KINDS, Version, media


class StatementShown(msgspec.Struct):
    """A released version of a business date's statement. `digest` is the SHA-256 of its JSON form.

    `reason` says why a further version replaced the one before it; it is empty for the first.
    """

    day: date
    version: int
    opening: int
    closing: int
    payments: int
    lines: int
    certificates: list[str]
    digest: str
    reason: str
    released_at: datetime


class StatementPage(msgspec.Struct):
    """Up to `limit` versions, the newest date first; `cursor` leads to the next page, null at the end."""

    items: list[StatementShown]
    cursor: str | None


async def listed(call: Call) -> tuple[int, StatementPage]:
    """List the merchant's released statements."""
    limit = call.query["limit"]
    before = _place(call.query["cursor"]) if "cursor" in call.query else ()
    found = await statements.of_merchant(call.desk.pool, call.who.id, limit + 1, *before)
    last = found[limit - 1] if len(found) > limit else None
    cursor = f"{last.business_date}.{last.version}" if last else None
    return 200, StatementPage([_shown(one) for one in found[:limit]], cursor)


def _place(cursor: str) -> tuple[tuple[date, int]]:
    day, _, version = cursor.partition(".")
    return ((_day(day, "cursor"), int(version)),)


def _day(text: str, field: str = "day") -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidInput(field, f"{len(text)} characters", "a date, YYYY-MM-DD") from None


def _shown(one: Version) -> StatementShown:
    return StatementShown(
        one.business_date, one.version, one.opening, one.closing, one.payments, one.lines,
        one.certificates.split(", ") if one.certificates else [], one.digest, one.reason, one.released_at,
    )  # fmt: skip


async def file(call: Call) -> tuple[int, Response]:
    """Give a statement as a file, made by a process of its own; two at once."""
    kind, form = call.path["kind"], call.path["form"]
    if kind not in KINDS or form not in FORMS:
        raise InvalidInput("file", f"{kind[:20]}.{form[:20]}", f"{', '.join(KINDS)} as {', '.join(FORMS)}")
    making = call.office.making
    if making.locked():
        raise Busy("other files are being made: ask again in some seconds")
    pool = call.desk.pool
    version = await statements.get(pool, call.who.id, _day(call.path["day"]), call.query.get("version"))
    before = await statements.previous(pool, version)

    async def made() -> AsyncIterator[bytes]:
        async with making, aclosing(statements.made(version, kind, form, before)) as chunks:
            async for chunk in chunks:
                yield chunk

    name = f"{kind}-{version.business_date}-v{version.version}.{form}"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return 200, StreamingResponse(made(), media_type=media(form), headers=headers)


PATH = "/v1/statements"
CALLS: Sequence[Spec] = (
    Spec(
        "GET", PATH, "List your released statements", listed, gives=StatementPage, query=("limit", "cursor"),
        cursor=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}\.[1-9][0-9]{0,3}$",
    ),
    Spec(
        "GET", f"{PATH}/{{day}}/{{kind}}.{{form}}", "Fetch a statement as a file", file, query=("version",),
        files={"out": tuple(dict.fromkeys(media(form) for form in FORMS))},
    ),
)  # fmt: skip
