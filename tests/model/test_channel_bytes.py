"""Every parser of bytes that a peer can send, of all connectors, under the same hail: nothing breaks, nothing is believed.

The table says which there are; a method of a connector that is in no row of it fails a test. What unpacks to more than it
looks (DEFLATE, ZIP) is tried beside the readers of files: `test_unionpay_zmfile`, `test_unionpay_batches`, `test_columns`.
"""

import asyncio
import json
import re
import tracemalloc
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any
from unittest.mock import patch
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.model.channel_peers import NUMBERS, Parser, Said, recorded
from tests.unit.unionpay_bank import NOW
from zhangfang.channels import chinaums, cmb, epcc, genericbank, lakala, unionpay
from zhangfang.channels.abilities import BatchResult, Signed
from zhangfang.channels.cmb import envelope as cmb_envelope
from zhangfang.channels.cmb import exchange as cmb_exchange
from zhangfang.channels.cmb import sm2
from zhangfang.channels.epcc import envelope as epcc_envelope
from zhangfang.channels.port import Answer, ChannelError, Notification, NotWritten, Operation, Rules, Verdict
from zhangfang.kernel.clock import CHINA
from zhangfang.kernel.errors import InvalidInput
from zhangfang.payments import Intent, State
from zhangfang.payments.course.proof import whole
from zhangfang.payments.course.rules import decide

TABLE: dict[Any, str] = {
    unionpay.UnionPay: "send query send_batch query_batch notification file settlement_of",
    chinaums.ChinaUms: "present send query query:refund notification file settlement_of",
    lakala.Lakala: "present send query query:refund notification file settlement_of",
    epcc.Epcc: "send send:refund query request_code sign revoke upkeep notification file settlement_of",
    cmb.Cmb: (
        "send query query:returned send_batch send_batch:payroll query_batch query_batch:payroll late_returns "
        "late_returns:payroll statement reachable_accounts notification notification:returned"
    ),
    genericbank.GenericBank: "send query statement",
}
HEARS_NOTHING = {"close", "reply", "account", "order_number"}  # these read no byte of a peer
MAKES_ITS_OWN = {"unionpay.present", "epcc.present"}
# ChinaUMS signs no answer: what its TLS brings is believed (V). Its notifications are signed.
UNSIGNED = {f"chinaums.{name}" for name in ("present", "send", "query", "query:refund", "file")}
UNSIGNED |= {f"{name}.settlement_of" for name in ("unionpay", "chinaums", "lakala", "epcc")}
NAMES = [f"{connector.name}.{name}" for connector, names in TABLE.items() for name in names.split()]

DEFINITE = (Verdict.SUCCESS, Verdict.FAILED, Verdict.RETURNED)
BOUND = 48 * 1024 * 1024  # bytes at once, for a message of a few hundred thousand at most
HOSTILE = [
    b"", b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"null", b"true", b"[]", b"{}", b'""', b"-1", b"0", b"1e999999999",
    b"-1e-999999999",
    b"9" * 5000, b"NaN", b"Infinity", b'"\\ud800"', b'"\\u0000"', "٣".encode(), "²".encode(), b"[" * 3000, b'{"a":' * 3000,
    b"<a>" * 3000, b"<!DOCTYPE root>", b"<!-- -->", b"&amp;", b"&#x0;", b"&", b"=", b"|", b"\n", b"%00",
    b"CDCServer:ErrMsg:[x]",
]  # fmt: skip
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
BOMBS = {
    "nested lists": b"[" * 20_000,
    "nested objects": b'{"response":' * 5_000,
    "a number of many digits": b'{"code":' + b"9" * 60_000 + b"}",
    "a number with a great exponent": b'{"code":1e999999999,"body":{"amount":1e999999999}}',
    "many fields": b"&".join(b"f%d=1" % n for n in range(8_000)),
    "brackets": b"a=" + b"{[" * 8_000,
    "deep XML": b"<root>" + b"<a>" * 15_000 + b"</root>\r\n{S:AAAA}",
    "a billion laughs": f'<!DOCTYPE root [<!ENTITY l0 "ha">{LAUGHS}]><root>&l9;</root>{{S:AAAA}}'.encode(),
}
_VALUE = re.compile(rb'-?[0-9]+(?:\.[0-9]+)?|"[^"]*"|(?<==)[^&]*|(?<=>)[^<]+(?=<)')
Edit = tuple[str, int, int, bytes]
EDITS = st.lists(
    st.tuples(
        st.sampled_from(["flip", "cut", "insert", "swap", "repeat", "value", "value", "digit", "digit", "header", "whole"]),
        st.integers(0, 2**16), st.integers(0, 2**16), st.sampled_from(HOSTILE) | st.binary(max_size=40),
    ),
    min_size=1, max_size=3,
)  # fmt: skip


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    made = asyncio.new_event_loop()
    yield made
    made.run_until_complete(made.shutdown_default_executor())
    made.close()


