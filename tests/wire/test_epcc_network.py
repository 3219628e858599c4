"""EPCC-style over real mutual TLS: collect, refund, query, notice, file, mandates, and the drill of a site."""

import base64
import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.wire.epcc_network import ISSR_ID, PAYER, SITE_A, SITE_B, Net, network, until
from zhangfang.channels.abilities import NumberingChannel, SigningChannel
from zhangfang.channels.epcc import document
from zhangfang.channels.epcc.numbers import NoControlDigits
from zhangfang.channels.port import (
    AcquiringChannel,
    FileNotReady,
    MalformedMessage,
    NotPresented,
    Operation,
    Verdict,
)

TODAY = date(2026, 9, 1)
A_DIGITS, B_DIGITS = ("76", "77")


@pytest.fixture
async def net(tmp_path: Path) -> AsyncIterator[Net]:
    async with network(tmp_path / "network") as made:
        yield made


async def test_the_connector_has_every_ability_that_it_claims(net: Net) -> None:
    assert isinstance(net.channel, AcquiringChannel)
    assert isinstance(net.channel, SigningChannel)
    assert isinstance(net.channel, NumberingChannel)
    assert Operation.VOID not in net.channel.rules
    with pytest.raises(NotPresented):
        await net.channel.present(net.collection(), "https://shop.test/")


async def test_a_collection_succeeds_is_found_and_notified_with_amount_and_day(net: Net) -> None:
    order, answer = await net.collect()
    asked = await net.channel.query(order)
    await until(lambda: net.receiver.got)
    told = net.receiver.got[0]
    assert told is not None
    assert (told.order_no, told.operation) == (order.order_no, Operation.COLLECTION)
    for each in (answer, asked, told.answer):
        assert (each.verdict, each.amount, each.settle_date) == (Verdict.SUCCESS, 12345, TODAY)
        assert each.channel_ref == order.order_no
    row = (await net.movements())[0]
    assert (row["key"], row["order_no"], row["account"]) == ("K1", order.order_no, "622202****0123")


async def test_refunds_give_back_what_is_left_and_no_more(net: Net) -> None:
    order, _ = await net.collect(1000)
    first = await net.channel.send(net.refund(order, 400, "R1"))
    over = await net.channel.send(net.refund(order, 601, "R2"))
    rest = net.refund(order, 600, "R3")
    assert (first.verdict, first.amount) == (Verdict.SUCCESS, 400)
    assert (over.verdict, over.code) == (Verdict.FAILED, "PB520036")
    assert (await net.channel.send(rest)).verdict is Verdict.SUCCESS
    assert (await net.channel.query(rest)).verdict is Verdict.SUCCESS
    nothing = await net.channel.send(net.refund(order, 1, "R4"))
    assert nothing.verdict is Verdict.FAILED


async def test_a_refund_of_nothing_fails_and_moves_nothing(net: Net) -> None:
    never_sent = net.collection()
    answer = await net.channel.send(net.refund(never_sent, 1))
    assert (answer.verdict, answer.code) == (Verdict.FAILED, "PB520034")


async def test_an_order_that_was_never_sent_is_not_found(net: Net) -> None:
    assert (await net.channel.query(net.collection())).verdict is Verdict.NOT_FOUND


async def test_the_same_order_sent_again_is_told_of_and_debited_once(net: Net) -> None:
    order, first = await net.collect()
    again = await net.channel.send(order)
    assert (first.verdict, again.verdict) == (Verdict.SUCCESS, Verdict.SUCCESS)
    assert await net.debits() == 1


@pytest.mark.parametrize("changes", [{"amount": 12346}, {"key": "K2"}, {"agreement": "SGN9"}])
async def test_its_number_with_anything_else_is_for_a_person_and_moves_nothing(
    net: Net, changes: dict[str, Any]
) -> None:
    order, _ = await net.collect()
    answer = await net.channel.send(replace(order, **changes))
    assert (answer.verdict, answer.code) == (Verdict.MANUAL, "PB520012")
    assert await net.debits() == 1


async def test_a_mandate_is_signed_once_with_the_payers_code_and_ends_for_good(net: Net) -> None:
    signing = net.signing()
    assert (await net.channel.request_code(signing)).verdict is Verdict.SUCCESS
    assert (await net.channel.request_code(signing)).verdict is Verdict.SUCCESS
    code = (await net.control("GET", f"/codes?order_no={signing.order_no}"))["code"]
    wrong = await net.channel.sign(signing, "000000" if code != "000000" else "000001")
    signed, again = [await net.channel.sign(signing, code) for _ in range(2)]
    assert (wrong.answer.verdict, wrong.agreement) == (Verdict.FAILED, "")
    assert signed.agreement == again.agreement != net.agreement
    order = net.collection(agreement=signed.agreement)
    assert (await net.channel.send(order)).verdict is Verdict.SUCCESS
    assert (await net.channel.revoke(signing, signed.agreement)).verdict is Verdict.SUCCESS
    assert (await net.channel.revoke(signing, signed.agreement)).verdict is Verdict.SUCCESS
    refused = await net.channel.send(net.collection(agreement=signed.agreement))
    assert (refused.verdict, refused.code, refused.elsewhere) == (Verdict.FAILED, "PB511001", False)
    assert (await net.channel.sign(signing, code)).answer.verdict is Verdict.FAILED


