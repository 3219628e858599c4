"""Mandates and batches over the API: each merchant's own, nothing personal shown, the same request twice is one."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.api import ACCOUNT, Caller, Counter, open_counter
from tests.batch_bank import batch_bank, settle_down
from tests.desk import PAYER, SECRETS

OTHER = {"number": "6222020000000000001", "name": "李四"}
MANDATE = {
    "mandate_no": "M-9", "account": OTHER, "limit_each": 500, "limit_day": 1000, "limit_month": 2000,
    "valid_from": "2026-09-01", "valid_until": "2026-12-31", "evidence": "paper 7, box 3",
}  # fmt: skip
HEADER = "order_no,amount,number,name\n"
CSV = {"Content-Type": "text/csv; charset=utf-8"}


@pytest.fixture
async def counter(database_url: str, tmp_path: Path) -> AsyncIterator[Counter]:
    async with open_counter(database_url, tmp_path) as counter:
        yield counter


async def submit(caller: Caller, file: str, items: int, fen: int, number: str = "B-1", /, **more: Any) -> Any:
    query = {"batch_no": number, "count": str(items), "amount": str(fen)} | more
    return await caller("POST", "/v1/batches", headers=CSV, content=file.encode(), params=query)


async def test_a_mandate_is_made_shown_listed_and_ended_by_its_merchant_alone(counter: Counter) -> None:
    one, two = await counter.caller(), await counter.caller()
    made = await one("POST", "/v1/mandates", MANDATE, key="m-9")
    assert (made.status_code, made.json()["state"]) == (201, "ACTIVE")
    again = await one("POST", "/v1/mandates", MANDATE, key="m-9")
    assert (again.status_code, again.json()) == (200, made.json())
    url = f"/v1/mandates/{made.json()['id']}"
    assert (await one("GET", url)).json() == made.json()
    for call in (("GET", url), ("GET", f"{url}/timeline"), ("DELETE", url), ("POST", f"{url}/code")):
        assert (await two(*call)).status_code == 404
    page = (await one("GET", "/v1/mandates?limit=1")).json()
    rest = (await one("GET", f"/v1/mandates?limit=5&cursor={page['cursor']}")).json()
    assert {item["mandate_no"] for item in page["items"] + rest["items"]} == {"M-1", "M-9"}
    assert rest["cursor"] is None
    ended = await one("DELETE", url)
    assert (ended.status_code, ended.json()["state"]) == (200, "REVOKED")
    steps = (await one("GET", f"{url}/timeline")).json()["steps"]
    assert {step["kind"] for step in steps} == {"received", "revoked"}
    assert (await counter.admin("GET", url)).status_code == 401


async def test_a_refusal_of_a_mandate_has_a_code_of_its_own(counter: Counter) -> None:
    caller = await counter.caller()
    await caller("POST", "/v1/mandates", MANDATE, key="m-9")

    async def collect(number: str, amount: int, account: dict[str, str]) -> tuple[int, str]:
        body = {"kind": "collection", "order_no": number, "amount": amount, "account": account}
        answer = await caller("POST", "/v1/payments", body, key=number)
        return answer.status_code, answer.json().get("code", "")

    assert await collect("a", 501, OTHER) == (409, "mandate_limit")
    assert await collect("b", 1, OTHER | {"number": "6222020000000000002"}) == (409, "no_mandate")
    assert await collect("c", 500, OTHER) == (201, "")
    changed = MANDATE | {"limit_each": 1}
    for body, key, code in (
        (changed, "m-9", "idempotency_key_reused"),
        (changed, "m-10", "mandate_number_taken"),
        (MANDATE | {"mandate_no": "x", "evidence": ""}, "m-11", "invalid_input"),
        (MANDATE | {"mandate_no": "x", "evidence": "", "channel": "cmb"}, "m-12", "invalid_input"),
    ):
        assert (await caller("POST", "/v1/mandates", body, key=key)).json()["code"] == code
    mine = (await caller("GET", "/v1/mandates?limit=1")).json()["items"][0]["id"]
    confirmed = await caller("POST", f"/v1/mandates/{mine}/code")
    assert confirmed.json()["code"] == "not_signing"
    shown = "".join(counter.seen)
    assert OTHER["number"] not in shown
    assert OTHER["name"] not in shown


async def test_a_batch_goes_in_as_a_file_and_its_results_come_out_as_one(counter: Counter) -> None:
    caller, other = await counter.caller(), await counter.caller()
    batch_bank(counter.shop)
    rows = [f"O-{n},{100 + n},{PAYER.number},{PAYER.name}\n" for n in range(12)]
    file = HEADER + "".join(rows)
    made = await submit(caller, file, 12, 1266)
    assert made.status_code == 201, made.text
    assert made.json()["counts"] == {"WAITING": 12}
    assert (await submit(caller, file, 12, 1266)).status_code == 200
    url = f"/v1/batches/{made.json()['id']}"
    await settle_down(counter.shop)
    shown = (await caller("GET", url)).json()
    assert (shown["state"], shown["counts"], shown["collected"]) == ("FINISHED", {"SUCCESS": 12}, 1266)
    assert [one["state"] for one in shown["channel_batches"]] == ["DONE"]
    page = (await caller("GET", f"{url}/items?limit=7")).json()
    rest = (await caller("GET", f"{url}/items?limit=7&cursor={page['cursor']}")).json()
    assert [item["order_no"] for item in page["items"] + rest["items"]] == [f"O-{n}" for n in range(12)]
    assert rest["cursor"] is None
    results = await caller("GET", f"{url}/results")
    assert results.headers["content-type"].startswith("text/csv")
    assert len(results.text.splitlines()) == 13
    for path in ("", "/items", "/results"):
        assert (await other("GET", url + path)).status_code == 404
    assert (await caller("GET", f"{url}/items?cursor=x")).json()["field"] == "cursor"
    assert all(secret not in "".join(counter.seen) for secret in SECRETS)


async def test_a_bad_file_is_refused_with_its_lines_and_another_under_its_number_too(
    counter: Counter,
) -> None:
    caller = await counter.caller()
    bad = f"{HEADER}O-1,1.5,{PAYER.number},{PAYER.name}\nO-2,100,12,{PAYER.name}\n"
    refused = await submit(caller, bad, 2, 200)
    assert (refused.status_code, refused.json()["code"], refused.json()["bad"]) == (422, "batch_invalid", 2)
    assert [(one["line"], one["column"]) for one in refused.json()["problems"]] == [
        (2, "amount"),
        (3, "number"),
    ]
    assert (await submit(caller, bad, 2, 200, partial="true")).status_code == 201
    taken = await submit(caller, bad + "O-3,1,1,1\n", 3, 201)
    assert (taken.status_code, taken.json()["code"]) == (409, "batch_number_taken")
    wrong: dict[str, Any]
    for wrong in ({"partial": "yes"}, {"count": "x"}, {"amount": "-1"}, {"batch_no": "no spaces"}):
        answer = await submit(caller, bad, 2, 200, "B-2", **wrong)
        assert (answer.status_code, answer.json()["field"]) == (422, next(iter(wrong)))
    plain = await caller("POST", "/v1/batches?batch_no=B-3&count=1&amount=1", {"a": 1})
    assert plain.json()["field"] == "Content-Type"
    assert all(secret not in "".join(counter.seen) for secret in SECRETS)


async def test_a_file_that_is_too_large_is_refused_by_its_length_and_by_its_bytes(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = await counter.caller()
    monkeypatch.setattr("zhangfang.batches.reading.MOST_BYTES", 1000)
    monkeypatch.setattr("zhangfang.api.limit.FILES", {"/v1/batches": 2000})
    row = f"O-1,100,{PAYER.number},{PAYER.name}\n"
    assert (await submit(caller, HEADER + row * 100, 1, 1)).status_code == 413
    assert (await submit(caller, HEADER + row * 30, 1, 1)).json()["code"] == "batch_invalid"
    assert ACCOUNT["number"] not in "".join(counter.seen)
