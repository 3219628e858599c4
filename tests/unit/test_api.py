"""The HTTP API in process, on a real database and a real ledger, with banks that do as they are told."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any
from unittest.mock import AsyncMock

import asyncpg
import httpx2
import msgspec
import pytest
import pytest_asyncio
import structlog
from starlette.requests import Request

from tests.api import ACCOUNT, Caller, Counter, open_counter
from tests.conftest import _database
from tests.desk import PAYER, SECRETS
from tests.mandates import sign
from tests.people import LIN, token_of
from zhangfang import webhooks
from zhangfang.api import health as health_module
from zhangfang.api import returns
from zhangfang.api.app import CALLS
from zhangfang.api.document import document
from zhangfang.api.health import Health
from zhangfang.api.limit import MAX_BYTES
from zhangfang.assembly.program import log_to
from zhangfang.batches import Upload, load
from zhangfang.channels.port import Answer, Operation, Order
from zhangfang.kernel.ids import parse, prefixed
from zhangfang.payments import Desk, State

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOBODY = "0" * 26
COLLECTION: dict[str, Any] = {"kind": "collection", "amount": 1000, "account": ACCOUNT}
PURCHASE: dict[str, Any] = {"kind": "purchase", "amount": 1000}
PROBLEM = "application/problem+json"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def counter(
    postgres_url: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Counter]:
    database = contextlib.asynccontextmanager(_database)
    async with (
        database(postgres_url, template) as url,
        open_counter(url, tmp_path_factory.mktemp("api")) as opened,
    ):
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def shop(counter: Counter) -> Caller:
    return await counter.caller(100_000)


def refused(answer: httpx2.Response, status: int, code: str, field: str | None = None) -> dict[str, Any]:
    """Check that an answer is a problem of RFC 9457 with a stable code."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM), answer.text
    held: dict[str, Any] = answer.json()
    assert (held["status"], held["code"], held["type"]) == (status, code, f"urn:zhangfang:{code}")
    assert held["detail"]
    assert held["title"]
    if field is not None:
        assert held["field"] == field
        assert field in held["detail"]
    return held


async def stored(counter: Counter, caller: Caller) -> int:
    assert caller.merchant is not None
    sql = "SELECT count(*)::int FROM intent WHERE merchant = $1"
    count: int = await counter.shop.desk.pool.fetchval(sql, caller.merchant.id)
    return count


# --- bad input ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"\xff\xfe", b'{"kind": "purchase"', b"kind=purchase", b'{"amount": NaN}', b"\x00",
        b'{"amount": 0x10}', b'{"kind": "x", "amount": 1', b'{"unknown": 1} x', b'{"x": ' + b"[" * 50_000,
    ],
)  # fmt: skip
async def test_a_body_that_is_no_json_is_refused(counter: Counter, shop: Caller, body: bytes) -> None:
    answer = await shop("POST", "/v1/payments", key="k", content=body)
    refused(answer, 400, "malformed_json")
    assert await stored(counter, shop) == 0


BAD_FIELDS: list[tuple[str, Any, str]] = [
    ("amount", 0, "amount"),
    ("amount", -1, "amount"),
    ("amount", 10.001, "amount"),
    ("amount", 10.5, "amount"),
    ("amount", 1e3, "amount"),
    ("amount", "10.00", "amount"),
    ("amount", "1000", "amount"),
    ("amount", True, "amount"),
    ("amount", None, "amount"),
    ("amount", 10**12, "amount"),
    ("amount", 10**40, "amount"),
    ("currency", "USD", "currency"),
    ("currency", "cny", "currency"),
    ("kind", "payout", "kind"),
    ("order_no", "", "order_no"),
    ("order_no", "x" * 65, "order_no"),
    ("order_no", "a b", "order_no"),
    ("order_no", "a&b", "order_no"),
    ("order_no", "订单", "order_no"),
    ("order_no", "a\n", "order_no"),
    ("order_no", "a\x00", "order_no"),
    ("description", "x" * 101, "description"),
    ("description", "a\x00b", "description"),
    ("description", "a\r\nb", "description"),
    ("return_url", "javascript:alert(1)", "return_url"),
    ("return_url", "https://x/\n", "return_url"),
    ("return_url", "https://x/\r\nSet-Cookie: a=b", "return_url"),
    ("account", None, "account"),
    ("account", {}, "account.number"),
    ("account", ACCOUNT | {"number": "12"}, "account.number"),
    ("account", ACCOUNT | {"number": "6222021234567890123\n"}, "account.number"),
    ("account", ACCOUNT | {"number": "６２２２０２１２３４５６７８９０"}, "account.number"),
    ("account", ACCOUNT | {"name": ""}, "account.name"),
    ("account", ACCOUNT | {"name": "a\x00"}, "account.name"),
    ("account", ACCOUNT | {"id_no": "x\n"}, "account.id_no"),
    ("account", ACCOUNT | {"phone": "+86"}, "account.phone"),
    ("account", ACCOUNT | {"medium": "cash"}, "account.medium"),
]


@pytest.mark.parametrize(("name", "value", "field"), BAD_FIELDS)
async def test_a_field_that_is_not_allowed_is_named_and_nothing_is_stored(
    counter: Counter, shop: Caller, name: str, value: Any, field: str
) -> None:
    answer = await shop("POST", "/v1/payments", COLLECTION | {"order_no": "A1", name: value}, key="k")
    refused(answer, 422, "invalid_input", field)
    assert await stored(counter, shop) == 0


async def test_an_unknown_field_is_refused(counter: Counter, shop: Caller) -> None:
    answer = await shop("POST", "/v1/payments", PURCHASE | {"order_no": "A1", "amout": 5}, key="k")
    assert "amout" in refused(answer, 422, "invalid_input")["detail"]
    assert await stored(counter, shop) == 0


