"""The statement's cursor, and money that comes and goes by the control plane."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire.cmb_sandbox_client import Client, Json, served_bank

OPENING = 100_000_00


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    """A bank whose clock stands at a Tuesday morning, with one enterprise."""
    async with served_bank(tmp_path) as client:
        await client.set_time("2026-09-01T10:00:00+08:00")
        await client.join(OPENING)
        yield client


def credit(number: object, account: str, amount_fen: int = 100, **more: object) -> dict[str, object]:
    return {
        "id": f"UP-{number}",
        "account": account,
        "amount_fen": amount_fen,
        "counterparty_name": "中国银联",
        "counterparty_account": "3100000000",
        "text": "银联商户清算 20260901 777290058110097",
        **more,
    }


async def fill(client: Client, numbers: range) -> None:
    for number in numbers:
        await client.ask("POST", "/credit", credit(number, client.account, number + 1))


async def test_450_lines_are_seen_once_each_also_when_lines_are_added_between_pages(client: Client) -> None:
    await fill(client, range(450))
    amounts: list[str] = []
    sizes: list[int] = []
    cursor: Json | None = None
    added = 450
    while True:
        page = await client.page(cursor)
        (cursor,) = page["TRANSQUERYBYBREAKPOINT_Y1"]
        (control,) = page["TRANSQUERYBYBREAKPOINT_Z1"]
        rows = page["TRANSQUERYBYBREAKPOINT_Z2"]
        amounts += [row["transAmount"] for row in rows]
        sizes.append(len(rows))
        if control["ctnFlag"] == "N":
            break
        await fill(client, range(added, added + 3))
        added += 3
    assert sizes == [200, 200, 56]
    assert amounts == [f"{(n + 1) // 100}.{(n + 1) % 100:02d}" for n in range(456)]
    await fill(client, range(456, 458))
    page = await client.page(cursor)
    assert [row["transAmount"] for row in page["TRANSQUERYBYBREAKPOINT_Z2"]] == ["4.57", "4.58"]
    (cursor,) = page["TRANSQUERYBYBREAKPOINT_Y1"]
    assert (await client.page(cursor))["TRANSQUERYBYBREAKPOINT_Z2"] == []


@pytest.mark.parametrize(("lines", "sizes"), [(200, [200]), (201, [200, 1]), (0, [0])])
async def test_a_full_page_that_is_the_last_says_so(client: Client, lines: int, sizes: list[int]) -> None:
    await fill(client, range(lines))
    seen: list[int] = []
    cursor: Json | None = None
    flag = "Y"
    while flag == "Y":
        page = await client.page(cursor)
        (cursor,) = page["TRANSQUERYBYBREAKPOINT_Y1"]
        flag = page["TRANSQUERYBYBREAKPOINT_Z1"][0]["ctnFlag"]
        seen.append(len(page["TRANSQUERYBYBREAKPOINT_Z2"]))
    assert seen == sizes


async def test_a_line_tells_who_how_much_and_what_is_left(client: Client) -> None:
    await client.ask(
        "POST", "/credit", credit(1, client.account, 12345, value_at="2026-08-31T12:00:00+08:00")
    )
    record = await client.pay("P1", "23.45", "order-1")
    came, went = (await client.page(None))["TRANSQUERYBYBREAKPOINT_Z2"]
    assert came | {"transSequenceIdn": ""} == {
        "transDate": "20260901",
        "transTime": "100000",
        "valueDate": "20260831",
        "transSequenceIdn": "",
        "loanCode": "C",
        "transAmount": "123.45",
        "currencyNbr": "10",
        "remarkTextClt": "银联商户清算 20260901 777290058110097",
        "reversalFlag": "N",
        "acctOnlineBal": "100123.45",
        "ctpAcctNbr": "3100000000",
        "ctpAcctName": "中国银联",
        "businessText": "",
        "requestNbr": "",
        "yurRef": "",
    }
    told = {name: went[name] for name in ("loanCode", "transAmount", "acctOnlineBal", "yurRef", "requestNbr")}
    assert told == {
        "loanCode": "D",
        "transAmount": "-23.45",
        "acctOnlineBal": "100100.00",
        "yurRef": "P1",
        "requestNbr": record["reqNbr"],
    }
    assert (went["ctpAcctName"], went["remarkTextClt"], went["businessText"]) == ("张三", "货款", "order-1")
    assert len({came["transSequenceIdn"], went["transSequenceIdn"]}) == 2
    assert all(len(row["transSequenceIdn"]) == 15 for row in (came, went))


async def test_totals_are_of_the_page_and_debits_are_negative(client: Client) -> None:
    await fill(client, range(2))
    await client.pay("P1", "5.00")
    (control,) = (await client.page(None))["TRANSQUERYBYBREAKPOINT_Z1"]
    totals = {name: control[name] for name in ("creditNums", "creditAmount", "debitNums", "debitAmount")}
    assert totals == {"creditNums": "2", "creditAmount": "0.03", "debitNums": "1", "debitAmount": "-5.00"}


async def test_days_sides_and_a_first_sequence_narrow_the_statement(client: Client) -> None:
    await fill(client, range(2))
    await client.wait(days=1)
    await client.pay("P1", "5.00")
    await fill(client, range(2, 3))

    async def amounts(**query: str) -> list[str]:
        return [row["transAmount"] for row in (await client.page(None, **query))["TRANSQUERYBYBREAKPOINT_Z2"]]

    assert await amounts() == ["-5.00", "0.03"]
    assert await amounts(beginDate="20260901") == ["0.01", "0.02", "-5.00", "0.03"]
    assert await amounts(beginDate="20260901", endDate="20260901") == ["0.01", "0.02"]
    assert await amounts(beginDate="20260901", loanCode="C") == ["0.01", "0.02", "0.03"]
    assert await amounts(beginDate="20260901", transactionSequence="2") == ["0.02", "-5.00", "0.03"]


async def test_a_line_just_before_midnight_in_china_is_of_that_day(client: Client) -> None:
    await client.set_time("2026-09-01T23:59:59+08:00")
    await fill(client, range(1))
    await client.set_time("2026-09-02T00:00:00+08:00")
    await fill(client, range(1, 2))
    rows = (await client.page(None, beginDate="20260901"))["TRANSQUERYBYBREAKPOINT_Z2"]
    assert [row["transDate"] for row in rows] == ["20260901", "20260902"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"beginDate": "20260902", "endDate": "20260901"}, "SBX0010"),
        ({"beginDate": "20250731"}, "SBX0010"),
        ({"beginDate": "2026-9-1"}, "SBX0010"),
        ({"beginDate": "20260231"}, "SBX0010"),
        ({"transactionSequence": "x"}, "SBX0010"),
        ({"loanCode": "X"}, "SBX0010"),
        ({"cardNbr": "755900000000009"}, "FAAQ086"),
    ],
)
async def test_a_query_that_does_not_fit_is_refused(client: Client, query: dict[str, str], code: str) -> None:
    full = {"cardNbr": client.account, "beginDate": "20260901", "endDate": "20260901", **query}
    response = await client.call("trsQryByBreakPoint", {"TRANSQUERYBYBREAKPOINT_X1": [full]})
    assert (response["head"]["resultcode"], response["body"]) == (code, {})


async def test_a_credit_is_idempotent_by_its_id(client: Client) -> None:
    first = await client.ask("POST", "/credit", credit(1, client.account, 500))
    again = await client.ask("POST", "/credit", credit(1, client.account, 500))
    assert (first["repeated"], again["repeated"], again["seq"]) == (False, True, first["seq"])
    assert await client.balance() == OPENING + 500
    for other in (credit(1, client.account, 501), credit(1, "755900000000009", 500)):
        assert "error" in await client.ask(
            "POST", "/credit", other, status=409 if other["amount_fen"] == 501 else 404
        )
    await client.ask("POST", "/debit", credit(1, client.account, 500), status=409)
    assert await client.balance() == OPENING + 500


async def test_a_debit_takes_money_and_a_reversal_is_marked(client: Client) -> None:
    await client.ask("POST", "/debit", credit(1, client.account, 500, reversal=True))
    (row,) = (await client.page(None))["TRANSQUERYBYBREAKPOINT_Z2"]
    assert (row["loanCode"], row["transAmount"], row["reversalFlag"]) == ("D", "-5.00", "*")
    (line,) = (await client.ask("GET", f"/book?account={client.account}"))["lines"]
    assert (line["direction"], line["amount_fen"], line["balance_fen"], line["reversal"]) == (
        "D",
        500,
        OPENING - 500,
        True,
    )


async def test_the_book_has_the_fields_that_auditors_read(client: Client) -> None:
    record = await client.pay("P1", "1.00", "order-1")
    told = await client.ask("GET", f"/book?account={client.account}")
    assert (told["account"], told["opening_fen"], told["balance_fen"]) == (
        client.account,
        OPENING,
        OPENING - 100,
    )
    (line,) = told["lines"]
    assert (line["yurRef"], line["reqNbr"], line["counterparty_name"]) == ("P1", record["reqNbr"], "张三")
    (payment,) = await client.ask("GET", "/payments")
    assert payment == {
        "yurRef": "P1",
        "reqNbr": record["reqNbr"],
        "amount_fen": 100,
        "account": client.account,
        "payee": "6225880100000001",
        "reqSts": "BNK",
        "rtnFlg": "",
        "key": "order-1",
        "at": "2026-09-01T02:00:00.000000+00:00",
        "returned_at": None,
    }


async def test_the_summary_counts_keys_that_were_paid_twice(client: Client) -> None:
    await client.pay("P1", "1.00", "order-1")
    await client.pay("P2", "1.00", "order-2")
    assert (await client.ask("GET", "/book/summary"))["double_debits"] == 0
    await client.pay("P3", "1.00", "order-1")
    told = await client.ask("GET", "/book/summary")
    assert (told["double_debits"], told["payments"]) == (1, {"BNK": 3})
    await client.ask("POST", "/payments/status", {"yurRef": "P3", "reqSts": "FIN", "rtnFlg": "F"})
    assert (await client.ask("GET", "/book/summary"))["double_debits"] == 0


async def test_registration_and_accounts_are_idempotent_and_do_not_change(client: Client) -> None:
    key, sm4 = client.bank_key, client.sm4
    await client.join(OPENING)
    assert (client.bank_key, client.sm4) == (key, sm4)
    stranger = Client(client.session, client.wire, client.control)
    body = {"uid": client.uid, "public_key": stranger.keys[0].hex()}
    await client.ask("POST", "/enterprises", body, status=409)
    account = {"number": client.account, "name": "另一户名", "opening_fen": 1, "enterprise": client.uid}
    await client.ask("POST", "/accounts", account, status=409)


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/enterprises", {"uid": "a b", "public_key": "00"}, "uid"),
        ("/enterprises", {"uid": "a", "public_key": "00"}, "public_key"),
        ("/enterprises", {"uid": "a"}, "public_key"),
        ("/accounts", {"number": "1", "name": "n", "opening_fen": -1, "enterprise": "e"}, "opening_fen"),
        ("/accounts", {"number": "1", "name": "n", "opening_fen": 1.5, "enterprise": "e"}, "opening_fen"),
        ("/accounts", {"number": "1", "name": "n", "opening_fen": True, "enterprise": "e"}, "opening_fen"),
        ("/accounts", {"number": "1", "name": "n", "opening_fen": 1, "enterprise": "e"}, "enterprise"),
        ("/payees", {"number": "1", "name": "n", "state": "shut"}, "state"),
        ("/credit", {"id": "1", "account": "1", "amount_fen": 0}, "amount_fen"),
        ("/credit", {"id": "1", "account": "1", "amount_fen": 10**16}, "amount_fen"),
        ("/payments/status", {"yurRef": "P", "reqSts": "FIN"}, "reqSts"),
    ],
)
async def test_a_wrong_field_of_the_control_plane_is_named(
    client: Client, path: str, body: dict[str, Any], field: str
) -> None:
    assert field in (await client.ask("POST", path, body, status=400))["error"]


async def test_what_is_not_there_is_404(client: Client) -> None:
    for path in ("/book?account=1", "/book", "/book?account=%ff%00", "/nothing"):
        assert "error" in await client.ask("GET", path, status=404)
    await client.ask("POST", "/payments/status", {"yurRef": "P", "reqSts": "BNK"}, status=404)


async def test_arbitrary_json_never_breaks_the_control_plane(client: Client) -> None:
    paths = ["/enterprises", "/accounts", "/payees", "/credit", "/debit", "/payments/status"]
    odd: list[Any] = [
        None,
        [],
        {},
        "\ud800",
        1,
        {"uid": "\ud800", "number": "\ud800", "id": {}},
        {"number": "\ud800"},
    ]
    complete = credit("\ud800", client.account)
    for path in paths:
        for body in [*odd, complete, {**complete, "yurRef": "\ud800", "reqSts": [], "state": 1}]:
            async with client.session.post(client.control + path, json=body) as answer:
                assert 400 <= answer.status < 500, (path, body)


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 10**9)), max_size=30))
@settings(max_examples=25, deadline=None)
def test_the_lines_of_the_book_always_add_up(
    tmp_path_factory: pytest.TempPathFactory, moves: list[Any]
) -> None:
    async def use() -> None:
        async with served_bank(tmp_path_factory.mktemp("bank")) as client:
            await client.join(OPENING)
            for number, (comes, amount) in enumerate(moves):
                if comes:
                    await client.ask("POST", "/credit", credit(number, client.account, amount))
                else:
                    await client.pay(f"P{number}", f"{amount // 100}.{amount % 100:02d}")
            told = await client.ask("GET", f"/book?account={client.account}")
            balance = told["opening_fen"]
            for line in told["lines"]:
                balance += line["amount_fen"] if line["direction"] == "C" else -line["amount_fen"]
                assert line["balance_fen"] == balance >= 0
            assert told["balance_fen"] == balance

    asyncio.run(use())