@pytest.fixture(scope="module")
def parsers(
    tmp_path_factory: pytest.TempPathFactory, loop: asyncio.AbstractEventLoop
) -> Iterator[dict[str, Parser]]:
    with patch.object(cmb_exchange, "secrets", NUMBERS):
        yield loop.run_until_complete(recorded(tmp_path_factory.mktemp("peers")))


def test_the_table_names_every_method_that_hears_a_peer() -> None:
    there = {
        f"{connector.name}.{name}"
        for connector in TABLE
        for name in dir(connector)
        if not name.startswith("_") and callable(getattr(connector, name)) and name not in HEARS_NOTHING
    }
    assert there - MAKES_ITS_OWN == {name.partition(":")[0] for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_the_genuine_message_is_believed(
    name: str, parsers: dict[str, Parser], loop: asyncio.AbstractEventLoop
) -> None:
    one = parsers[name]
    found = loop.run_until_complete(one.read(one.genuine))
    assert found == one.result
    assert found, "it says nothing, so nothing is tried"
    assert not proves_nothing(found) or name.split(".")[1].startswith(("send", "request_code"))


@pytest.mark.parametrize("name", NAMES)
def test_bytes_that_nobody_signed_break_nothing_and_prove_nothing(
    name: str, parsers: dict[str, Parser], loop: asyncio.AbstractEventLoop
) -> None:
    one = parsers[name]

    with unsealed(one.channel):
        said = [opened(one.channel, said) for said in one.genuine]

        @settings(max_examples=20, deadline=None, database=None)
        @given(EDITS, st.integers(0, 3))
        def hail(edits: Sequence[Edit], which: int) -> None:
            found = loop.run_until_complete(heard(one.read(touched(said, edits, which))))
            assert name in UNSIGNED or proves_nothing(found) or says_the_same(found, one.result)

        hail()


@pytest.mark.parametrize("name", NAMES)
def test_a_genuine_message_without_its_signature_proves_nothing(
    name: str, parsers: dict[str, Parser], loop: asyncio.AbstractEventLoop
) -> None:
    one = parsers[name]
    signed = {header for said in one.genuine for header in said.headers if "sign" in header.lower()}
    signed |= {"Authorization"} & {header for said in one.genuine for header in said.headers}
    for put in ("", "AAAA", "x" * 5000):
        without = [
            replace(said, headers={**said.headers, **dict.fromkeys(signed, put)}) for said in one.genuine
        ]
        found = loop.run_until_complete(heard(one.read(without)))
        assert not signed or name in UNSIGNED or found is None or proves_nothing(found)


@pytest.mark.parametrize("name", NAMES)
def test_bytes_that_the_bank_itself_signed_break_nothing(
    name: str, parsers: dict[str, Parser], loop: asyncio.AbstractEventLoop
) -> None:
    one = parsers[name]
    with believing(one.channel):
        inner = [opened(one.channel, said) for said in one.genuine]

        @settings(max_examples=20, deadline=None, database=None)
        @given(EDITS, st.integers(0, 3))
        def hail(edits: Sequence[Edit], which: int) -> None:
            loop.run_until_complete(heard(one.read(touched(inner, edits, which))))

        hail()


PROVING = [name for name in NAMES if re.search(r"\.(query|notification)(:|$)", name)]
PUT = [b"", b"1", b"840", b"20270401", b"USD9.99"]
INTENT = Intent(
    id=UUID(int=1), kind=Operation.COLLECTION, merchant="m", order_no="A1", idempotency_key="A1", request_digest=b"",
    amount=1, fee=0, description="", channel="c", channel_order_no="0", requested_at=NOW, business_date=NOW.date(),
    template="P2", voucher=UUID(int=2), undo_voucher=UUID(int=3), state=State.UNKNOWN, created_at=NOW,
)  # fmt: skip


@pytest.mark.parametrize("name", PROVING)
def test_a_success_with_one_field_changed_or_removed_is_none_unless_it_still_says_the_same(
    name: str, parsers: dict[str, Parser], loop: asyncio.AbstractEventLoop
) -> None:
    """The bank itself says it, so all of it verifies: what proves a payment is its amount, currency and identity."""
    one = parsers[name]
    intents = {number: intent_of(answer, one) for number, answer in answers_in(one.result).items()}
    ended = all(ends(intents[number], answer) for number, answer in answers_in(one.result).items())
    assert ended or name == "lakala.notification", "Lakala's tells of a refund"
    with believing(one.channel):
        inner = [opened(one.channel, said) for said in one.genuine]
        for at, said in enumerate(inner):
            for body in changed_fields(said.body):
                heard_ = [*inner[:at], replace(said, body=body), *inner[at + 1 :]]
                found = answers_in(loop.run_until_complete(heard(one.read(heard_))))
                for number, answer in found.items():
                    if number in intents and ends(intents[number], answer):
                        assert answer.amount == intents[number].amount, body
                        assert set(money_of(body)) <= set(money_of(said.body)), body
                        # Only CMB need not name its currency.
                        assert one.channel.name == "cmb" or money_of(body) == money_of(said.body), body


def changed_fields(body: bytes) -> Iterator[bytes]:
    """Each value of a message replaced, and each field of a form left out."""
    for first, last in (match.span() for match in _VALUE.finditer(body)):
        quoted = body[first : first + 1] == b'"'
        yield from (body[:first] + (b'"%s"' % put if quoted else put) + body[last:] for put in PUT)
    fields = body.split(b"&") if b"&" in body and b"<" not in body else []
    yield from (b"&".join(fields[:n] + fields[n + 1 :]) for n in range(len(fields)))


def money_of(body: bytes) -> list[bytes]:
    """What a message says of its currency, in the fields where these channels name it."""
    return re.findall(rb'currencyCode=\w+|"ccyNbr":"[^"]+"|"currency":"\w*"|CNY(?=[0-9])', body)


def answers_in(found: Any) -> dict[str, Answer]:
    """Return the answers about orders, by number; of a query there is one."""
    match found:
        case Answer():
            return {"": found}
        case Notification():
            return {found.order_no: found.answer}
        case BatchResult():
            return dict(found.items)
    return {}


def intent_of(answer: Answer, one: Parser) -> Intent:
    """Return an intent of which the genuine answer is about."""
    at = answer.requested_at or one.channel._clock.now().replace(microsecond=0)
    if answer.requested_at is None and answer.settle_date is not None:
        at = datetime.combine(answer.settle_date, time(12), CHINA)
    kind = Operation.PAYOUT if answer.verdict is Verdict.RETURNED else Operation.COLLECTION
    return replace(INTENT, kind=kind, amount=answer.amount or 1, requested_at=at)


def ends(intent: Intent, answer: Answer) -> bool:
    """Whether an answer ends its intent in success."""
    read = whole(intent, answer, intent.requested_at)
    rules = Rules((timedelta(minutes=1),), None)
    made = decide(
        intent, read.verdict, read.amount, rules, asked=True, now=intent.requested_at, same_day=False
    )
    return made.state is State.SUCCESS


@pytest.mark.parametrize("name", [name for name in NAMES if name.split(".")[1].startswith("send")])
def test_an_error_after_the_connection_was_opened_never_says_that_nothing_was_sent(
    name: str, parsers: dict[str, Parser], loop: asyncio.AbstractEventLoop
) -> None:
    """`InvalidInput` is also what kernel functions raise for a value of an answer."""
    try:
        found = loop.run_until_complete(parsers[name].read([InvalidInput("amount", "text", "fen")]))
    except NotWritten:
        pytest.fail("it says that nothing was sent")
    except InvalidInput:
        return  # the platform takes it as UNKNOWN
    assert proves_nothing(found)


@pytest.mark.parametrize("name", NAMES)
def test_no_bomb_fills_the_memory(
    name: str, parsers: dict[str, Parser], loop: asyncio.AbstractEventLoop
) -> None:
    one = parsers[name]
    for believed in (False, True):
        with believing(one.channel) if believed else ExitStack():
            for bomb in BOMBS.values():
                tracemalloc.start()
                loop.run_until_complete(heard(one.read([replace(one.genuine[0], body=bomb)])))
                _, most = tracemalloc.get_traced_memory()
                tracemalloc.stop()
                assert most < BOUND


async def heard(reading: Awaitable[Any]) -> Any:
    """What comes of it; None for an error that a peer may cause. Any other error goes through and fails the test."""
    try:
        return await reading
    except (ChannelError, InvalidInput):
        return None


def proves_nothing(found: Any) -> bool:
    """Whether no money and no state may move by it."""
    match found:
        case None:
            return True
        case Answer():
            return found.verdict not in DEFINITE
        case Signed():
            return proves_nothing(found.answer)
        case BatchResult():
            return proves_nothing(found.answer) and not found.items
    return False


def says_the_same(found: Any, genuine: Any) -> bool:
    """Whether it is what the genuine message says, or a part of it: of a batch, the items of an untouched page."""
    if isinstance(found, BatchResult):
        whole = proves_nothing(found.answer) or found.answer == genuine.answer
        return bool(whole and found.items.items() <= genuine.items.items())
    return bool(found == genuine)


def touched(messages: Sequence[Said], edits: Sequence[Edit], which: int) -> list[Said]:
    """Return the messages, one of them changed."""
    changed = list(messages)
    at = which % len(changed)
    for edit in edits:
        changed[at] = _edited(changed[at], *edit)
    return changed


def _edited(said: Said, kind: str, a: int, b: int, put: bytes) -> Said:
    if kind == "header" and said.headers:
        name = sorted(said.headers)[a % len(said.headers)]
        return replace(said, headers={**said.headers, name: put.decode("latin-1")})
    body = said.body
    i, j = sorted((a % (len(body) + 1), b % (len(body) + 1)))
    spans = [match.span() for match in _VALUE.finditer(body)] if kind == "value" else []
    make: dict[str, Callable[[], bytes]] = {
        "flip": lambda: body[:i] + bytes([body[i] ^ (1 << b % 8)]) + body[i + 1 :] if i < len(body) else body,
        "cut": lambda: body[:i] + body[j:],
        "swap": lambda: body[:i] + body[j:] + body[i:j],
        "repeat": lambda: body[:j] + body[i:j] * (b % 3) + body[j:],
        "value": lambda: body[: spans[a % len(spans)][0]] + put + body[spans[a % len(spans)][1] :],
        "whole": lambda: put,
    }
    digits = [match.start() for match in re.finditer(rb"[0-9]", body)] if kind == "digit" else []
    if kind == "digit" and digits:
        at = digits[a % len(digits)]
        return replace(said, body=body[:at] + b"%d" % ((body[at] - 47 + b % 8) % 10) + body[at + 1 :])
    if kind == "value" and not spans:
        kind = "insert"
    return replace(said, body=make.get(kind, lambda: body[:i] + put + body[i:])())


@contextmanager
def unsealed(channel: Any) -> Iterator[None]:
    """The peer knows the key of CMB's cipher, which is shared; the others have none."""
    with ExitStack() as stack:
        if channel.name == "cmb":
            stack.enter_context(patch.object(cmb_envelope, "_decrypt", lambda data, _: data))
            stack.enter_context(patch.object(cmb.notifications, "_decrypted", lambda data, _: data.encode()))
        yield


@contextmanager
def believing(channel: Any) -> Iterator[None]:
    """The peer has every key: whatever it says verifies."""
    yes, signer = lambda *_, **__: True, getattr(channel, "_signer", None)
    with unsealed(channel), ExitStack() as stack:
        for name in ("verify", "verify_answer", "verify_notification"):
            if hasattr(signer, name):
                stack.enter_context(patch.object(signer, name, yes))
        if channel.name == "epcc":
            stack.enter_context(
                patch.object(
                    epcc_envelope, "opened", lambda body, _, most: epcc_envelope._parts(body, most)[0]
                )
            )
        if channel.name == "cmb":
            stack.enter_context(patch.object(sm2, "verifies", yes))
        if channel.name == "chinaums":
            stack.enter_context(patch("zhangfang.channels.chinaums.signature.hmac.compare_digest", yes))
        yield


_decrypt, _notice = cmb_envelope._decrypt, cmb.notifications._decrypted


def opened(channel: Any, said: Said) -> Said:
    """What a hostile bank would write, before it is sealed: of CMB the text inside, else the message as it is."""
    if channel.name != "cmb":
        return said
    if said.body.startswith(b"{"):  # a notice
        outer = json.loads(said.body)
        return Said(
            json.dumps(outer | {"enptData": _notice(outer["enptData"], channel._config).decode()}).encode()
        )
    return Said(_decrypt(said.body, channel._keys))
