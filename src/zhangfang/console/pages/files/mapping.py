"""How is this file read? A person says which column is what, sees what its lines would become, and proposes the map."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import msgspec
from starlette.responses import Response

from zhangfang import bills
from zhangfang.bills import ColumnMap, Looked, Statement
from zhangfang.console.pages.files import guess
from zhangfang.console.pages.files.listing import day_of_text, said_of
from zhangfang.console.pages.files.typed import (
    CHOICES,
    DEFAULTS,
    columns_of,
    complaints,
    fields_of,
    map_of,
    typed_of,
)
from zhangfang.console.reading import drafts
from zhangfang.console.reading import files as reading
from zhangfang.console.uploads import Upload
from zhangfang.console.visit import Visit
from zhangfang.kernel.errors import InvalidInput, ZhangfangError
from zhangfang.kernel.ids import prefixed
from zhangfang.web.visit import Missing

SHOWN = 8  # rows, as they stand and as they would be


@dataclass(frozen=True, slots=True)
class Preview:
    """What the map makes of the file: faults of the map, or lines and how many of them a payment of ours has; or the
    movements of a statement.
    """

    faults: list[str]
    looked: Looked | None = None
    compared: int = 0
    matching: int = 0
    statement: Statement | None = None


async def begin(visit: Visit) -> Response:
    """Draw the form for a file that was brought, as it was guessed, by a map that there is, or by a draft."""
    upload, kind = _upload(visit), visit.query.get("kind", "")
    typed = dict(DEFAULTS) | {
        "channel": visit.site.with_file[0] if visit.site.with_file else "",
        "date": str(visit.today),
    }
    try:
        if name := visit.query.get("map"):
            typed |= typed_of(await bills.live_map(visit.pool, name))
        elif name := visit.query.get("draft"):
            typed |= await drafts.get(visit.pool, name, visit.person)
        else:
            typed |= await asyncio.to_thread(
                guess.guess, upload, "statement" if kind == "statement" else "file"
            )
            typed |= _words(typed, await asyncio.to_thread(guess.first_rows, upload, typed))
    except ZhangfangError as error:
        return await _drawn(visit, upload, typed, [], Preview([str(error)]), 422)
    return await _looked_at(visit, upload, typed)


async def act(visit: Visit) -> Response:
    """Show again what the map would make of the file; or save it for later, or propose it, if that is the button."""
    upload, typed = _upload(visit), dict(DEFAULTS) | dict(visit.request.state.form)
    do = typed.pop("do", "")
    try:
        if do == "save":
            await drafts.save(visit.pool, visit.site.clock, typed, visit.person)
            return visit.go("/files#drafts")
        if do == "propose":
            return visit.go(f"/proposals/{prefixed('prp', await _proposed(visit, typed))}")
    except ZhangfangError as error:
        return await _looked_at(visit, upload, typed, str(error))
    return await _looked_at(visit, upload, typed)


async def _proposed(visit: Visit, typed: dict[str, str]) -> UUID:
    content = msgspec.json.encode(map_of(typed))
    made = await bills.propose_map(visit.pool, visit.site.clock, content, visit.person, typed["reason"])
    await drafts.forget(visit.pool, typed["name"], visit.person)
    assert made.proposal is not None, "a version that is not shipped has its proposal"
    return made.proposal


async def _looked_at(visit: Visit, upload: Upload, typed: dict[str, str], error: str = "") -> Response:
    rows: list[list[str]] = []
    try:
        rows = await asyncio.to_thread(guess.first_rows, upload, typed)
        typed |= _words(typed, rows)
        preview = await _preview(visit, upload, typed)
    except (ZhangfangError, TypeError) as wrong:
        preview = Preview([str(wrong)])
    if error:
        preview = Preview([error, *preview.faults], preview.looked, preview.compared, preview.matching)
    return await _drawn(visit, upload, typed, rows, preview, 422 if error else 200)


async def _preview(visit: Visit, upload: Upload, typed: dict[str, str]) -> Preview:
    one = map_of({**typed, "name": typed["name"] or "draft"})
    if wrong := complaints(one):
        return Preview(wrong)
    if one.kind == "statement":
        return Preview([], statement=await asyncio.to_thread(_statement, upload, one))
    looked = await asyncio.to_thread(_look, upload, one, day_of_text(typed["date"]), typed)
    if not typed["totals"] and (lines := guess.totals_of(looked.around, looked.counted)):
        typed["totals"] = "\n".join(lines)
        one = map_of({**typed, "name": "draft"})
        looked = await asyncio.to_thread(_look, upload, one, day_of_text(typed["date"]), typed)
    matching = await reading.matching(visit.pool, typed["channel"], looked.numbers)
    return Preview([looked.refused] if looked.refused else [], looked, len(looked.numbers), matching)


def _statement(upload: Upload, one: ColumnMap) -> Statement:
    with upload.on_disk() as source:
        return bills.read_by_map(source, one)[0]


def _look(upload: Upload, one: ColumnMap, day: date, typed: Mapping[str, str]) -> Looked:
    with upload.on_disk() as source:
        return bills.look(source, one, day, SHOWN, said_of(typed))


def _words(typed: Mapping[str, str], rows: list[list[str]]) -> dict[str, str]:
    """Return the words of the chosen columns, each with the meaning that was chosen for it, or its usual one."""
    made: dict[str, str] = {}
    _, header, body = guess.parted(rows, typed)
    for field in ("operation", "direction"):
        chosen = {typed.get(f"word-{field}-{n}", ""): typed.get(f"means-{field}-{n}", "") for n in range(8)}
        for n, word in enumerate(guess.words_in(header, body, typed.get(f"field-{field}", ""))):
            made |= {f"word-{field}-{n}": word, f"means-{field}-{n}": chosen.get(word) or guess.meaning(word)}
    return made


def _meanings(typed: Mapping[str, str], field: str) -> list[tuple[int, str, str]]:
    """Return the words of a column with their numbers, and what each means."""
    found = [(n, typed.get(f"word-{field}-{n}", ""), typed.get(f"means-{field}-{n}", "")) for n in range(8)]
    return [one for one in found if one[1]]


async def _drawn(
    visit: Visit,
    upload: Upload,
    typed: Mapping[str, str],
    rows: list[list[str]],
    preview: Preview,
    status: int,
) -> Response:
    before, header, body = guess.parted(rows, typed)
    words = {field: _meanings(typed, field) for field in ("operation", "direction")}
    try:
        becomes = columns_of(map_of({**typed, "name": "draft"}))
    except InvalidInput:
        becomes = {}
    values: dict[str, Any] = {
        "upload": upload, "typed": typed, "before": before, "header": header, "rows": body[:SHOWN],
        "preview": preview, "shown": SHOWN, "words_of": words, "becomes": becomes, "fields": fields_of(typed),
        "choices": CHOICES, "with_file": visit.site.with_file,
    }  # fmt: skip
    return await visit.page("file_map.html", status, here="files", **values)


def _upload(visit: Visit) -> Upload:
    found = visit.site.uploads.find(visit.request.path_params["id"], visit.person.id, visit.now)
    if found is None:
        raise Missing("upload")
    return found