@pytest.mark.parametrize(
    ("body", "key"),
    [
        ('{"amount": 1000, "amount": 1}', "amount"),
        ('{"kind": "collection", "account": {"number": "62220200", "number": "62220201"}}', "number"),
        ('{"a": [{"b": {}, "b": {}}]}', "b"),
        ('{"\\u0061mount": 1, "amount": 1}', "amount"),
    ],
)
async def test_a_key_that_is_there_twice_is_refused_by_name(
    counter: Counter, shop: Caller, body: str, key: str
) -> None:
    answer = await shop("POST", "/v1/payments", key="k", content=body.encode())
    assert "twice" in refused(answer, 422, "invalid_input", key)["detail"]
    assert await stored(counter, shop) == 0


async def test_a_missing_field_is_named(shop: Caller) -> None:
    answer = await shop("POST", "/v1/payments", PURCHASE, key="k")
    assert "order_no" in refused(answer, 422, "invalid_input")["detail"]


@pytest.mark.parametrize("url", ["/v1/payments", "/v1/payouts", f"/v1/payments/pay_{NOBODY}/refunds"])
async def test_a_request_that_moves_money_needs_an_idempotency_key(shop: Caller, url: str) -> None:
    refused(await shop("POST", url, {"order_no": "A1", "amount": 1}), 400, "idempotency_key_missing")
    refused(await shop("POST", url, {}, key=""), 400, "idempotency_key_missing")


@pytest.mark.parametrize("key", ["x" * 256, "a\tb", "\xe9"])
async def test_an_idempotency_key_is_printable_and_of_bounded_length(shop: Caller, key: str) -> None:
    headers = [
        (b"Authorization", f"Bearer {shop.secret}".encode()),
        (b"Idempotency-Key", key.encode("latin-1")),
    ]
    answer = await shop.client.post("/v1/payments", json=PURCHASE | {"order_no": "A1"}, headers=headers)
    refused(answer, 422, "invalid_input", "Idempotency-Key")


@pytest.mark.parametrize("length", [str(50 * 2**20), str(MAX_BYTES + 1), "0" * 30 + "52428800", "9" * 40])
async def test_a_body_declared_too_large_is_refused_before_it_is_read(
    counter: Counter, shop: Caller, length: str
) -> None:
    refused(await _raw(counter, shop, [], length.encode()), 413, "body_too_large")


async def test_a_chunked_body_of_50_mb_is_refused_once_it_is_too_large(
    counter: Counter, shop: Caller
) -> None:
    taken: list[int] = []
    answer = await _raw(counter, shop, [b"x" * 65536] * 800, None, taken)
    refused(answer, 413, "body_too_large")
    assert sum(taken) <= MAX_BYTES + 65536, "it stops reading"


async def _raw(
    counter: Counter, shop: Caller, chunks: list[bytes], length: bytes | None, taken: list[int] | None = None
) -> httpx2.Response:
    """Speak ASGI without a client in between, which would correct what is wrong."""
    headers = [(b"authorization", f"Bearer {shop.secret}".encode()), (b"idempotency-key", b"k")]
    if length is not None:
        headers.append((b"content-length", length))
    scope = {
        "type": "http", "method": "POST", "path": "/v1/payments", "raw_path": b"/v1/payments", "headers": headers,
        "query_string": b"", "http_version": "1.1", "scheme": "http", "server": ("api", 80), "client": ("c", 1),
        "root_path": "", "app": counter.app,
    }  # fmt: skip
    left = list(chunks)
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        chunk = left.pop(0)
        if taken is not None:
            taken.append(len(chunk))
        return {"type": "http.request", "body": chunk, "more_body": bool(left)}

    async def send(message: Any) -> None:
        sent.append(message)

    await counter.app(scope, receive, send)
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return httpx2.Response(sent[0]["status"], headers=sent[0]["headers"], content=body)


# --- who may --------------------------------------------------------------------------------------------------------

SECRETLESS = [
    "",
    "Bearer",
    "Bearer ",
    "Basic abc",
    "Bearer zf_sk_" + "x" * 43,
    "Bearer zf_admin_x",
    "Bearer \xff",
]


@pytest.mark.parametrize("authorization", SECRETLESS)
@pytest.mark.parametrize("spec", CALLS, ids=lambda spec: f"{spec.method} {spec.path}")
async def test_every_call_needs_a_valid_key(counter: Counter, spec: Any, authorization: str) -> None:
    headers = [(b"Authorization", authorization.encode("latin-1"))]
    url = spec.path.replace("{id}", f"{spec.prefix}_{NOBODY}")
    answer = await counter.client.request(spec.method, url, headers=headers, json={})
    refused(answer, 401, "unauthorized")
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("spec", CALLS, ids=lambda spec: f"{spec.method} {spec.path}")
async def test_a_key_of_the_other_kind_opens_nothing(counter: Counter, shop: Caller, spec: Any) -> None:
    url = spec.path.replace("{id}", f"{spec.prefix}_{NOBODY}")
    other = counter.admin if spec.who == "merchant" else shop
    refused(await other(spec.method, url, {}, key="k"), 401, "unauthorized")


BODIES: dict[str, dict[str, Any]] = {
    "/v1/payments/{id}/refunds": {"order_no": "R1", "amount": 1},
    "/v1/payments/{id}/void": {"order_no": "V1"},
    "/v1/payments/{id}/splits": {"parts": [{"receiver": "mer_" + "0" * 26, "amount": 1}]},
    "/v1/mandates/{id}/confirm": {"code": "123456"},
    "/v1/webhooks/{id}": {"url": "https://other.example/"},
    "/v1/webhooks/{id}/redeliveries": {"since": "2026-01-01T00:00:00Z"},
}
WITH_ID = [spec for spec in CALLS if "{id}" in spec.path and spec.who == "merchant"]


