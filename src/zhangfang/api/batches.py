"""The calls about batches (批量代收): a file is stored as it arrives, and its results come in the same order."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from starlette.responses import Response, StreamingResponse

from zhangfang import batches
from zhangfang.api.calls import Call, Spec
from zhangfang.api.payments import PAGED
from zhangfang.api.problems import problem
from zhangfang.batches import Batch, BatchInvalid, Upload
from zhangfang.kernel.ids import parse, prefixed

MEDIA = {"text/csv": "csv", "application/x-ndjson": "jsonl"}


class ChannelBatchShown(msgspec.Struct):
    """Items that are sent to a channel in one message. `number` is the batch's number there, set when it is sent."""

    channel: str
    state: str
    items: int
    amount: int
    number: str | None
    requested_at: datetime | None
    code: str
    message: str


class BatchShown(msgspec.Struct):
    """A batch: `counts` and `amounts` (fen) of its items by state; WAITING items are not payments yet."""

    id: str
    batch_no: str
    state: str
    items: int
    amount: int
    counts: Mapping[str, int]
    amounts: Mapping[str, int]
    collected: int
    channel_batches: list[ChannelBatchShown]
    created_at: datetime
    finished_at: datetime | None


class ItemShown(msgspec.Struct):
    """A line of the file: `state` is its payment's, or WAITING, or REFUSED with a code and what would be allowed."""

    line: int
    order_no: str
    amount: int
    state: str
    payment: str | None
    account_tail: str
    code: str
    message: str
    settle_date: str


class ItemPage(msgspec.Struct):
    """Up to `limit` lines in the order of the file; `cursor` leads to the next page, null at the end."""

    items: list[ItemShown]
    cursor: str | None


async def create(call: Call) -> tuple[int, Any]:
    """Take a file. The answer comes when the whole file is stored or refused."""
    upload = _upload(call)
    stream = call.http.stream()
    try:
        made, new = await batches.load(
            call.desk.pool, call.desk.vault, call.desk.clock, call.who, upload, stream
        )
    except BatchInvalid as error:
        await _drain(stream)
        return 422, _invalid(error)
    return 201 if new else 200, await shown(call, made)


def _upload(call: Call) -> Upload:
    media = call.http.headers.get("content-type", "").partition(";")[0].strip().lower()
    query = call.query
    return Upload(query["batch_no"], MEDIA.get(media, ""), query["count"], query["amount"], query["partial"])


async def _drain(stream: AsyncIterator[bytes]) -> None:
    """Read the rest of a refused file, up to the largest size, so that a caller that is still sending gets the answer."""
    left = batches.MOST_BYTES
    async for data in stream:
        left -= len(data)
        if left < 0:
            return


def _invalid(error: BatchInvalid) -> Response:
    problems = [
        {"line": one.line, "column": one.column, "shape": one.shape, "allowed": one.allowed}
        for one in error.problems
    ]
    return problem(422, "batch_invalid", str(error), bad=error.bad, problems=problems)


async def _mine(call: Call) -> Batch:
    return await batches.get(call.desk.pool, call.who.id, parse("bat", call.path["id"]))


async def shown(call: Call, batch: Batch) -> BatchShown:
    """Return a batch as its merchant sees it."""
    how = await batches.progress(call.desk.pool, batch.id)
    carried = await batches.carried(call.desk.pool, batch.id)
    names = ChannelBatchShown.__struct_fields__
    return BatchShown(
        prefixed("bat", batch.id),
        batch.batch_no,
        batch.state.value,
        batch.items,
        batch.amount,
        how.counts,
        how.amounts,
        how.collected,
        [ChannelBatchShown(**{name: getattr(one, name) for name in names}) for one in carried],
        batch.created_at,
        batch.finished_at,
    )


async def get(call: Call) -> tuple[int, BatchShown]:
    """Show a batch."""
    return 200, await shown(call, await _mine(call))


async def items(call: Call) -> tuple[int, ItemPage]:
    """List a batch's items in the order of the file."""
    batch = await _mine(call)
    limit = call.query["limit"]
    after = int(call.query.get("cursor", "0"))
    found = await batches.items(call.desk.pool, batch.id, after, limit + 1)
    rows = [
        ItemShown(
            one.line, one.order_no, one.amount, one.state, prefixed("pay", one.payment) if one.payment else None,
            one.tail, one.code, one.message, one.settle_date,
        )
        for one in found[:limit]
    ]  # fmt: skip
    return 200, ItemPage(rows, str(rows[-1].line) if len(found) > limit else None)


async def results(call: Call) -> tuple[int, Any]:
    """Return the present results as a file, in the order of the merchant's lines."""
    batch = await _mine(call)
    headers = {"Content-Disposition": f'attachment; filename="{prefixed("bat", batch.id)}.csv"'}
    return 200, StreamingResponse(
        batches.results(call.desk.pool, batch.id), media_type="text/csv", headers=headers
    )


PATH = "/v1/batches"
ANNOUNCED = ("batch_no", "count", "amount", "partial")
CALLS: Sequence[Spec] = (
    Spec(
        "POST", PATH, "Submit a batch of collections", create, gives=BatchShown, query=ANNOUNCED, prefix="bat",
        files={"in": tuple(MEDIA)},
    ),
    Spec("GET", f"{PATH}/{{id}}", "Show how far a batch is", get, gives=BatchShown, prefix="bat"),
    Spec(
        "GET", f"{PATH}/{{id}}/items", "List its items in the order of the file", items, gives=ItemPage, query=PAGED,
        prefix="bat", cursor="^(0|[1-9][0-9]{0,5})$",
    ),
    Spec(
        "GET", f"{PATH}/{{id}}/results", "Fetch its results as a file", results, prefix="bat",
        files={"out": ("text/csv",)},
    ),
)  # fmt: skip
