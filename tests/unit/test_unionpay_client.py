import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest

from tests.unit.unionpay_bank import (
    CN,
    MER_ID,
    bank_signs,
    config,
    content,
    issue,
    order,
    stopped_clock,
    text_of,
    zm_row,
)
from zhangfang.channels.port import (
    AcquiringChannel,
    Answer,
    FileNotReady,
    ForgedMessage,
    MalformedMessage,
    Operation,
    Order,
    Verdict,
)
from zhangfang.channels.unionpay import UnionPay
from zhangfang.channels.unionpay.signature import Signer
from zhangfang.kernel.errors import InvalidInput

Fields = dict[str, str]
RESET, SILENCE, CLOSE = b"reset", b"silence", b"close"


@dataclass
class Gateway:
    """A server that answers each POST with what `reply` makes of its fields, and remembers what it was sent."""

    reply: Callable[[Fields], bytes]
    url: str = ""
    status: str = "200 OK"
    received: list[tuple[str, Fields]] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self.answer(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the connector went away
        finally:
            writer.close()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        length = next(int(each[15:]) for each in head if each.lower().startswith("content-length:"))
        fields = dict(parse_qsl((await reader.readexactly(length)).decode()))
        self.received.append((head[0].split()[1], fields))
        body = self.reply(fields)
        if body == RESET:
            writer.transport.abort()
        elif body == SILENCE:
            await reader.read()
        elif body != CLOSE:
            lines = f"HTTP/1.1 {self.status}\r\nContent-Length: {len(body)}\r\nLocation: /again\r\n\r\n"
            writer.write(lines.encode() + body)
            await writer.drain()
            return True
        return False


@asynccontextmanager
async def gateway(reply: Callable[[Fields], bytes], status: str = "200 OK") -> AsyncIterator[Gateway]:
    ours = Gateway(reply, status=status)
    server = await asyncio.start_server(ours.serve, "127.0.0.1", 0)
    ours.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield ours
    finally:
        server.close()
        await server.wait_closed()


@asynccontextmanager
async def unionpay(url: str, seconds: float = 5.0, signer: Signer | None = None) -> AsyncIterator[UnionPay]:
    channel = UnionPay(config(url, seconds), stopped_clock(), signer)
    try:
        yield channel
    finally:
        await channel.close()


ECHOED = ("merId", "orderId", "txnTime", "txnType", "reqReserved", "txnAmt")


def answering(changes: Fields, signer: Any = None, drop: Iterable[str] = ()) -> Callable[[Fields], bytes]:
    def reply(fields: Fields) -> bytes:
        echoed = {name: fields[name] for name in ECHOED if name in fields and name not in drop}
        return text_of(
            bank_signs({**echoed, "respCode": "00", "respMsg": "成功[0000000]"} | changes, signer)
        ).encode()

    return reply


async def sent(
    reply: Callable[[Fields], bytes], asked: Order | None = None, status: str = "200 OK"
) -> Answer:
    async with gateway(reply, status) as bank, unionpay(bank.url, 0.5) as channel:
        return await channel.send(asked or order())


async def queried(reply: Callable[[Fields], bytes], asked: Order | None = None) -> Answer:
    async with gateway(reply) as bank, unionpay(bank.url, 0.5) as channel:
        return await channel.query(asked or order())


FAULTS = {
    "reset": lambda _: RESET,
    "closed": lambda _: CLOSE,
    "silent": lambda _: SILENCE,
    "empty": lambda _: b"",
    "a page": lambda _: b"<html>maintenance</html>",
    "not UTF-8": lambda _: b"respCode=00&respMsg=\xff",
    "cut": lambda fields: answering({})(fields)[:-40],
    "a changed byte": lambda fields: answering({"respCode": "03"})(fields).replace(b"Code=03", b"Code=00"),
    "unsigned": lambda fields: text_of(fields | {"respCode": "00"}).encode(),
    "a wrong chain": answering({}, issue(CN)),
    "another merchant": answering({"merId": "777290058110049"}),
    "another order": answering({"orderId": "0192f0c1aaaa7bbb8cccdddddddddd01"}),
    "another time": answering({"txnTime": "20261231110001"}),
    "another type": answering({"txnType": "01"}),
    "no order": answering({}, drop=("orderId",)),
    "no respCode": answering({"respCode": ""}),
    "an unlisted code": answering({"respCode": "ZZ"}),
    "an amount that is no number": answering({"txnAmt": "1.00"}),
    "a day that is none": answering({"settleDate": "0231"}),
    "too long": lambda _: b"a=" + b"1" * 70_000,
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_what_cannot_be_believed_is_unknown_and_says_why(fault: str) -> None:
    for answer in (await sent(FAULTS[fault]), await queried(FAULTS[fault])):
        assert answer.verdict == Verdict.UNKNOWN
        assert answer.message


@pytest.mark.parametrize(
    "status", ["500 Internal Server Error", "503 Busy", "404 Not Found", "307 Temporary Redirect"]
)
async def test_an_answer_with_another_status_is_unknown_and_is_not_followed(status: str) -> None:
    async with gateway(answering({}), status) as bank, unionpay(bank.url) as channel:
        answer = await channel.send(order())
    assert answer.verdict == Verdict.UNKNOWN
    assert status[:3] in answer.message
    assert len(bank.received) == 1


async def test_only_a_connection_that_never_came_about_is_not_sent() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    async with unionpay(url) as channel:
        assert (await channel.send(order())).verdict == Verdict.NOT_SENT
        assert (await channel.query(order())).verdict == Verdict.UNKNOWN
        with pytest.raises(FileNotReady, match="no connection"):
            await channel.file(date(2026, 12, 31))


async def test_a_kept_connection_that_the_bank_closes_does_not_send_the_order_again() -> None:
    async with gateway(answering({})) as bank, unionpay(bank.url) as channel:
        assert (await channel.send(order())).verdict == Verdict.ACCEPTED
        bank.reply = lambda _: RESET
        assert (await channel.send(order())).verdict == Verdict.UNKNOWN
    assert len(bank.received) == 2


async def test_nobody_learns_an_account_from_an_answer() -> None:
    answer = await sent(
        answering({"accNo": "6222021234567890123", "customerInfo": "e30=", "queryId": "1" * 21})
    )
    assert "accNo=622202****0123" in answer.raw
    for secret in ("6222021234567890123", "customerInfo", "signature", "CERTIFICATE"):
        assert secret not in answer.raw + answer.message
    assert answer.channel_ref == "1" * 21


@pytest.mark.parametrize(
    "operation", [Operation.COLLECTION, Operation.REFUND, Operation.VOID, Operation.PAYOUT]
)
async def test_a_request_that_is_taken_is_accepted_and_never_more(operation: Operation) -> None:
    answer = await sent(answering({}), order(operation))
    assert (answer.verdict, answer.code, answer.message) == (Verdict.ACCEPTED, "00", "成功[0000000]")


@pytest.mark.parametrize(
    ("code", "verdict"),
    [("64", Verdict.FAILED), ("12", Verdict.UNKNOWN), ("05", Verdict.UNKNOWN), ("06", Verdict.UNKNOWN)],
)
async def test_the_code_of_an_answer_gives_its_verdict(code: str, verdict: Verdict) -> None:
    answer = await sent(answering({"respCode": code}))
    assert (answer.verdict, answer.code) == (verdict, code)


async def test_a_resend_has_the_same_key_fields() -> None:
    async with gateway(answering({})) as bank, unionpay(bank.url) as channel:
        await channel.send(order())
        await channel.send(order())
    (path, first), (_, second) = bank.received
    assert path == "/gateway/api/backTransReq.do"
    random = {"accNo", "customerInfo", "signature"}  # encryption is salted
    assert {name for name in first if first[name] != second[name]} <= random
    assert first["orderId"] == order().order_no
    assert first["reqReserved"] == order().key


async def test_a_query_reads_its_own_code_first_and_then_the_orders() -> None:
    for fields, verdict, code in (
        ({"origRespCode": "00"}, Verdict.SUCCESS, "00"),
        ({"origRespCode": "64"}, Verdict.FAILED, "64"),
        ({"origRespCode": "05"}, Verdict.UNKNOWN, "05"),
        ({"origRespCode": "74"}, Verdict.MANUAL, "74"),
        ({}, Verdict.UNKNOWN, ""),
        ({"respCode": "34"}, Verdict.NOT_FOUND, "34"),
        ({"respCode": "34", "origRespCode": "00"}, Verdict.NOT_FOUND, "34"),
        ({"respCode": "64", "origRespCode": "00"}, Verdict.UNKNOWN, "64"),
        ({"respCode": "06"}, Verdict.UNKNOWN, "06"),
    ):
        answer = await queried(answering(fields))
        assert (answer.verdict, answer.code) == (verdict, code), fields


async def test_a_query_brings_amount_reference_and_settlement_date() -> None:
    facts = {
        "origRespCode": "00",
        "txnAmt": "12345",
        "settleAmt": "12300",
        "queryId": "2" * 21,
        "settleDate": "0101",
    }
    async with gateway(answering(facts)) as bank, unionpay(bank.url) as channel:
        answer = await channel.query(order(Operation.PURCHASE))
    assert (answer.amount, answer.channel_ref, answer.settle_date) == (12345, "2" * 21, date(2027, 1, 1))
    path, fields = bank.received[0]
    assert path == "/gateway/api/queryTrans.do"
    assert fields["reqReserved"] == order().key


async def test_a_missing_order_of_another_number_is_not_our_missing_order() -> None:
    answer = await queried(answering({"respCode": "34", "orderId": "other0001"}))
    assert answer.verdict == Verdict.UNKNOWN


async def test_an_operation_goes_only_the_way_it_can() -> None:
    async with unionpay("http://127.0.0.1:9") as channel:
        with pytest.raises(InvalidInput, match="operation"):
            await channel.send(order(Operation.PURCHASE))
        with pytest.raises(InvalidInput, match="operation"):
            await channel.present(order(Operation.REFUND), "http://127.0.0.1/back")


async def test_the_cashiers_form_is_signed_and_ready_to_post() -> None:
    async with unionpay("http://127.0.0.1:9") as channel:
        form = await channel.present(order(Operation.PURCHASE), "http://127.0.0.1/back")
    assert form.url == "http://127.0.0.1:9/gateway/api/frontTransReq.do"
    assert form.fields["frontUrl"] == "http://127.0.0.1/back"
    assert {"signature", "certId", "signMethod"} < set(form.fields)
    assert all(value.strip() for value in form.fields.values())


class NullSigner:
    """What a benchmark may put in: no signature at all."""

    def sign(self, fields: Any) -> Fields:
        return dict(fields)

    def verify(self, fields: Any) -> None:
        return None


async def test_a_signer_can_be_put_in_from_outside() -> None:
    async with (
        gateway(
            lambda fields: text_of({name: fields[name] for name in ECHOED} | {"respCode": "00"}).encode()
        ) as bank,
        unionpay(bank.url, signer=NullSigner()) as channel,
    ):
        assert (await channel.send(order())).verdict == Verdict.ACCEPTED
    assert "signature" not in bank.received[0][1]


async def test_unionpay_is_an_acquiring_channel_with_rules_for_what_it_does() -> None:
    async with unionpay("http://127.0.0.1:9") as ours:
        channel: AcquiringChannel = ours
        waits = [wait.total_seconds() for wait in channel.rules[Operation.PURCHASE].query_after]
        assert waits == [1, 2, 4, 8, 16, 32, 300]
        resends = {operation: rules.resend_after_not_found for operation, rules in channel.rules.items()}
        assert resends == {
            Operation.PURCHASE: None,
            Operation.COLLECTION: 3,
            Operation.REFUND: 3,
            Operation.VOID: 3,
            Operation.PAYOUT: 3,
        }
        assert channel.rules[Operation.PAYOUT].query_after[0] == timedelta(minutes=3)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        (f"银联商户清算 20261231 {MER_ID}", date(2026, 12, 31)),
        (f" 银联商户清算 20261231 {MER_ID} ", date(2026, 12, 31)),
        ("银联商户清算 20261231 777290058110049", None),
        (f"银联商户清算 20260230 {MER_ID}", None),
        (f"退款 20261231 {MER_ID}", None),
        (f"银联商户清算 20261231 {MER_ID}9", None),
        ("", None),
    ],
)
async def test_a_settlement_is_recognised_by_its_text_and_merchant(text: str, day: date | None) -> None:
    async with unionpay("http://127.0.0.1:9") as channel:
        assert channel.settlement_of(text) == day