@pytest.mark.parametrize("spec", WITH_ID, ids=lambda spec: f"{spec.method} {spec.path}")
async def test_another_merchants_payment_is_not_found_at_any_address(
    counter: Counter, shop: Caller, spec: Any
) -> None:
    other = await counter.caller(100_000)
    ids = await one_of_each(counter, other)
    url = spec.path.replace("{id}", ids[spec.prefix])
    body = BODIES.get(spec.path) if spec.takes else None
    theirs = await shop(spec.method, url, body, key="k")
    nothing = await shop(spec.method, spec.path.replace("{id}", f"{spec.prefix}_{NOBODY}"), body, key="k2")
    assert refused(theirs, 404, "not_found")["detail"] == refused(nothing, 404, "not_found")["detail"]
    assert await stored(counter, shop) == 0
    # a mandate on paper has no code, which its owner is told
    assert (await other(spec.method, url, body, key="k")).status_code in (200, 201, 409), "its owner may"


async def one_of_each(counter: Counter, caller: Caller) -> dict[str, str]:
    """Make a payment that succeeded, a refund of a part of it, a payout, a mandate, a batch; return ids by prefix."""
    first = (await caller("POST", "/v1/payments", COLLECTION | {"order_no": "P0"}, key="p0")).json()
    paid = (await caller("POST", "/v1/payments", COLLECTION | {"order_no": "P1"}, key="p1")).json()
    await succeed(counter, first["id"], paid["id"])
    url = f"/v1/payments/{first['id']}/refunds"
    refund = (await caller("POST", url, {"order_no": "R0", "amount": 10}, key="r0")).json()
    payout = (await caller("POST", "/v1/payouts", {"order_no": "O0", "amount": 10}, key="o0")).json()
    await counter.shop.idle()
    assert caller.merchant is not None
    paper = await sign(counter.shop.desk, caller.merchant.id, PAYER)
    batch, _ = await load(
        counter.shop.desk.pool,
        counter.shop.desk.vault,
        counter.shop.desk.clock,
        caller.merchant,
        Upload("B1", "csv", 1, 1),
        _file(),
    )
    hook = (await caller("POST", "/v1/webhooks", {"url": "https://shop.example/"})).json()
    ids = {"pay": paid["id"], "ref": refund["id"], "pot": payout["id"], "whe": hook["id"]}
    return ids | {"man": prefixed("man", paper.id), "bat": prefixed("bat", batch.id)}


async def _file() -> AsyncIterator[bytes]:
    yield f"order_no,amount,number,name\nB-1,1,{PAYER.number},{PAYER.name}\n".encode()


async def succeed(counter: Counter, *ids: str) -> None:
    await counter.shop.idle()
    for id_ in ids:
        number = await counter.shop.desk.pool.fetchval(
            "SELECT channel_order_no FROM intent WHERE id = $1", uuid_of(id_)
        )
        answer = await counter.client.post("/notify/unionpay", content=counter.shop.unionpay.message(number))
        assert (answer.status_code, answer.text) == (200, "ok")


def uuid_of(id_: str) -> Any:
    return parse(id_.partition("_")[0], id_)


async def test_every_call_with_an_id_is_in_the_table_that_is_walked() -> None:
    assert {spec.path for spec in WITH_ID if spec.takes} == set(BODIES)


@pytest.mark.parametrize(
    "id_", ["x", "pay_", "pay_" + "z" * 26, "pay_" + "0" * 27, "ref_" + "0" * 26, "%00", "..%2f."]
)
async def test_an_id_that_is_none_is_refused(shop: Caller, id_: str) -> None:
    answer = await shop("GET", f"/v1/payments/{id_}")
    assert answer.status_code in (404, 422)
    assert answer.headers["content-type"] == PROBLEM


# --- asked twice ----------------------------------------------------------------------------------------------------


async def test_the_same_request_again_finds_the_first_under_its_key_or_another(
    counter: Counter, shop: Caller
) -> None:
    body = COLLECTION | {"order_no": "A1"}
    first = await shop("POST", "/v1/payments", body, key="k1")
    again = await shop("POST", "/v1/payments", body, key="k1")
    other = await shop("POST", "/v1/payments", body, key="k2")
    assert (first.status_code, again.status_code, other.status_code) == (201, 200, 200)
    assert first.json()["id"] == again.json()["id"] == other.json()["id"]
    assert await stored(counter, shop) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"amount": 1001},
        {"order_no": "A2"},
        {"description": "x"},
        {"account": ACCOUNT | {"number": "6222021234567890124"}},
    ],
)
async def test_a_key_with_another_body_is_refused(
    counter: Counter, shop: Caller, change: dict[str, Any]
) -> None:
    body = COLLECTION | {"order_no": "A1"}
    await shop("POST", "/v1/payments", body, key="k1")
    refused(await shop("POST", "/v1/payments", body | change, key="k1"), 422, "idempotency_key_reused")
    assert await stored(counter, shop) == 1


async def test_an_order_number_with_another_request_is_refused(counter: Counter, shop: Caller) -> None:
    body = COLLECTION | {"order_no": "A1"}
    await shop("POST", "/v1/payments", body, key="k1")
    refused(await shop("POST", "/v1/payments", body | {"amount": 9}, key="k2"), 409, "order_number_taken")
    assert await stored(counter, shop) == 1


async def test_fifty_equal_requests_at_once_are_one_payment(counter: Counter, shop: Caller) -> None:
    body = COLLECTION | {"order_no": "A1"}
    several = await asyncio.gather(*(shop("POST", "/v1/payments", body, key=f"k{n % 5}") for n in range(50)))
    assert {answer.json()["id"] for answer in several} == {several[0].json()["id"]}
    assert sorted(answer.status_code for answer in several) == [200] * 49 + [201]
    await counter.shop.idle()
    assert counter.shop.unionpay.debits[Operation.COLLECTION, "A1"] >= 1
    assert len(counter.shop.unionpay.sent[several[0].json()["channel_order_no"]]) == 1