async def test_a_code_that_was_never_asked_for_or_guessed_too_often_signs_nothing(net: Net) -> None:
    assert (await net.channel.sign(net.signing(), "123456")).answer.code == "PB511003"
    signing = net.signing()
    await net.channel.request_code(signing)
    code = (await net.control("GET", f"/codes?order_no={signing.order_no}"))["code"]
    for _ in range(5):
        await net.channel.sign(signing, str((int(code) + 1) % 10**6).zfill(6))
    assert (await net.channel.sign(signing, code)).agreement == ""


async def test_the_network_reads_the_personal_data_and_keeps_none_in_the_clear(net: Net) -> None:
    signing = net.signing()
    await net.channel.request_code(signing)
    shown = await net.control("GET", f"/codes?order_no={signing.order_no}")
    assert shown["account"] == "622202****0123"
    other = replace(signing, account=replace(PAYER, number="6222021234567890124"))
    assert (
        await net.channel.request_code(other)
    ).verdict is Verdict.UNKNOWN  # that number is another signing's


async def test_the_file_of_a_day_has_every_order_with_its_fee_and_only_from_nine_on(net: Net) -> None:
    order, _ = await net.collect(100_000)
    refund = net.refund(order, 5)
    await net.channel.send(refund)
    with pytest.raises(FileNotReady, match="PB520098"):
        await net.channel.file(TODAY)
    await net.days_on(1)
    held = await net.channel.file(TODAY)
    assert (held.channel, held.settle_date, held.name) == ("epcc", TODAY, "EPCC_20260901.csv")
    pay_in, back = held.lines
    assert (pay_in.order_no, pay_in.amount, pay_in.fee, pay_in.credit) == (order.order_no, 100_000, 100, True)
    assert (pay_in.operation, pay_in.note, pay_in.channel_ref) == (Operation.COLLECTION, "K1", order.order_no)
    assert (back.order_no, back.amount, back.fee, back.credit) == (refund.order_no, 5, 0, False)
    assert (back.operation, back.original_order_no) == (Operation.REFUND, order.order_no)
    assert not any(line.adjustment for line in held.lines)


async def test_a_fen_too_much_in_one_file_is_corrected_in_the_next(net: Net) -> None:
    await net.faults("file_off_by_one")
    order, _ = await net.collect(1000)
    await net.days_on(2)
    assert (await net.channel.file(TODAY)).lines[0].amount == 1001
    (line,) = (await net.channel.file(TODAY + timedelta(days=1))).lines
    assert (line.adjustment, line.amount, line.credit, line.operation) == (True, 1, False, None)
    assert line.channel_ref == line.original_order_no == order.order_no


async def test_a_file_that_is_not_ready_or_broken_is_not_believed_until_it_is_whole(net: Net) -> None:
    await net.collect()
    await net.days_on(2)
    later = TODAY + timedelta(days=1)
    await net.control("PUT", "/plant", {"file_not_ready": [str(TODAY)], "file_bad": [str(TODAY)]})
    with pytest.raises(FileNotReady):
        await net.channel.file(TODAY)
    with pytest.raises(MalformedMessage):
        await net.channel.file(TODAY)
    assert len((await net.channel.file(TODAY)).lines) == 1
    assert (await net.channel.file(later)).lines == ()


async def test_an_order_at_the_cut_belongs_to_the_next_day(net: Net) -> None:
    await net.set_time(net.clock.now() + timedelta(hours=12, minutes=59, seconds=59))
    _, before = await net.collect(key="K1")
    await net.set_time(net.clock.now() + timedelta(seconds=2))
    _, after = await net.collect(key="K2")
    assert (before.settle_date, after.settle_date) == (TODAY, TODAY + timedelta(days=1))


async def test_a_settlement_line_of_ours_names_its_day(net: Net) -> None:
    day = net.channel.settlement_of
    assert day(f" 网联清算 20260901 {ISSR_ID} ") == TODAY
    for text in (
        f"网联清算 20260931 {ISSR_ID}", "网联清算 20260901 Z2026058119002", f"银联商户清算 20260901 {ISSR_ID}", "",
    ):  # fmt: skip
        assert day(text) is None


