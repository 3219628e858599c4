"""Payments at the sandbox bank: statuses, references, money."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.wire.cmb_sandbox_client import Client, act, credit, served_bank
from zhangfang_sandbox.cmb.payments import MONEY_IS_OUT

TUESDAY = "2026-09-01T10:00:00+08:00"
OPENING = 100_000_00


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    """A bank whose clock stands at a Tuesday morning, with one enterprise."""
    async with served_bank(tmp_path) as client:
        await client.set_time(TUESDAY)
        await client.join(OPENING)
        yield client


async def test_a_payment_leaves_the_account_at_once_and_succeeds_two_seconds_later(client: Client) -> None:
    record = await client.pay("P1", "12.30", "order-1")
    assert (record["reqSts"], record["rtnFlg"], record["errCod"]) == ("BNK", "", "SUC0000")
    assert await client.balance() == OPENING - 1230
    assert await client.state("P1") == "BNK"
    await client.wait(seconds=1.9)
    assert await client.state("P1") == "BNK"
    await client.wait(seconds=0.1)
    assert await client.state("P1") == "FIN/S"
    assert await client.balance() == OPENING - 1230


async def test_the_query_tells_the_payment_as_it_was_sent(client: Client) -> None:
    record = await client.pay("P1", "12.3", "order-1", stlChn="R", crtBnk="招商银行")
    (found,) = await client.query("P1")
    told = {
        name: found[name] for name in ("yurRef", "busNar", "trsAmt", "crtAcc", "crtNam", "crtBnk", "stlChn")
    }
    assert told == {
        "yurRef": "P1",
        "busNar": "order-1",
        "trsAmt": "12.30",
        "crtAcc": "6225880100000001",
        "crtNam": "张三",
        "crtBnk": "招商银行",
        "stlChn": "R",
    }
    assert (found["reqNbr"], found["rcvBrd"], found["oprDat"]) == (
        record["reqNbr"],
        "308584000013",
        "20260901",
    )
    assert (len(found["reqNbr"]), found["reqNbr"].isdigit()) == (10, True)


async def test_an_unknown_reference_finds_nothing(client: Client) -> None:
    assert await client.query("nobody") == []


async def test_another_enterprise_does_not_see_the_payment(client: Client) -> None:
    await client.pay("P1")
    other = Client(client.session, client.wire, client.control, uid="U003736239", account="755900000000002")
    await other.join()
    assert await other.query("P1") == []
    assert (await other.pay("P1"))["reqSts"] == "BNK"


async def test_too_little_money_fails_at_once_with_a_code(client: Client) -> None:
    record = await client.pay("P1", "100000.01")
    assert (record["reqSts"], record["rtnFlg"], record["errCod"], record["errTxt"]) == (
        "FIN",
        "F",
        "SBX0001",
        "余额不足",
    )
    assert await client.state("P1") == "FIN/F"
    assert await client.balance() == OPENING


async def test_the_last_fen_can_be_paid(client: Client) -> None:
    assert (await client.pay("P1", "100000.00"))["reqSts"] == "BNK"
    assert await client.balance() == 0


async def test_a_closed_payee_fails_and_an_open_or_unknown_one_does_not(client: Client) -> None:
    for state, expected in (("closed", "FIN/F"), ("open", "BNK")):
        await client.ask("POST", "/payees", {"number": "6225880100000001", "name": "张三", "state": state})
        record = await client.pay(f"P-{state}")
        assert "/".join(filter(None, (record["reqSts"], record["rtnFlg"]))) == expected
    assert (await client.pay("P-unknown", crtAcc="6225880100000009"))["reqSts"] == "BNK"


async def test_a_name_that_differs_fails_only_where_the_check_is_asked_for(client: Client) -> None:
    await client.ask("POST", "/payees", {"number": "6225880100000001", "name": "李四", "state": "open"})
    assert (await client.pay("P1", rcvChk="1"))["rtnFlg"] == "F"
    assert (await client.pay("P2"))["reqSts"] == "BNK"


async def test_a_payee_who_banks_here_gets_the_money(client: Client) -> None:
    other = Client(client.session, client.wire, client.control, uid="U003736239", account="755900000000002")
    await other.join(5_00)
    await client.pay("P1", "12.30", crtAcc=other.account)
    assert await other.balance() == 17_30
    await client.wait(seconds=2)
    await act(client, "P1", "FIN", "B")
    assert (await other.balance(), await client.balance()) == (5_00, OPENING)


@pytest.mark.parametrize(("sts", "flg"), list(MONEY_IS_OUT))
async def test_every_status_can_be_shown_and_says_where_the_money_is(
    client: Client, sts: str, flg: str
) -> None:
    await client.pay("P1")
    await act(client, "P1", sts, flg)
    assert await client.state("P1") == "/".join(filter(None, (sts, flg)))
    assert await client.balance() == OPENING - (1230 if MONEY_IS_OUT[sts, flg] else 0)


async def test_an_account_with_approval_waits_for_it(client: Client) -> None:
    held = Client(client.session, client.wire, client.control, uid="U003736239", account="755900000000002")
    await held.join(20_00, approval=True)
    assert (await held.pay("P1"))["reqSts"] == "AUT"
    await held.wait(days=3)
    assert (await held.state("P1"), await held.balance()) == ("AUT", 20_00)
    for sts in ("NTE", "BNK"):
        await act(held, "P1", sts)
        assert await held.state("P1") == sts
    assert await held.balance() == 7_70
    await held.wait(seconds=2)
    assert await held.state("P1") == "FIN/S"


async def test_an_approval_that_comes_when_the_money_is_gone_fails_the_payment(client: Client) -> None:
    held = Client(client.session, client.wire, client.control, uid="U003736239", account="755900000000002")
    await held.join(20_00, approval=True)
    await held.pay("P1", "15.00")
    await held.pay("P2", "15.00")
    await act(held, "P1", "BNK")
    await act(held, "P2", "BNK")
    assert (await held.state("P1"), await held.state("P2"), await held.balance()) == ("BNK", "FIN/F", 5_00)


async def test_final_is_final(client: Client) -> None:
    await client.pay("P1")
    await client.wait(seconds=2)
    await act(client, "P1", "FIN", "F", status=409)
    assert await client.state("P1") == "FIN/S"
    await act(client, "P1", "FIN", "B")
    await act(client, "P1", "FIN", "S", status=409)
    assert await client.state("P1") == "FIN/B"


async def refusal(client: Client, yur_ref: str, **more: str) -> str:
    response = await client.call("BB1PAYOP", client.payment(yur_ref, **more))
    assert (response["head"]["resultcode"], response["body"]) == ("FABZ002", {})
    message: str = response["head"]["resultmsg"]
    return message


async def test_a_reference_in_use_is_refused_whatever_the_amount(client: Client) -> None:
    await client.pay("P1")
    for amount in ("12.30", "12.31"):
        assert "业务参考号重复" in await refusal(client, "P1", amount=amount)
    await client.wait(seconds=2)
    assert "业务参考号重复" in await refusal(client, "P1")
    assert await client.balance() == OPENING - 1230
    assert len(await client.query("P1")) == 1


@pytest.mark.parametrize("flg", ["F", "B", "R", "D", "C"])
async def test_a_reference_that_ended_unpaid_may_be_used_again(client: Client, flg: str) -> None:
    first = await client.pay("P1")
    await act(client, "P1", "FIN", flg)
    second = await client.pay("P1")
    assert second["reqNbr"] > first["reqNbr"]
    found = await client.query("P1")
    assert [(row["reqNbr"], row["reqSts"], row["rtnFlg"]) for row in found] == [
        (first["reqNbr"], "FIN", flg),
        (second["reqNbr"], "BNK", ""),
    ]
    assert "业务参考号重复" in await refusal(client, "P1")


@pytest.mark.parametrize(("sts", "flg"), [("FIN", "U"), ("WRF", ""), ("APW", ""), ("AUT", ""), ("FIN", "S")])
async def test_a_reference_that_is_open_or_held_may_not_be_used_again(
    client: Client, sts: str, flg: str
) -> None:
    await client.pay("P1")
    await act(client, "P1", sts, flg)
    assert "业务参考号重复" in await refusal(client, "P1")


async def test_a_reference_is_forgotten_after_thirteen_months(client: Client) -> None:
    await client.pay("P1")
    await client.set_time("2027-10-01T09:00:00+08:00")
    assert "业务参考号重复" in await refusal(client, "P1")
    assert len(await client.query("P1")) == 1
    await client.set_time("2027-10-02T00:00:01+08:00")
    assert await client.query("P1") == []
    assert (await client.pay("P1"))["reqSts"] == "BNK"


async def test_the_same_reference_sent_at_the_same_time_is_paid_once(client: Client) -> None:
    async def one() -> str:
        response = await client.call("BB1PAYOP", client.payment("P1"))
        code: str = response["head"]["resultcode"]
        return code

    codes = await asyncio.gather(*(one() for _ in range(8)))
    assert sorted(codes) == ["FABZ002"] * 7 + ["SUC0000"]
    assert await client.balance() == OPENING - 1230


async def test_several_items_are_paid_together_or_not_at_all(client: Client) -> None:
    body = client.payment("P1")
    body["bb1payopx1"] += client.payment("P2", "1.00")["bb1payopx1"]
    answer = await client.good("BB1PAYOP", body)
    assert [row["reqSts"] for row in answer["bb1payopz1"]] == ["BNK", "BNK"]
    body = client.payment("P3")
    body["bb1payopx1"] += client.payment("P1")["bb1payopx1"]
    assert (await client.call("BB1PAYOP", body))["head"]["resultcode"] == "FABZ002"
    body = client.payment("P4")
    body["bb1payopx1"] *= 2
    assert (await client.call("BB1PAYOP", body))["head"]["resultcode"] == "SBX0010"
    assert await client.balance() == OPENING - 1330


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("trsAmt", "0.00"),
        ("trsAmt", "1.005"),
        ("trsAmt", "-1.00"),
        ("trsAmt", "1e3"),
        ("trsAmt", "１.00"),
        ("trsAmt", ""),
        ("yurRef", ""),
        ("yurRef", "x" * 31),
        ("crtNam", "名" * 101),
        ("crtAcc", " "),
        ("nusAge", ""),
        ("ccyNbr", "32"),
        ("bnkFlg", "X"),
        ("stlChn", "Z"),
        ("trsTyp", "1"),
    ],
)
async def test_a_field_that_is_not_as_it_must_be_is_named_and_nothing_is_paid(
    client: Client, field: str, value: str
) -> None:
    body = client.payment("P1")
    body["bb1payopx1"][0][field] = value
    response = await client.call("BB1PAYOP", body)
    assert response["head"]["resultcode"] == "SBX0010"
    assert field in response["head"]["resultmsg"]
    assert await client.balance() == OPENING


async def test_an_amount_that_is_a_number_is_refused_because_it_cannot_be_signed_surely(
    client: Client,
) -> None:
    body = client.payment("P1")
    body["bb1payopx1"][0]["trsAmt"] = 12
    response = await client.call("BB1PAYOP", body)
    assert "trsAmt" in response["head"]["resultmsg"]


async def test_the_real_time_channel_carries_at_most_a_million(client: Client) -> None:
    await client.ask("POST", "/credit", credit("c1", client.account, 200_000_000))
    assert "trsAmt" in await refusal(client, "P1", amount="1000000.01", stlChn="R")
    assert (await client.pay("P2", "1000000.00", stlChn="R"))["reqSts"] == "BNK"
    assert (await client.pay("P3", "1000000.01"))["reqSts"] == "BNK"


async def test_another_enterprises_account_cannot_be_debited(client: Client) -> None:
    other = Client(client.session, client.wire, client.control, uid="U003736239", account="755900000000002")
    await other.join()
    response = await client.call("BB1PAYOP", client.payment("P1", dbtAcc=other.account))
    assert response["head"]["resultcode"] == "FAAQ086"
    assert other.account not in response["head"]["resultmsg"]


async def test_balances_and_accounts_are_told_to_their_owner_only(client: Client) -> None:
    other = Client(client.session, client.wire, client.control, uid="U003736239", account="755900000000002")
    await other.join()
    await client.pay("P1")
    await client.wait(days=1)
    await client.pay("P2", "0.70")
    asked = {"ntqacinfx": [{"bbknbr": "75", "accnbr": client.account}, {"accnbr": other.account}]}
    (row,) = (await client.good("NTQACINF", asked))["ntqacinfz"]
    assert (row["accnbr"], row["accblv"], row["onlblv"], row["avlblv"], row["stscod"]) == (
        client.account,
        "99987.70",
        "99987.00",
        "99987.00",
        "A",
    )
    listed = await client.good("DCLISACC", {"buscod": "N01010", "busmod": ""})
    assert [account["accnbr"] for account in listed["ntqaclstz"]] == [client.account]