async def test_equal_refunds_at_once_are_one_refund_and_other_ones_find_nothing_left(
    counter: Counter, shop: Caller
) -> None:
    paid = (await shop("POST", "/v1/payments", COLLECTION | {"order_no": "A1"}, key="k1")).json()
    await succeed(counter, paid["id"])
    url = f"/v1/payments/{paid['id']}/refunds"
    ask = [shop("POST", url, {"order_no": "R1", "amount": 1000}, key="r1") for _ in range(20)]
    rest = [shop("POST", url, {"order_no": f"S{n}", "amount": 1000}, key=f"s{n}") for n in range(20)]
    answers = await asyncio.gather(*ask, *rest)
    assert sorted(a.status_code for a in answers).count(201) == 1, "one refund took all that was left"
    made = {answer.json()["id"] for answer in answers if answer.status_code < 300}
    assert len(made) == 1
    assert {a.json()["code"] for a in answers if a.status_code == 409} == {"not_allowed"}
    assert (await shop("GET", f"/v1/payments/{paid['id']}")).json()["refunded"] == 1000


async def test_a_request_is_found_again_while_its_operation_is_stopped(
    counter: Counter, shop: Caller
) -> None:
    body = COLLECTION | {"order_no": "A1"}
    first = await shop("POST", "/v1/payments", body, key="k1")
    async with stopped(counter.shop.desk, "unionpay", "collection"):
        assert (await shop("POST", "/v1/payments", body, key="k1")).json()["id"] == first.json()["id"]
        other = await shop("POST", "/v1/payments", body | {"order_no": "A2"}, key="k2")
        refused(other, 503, "operation_stopped")
        assert other.headers["retry-after"]
    assert await stored(counter, shop) == 1
    assert (await shop("POST", "/v1/payments", body | {"order_no": "A2"}, key="k2")).status_code == 201


@contextlib.asynccontextmanager
async def stopped(desk: Desk, channel: str, operation: str) -> AsyncIterator[None]:
    """Stop an operation as a person does on the console."""
    insert = "INSERT INTO channel_stop VALUES ($1, $2, 'a test', 'lin', $3)"
    await desk.pool.execute(insert, channel, operation, desk.clock.now())
    desk.gate._stops_read = 0.0
    try:
        yield
    finally:
        await desk.pool.execute("DELETE FROM channel_stop")
        desk.gate._stops_read = 0.0


async def test_what_could_not_be_sent_waits_while_its_operation_is_stopped(
    counter: Counter, shop: Caller
) -> None:
    counter.shop.cmb.on_send["O1"] = ["not_sent"]
    made = (await shop("POST", "/v1/payouts", {"order_no": "O1", "amount": 10}, key="k")).json()
    await counter.shop.idle()
    desk = counter.shop.desk
    async with stopped(desk, "cmb", "payout"), stopped(desk, "unionpay", "payout"):
        for _ in range(3):
            counter.shop.clock.advance(seconds=30)
            await counter.shop.forget_leases()
            await counter.shop.drive()
        assert counter.shop.cmb.sent[made["channel_order_no"]] == []
    await counter.shop.forget_leases()
    await counter.shop.drive()
    assert len(counter.shop.cmb.sent[made["channel_order_no"]]) == 1


# --- what is allowed ------------------------------------------------------------------------------------------------


async def test_only_a_payment_that_succeeded_can_be_given_back(counter: Counter, shop: Caller) -> None:
    waiting = (await shop("POST", "/v1/payments", PURCHASE | {"order_no": "A1"}, key="k")).json()
    for url, body in (("refunds", {"order_no": "R1", "amount": 1}), ("void", {"order_no": "V1"})):
        refused(await shop("POST", f"/v1/payments/{waiting['id']}/{url}", body, key=url), 409, "not_allowed")
    assert await stored(counter, shop) == 1


async def test_no_more_than_the_payment_can_be_given_back(counter: Counter, shop: Caller) -> None:
    paid = (await shop("POST", "/v1/payments", COLLECTION | {"order_no": "A1"}, key="k")).json()
    await succeed(counter, paid["id"])
    url = f"/v1/payments/{paid['id']}/refunds"
    refused(await shop("POST", url, {"order_no": "R1", "amount": 1001}, key="r1"), 409, "not_allowed")
    assert (await shop("POST", url, {"order_no": "R2", "amount": 400}, key="r2")).status_code == 201
    refused(await shop("POST", url, {"order_no": "R3", "amount": 601}, key="r3"), 409, "not_allowed")
    assert (await shop("POST", url, {"order_no": "R4", "amount": 600}, key="r4")).status_code == 201
    shown = (await shop("GET", f"/v1/payments/{paid['id']}")).json()
    assert (shown["refunded"], shown.get("voided", False)) == (1000, False)


async def test_a_payout_beyond_the_balance_is_refused_and_nothing_is_sent(
    counter: Counter, shop: Caller
) -> None:
    made = (await shop("POST", "/v1/payouts", {"order_no": "O1", "amount": 100_000}, key="k")).json()
    assert (made["state"], made["code"]) == ("REFUSED", "exceeds_credits")
    await counter.shop.idle()
    assert counter.shop.cmb.sent[made["channel_order_no"]] == []
    balance = (await shop("GET", "/v1/balance")).json()
    assert balance["available"] == 100_000


# --- pages ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
async def test_pages_are_complete_and_repeat_nothing_while_more_come_in(
    counter: Counter, shop: Caller, limit: int
) -> None:
    made = []
    for n in range(7):
        counter.shop.clock.advance(milliseconds=1)
        answer = await shop("POST", "/v1/payments", PURCHASE | {"order_no": f"A{n}"}, key=f"k{n}")
        made.append(answer.json()["id"])
    seen: list[str] = []
    cursor, pages = "", 0
    while cursor is not None:
        query = f"?limit={limit}" + (f"&cursor={cursor}" if cursor else "")
        page = (await shop("GET", f"/v1/payments{query}")).json()
        seen += [item["id"] for item in page["items"]]
        cursor, pages = page["cursor"], pages + 1
        counter.shop.clock.advance(milliseconds=1)
        await shop("POST", "/v1/payments", PURCHASE | {"order_no": f"B{pages}"}, key=f"b{pages}")
    assert seen == made[::-1]


