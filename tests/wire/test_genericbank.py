"""The generic bank's connector against its sandbox: every way a payout can go, and the statement, over real sockets."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import aiohttp
import pytest

from tests.unit import genericbank_keys as keys
from tests.wire.genericbank_site import ACCOUNT, OPENING, Site, served
from zhangfang.channels.genericbank import GenericBank, GenericBankConfig
from zhangfang.channels.port import BankChannel, PartyAccount, Verdict
from zhangfang.kernel.clock import CHINA


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with served(tmp_path) as site:
        yield site


async def test_a_payout_is_acknowledged_then_paid_and_stands_on_the_statement(site: Site) -> None:
    assert isinstance(site.bank, BankChannel)
    order = site.order()
    first = await site.bank.send(order)
    assert (first.verdict, first.amount, first.code) == (Verdict.ACCEPTED, 1230, "P000")
    await site.wait(seconds=2)
    paid = await site.bank.query(order)
    assert (paid.verdict, paid.amount, paid.channel_ref) == (Verdict.SUCCESS, 1230, first.channel_ref)
    page = await site.bank.statement(ACCOUNT, "")
    (line,) = page.lines
    assert (line.reference, line.request_no, line.amount) == (order.order_no, first.channel_ref, 1230)
    assert (line.credit, line.balance, page.more) == (False, OPENING - 1230, False)
    assert (await site.bank.statement(ACCOUNT, page.cursor)).lines == []
    (movement,) = await site.ask("GET", "/movements")
    assert (movement["order_no"], movement["key"], movement["state"]) == (order.order_no, "M-1", "SUCCESS")
    assert movement["settle_date"] == "2026-09-01"
    assert await site.ask("GET", f"/movements?after={movement['seq']}") == []


@pytest.mark.parametrize("fault", ["refused", "throttle", "maintenance"])
async def test_a_bank_that_did_nothing_proves_nothing_by_saying_so_and_is_asked(
    site: Site, fault: str
) -> None:
    """It speaks of this message; an earlier one with the same serial may have been taken."""
    order = site.order()
    await site.plan("M-1", fault)
    assert (await site.bank.send(order)).verdict is Verdict.UNKNOWN
    assert (await site.bank.query(order)).verdict is Verdict.NOT_FOUND
    assert (await site.bank.send(order)).verdict is Verdict.ACCEPTED
    assert await site.balance() == OPENING - 1230


@pytest.mark.parametrize("fault", ["lost_answer", "garbled_answer", "bad_signature", "wrong_chain"])
async def test_an_answer_that_cannot_be_believed_is_unknown_and_the_payout_was_made(
    site: Site, fault: str
) -> None:
    order = site.order()
    await site.plan("M-1", fault)
    assert (await site.bank.send(order)).verdict is Verdict.UNKNOWN
    assert await site.balance() == OPENING - 1230
    await site.wait(seconds=2)
    assert (await site.bank.query(order)).verdict is Verdict.SUCCESS
    assert (await site.ask("GET", "/faults"))["met"] == {fault: 1}


async def test_an_answer_after_the_timeout_is_unknown_and_the_payout_was_made(tmp_path: Path) -> None:
    async with served(tmp_path, patience=0.2) as site:
        order = site.order()
        await site.ask("PUT", "/faults", {"keyed": {"M-1": ["late_answer"]}, "late_seconds": 30})
        assert (await site.bank.send(order)).verdict is Verdict.UNKNOWN
        assert await site.balance() == OPENING - 1230


async def test_a_payout_is_hidden_from_two_queries_and_the_same_message_again_pays_once(site: Site) -> None:
    order = site.order()
    await site.plan("M-1", "not_found_first")
    assert (await site.bank.send(order)).verdict is Verdict.UNKNOWN
    assert (await site.bank.query(order)).verdict is Verdict.NOT_FOUND
    assert (await site.bank.send(order)).verdict is Verdict.ACCEPTED
    assert (await site.bank.query(order)).verdict is Verdict.NOT_FOUND
    await site.wait(seconds=2)
    assert (await site.bank.query(order)).verdict is Verdict.SUCCESS
    assert await site.balance() == OPENING - 1230


async def test_the_same_number_for_another_amount_is_no_second_payout_and_proves_nothing(site: Site) -> None:
    order = site.order()
    await site.bank.send(order)
    answer = await site.bank.send(replace(order, amount=1231))
    assert (answer.verdict, answer.code) == (Verdict.UNKNOWN, "4003")
    assert await site.balance() == OPENING - 1230


@pytest.mark.parametrize(("key", "meanwhile"), [("M-2", Verdict.MANUAL), ("M-1", Verdict.ACCEPTED)])
async def test_a_pending_payout_is_not_decided_before_it_is_paid(
    site: Site, key: str, meanwhile: Verdict
) -> None:
    order = site.order(key)
    await site.plan(key, "pending_first")
    assert (await site.bank.send(order)).verdict in (Verdict.ACCEPTED, Verdict.UNKNOWN)
    await site.wait(minutes=4)
    assert (await site.bank.query(order)).verdict is meanwhile
    await site.wait(minutes=1)
    assert (await site.bank.query(order)).verdict is Verdict.SUCCESS


async def test_a_payout_that_is_declined_later_moved_no_money(site: Site) -> None:
    order = site.order()
    await site.plan("M-1", "decline_later")
    assert (await site.bank.send(order)).verdict is Verdict.ACCEPTED
    await site.wait(seconds=2)
    assert (await site.bank.query(order)).verdict is Verdict.FAILED
    assert (await site.bank.statement(ACCOUNT, "")).lines == []


@pytest.mark.parametrize(
    ("fault", "code", "elsewhere"), [("decline", "F101", True), ("account_type", "F201", True)]
)
async def test_a_refusal_is_definite_at_once_and_for_good(
    site: Site, fault: str, code: str, elsewhere: bool
) -> None:
    order = site.order()
    await site.plan("M-1", fault)
    answer = await site.bank.send(order)
    assert (answer.verdict, answer.code, answer.elsewhere) == (Verdict.FAILED, code, elsewhere)
    assert (await site.bank.query(order)).verdict is Verdict.FAILED
    assert (await site.bank.send(order)).verdict is Verdict.FAILED  # the same number is answered the same
    assert await site.balance() == OPENING


async def test_a_returned_payout_comes_back_the_next_working_day_with_a_line_of_its_own(site: Site) -> None:
    await site.at(datetime(2026, 9, 4, 10, tzinfo=CHINA))  # a Friday
    order = site.order()
    await site.plan("M-1", "returned")
    await site.bank.send(order)
    await site.wait(seconds=2)
    assert (await site.bank.query(order)).verdict is Verdict.SUCCESS
    await site.at(datetime(2026, 9, 7, 10, tzinfo=CHINA))
    assert (await site.bank.query(order)).verdict is Verdict.RETURNED
    sent, back = (await site.bank.statement(ACCOUNT, "")).lines
    assert (back.credit, back.reversal, back.amount, back.reference) == (True, True, 1230, order.order_no)
    assert (sent.credit, sent.reversal) == (False, False)
    assert await site.balance() == OPENING


async def test_a_contradiction_is_called_failed_and_stands_on_the_statement(site: Site) -> None:
    order = site.order()
    await site.plan("M-1", "contradict")
    assert (await site.bank.send(order)).verdict is Verdict.FAILED
    await site.wait(days=3)
    assert (await site.bank.query(order)).verdict is Verdict.FAILED
    (line,) = (await site.bank.statement(ACCOUNT, "")).lines
    assert (line.reference, line.amount) == (order.order_no, 1230)
    await site.bank.send(site.order())  # by another number, as after any definite failure
    told = await site.ask("GET", "/book/summary")
    assert (told["double_debits"], told["contradictions"]) == (0, 1)


async def test_717_corporate_accounts_of_the_second_class_are_refused_until_the_bank_knows_them(
    site: Site,
) -> None:
    """In little: one stands for the 717. A type that the bank's table has not is a definite refusal, by name."""
    payee = PartyAccount("8110000000000001", "某某物业有限公司", "corporate", class_="basic2")
    answer = await site.bank.send(site.order(payee=payee))
    assert (answer.verdict, answer.code, answer.elsewhere) == (Verdict.FAILED, "F201", True)
    known = (await site.ask("GET", "/account_types"))["allowed"]
    await site.ask("PUT", "/account_types", {"allowed": [*known, "corporate/basic2/corporate"]})
    assert (await site.bank.send(site.order(payee=payee))).verdict is Verdict.ACCEPTED
    assert (await site.bank.send(site.order(payee=replace(payee, class_="")))).verdict is Verdict.ACCEPTED