async def test_a_drained_sites_digits_are_minted_no_more_and_its_orders_are_still_found(net: Net) -> None:
    numbers = {net.number()[-6:-4] for _ in range(40)}
    assert numbers == {A_DIGITS, B_DIGITS}
    old = net.collection_of(A_DIGITS)
    assert (await net.channel.send(old)).verdict is Verdict.SUCCESS
    await net.control("PUT", "/drain", {"site": "a", "drained": True})
    await until(lambda: None in net.receiver.got)
    assert {net.number()[-6:-4] for _ in range(40)} == {B_DIGITS}
    await net.control("PUT", "/sites", {"site": "a", "down": True})
    assert (await net.channel.query(old)).verdict is Verdict.SUCCESS
    _, answer = await net.collect(key="K2")
    assert answer.verdict is Verdict.SUCCESS
    await net.control("PUT", "/sites", {"site": "a", "down": False})
    await net.control("PUT", "/drain", {"site": "a", "drained": False})
    await until(lambda: net.receiver.got.count(None) >= 2)
    assert {net.number()[-6:-4] for _ in range(40)} == {A_DIGITS, B_DIGITS}


async def test_a_notice_of_digits_is_repeated_until_it_is_acknowledged(net: Net) -> None:
    net.receiver.refuse = 1
    await net.control("PUT", "/drain", {"site": "b", "drained": True})
    await until(lambda: net.receiver.got.count(None) >= 2)
    assert {net.number()[-6:-4] for _ in range(20)} == {A_DIGITS}


async def test_a_new_order_with_retired_digits_is_not_taken_and_stays_unknown(net: Net) -> None:
    order = net.collection_of(A_DIGITS)
    await net.control("PUT", "/drain", {"site": "a", "drained": True})
    answer = await net.channel.send(order)
    assert (answer.verdict, answer.code) == (Verdict.UNKNOWN, "PB520027")
    assert (await net.channel.query(order)).verdict is Verdict.NOT_FOUND
    assert await net.debits() == 0


async def test_where_every_site_is_drained_nothing_is_numbered(net: Net) -> None:
    for site in "ab":
        await net.control("PUT", "/drain", {"site": site, "drained": True})
    await net.channel.upkeep()
    with pytest.raises(NoControlDigits):
        net.number()


async def test_a_site_that_is_down_is_passed_by_with_the_same_number(net: Net) -> None:
    for site, first in (("a", A_DIGITS), ("b", B_DIGITS)):
        await net.control("PUT", "/sites", {"site": site, "down": True})
        order = net.collection_of(first, f"K{site}")
        answer = await net.channel.send(order)
        assert (answer.verdict, answer.channel_ref) == (Verdict.SUCCESS, order.order_no)
        await net.control("PUT", "/sites", {"site": site, "down": False})
    assert await net.debits() == 2


async def test_with_both_sites_down_nothing_is_sent_and_a_query_proves_nothing(net: Net) -> None:
    order = net.collection()
    for site in "ab":
        await net.control("PUT", "/sites", {"site": site, "down": True})
    assert (await net.channel.send(order)).verdict is Verdict.NOT_SENT
    assert (await net.channel.query(order)).verdict is Verdict.UNKNOWN
    assert (await net.channel.sign(net.signing(), "123456")).answer.verdict is Verdict.NOT_SENT
    with pytest.raises(FileNotReady):
        await net.channel.file(TODAY)
    assert await net.movements() == []


async def test_after_a_lost_answer_the_other_site_is_not_sent_the_order(net: Net) -> None:
    await net.faults("refused")
    order, answer = await net.collect()
    assert answer.verdict is Verdict.UNKNOWN
    assert (await net.channel.query(order)).verdict is Verdict.NOT_FOUND
    assert await net.movements() == []


async def test_the_sites_know_their_own_digits(net: Net) -> None:
    shown = await net.control("GET", "/sites")
    assert {site["name"]: site["CtrlNbF"] for site in shown.values()} == {SITE_A: A_DIGITS, SITE_B: B_DIGITS}


async def test_the_digest_of_the_file_is_the_one_of_its_bytes(
    net: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    await net.collect()
    await net.days_on(1)
    seen: dict[str, str] = {}
    read = document.read
    monkeypatch.setattr(document, "read", lambda data, most: seen.update(read(data, most)) or dict(seen))
    held = await net.channel.file(TODAY)
    content = base64.b64decode(seen["MsgBody/FileInf/FileCntnt"])
    assert held.digest == hashlib.sha256(content).hexdigest()
    assert content.startswith(b"TrxId,TrxCtgy,TrxAmt,Sign,Fee,Kind,OriTrxId,OrdrId\r\n")
    assert content.rstrip().endswith(b"#,count=1,TrxAmt=12345,Fee=12")