@pytest.mark.parametrize(
    "query",
    [
        "limit=0", "limit=101", "limit=x", "limit=-1", "limit=1.0", "limit=", "limit=٣", "limit=0000000010000000",
        "limit=020", "limit=" + "9" * 20, "limit=" + "1" * 5000, "limit=5&limit=5",
    ],
)  # fmt: skip
async def test_a_limit_that_is_not_allowed_is_named(shop: Caller, query: str) -> None:
    refused(await shop("GET", f"/v1/payments?{query}"), 422, "invalid_input", "limit")


@pytest.mark.parametrize("cursor", ["", "x", f"ref_{NOBODY}", f"pay_{NOBODY}x", "pay_%00"])
async def test_a_forged_cursor_is_named(shop: Caller, cursor: str) -> None:
    refused(await shop("GET", f"/v1/payments?cursor={cursor}"), 422, "invalid_input", "cursor")


async def test_a_page_shows_nobody_elses(counter: Counter, shop: Caller) -> None:
    other = await counter.caller(1000)
    await one_of_each(counter, other)
    for url in ("/v1/payments", "/v1/refunds", "/v1/payouts"):
        assert (await shop("GET", url)).json() == {"items": [], "cursor": None}
        assert (await other("GET", url)).json()["items"]


@pytest.mark.parametrize("spec", CALLS, ids=lambda spec: f"{spec.method} {spec.path}")
async def test_a_parameter_that_a_call_does_not_have_is_refused_by_name(
    counter: Counter, shop: Caller, spec: Any
) -> None:
    url = spec.path.replace("{id}", f"{spec.prefix}_{NOBODY}")
    caller = counter.admin if spec.who == "admin" else shop
    if spec.who == "operator":
        caller = replace(shop, secret=await token_of(counter.shop.desk.pool, LIN))
    answer = await caller(spec.method, f"{url}?limt=5", {}, key="k")
    assert "limt" in refused(answer, 422, "invalid_input", "limt")["detail"]


# --- notifications --------------------------------------------------------------------------------------------------


async def sent(counter: Counter, shop: Caller) -> str:
    made = (await shop("POST", "/v1/payments", COLLECTION | {"order_no": "A1"}, key="k")).json()
    await counter.shop.idle()
    return str(made["channel_order_no"])


async def states(counter: Counter, shop: Caller) -> list[State]:
    assert shop.merchant is not None
    rows = await counter.shop.desk.pool.fetch(
        "SELECT state FROM intent WHERE merchant = $1", shop.merchant.id
    )
    return [State(row["state"]) for row in rows]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "malformed_message"),
        (b"\xff\x00", "malformed_message"),
        (b"[]", "malformed_message"),
        (b'{"orderId": 1}', "malformed_message"),
    ],
)
async def test_a_notification_that_cannot_be_read_is_refused(
    counter: Counter, body: bytes, code: str
) -> None:
    refused(await counter.client.post("/notify/unionpay", content=body), 400, code)


async def test_a_forged_notification_moves_nothing(counter: Counter, shop: Caller) -> None:
    genuine = json.loads(counter.shop.unionpay.message(await sent(counter, shop)))
    forged = json.dumps(genuine | {"signature": "other"})
    refused(await counter.client.post("/notify/unionpay", content=forged), 400, "signature_invalid")
    assert await states(counter, shop) == [State.SENDING]


async def test_a_truncated_notification_moves_nothing(counter: Counter, shop: Caller) -> None:
    genuine = counter.shop.unionpay.message(await sent(counter, shop))
    for end in range(0, len(genuine), 7):
        answer = await counter.client.post("/notify/unionpay", content=genuine[:end])
        refused(answer, 400, "malformed_message")
    assert await states(counter, shop) == [State.SENDING]


async def test_a_notification_of_an_order_that_is_not_ours_is_not_acknowledged(counter: Counter) -> None:
    bank = counter.shop.unionpay
    bank.do(Order(Operation.COLLECTION, "f" * 32, counter.shop.clock.now(), 5, "Z"))
    refused(await counter.client.post("/notify/unionpay", content=bank.message("f" * 32)), 404, "not_found")
    refused(await counter.client.post("/notify/cmb", content=b"{}"), 400, "malformed_message")
    refused(await counter.client.post("/notify/nobody", content=b"{}"), 404, "not_found")


async def test_a_notification_of_another_kind_of_operation_moves_nothing(
    counter: Counter, shop: Caller
) -> None:
    genuine = json.loads(counter.shop.unionpay.message(await sent(counter, shop)))
    other = json.dumps(genuine | {"kind": "purchase"})
    refused(await counter.client.post("/notify/unionpay", content=other), 404, "not_found")
    assert await states(counter, shop) == [State.SENDING]


async def test_a_replayed_notification_is_acknowledged_and_books_once(counter: Counter, shop: Caller) -> None:
    message = counter.shop.unionpay.message(await sent(counter, shop))
    post = counter.client.post
    several = await asyncio.gather(*(post("/notify/unionpay", content=message) for _ in range(10)))
    several.append(await post("/notify/unionpay", content=message))
    assert {answer.text for answer in several} == {"ok"}
    assert await states(counter, shop) == [State.SUCCESS]
    assert (await shop("GET", "/v1/balance")).json()["pending"] == 994


async def test_a_notification_is_not_acknowledged_before_it_is_stored(counter: Counter, shop: Caller) -> None:
    message = counter.shop.unionpay.message(await sent(counter, shop))
    async with away(counter):
        answer = await counter.client.post("/notify/unionpay", content=message)
        refused(answer, 503, "database_unavailable")
    assert (await counter.client.post("/notify/unionpay", content=message)).text == "ok"
    assert await states(counter, shop) == [State.SUCCESS]