async def test_a_number_of_another_day_that_was_never_seen_is_refused_for_good(site: Site) -> None:
    late, known = site.order("M-1"), site.order("M-2")
    await site.bank.send(known)
    await site.wait(days=1)
    answer = await site.bank.send(late)
    assert (answer.verdict, answer.code, answer.elsewhere) == (Verdict.FAILED, "4005", True)
    assert (
        await site.bank.send(known)
    ).verdict is Verdict.ACCEPTED  # taken yesterday: the acknowledgement again
    assert await site.balance() == OPENING - 1230


async def test_money_that_comes_in_is_read_page_by_page_and_booked_once(site: Site) -> None:
    credit = {"account": ACCOUNT, "amount_fen": 100, "counterparty_name": "银联", "text": "清算 20260901"}
    for number in range(201):
        await site.ask("POST", "/credit", credit | {"id": f"C-{number}"})
    again = await site.ask("POST", "/credit", credit | {"id": "C-0"})
    assert again["repeated"] is True
    first = await site.bank.statement(ACCOUNT, "")
    second = await site.bank.statement(ACCOUNT, first.cursor)
    assert (len(first.lines), first.more, len(second.lines), second.more) == (200, True, 1, False)
    assert {line.text for line in first.lines} == {"清算 20260901"}
    assert second.lines[0].balance == OPENING + 201 * 100


