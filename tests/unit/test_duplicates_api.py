"""The administrator's calls about double payments: list, confirm, approve, dismiss; no merchant's key opens them."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.api import Caller, Counter, open_counter
from tests.people import LIN, WANG, token_of
from zhangfang.channels.port import Operation
from zhangfang.cli.money import duplicates as command
from zhangfang.cli.money import resolve
from zhangfang.cli.people import proposals
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


async def people(counter: Counter) -> tuple[Caller, Caller]:
    """Sign two operators in."""
    pool = counter.shop.desk.pool
    return Caller(counter.client, await token_of(pool, LIN)), Caller(
        counter.client, await token_of(pool, WANG)
    )


async def test_a_case_is_listed_confirmed_and_shown_with_who_and_why(counter: Counter) -> None:
    id_, merchant = await double(counter)
    (shown,) = (await counter.admin("GET", "/v1/duplicates?limit=5")).json()["data"]
    assert (shown["state"], shown["amount"], shown["merchant"], shown["order_no"]) == (
        "SUSPECTED", 10_000, merchant.id, "RENT-9-01")  # fmt: skip
    assert shown["stays"] < shown["goes_back"]
    lin, wang = await people(counter)
    made = await lin("POST", f"/v1/duplicates/{id_}/confirm", {"reason": "asked twice"})
    assert (made.status_code, made.json()["state"], made.json()["confirmed_by"]) == (201, "REVERSING", "lin")
    again = await lin("POST", f"/v1/duplicates/{id_}/confirm", {"reason": "asked twice"})
    assert again.status_code == 201
    other = await wang("POST", f"/v1/duplicates/{id_}/dismiss", {"reason": "it is none"})
    assert (other.status_code, other.json()["code"]) == (409, "not_allowed")


async def test_what_was_settled_needs_another_person(counter: Counter) -> None:
    id_, _ = await double(counter)
    batch = new_id(counter.shop.clock)
    await counter.shop.desk.pool.execute("UPDATE intent SET settlement = $1", batch)
    lin, wang = await people(counter)
    made = await lin("POST", f"/v1/duplicates/{id_}/confirm", {"reason": "asked twice"})
    assert made.json()["state"] == "APPROVAL"
    approve, hash_ = f"/v1/duplicates/{id_}/approve", made.json()["hash"]
    own = await lin("POST", approve, {"hash": hash_})
    assert (own.status_code, own.json()["code"]) == (409, "second_person_needed")
    as_another = await lin("POST", approve, {"hash": hash_, "by": "wang"})
    assert as_another.status_code == 422, "who approves is never said, only proven"
    other = await wang("POST", approve, {"hash": "0" * 64})
    assert (other.status_code, other.json()["code"]) == (409, "it_changed")
    for _ in range(2):
        agreed = await wang("POST", approve, {"hash": hash_})
        assert (agreed.status_code, agreed.json()["approved_by"]) == (201, "wang")


async def test_nobody_decides_without_a_sign_in_or_after_it(counter: Counter) -> None:
    id_, _ = await double(counter)
    lin, wang = await people(counter)
    confirm, body, pool = f"/v1/duplicates/{id_}/confirm", {"reason": "asked twice"}, counter.shop.desk.pool
    assert (await counter.admin("POST", confirm, body)).status_code == 401
    await pool.execute("UPDATE operator SET disabled_at = now() WHERE name = 'lin'")
    assert (await lin("POST", confirm, body)).status_code == 401
    await pool.execute("UPDATE operator_session SET expires_at = now() WHERE operator = 'wang'")
    assert (await wang("POST", confirm, body)).status_code == 401
    assert await pool.fetchval("SELECT state FROM duplicate") == "SUSPECTED"


async def test_a_merchants_key_opens_nothing_and_a_wrong_call_says_what_is_wrong(counter: Counter) -> None:
    id_, _ = await double(counter)
    merchant = await counter.caller()
    body = {"reason": "asked twice"}
    lin, _ = await people(counter)
    assert (await merchant("GET", "/v1/duplicates")).status_code == 401
    assert (await merchant("POST", f"/v1/duplicates/{id_}/confirm", body)).status_code == 401
    missing = prefixed("dup", new_id(counter.shop.clock))
    for path, sent, status in (
        (f"/v1/duplicates/{missing}/confirm", body, 404),
        ("/v1/duplicates/dup_1/confirm", body, 422),
        (f"/v1/duplicates/{id_}/confirm", {}, 422),
        (f"/v1/duplicates/{id_}/confirm", {"reason": "no"}, 422),
        (f"/v1/duplicates/{id_}/confirm", body | {"force": True}, 422),
        (f"/v1/duplicates/{id_}/approve", {"hash": "0" * 64}, 409),
    ):
        assert (await lin("POST", path, sent)).status_code == status, (path, sent)
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
        (command.app, ["confirm", "--reason", "twice"], "got nothing"),
        (command.app, ["confirm", "dup_1", "--reason", "twice"], "dup_ and 26"),
        (proposals.app, ["approve", "pay_1", "0"], "prp_ and 26"),
        (command.app, ["find", "--days", "0"], "1 to 366"),
        (proposals.app, ["withdraw", "7"], "prp_ and 26"),
        (
            resolve.app,
            ["propose", "x", "--outcome", "PAID", "--reason", "a", "--evidence", "b"],
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