@contextlib.asynccontextmanager
async def away(counter: Counter) -> AsyncIterator[None]:
    """Take the database away from the desk: whatever it asks, the connection is refused."""
    desk = counter.shop.desk
    pool, journal = desk.pool, desk.journal
    desk.pool = await asyncpg.create_pool("postgresql://nobody@127.0.0.1:1/x", min_size=0, max_size=1)
    desk.journal = type(journal)(desk.pool)
    try:
        yield
    finally:
        desk.pool.terminate()
        desk.pool, desk.journal = pool, journal


async def test_without_the_database_every_call_says_so_and_when_to_come_back(
    counter: Counter, shop: Caller
) -> None:
    await shop("GET", "/v1/balance")  # its key is known for a while
    async with away(counter):
        for method, url, body in (
            ("POST", "/v1/payments", COLLECTION | {"order_no": "A1"}),
            ("POST", "/v1/payouts", {"order_no": "A1", "amount": 1, "account": ACCOUNT}),
            ("GET", "/v1/payments", None),
            ("GET", f"/v1/payments/pay_{NOBODY}", None),
        ):
            answer = await shop(method, url, body, key="k")
            refused(answer, 503, "database_unavailable")
            assert answer.headers["retry-after"] == "1"
        refused(await counter.client.get("/health"), 503, "database_unavailable")
    assert await stored(counter, shop) == 0


# --- a payer who comes back -------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def asking(counter: Counter, said: Callable[[Order], None]) -> AsyncIterator[None]:
    """Have `said` called each time that the channel is asked about an order."""
    query = counter.shop.unionpay.query

    async def counted(order: Order) -> Answer:
        said(order)
        return await query(order)

    counter.shop.unionpay.query = counted  # type: ignore[method-assign]
    try:
        yield
    finally:
        counter.shop.unionpay.query = query  # type: ignore[method-assign]


async def redirected(shop: Caller, **more: str) -> tuple[str, str]:
    """Make a purchase; return its id and the path to which the cashier sends its payer back."""
    body = PURCHASE | {"order_no": "A1", "return_url": "https://shop.example/done"} | more
    made = (await shop("POST", "/v1/payments", body, key="k")).json()
    return made["id"], made["redirect"]["fields"]["frontUrl"].removeprefix("http://127.0.0.1:8200")


async def test_a_payer_who_comes_back_is_sent_to_the_shop_and_the_channel_is_asked_once(
    counter: Counter, shop: Caller
) -> None:
    id_, way = await redirected(shop, return_url="https://shop.example/done?x=1")
    asked: list[Order] = []
    async with asking(counter, asked.append):
        several = await asyncio.gather(*(counter.client.get(way) for _ in range(20)))
        several.append(await counter.client.post(way, content=b"anything=1"))
    goal = (303, f"https://shop.example/done?x=1&payment={id_}")
    assert {(back.status_code, back.headers["location"]) for back in several} == {goal}
    assert len(asked) == 1, "an open payment is asked about once in some seconds"
    assert (await shop("GET", f"/v1/payments/{id_}")).json()["state"] == "REDIRECTED"


