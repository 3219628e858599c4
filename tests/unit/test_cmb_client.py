"""The connector on a real socket, against a bank that answers well, wrongly, late or not at all."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tests.unit.cmb_counterpart import UID, Bank, Behaviour, Json, listening
from zhangfang.channels.cmb import Cmb, CmbConfig, Refused, make_enterprise_key
from zhangfang.channels.cmb.requests import yur_ref
from zhangfang.channels.port import (
    BankChannel,
    ForgedMessage,
    MalformedMessage,
    Operation,
    Order,
    PartyAccount,
    Verdict,
)
from zhangfang.channels.transport import NotConnectedError
from zhangfang.kernel.errors import InvalidInput

PRIVATE, PUBLIC = make_enterprise_key()
BANK = Bank(our_public=PUBLIC)
ACCOUNT = "755900000010101"
ORDER = Order(
    operation=Operation.PAYOUT,
    order_no="019aae2b4c7d70008000000000000100",
    requested_at=datetime(2026, 11, 23, 1, 0, tzinfo=UTC),
    amount=105,
    key="M-2026-1",
    description="货款",
    account=PartyAccount("6225880123456789", "王小明", bank="中国工商银行"),
)
REFERENCE = yur_ref(ORDER.order_no)
NO_PACE: dict[str, Any] = {"query_gap_seconds": 0.0, "statement_gap_seconds": 0.0}


class Ticking:
    """A clock that moves a minute with every look."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 23, 1, 0, 0, 123456, tzinfo=UTC)

    def now(self) -> datetime:
        self.moment += timedelta(minutes=1)
        return self.moment


@asynccontextmanager
async def connector(url: str, patience: float = 5.0) -> AsyncIterator[Cmb]:
    keys = (PRIVATE, BANK.public, BANK.sm4.hex())
    config = replace(CmbConfig(UID, url, ACCOUNT, *keys, timeout_seconds=patience), **NO_PACE)
    cmb = Cmb(config, Ticking())
    try:
        yield cmb
    finally:
        await cmb.close()


def answering(body: Json, code: str = "SUC0000", message: str = "") -> Behaviour:
    return lambda form: BANK.reply(BANK.open(form), body, code, message)


def paid(**changes: Any) -> Behaviour:
    record = {"reqNbr": "5120015719", "reqSts": "BNK", "rtnFlg": ""}
    return answering({"bb1payopz1": [record | changes]})


def test_the_connector_is_a_bank_channel() -> None:
    config = CmbConfig(UID, "http://127.0.0.1:1", ACCOUNT, PRIVATE, BANK.public, BANK.sm4.hex())
    channel: BankChannel = Cmb(config, Ticking())
    rules = channel.rules[Operation.PAYOUT]
    assert channel.name == "cmb"
    assert [wait.total_seconds() / 60 for wait in rules.query_after] == [5, 1, 2, 5, 10]
    assert rules.resend_after_not_found == 1


async def test_a_payout_that_the_bank_took_is_accepted() -> None:
    async with listening(paid()) as (url, seen), connector(url) as cmb:
        answer = await cmb.send(ORDER)
    assert (answer.verdict, answer.channel_ref) == (Verdict.ACCEPTED, "5120015719")
    assert len(seen) == 1
    assert list(seen[0]) == ["UID", "FUNCODE", "ALG", "DATA"]


async def test_an_immediate_failure_is_final() -> None:
    refused = paid(reqSts="FIN", rtnFlg="F", errCod="PAY0001", errTxt="王小明的户口6225880123456789已销户")
    async with listening(refused) as (url, _), connector(url) as cmb:
        answer = await cmb.send(ORDER)
    assert (answer.verdict, answer.code) == (Verdict.FAILED, "FIN/F")
    for hidden in ("王小明", "6225880123456789"):
        assert hidden not in answer.message + answer.raw