DAY = date(2026, 12, 31)


def file_answer(changes: Fields) -> Callable[[Fields], bytes]:
    def reply(fields: Fields) -> bytes:
        facts = {
            "merId": fields["merId"], "txnType": "76", "settleDate": fields["settleDate"], "respCode": "00",
            "fileName": f"{MER_ID}_20261231.zip", "fileContent": content({"ZM_": zm_row()}),
        }  # fmt: skip
        return text_of(bank_signs(facts | changes)).encode()

    return reply


async def test_a_file_is_asked_for_verified_and_read() -> None:
    async with gateway(file_answer({})) as bank, unionpay(bank.url) as channel:
        file = await channel.file(DAY)
    assert [line.order_no for line in file.lines] == ["order0001"]
    path, fields = bank.received[0]
    assert (path, fields["txnType"], fields["settleDate"], fields["fileType"]) == ("/", "76", "1231", "00")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"respCode": "98"}, FileNotReady),
        ({"respCode": "41"}, FileNotReady),
        ({"respCode": "06"}, FileNotReady),
        ({"respCode": "32"}, MalformedMessage),
        ({"respCode": ""}, MalformedMessage),
        ({"settleDate": "1230"}, MalformedMessage),
        ({"merId": "777290058110049"}, MalformedMessage),
        ({"fileContent": ""}, MalformedMessage),
        ({"fileContent": "AAAA"}, MalformedMessage),
        ({"fileName": f"{MER_ID}_20251231.zip"}, MalformedMessage),
        ({"signPubKeyCert": issue(CN).pem}, ForgedMessage),
    ],
)
async def test_a_file_that_is_not_there_or_not_ours_is_an_error_of_its_kind(
    changes: Fields, error: type
) -> None:
    async with gateway(file_answer(changes)) as bank, unionpay(bank.url) as channel:
        with pytest.raises(error):
            await channel.file(DAY)


async def test_a_file_that_breaks_off_on_the_way_is_asked_for_again_later() -> None:
    async with gateway(lambda _: RESET) as bank, unionpay(bank.url) as channel:
        with pytest.raises(FileNotReady, match="the connection to the channel broke"):
            await channel.file(DAY)