async def test_a_payment_is_asked_about_again_after_some_seconds_and_not_once_it_is_final(
    counter: Counter, shop: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(returns, "SECONDS", 0.0)
    id_, way = await redirected(shop)
    asked: list[Order] = []
    async with asking(counter, asked.append):
        await counter.client.get(way)
        counter.shop.unionpay.do(asked[0])
        await counter.client.get(way)
        assert (await shop("GET", f"/v1/payments/{id_}")).json()["state"] == "SUCCESS"
        await counter.client.get(way)
    assert len(asked) == 2


async def test_a_stranger_is_told_nothing_about_a_payment_and_asks_nobody(
    counter: Counter, shop: Caller
) -> None:
    id_, way = await redirected(shop)
    other = way[:-1] + ("0" if way[-1] != "0" else "1")
    asked: list[Order] = []
    async with asking(counter, asked.append), away(counter):
        for path in (
            f"/return/{id_}",
            f"/return/{id_}.",
            other,
            f"/return/pay_{NOBODY}",
            "/return/x",
            "/return/.é",
        ):
            answer = await counter.client.get(path)
            assert (answer.status_code, "location" in answer.headers) == (200, False)
            assert "shop.example" not in answer.text
    assert asked == []


async def test_a_payer_comes_back_even_if_the_channel_cannot_be_asked(counter: Counter, shop: Caller) -> None:
    _, way = await redirected(shop)

    def broken(_: Order) -> None:
        raise RuntimeError("a bug")

    async with asking(counter, broken):
        assert (await counter.client.get(way)).status_code == 303


# --- is it well? ------------------------------------------------------------------------------------------------------


async def health(counter: Counter) -> tuple[int, str]:
    """Ask a part of the application that has asked nothing yet."""
    answer = await Health(counter.shop.desk).page(Request({"type": "http"}))
    return answer.status_code, msgspec.json.decode(bytes(answer.body)).get("code", "")


async def test_health_says_so_when_nothing_can_be_written_though_all_can_be_read(counter: Counter) -> None:
    pool = counter.shop.desk.pool
    assert await health(counter) == (200, "")
    await pool.execute(
        "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$;"
        "CREATE TRIGGER full_disk BEFORE INSERT ON write_probe EXECUTE FUNCTION full_disk()"
    )
    try:
        assert await pool.fetchval("SELECT 1") == 1
        assert await health(counter) == (503, "database_unavailable")
    finally:
        await pool.execute("DROP FUNCTION full_disk CASCADE")
    assert await health(counter) == (200, "")


async def test_the_probe_asks_the_disk_for_new_space_each_time(counter: Counter) -> None:
    pool = counter.shop.desk.pool
    files = set()
    for _ in range(3):
        assert await health(counter) == (200, "")
        files.add(await pool.fetchval("SELECT pg_relation_filepath('write_probe')"))
        assert await pool.fetchval("SELECT pg_relation_size('write_probe')") == 32 * 8192
    assert len(files) == 3


async def test_health_is_answered_while_the_database_hangs_and_the_database_is_not_asked_meanwhile(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health_module, "SECONDS", 0.2)
    desk = counter.shop.desk
    opened = Health(desk)
    async with desk.pool.acquire() as other, other.transaction():
        await other.execute("LOCK TABLE write_probe")
        for _ in range(3):
            assert (await opened.page(Request({"type": "http"}))).status_code == 503
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%write_probe()%' AND wait_event_type = 'Lock'"
        assert await desk.pool.fetchval(waiting) == 1
    assert opened._database._asking is not None
    await opened._database._asking
    assert (await opened.page(Request({"type": "http"}))).status_code == 200


async def test_many_who_ask_at_once_are_one_question() -> None:
    asked: list[int] = []

    async def ask() -> int:
        asked.append(1)
        return len(asked)

    look = health_module.Look(ask, RuntimeError())
    assert {await look.answer() for _ in range(5)} | {
        *await asyncio.gather(*(look.answer() for _ in range(50)))
    } == {1}
    look._began -= health_module.FRESH_SECONDS + 1
    assert await look.answer() == 2


# --- answers in general ---------------------------------------------------------------------------------------------


async def test_an_unexpected_error_tells_nothing(
    counter: Counter, shop: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError(f"a bug with {SECRETS[0]}")

    monkeypatch.setattr(type(counter.shop.desk.gate), "read_stops", broken)
    with structlog.testing.capture_logs() as logs:
        answer = await shop("POST", "/v1/payments", PURCHASE | {"order_no": "A1"}, key="k")
    assert [line["event"] for line in logs] == ["an unexpected error"]
    assert SECRETS[0] not in str(refused(answer, 500, "internal_error"))


async def test_addresses_and_methods_that_are_none_are_problems_too(counter: Counter) -> None:
    refused(await counter.client.get("/v1/nothing"), 404, "not_found")
    answer = await counter.client.delete("/v1/payments/x")
    refused(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, HEAD"
    for url in ("/v1/payments", "/v1/payments?cursor=x", "/return/x"):
        answer = await counter.client.put(url)
        refused(answer, 405, "method_not_allowed")
        assert answer.headers["allow"] == "GET, HEAD, POST", "all methods of all its calls"


@pytest.mark.parametrize(
    "url", ["/v1/payments", "/notify/unionpay", "/v1/batches?batch_no=B9&count=1&amount=1"]
)
async def test_a_client_that_goes_away_is_no_error_of_ours(counter: Counter, shop: Caller, url: str) -> None:
    headers = [(b"authorization", f"Bearer {shop.secret}".encode()), (b"idempotency-key", b"k")]
    path, _, query = url.partition("?")
    scope = {
        "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": query.encode(),
        "headers": [*headers, (b"content-length", b"9"), (b"content-type", b"text/csv")], "http_version": "1.1",
        "scheme": "http", "server": ("api", 80), "client": ("c", 1), "root_path": "", "app": counter.app,
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        assert message.get("status") in (400, None)

    with structlog.testing.capture_logs() as logs:
        await counter.app(scope, receive, send)
    assert logs == []


async def test_the_documents_are_served(counter: Counter) -> None:
    assert (await counter.client.get("/openapi.json")).json() == document(CALLS)
    assert "Create a payment" in (await counter.client.get("/docs")).text
    while (health := await counter.client.get("/health")).status_code == 503:  # noqa: ASYNC110 -- a busy machine is late
        await asyncio.sleep(0.1)
    assert health.json()["ok"] is True
    assert (await counter.client.get("/metrics")).status_code == 200


async def test_personal_data_is_in_no_answer_no_log_and_no_column(
    counter: Counter, shop: Caller, capsys: pytest.CaptureFixture[str]
) -> None:
    held = structlog.get_config()
    log_to()

    async def broken(order: Order) -> Answer:
        raise RuntimeError(f"a bug in a connector that shows its order: {order!r}")

    try:
        await one_of_each(counter, shop)
        counter.shop.unionpay.send = broken  # type: ignore[method-assign]
        await shop("POST", "/v1/payments", COLLECTION | {"order_no": "X1"}, key="x1")
        await counter.shop.idle()
        counter.shop.unionpay.query = broken  # type: ignore[method-assign]
        counter.shop.clock.advance(seconds=60)
        await counter.shop.forget_leases()
        await counter.shop.drive()
        for bad in (ACCOUNT | {"name": "张三丰\n"}, ACCOUNT | {"nummer": 1}, ACCOUNT | {"bank": "x" * 61}):
            await shop("POST", "/v1/payments", COLLECTION | {"order_no": "X2", "account": bad}, key="x2")
    finally:
        del counter.shop.unionpay.send
        del counter.shop.unionpay.query
        structlog.configure(**held)
    shown = capsys.readouterr()
    assert "a bug in a connector" in shown.err, "the log was watched"
    rows = []
    for table in ("intent", "step", "webhook"):
        rows += [r[0] for r in await counter.shop.desk.pool.fetch(f"SELECT t::text FROM {table} t")]
    for place, text in {
        "log": shown.out + shown.err,
        "answers": "".join(counter.seen),
        "rows": "".join(rows),
    }.items():
        for secret in SECRETS:
            assert secret not in text, f"{place} show personal data"


async def test_an_account_is_shown_by_its_last_digits_only(shop: Caller) -> None:
    made = (await shop("POST", "/v1/payments", COLLECTION | {"order_no": "A1"}, key="k")).json()
    assert made["account_tail"] == "0123"
    assert "account" not in made


async def test_ids_of_other_kinds_do_not_open_each_other(counter: Counter, shop: Caller) -> None:
    ids = await one_of_each(counter, shop)
    as_refund = prefixed("ref", uuid_of(ids["pay"]))
    refused(await shop("GET", f"/v1/refunds/{as_refund}"), 404, "not_found")
    as_payment = prefixed("pay", uuid_of(ids["pot"]))
    refused(await shop("GET", f"/v1/payments/{as_payment}"), 404, "not_found")
    refused(await shop("GET", f"/v1/payments/{as_payment}/timeline"), 404, "not_found")


# --- merchants ------------------------------------------------------------------------------------------------------


async def test_the_administrator_makes_a_merchant_a_key_and_the_merchant_pays(counter: Counter) -> None:
    body = {"name": "新店", "external_ref": "N-1", "fee_rules": [{"kind": "purchase", "rate_ppm": 6000}]}
    made = await counter.admin("POST", "/v1/merchants", body)
    again = await counter.admin("POST", "/v1/merchants", body)
    assert made.status_code == again.status_code == 201
    assert made.json() == again.json()
    refused(await counter.admin("POST", "/v1/merchants", body | {"name": "别店"}), 409, "merchant_differs")
    url = f"/v1/merchants/{made.json()['id']}"
    assert (await counter.admin("GET", url)).json() == made.json()
    key = (await counter.admin("POST", f"{url}/keys")).json()["secret"]
    caller = Caller(counter.client, key)
    assert (await caller("POST", "/v1/payments", PURCHASE | {"order_no": "A1"}, key="k")).status_code == 201
    refused(
        await caller("POST", "/v1/payouts", {"order_no": "A1", "amount": 1}, key="p"),
        409,
        "no_settlement_account",
    )
    with_account = {"order_no": "A1", "amount": 1, "account": ACCOUNT}
    refused(await caller("POST", "/v1/payouts", with_account, key="p"), 409, "no_fee_rule")


@pytest.mark.parametrize(
    "method_and_url", ["GET /v1/merchants/mer_" + NOBODY, "POST /v1/merchants/mer_" + NOBODY + "/keys"]
)
async def test_a_merchant_that_is_none_is_not_found(counter: Counter, method_and_url: str) -> None:
    method, _, url = method_and_url.partition(" ")
    refused(await counter.admin(method, url), 404, "not_found")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://x",
        "http://",
        "https://u:p@x/",
        "http://x/\n",
        "http://[",
        "x" * 3000,
        "http://127.0.0.1:8200/",
        "http://[::ffff:10.0.0.1]/",
        "http://2130706433/",
        "http://127.1/",
        "https://169.254.169.254/",
    ],
)
async def test_a_webhook_address_that_cannot_be_is_named(shop: Caller, url: str) -> None:
    refused(await shop("POST", "/v1/webhooks", {"url": url}), 422, "invalid_input", "url")


async def test_a_merchant_sees_what_became_of_its_events_and_has_one_sent_again(
    counter: Counter, shop: Caller
) -> None:
    made = (await shop("POST", "/v1/webhooks", {"url": "https://shop.example/"})).json()
    url = f"/v1/webhooks/{made['id']}"
    payment = (await shop("POST", "/v1/payments", COLLECTION | {"order_no": "W1"}, key="k")).json()
    await succeed(counter, payment["id"])
    desk = counter.shop.desk
    assert shop.merchant
    event = await desk.pool.fetchrow("SELECT id, merchant FROM webhook WHERE merchant = $1", shop.merchant.id)
    async with webhooks.open_session(()) as session:
        spread, _ = webhooks.Sender(desk.pool, desk.vault, desk.clock, session, AsyncMock()).jobs()
        await spread.step(event)
    (waits,) = (await shop("GET", f"{url}/deliveries")).json()["items"]
    assert (waits["event"], waits["state"]) == (prefixed("evt", event["id"]), "waiting")
    (row,) = (await shop("GET", "/v1/webhooks")).json()["items"]
    assert row["waiting_since"] == waits["created_at"]
    give_up = "UPDATE webhook_delivery SET next_action_at = NULL WHERE endpoint = $1"
    await desk.pool.execute(give_up, parse("whe", made["id"]))
    (failed,) = (await shop("GET", f"{url}/deliveries?failed=true")).json()["items"]
    assert failed == waits | {"state": "failed", "next_try_at": None}
    both = {"event": waits["event"], "since": "2026-01-01T00:00:00Z"}
    for body in ({}, both):
        refused(await shop("POST", f"{url}/redeliveries", body), 422, "invalid_input", "event")
    assert (await shop("POST", f"{url}/redeliveries", {"event": waits["event"]})).json() == {"events": 1}
    assert (await shop("GET", f"{url}/deliveries?failed=true")).json()["items"] == []
    refused(await shop("GET", f"{url}/deliveries?failed=yes"), 422, "invalid_input", "failed")


@pytest.mark.parametrize(
    "path", ["/", "/console", "/v1/payments/", "/docs/", "/health/", "/notify/unionpay/"]
)
async def test_no_redirect_names_the_host_or_the_scheme_that_the_request_names(
    counter: Counter, path: str
) -> None:
    answer = await counter.client.get(path, headers={"host": "evil.example"})
    assert answer.headers.get("location", "/console/") == "/console/"


async def test_who_creates_a_merchant_or_a_key_is_recorded(counter: Counter) -> None:
    made = (await counter.admin("POST", "/v1/merchants", {"name": "甲商户", "external_ref": "act1"})).json()
    await counter.admin("POST", f"/v1/merchants/{made['id']}/keys")
    sql = "SELECT act, target, reason FROM operator_act WHERE operator = 'key_admin' AND target = ANY($1) ORDER BY seq"
    rows = await counter.shop.desk.pool.fetch(sql, ["act1", made["id"]])
    assert [tuple(row) for row in rows] == [
        ("create merchant", "act1", ""),
        ("create merchant", "act1", "done"),
        ("make API key", made["id"], ""),
        ("make API key", made["id"], "done"),
    ]