async def test_a_resend_differs_in_message_number_and_signing_time_alone() -> None:
    async with listening(paid()) as (url, seen), connector(url) as cmb:
        await cmb.send(ORDER)
        await cmb.send(ORDER)
    first, second = (BANK.open(form) for form in seen)
    assert first["request"]["body"] == second["request"]["body"]
    heads = [opened["request"]["head"] for opened in (first, second)]
    assert heads[0].pop("reqid") != heads[1].pop("reqid")
    assert heads[0] == heads[1]
    assert first["signature"]["sigtim"] != second["signature"]["sigtim"]


async def test_a_message_number_is_china_time_to_the_millisecond_and_twelve_digits() -> None:
    async with listening(paid()) as (url, seen), connector(url) as cmb:
        await cmb.send(ORDER)
    opened = BANK.open(seen[0])
    assert re.fullmatch(r"20261123090100123\d{12}", opened["request"]["head"]["reqid"])
    assert opened["signature"]["sigtim"] == "20261123090100"


async def test_a_thousand_message_numbers_of_one_moment_are_different(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    numbers: list[str] = []

    def note(kind: str, head: dict[str, str], *rest: Any) -> str:
        numbers.append(head["reqid"])
        raise asyncio.CancelledError

    monkeypatch.setattr("zhangfang.channels.cmb.envelope.seal", note)
    async with connector("http://127.0.0.1:1") as cmb:
        monkeypatch.setattr(cmb._clock, "now", lambda: datetime(2026, 11, 23, tzinfo=UTC))
        for _ in range(1000):
            with pytest.raises(asyncio.CancelledError):
                await cmb.send(ORDER)
    assert len(set(numbers)) == 1000


async def test_nothing_is_sent_where_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, never listening: connections are refused
        async with connector(f"http://127.0.0.1:{taken.getsockname()[1]}") as cmb:
            assert (await cmb.send(ORDER)).verdict is Verdict.NOT_SENT
            assert (await cmb.query(ORDER)).verdict is Verdict.UNKNOWN
            with pytest.raises(NotConnectedError):
                await cmb.statement(ACCOUNT, "")


BROKEN = {
    "hangs up": lambda form: None,
    "empty": lambda form: b"",
    "html": lambda form: b"<html>502</html>",
    "another's key": lambda form: Bank(our_public=PUBLIC, sm4=BANK.sm4).reply(BANK.open(form), {}),
    "truncated": lambda form: BANK.reply(BANK.open(form), {"bb1payopz1": [], "bb1payqrz1": []})[:-24],
    "another's answer": lambda form: BANK.reply({"request": {"head": {"reqid": "1"}}}, {}),
    "gateway": lambda form: "CDCServer:ErrMsg:系统繁忙".encode(),
    "error code": answering({}, "FBBZ001", "系统繁忙"),
    "no such block": answering({"bb1payopz1": {}, "bb1payqrz1": {}}),
    "third decimal": answering(
        {
            block: [{"yurRef": REFERENCE, "reqSts": "FIN", "rtnFlg": "S", "trsAmt": "1.055"}]
            for block in ("bb1payopz1", "bb1payqrz1")
        }
    ),
}


@pytest.mark.parametrize("fault", BROKEN)
async def test_whatever_is_unclear_is_unknown(fault: str) -> None:
    async with listening(BROKEN[fault]) as (url, seen), connector(url) as cmb:
        assert (await cmb.send(ORDER)).verdict is Verdict.UNKNOWN
        assert (await cmb.query(ORDER)).verdict is Verdict.UNKNOWN
    assert len(seen) == 2  # nothing is sent twice by itself


async def test_an_answer_after_the_timeout_is_unknown() -> None:
    async with listening(paid(), delay=30.0) as (url, seen), connector(url, patience=0.3) as cmb:
        answer = await cmb.send(ORDER)
        assert answer.verdict is Verdict.UNKNOWN
        assert len(seen) == 1


async def test_a_server_that_closes_without_reading_leaves_it_unknown() -> None:
    async def slam(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(slam, "127.0.0.1", 0)
    async with server, connector(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}") as cmb:
        assert (await cmb.send(ORDER)).verdict is Verdict.UNKNOWN


async def test_an_answer_that_is_no_http_is_unknown() -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"\x00\xff not http at all\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    async with server, connector(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}") as cmb:
        assert (await cmb.send(ORDER)).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("status", ["400 Bad Request", "500 Oops", "503 Busy", "307 Temporary Redirect"])
async def test_the_body_beside_an_error_status_is_read(status: str) -> None:
    plain = "CDCServer:[ErrCode:1,ErrMsg:验签失败]".encode()
    async with listening(lambda form: plain, status) as (url, _), connector(url) as cmb:
        answer = await cmb.send(ORDER)
    assert (answer.verdict, answer.code, answer.message) == (Verdict.UNKNOWN, "CDCServer", "验签失败")


async def test_a_redirection_is_not_followed() -> None:
    async with (
        listening(lambda form: b"", "307 Elsewhere\r\nLocation: ?") as (url, seen),
        connector(url) as cmb,
    ):
        assert (await cmb.send(ORDER)).verdict is Verdict.UNKNOWN
    assert len(seen) == 1


async def test_a_signed_answer_counts_whatever_the_status() -> None:
    async with listening(paid(reqSts="FIN", rtnFlg="F"), "500 Oops") as (url, _), connector(url) as cmb:
        assert (await cmb.send(ORDER)).verdict is Verdict.FAILED


async def test_a_query_tells_what_became_of_the_payout() -> None:
    record = {"yurRef": REFERENCE, "reqNbr": "9", "reqSts": "FIN", "rtnFlg": "S", "trsAmt": "1.05"}
    async with listening(answering({"bb1payqrz1": [record]})) as (url, seen), connector(url) as cmb:
        answer = await cmb.query(replace(ORDER, account=None))
    assert (answer.verdict, answer.amount, answer.channel_ref) == (Verdict.SUCCESS, 105, "9")
    body = {"bb1payqrx1": [{"busCod": "N02030", "yurRef": REFERENCE}]}
    assert BANK.open(seen[0])["request"]["body"] == body


async def test_a_query_that_finds_nothing_is_believed_where_the_account_is_ours_to_use() -> None:
    listed = answering({"ntqpyaccz": [{"accnbr": ACCOUNT}]})  # no records of payments: the block is not there
    async with listening(listed) as (url, seen), connector(url) as cmb:
        assert (await cmb.query(ORDER)).verdict is Verdict.NOT_FOUND
        assert (await cmb.query(ORDER)).verdict is Verdict.NOT_FOUND
    # The list of accounts is asked for once and then believed for a while.
    assert [form["FUNCODE"] for form in seen] == ["BB1PAYQR", "DCLISACC", "BB1PAYQR"]


@pytest.mark.parametrize("accounts", [[], [{"accnbr": "755900000010102"}]])
async def test_a_query_that_finds_nothing_proves_nothing_without_permission(accounts: list[Json]) -> None:
    async with listening(answering({"ntqpyaccz": accounts})) as (url, seen), connector(url) as cmb:
        for _ in range(2):  # a refusal is not remembered: the permission may be given any moment
            answer = await cmb.query(ORDER)
            assert (answer.verdict, "permission" in answer.message) == (Verdict.UNKNOWN, True)
    assert [form["FUNCODE"] for form in seen] == ["BB1PAYQR", "DCLISACC"] * 2


async def test_not_found_proves_nothing_while_the_permission_cannot_be_checked() -> None:
    def behave(form: dict[str, str]) -> bytes | None:
        return BANK.reply(BANK.open(form), {}) if form["FUNCODE"] == "BB1PAYQR" else None

    async with listening(behave) as (url, _), connector(url) as cmb:
        assert (await cmb.query(ORDER)).verdict is Verdict.UNKNOWN


async def test_an_order_that_cannot_be_written_never_leaves() -> None:
    async with listening(paid()) as (url, seen), connector(url) as cmb:
        with pytest.raises(InvalidInput, match="account"):
            await cmb.send(replace(ORDER, account=None))
        assert seen == []


async def test_a_statement_is_read_page_by_page() -> None:
    def behave(form: dict[str, str]) -> bytes:
        request = BANK.open(form)
        start = int((request["request"]["body"]["TRANSQUERYBYBREAKPOINT_Y1"] or [{"next": 0}])[0]["next"])
        line = {
            "transSequenceIdn": f"S{start}",
            "transDate": "20261123",
            "loanCode": "C",
            "transAmount": "1.00",
            "acctOnlineBal": f"{start + 1}.00",
        }
        body = {
            "TRANSQUERYBYBREAKPOINT_Z1": [{"ctnFlag": "Y" if start < 2 else "N", "queryAcctNbr": ACCOUNT}],
            "TRANSQUERYBYBREAKPOINT_Z2": [line],
            "TRANSQUERYBYBREAKPOINT_Y1": [{"next": start + 1}],
        }
        return BANK.reply(request, body)

    async with listening(behave) as (url, _), connector(url) as cmb:
        cursor, found, more = "", [], True
        while more:
            page = await cmb.statement(ACCOUNT, cursor)
            cursor, more = page.cursor, page.more
            found += [(line.sequence, line.balance) for line in page.lines]
    assert found == [("S0", 100), ("S1", 200), ("S2", 300)]


async def test_late_returns_are_gathered_over_all_pages() -> None:
    def behave(form: dict[str, str]) -> bytes:
        request = BANK.open(form)
        key = request["request"]["body"]["bb1payqby1"][0]["ctnKey"]
        record = {"yurRef": REFERENCE, "reqNbr": f"N{key}", "trsAmt": "1.05", "updDat": "20261124"}
        following = {"": "A", "A": "B", "B": ""}[key]
        return BANK.reply(request, {"bb1payqbz1": [record], "bb1payqby1": [{"ctnKey": following}]})

    async with listening(behave) as (url, _), connector(url) as cmb:
        found = await cmb.late_returns(date(2026, 11, 23), date(2026, 11, 26))
    assert [item.answer.channel_ref for item in found] == ["N", "NA", "NB"]
    assert {item.order_no for item in found} == {ORDER.order_no}


async def test_late_returns_that_go_in_a_circle_are_malformed() -> None:
    circle = answering({"bb1payqbz1": [], "bb1payqby1": [{"ctnKey": "A"}]})
    async with listening(circle) as (url, _), connector(url) as cmb:
        with pytest.raises(MalformedMessage, match="ctnKey"):
            await cmb.late_returns(date(2026, 11, 23), date(2026, 11, 26))


async def test_reachable_accounts_are_listed() -> None:
    listed = answering({"ntqpyaccz": [{"accnbr": ACCOUNT}]})
    async with listening(listed) as (url, _), connector(url) as cmb:
        assert await cmb.reachable_accounts() == {ACCOUNT}


async def test_reading_says_what_was_wrong_by_its_error() -> None:
    async with listening(answering({}, "FBBZ001", "无权限")) as (url, _), connector(url) as cmb:
        with pytest.raises(Refused, match="FBBZ001"):
            await cmb.statement(ACCOUNT, "")
    async with listening(BROKEN["another's key"]) as (url, _), connector(url) as cmb:
        with pytest.raises(ForgedMessage):
            await cmb.reachable_accounts()


async def test_no_more_than_twenty_requests_are_under_way_at_once() -> None:
    running = peak = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal running, peak
        running += 1
        peak = max(peak, running)
        await reader.read(1)
        await asyncio.sleep(0.05)
        running -= 1
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, connector(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}") as cmb:
        answers = await asyncio.gather(*(cmb.send(ORDER) for _ in range(50)))
    assert {answer.verdict for answer in answers} == {Verdict.UNKNOWN}
    assert 1 < peak <= 20