async def test_an_account_of_another_client_is_no_business_of_ours(site: Site) -> None:
    config = GenericBankConfig(
        "ZF01", site.wire, "8050000000000009", keys.private_pem(keys.OURS), keys.public_pem(keys.OURS)
    )
    stranger = GenericBank(config, site.clock)
    try:  # that bank key is ours: whatever answers is not believed
        assert (await stranger.send(site.order())).verdict is Verdict.UNKNOWN
    finally:
        await stranger.close()
    async with site.http.post(f"{site.wire}/direct/v1", data=b"{}", headers={"X-Client": "ZF01"}) as answer:
        assert answer.status == 401
    assert await site.balance() == OPENING


async def test_a_bank_that_is_not_there_was_not_sent_anything(site: Site) -> None:
    config = GenericBankConfig(
        "ZF01", "http://127.0.0.1:9", ACCOUNT, keys.private_pem(keys.OURS), keys.public_pem(keys.BANK)
    )
    away = GenericBank(config, site.clock)
    try:
        assert (await away.send(site.order())).verdict is Verdict.NOT_SENT
        assert (await away.query(site.order())).verdict is Verdict.UNKNOWN
    finally:
        await away.close()


@pytest.mark.parametrize(
    "body", [b"", b"\xff\xfe", b"[1]", b'{"a":' * 50_000, b'{"clientId":"ZF01","body":{"after":NaN}}']
)
async def test_signed_nonsense_is_refused_in_words_and_the_bank_goes_on(site: Site, body: bytes) -> None:
    headers = {"X-Client": "ZF01", "X-Signature": keys.signed(body, keys.OURS)}
    async with site.http.post(f"{site.wire}/direct/v1", data=body, headers=headers) as answer:
        assert answer.status == 400
    assert (await site.bank.send(site.order())).verdict is Verdict.ACCEPTED


async def test_only_the_protocols_one_address_exists(site: Site) -> None:
    async with aiohttp.ClientSession() as http, http.get(f"{site.wire}/direct/v1") as answer:
        assert answer.status == 404
