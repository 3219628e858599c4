"""The administrator's calls about double payments: list, confirm, approve, dismiss; no merchant's key opens them."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.api import Counter, open_counter
from zhangfang.channels.port import Operation
from zhangfang.cli import duplicates as command
from zhangfang.cli import resolve
from zhangfang.duplicates import find
from zhangfang.kernel.ids import new_id, prefixed
from zhangfang.merchants import Merchant
from zhangfang.payments import Intent, notified


@pytest.fixture
async def counter(database_url: str, tmp_path: Path) -> AsyncIterator[Counter]:
    async with open_counter(database_url, tmp_path) as opened:
        await opened.shop.desk.pool.execute("DROP INDEX intent_order")
        yield opened


async def paid(counter: Counter, merchant: Merchant, number: str) -> Intent:
    intent = await counter.shop.ask(
        merchant, Operation.COLLECTION, f"{number}/{new_id(counter.shop.clock).hex}", 10_000
    )
    await notified(
        counter.shop.desk, counter.shop.unionpay, {}, counter.shop.unionpay.message(intent.channel_order_no)
    )
    await counter.shop.desk.pool.execute("UPDATE intent SET order_no = $2 WHERE id = $1", intent.id, number)
    return await counter.shop.reload(intent)


async def double(counter: Counter, number: str = "RENT-9-01") -> tuple[str, Merchant]:
    merchant = await counter.shop.merchant()
    for _ in range(2):
        await paid(counter, merchant, number)
        counter.shop.clock.advance(milliseconds=5)
    await find(counter.shop.desk.pool, counter.shop.desk.clock, counter.shop.clock.now() - timedelta(days=1))
    page = (await counter.admin("GET", "/v1/duplicates")).json()
    return page["data"][0]["id"], merchant


async def test_a_case_is_listed_confirmed_and_shown_with_who_and_why(counter: Counter) -> None:
    id_, merchant = await double(counter)
    (shown,) = (await counter.admin("GET", "/v1/duplicates?limit=5")).json()["data"]
    assert (shown["state"], shown["amount"], shown["merchant"], shown["order_no"]) == (
        "SUSPECTED", 10_000, merchant.id, "RENT-9-01")  # fmt: skip
    assert shown["stays"] < shown["goes_back"]
    made = await counter.admin(
        "POST", f"/v1/duplicates/{id_}/confirm", {"by": "lin", "reason": "asked twice"}
    )
    assert (made.status_code, made.json()["state"], made.json()["confirmed_by"]) == (201, "REVERSING", "lin")
    again = await counter.admin(
        "POST", f"/v1/duplicates/{id_}/confirm", {"by": "lin", "reason": "asked twice"}
    )
    assert again.status_code == 201
    other = await counter.admin(
        "POST", f"/v1/duplicates/{id_}/dismiss", {"by": "wang", "reason": "it is none"}
    )
    assert (other.status_code, other.json()["code"]) == (409, "not_allowed")


async def test_what_was_settled_needs_another_person(counter: Counter) -> None:
    id_, _ = await double(counter)
    batch = new_id(counter.shop.clock)
    await counter.shop.desk.pool.execute("UPDATE intent SET settlement = $1", batch)
    made = await counter.admin(
        "POST", f"/v1/duplicates/{id_}/confirm", {"by": "lin", "reason": "asked twice"}
    )
    assert made.json()["state"] == "APPROVAL"
    for name in ("lin", "LIN", " lin"):
        own = await counter.admin("POST", f"/v1/duplicates/{id_}/approve", {"by": name})
        assert own.status_code in (409, 422)
    own = await counter.admin("POST", f"/v1/duplicates/{id_}/approve", {"by": "Lin"})
    assert (own.status_code, own.json()["code"]) == (409, "second_person_needed")
    agreed = await counter.admin("POST", f"/v1/duplicates/{id_}/approve", {"by": "wang"})
    assert (agreed.status_code, agreed.json()["approved_by"]) == (201, "wang")


async def test_a_merchants_key_opens_nothing_and_a_wrong_call_says_what_is_wrong(counter: Counter) -> None:
    id_, _ = await double(counter)
    merchant = await counter.caller()
    body = {"by": "lin", "reason": "asked twice"}
    assert (await merchant("GET", "/v1/duplicates")).status_code == 401
    assert (await merchant("POST", f"/v1/duplicates/{id_}/confirm", body)).status_code == 401
    missing = prefixed("dup", new_id(counter.shop.clock))
    for path, sent, status in (
        (f"/v1/duplicates/{missing}/confirm", body, 404),
        ("/v1/duplicates/dup_1/confirm", body, 422),
        (f"/v1/duplicates/{id_}/confirm", {"by": "lin"}, 422),
        (f"/v1/duplicates/{id_}/confirm", {"by": "lin", "reason": "no"}, 422),
        (f"/v1/duplicates/{id_}/confirm", body | {"force": True}, 422),
        (f"/v1/duplicates/{id_}/approve", {"by": "lin"}, 409),
    ):
        assert (await counter.admin("POST", path, sent)).status_code == status, (path, sent)
    assert (await counter.admin("GET", "/v1/duplicates?limit=0")).status_code == 422


async def test_pages_go_on_where_the_last_one_ended(counter: Counter) -> None:
    for number in ("A", "B", "C"):
        await double(counter, number)
    first = (await counter.admin("GET", "/v1/duplicates?limit=2")).json()
    rest = (await counter.admin("GET", f"/v1/duplicates?limit=2&cursor={first['cursor']}")).json()
    assert [one["order_no"] for one in first["data"] + rest["data"]] == ["C", "B", "A"]
    assert rest["cursor"] is None


@pytest.mark.parametrize(
    ("app", "words", "says"),
    [
        (command.app, ["confirm", "--by", "lin", "--reason", "twice"], "got nothing"),
        (command.app, ["confirm", "dup_1", "--by", "lin", "--reason", "twice"], "dup_ and 26"),
        (command.app, ["approve", "pay_1", "--by", "lin"], "dup_ and 26"),
        (command.app, ["find", "--days", "0"], "1 to 366"),
        (resolve.app, ["approve", "7", "--by", "lin"], "out_ and 26"),
        (
            resolve.app,
            ["propose", "x", "--outcome", "PAID", "--reason", "a", "--evidence", "b", "--by", "c"],
            "SUCCESS",
        ),
        (
            resolve.app,
            [
                "propose",
                "x",
                "--outcome",
                "SUCCESS",
                "--reason",
                "a",
                "--evidence",
                "b",
                "--by",
                "c",
                "--date",
                "soon",
            ],
            "such as",
        ),
    ],
)
def test_a_wrong_word_on_the_command_line_is_a_clear_error(app: object, words: list[str], says: str) -> None:
    done = CliRunner().invoke(app, words)  # type: ignore[arg-type]
    assert says in str(done.exception)
