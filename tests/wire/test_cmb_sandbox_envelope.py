"""What the gateway lets in and what it turns away, in plain text and never with a crash."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire.cmb_sandbox_client import PLACEHOLDER, Client, Json, canonical, served_bank

ACCOUNTS = {"buscod": "N02030", "busmod": "00001"}


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    """A bank in this process with one enterprise."""
    async with served_bank(tmp_path) as client:
        await client.join()
        yield client


async def send(client: Client, message: Json, funcode: str = "DCLISACC", **fields: str) -> tuple[int, str]:
    return await client.post(client.form(canonical(message), funcode, **fields))


async def test_a_signed_and_encrypted_request_is_answered_signed_and_encrypted(client: Client) -> None:
    response = await client.call("DCLISACC", ACCOUNTS)
    assert response["head"] | {"rspid": "", "reqid": ""} == {
        "funcode": "DCLISACC",
        "userid": client.uid,
        "reqid": "",
        "rspid": "",
        "resultcode": "SUC0000",
        "resultmsg": "",
        "bizcode": "",
    }
    assert [row["accnbr"] for row in response["body"]["ntqpyaccz"]] == [client.account]


async def test_the_answer_repeats_the_request_number(client: Client) -> None:
    message = client.signed(client.message("DCLISACC", ACCOUNTS, await client.bank_time()))
    status, text = await send(client, message)
    assert status == 200
    assert client.read(text)["head"]["reqid"] == message["request"]["head"]["reqid"]


async def test_keys_in_another_order_and_white_space_do_not_break_a_signature(client: Client) -> None:
    message = client.signed(client.message("DCLISACC", ACCOUNTS, await client.bank_time()))
    status, text = await client.post(client.form(json.dumps(message, indent=2).encode(), "DCLISACC"))
    assert status == 200
    client.read(text)


async def test_a_request_number_cannot_be_used_twice(client: Client) -> None:
    message = client.signed(client.message("DCLISACC", ACCOUNTS, await client.bank_time()))
    assert (await send(client, message))[0] == 200
    status, text = await send(client, message)
    assert (status, text.startswith("CDCServer:"), "REQID" in text) == (400, True, True)


@pytest.mark.parametrize(
    "reqid",
    ["", "20230414152738333", "20230414152738333" + "x" * 35, "2023041415273833Xabc", "20231314152738333abc"],
)
async def test_a_request_number_of_the_wrong_shape_is_turned_away(client: Client, reqid: str) -> None:
    message = client.message("DCLISACC", ACCOUNTS, await client.bank_time(), reqid=reqid)
    status, text = await send(client, client.signed(message))
    assert (status, "ErrMsg:reqid" in text) == (400, True)


@pytest.mark.parametrize("length", [18, 51])
async def test_the_shortest_and_the_longest_request_number_are_taken(client: Client, length: int) -> None:
    reqid = "20230414152738333".ljust(length, "a")
    message = client.message("DCLISACC", ACCOUNTS, await client.bank_time(), reqid=reqid)
    assert (await send(client, client.signed(message)))[0] == 200


@pytest.mark.parametrize(("minutes", "status"), [(-61, 403), (-59, 200), (59, 200), (61, 403)])
async def test_a_signature_is_good_for_an_hour_around_the_banks_clock(
    client: Client, minutes: int, status: int
) -> None:
    await client.set_time("2026-09-01T10:00:00+08:00")
    when = await client.bank_time() + timedelta(minutes=minutes)
    answered, text = await send(client, client.signed(client.message("DCLISACC", ACCOUNTS, when)))
    assert answered == status
    assert status == 200 or "SIGTIM" in text


@pytest.mark.parametrize(
    "sigtim", ["", "2026", "20261301000000", "２０２６０９０１１０００００", "20260901 00000"]
)
async def test_a_signing_time_of_the_wrong_shape_is_turned_away(client: Client, sigtim: str) -> None:
    message = client.message("DCLISACC", ACCOUNTS, await client.bank_time())
    message["signature"]["sigtim"] = sigtim
    status, text = await send(client, client.signed(message))
    assert (status, "ErrMsg:sigtim" in text) == (400, True)


async def test_a_changed_body_breaks_the_signature(client: Client) -> None:
    message = client.signed(client.message("DCLISACC", ACCOUNTS, await client.bank_time()))
    message["request"]["body"] = {**ACCOUNTS, "busmod": "00002"}
    status, text = await send(client, message)
    assert (status, "SIGNATURE" in text) == (403, True)


async def test_an_unsigned_request_is_turned_away(client: Client) -> None:
    message = client.message("DCLISACC", ACCOUNTS, await client.bank_time())
    assert message["signature"]["sigdat"] == PLACEHOLDER
    assert (await send(client, message))[0] == 400


async def test_another_enterprises_key_does_not_sign_for_this_one(client: Client) -> None:
    other = Client(client.session, client.wire, client.control, uid="U003736239", account="755900000000002")
    await other.join()
    stranger = Client(client.session, client.wire, client.control, keys=other.keys, sm4=client.sm4)
    status, text = await send(
        client, stranger.signed(stranger.message("DCLISACC", ACCOUNTS, await client.bank_time()))
    )
    assert (status, "SIGNATURE" in text) == (403, True)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"UID": "N000000000"}, 403),
        ({"UID": ""}, 400),
        ({"UID": "N002432758é"}, 403),
        ({"ALG": "RSA"}, 400),
        ({"DATA": "%%%"}, 400),
        ({"DATA": "AAAA"}, 400),
        ({"FUNCODE": "BB1PAYOP"}, 400),
    ],
)
async def test_a_form_that_does_not_fit_is_turned_away(
    client: Client, fields: dict[str, str], status: int
) -> None:
    message = client.signed(client.message("DCLISACC", ACCOUNTS, await client.bank_time()))
    answered, text = await send(client, message, **fields)
    assert (answered, text.startswith("CDCServer:")) == (status, True)


async def test_an_unknown_function_is_turned_away(client: Client) -> None:
    message = client.signed(client.message("NTAGCAPY", {}, await client.bank_time()))
    status, text = await send(client, message, "NTAGCAPY")
    assert (status, "BB1PAYOP" in text) == (400, True)


@pytest.mark.parametrize("name", ["UID", "FUNCODE", "ALG", "DATA"])
async def test_a_missing_or_repeated_form_field_is_named(client: Client, name: str) -> None:
    fields = {"UID": client.uid, "FUNCODE": "DCLISACC", "ALG": "SM", "DATA": "AAAA"}
    missing = "&".join(f"{key}={value}" for key, value in fields.items() if key != name)
    for form in (missing, f"{missing}&{name}=a&{name}=b"):
        status, text = await client.post(form.encode())
        assert (status, name in text) == (400, True)


async def test_another_path_or_method_finds_nothing(client: Client) -> None:
    async with client.session.get(client.wire) as answer:
        assert answer.status == 404
    async with client.session.post(client.wire + "/x", data=b"UID=1") as answer:
        assert answer.status == 404


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
funcodes = st.sampled_from(["BB1PAYOP", "BB1PAYQR", "BB1PAYQB", "DCLISACC", "NTQACINF", "trsQryByBreakPoint"])
blocks = [
    "bb1paybmx1",
    "bb1payopx1",
    "bb1payqrx1",
    "bb1payqby1",
    "ntqacinfx",
    "buscod",
    "TRANSQUERYBYBREAKPOINT_X1",
]
words = [
    "busMod",
    "busCod",
    "yurRef",
    "accNbr",
    "bgnDat",
    "endDat",
    "ctnKey",
    "cardNbr",
    "beginDate",
    "endDate",
]
texts = st.sampled_from(
    ["", "N02030", "20260901", "755900000000001", "9" * 80, "一", "\x00", "1e9"]
) | st.text(max_size=9)
nearly = st.dictionaries(
    st.sampled_from(blocks),
    json_values
    | st.lists(st.dictionaries(st.sampled_from(words), texts | json_values, max_size=8), max_size=2),
    max_size=4,
)


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One bank for a whole property, with a loop of its own: give it a coroutine function of a client."""
    loop = asyncio.new_event_loop()
    bank = served_bank(tmp_path_factory.mktemp("bank"))
    client = loop.run_until_complete(bank.__aenter__())
    loop.run_until_complete(client.join())
    yield lambda use: loop.run_until_complete(use(client))
    loop.run_until_complete(bank.__aexit__(None, None, None))
    loop.close()


Talk = Callable[[Callable[[Client], Any]], Any]


@given(st.binary(max_size=300) | st.text(alphabet="UIDFNCODEALGT=&%+SM09az", max_size=200).map(str.encode))
@settings(max_examples=150, deadline=None)
def test_arbitrary_bytes_get_a_plain_text_error(talk: Talk, raw: bytes) -> None:
    async def use(client: Client) -> None:
        status, text = await client.post(raw)
        assert 400 <= status < 500
        assert text.startswith("CDCServer:")

    talk(use)


@given(st.binary(max_size=300) | json_values.map(lambda value: json.dumps(value).encode()))
@settings(max_examples=150, deadline=None)
def test_arbitrary_bytes_under_good_encryption_get_a_plain_text_error(talk: Talk, plain: bytes) -> None:
    async def use(client: Client) -> None:
        status, text = await client.post(client.form(plain or b" ", "BB1PAYOP"))
        assert 400 <= status < 500
        assert text.startswith("CDCServer:")

    talk(use)


async def test_nesting_without_end_is_turned_away(client: Client) -> None:
    status, text = await client.post(client.form(b"[" * 100_000, "BB1PAYOP"))
    assert (status, "DATA" in text) == (400, True)


@pytest.mark.parametrize(
    "plain", [b'{"request":"\\ud800"}', b'{"request":NaN}', b'{"request":Infinity}', b"\xff{}"]
)
async def test_what_is_not_json_is_turned_away(client: Client, plain: bytes) -> None:
    status, text = await client.post(client.form(plain, "BB1PAYOP"))
    assert (status, "DATA" in text) == (400, True)


@given(funcodes, nearly | st.dictionaries(st.text(max_size=9), json_values, max_size=3))
@settings(max_examples=250, deadline=None)
def test_a_well_signed_body_of_any_shape_gets_a_signed_answer(talk: Talk, funcode: str, body: Json) -> None:
    async def use(client: Client) -> None:
        message = client.message(funcode, body, await client.bank_time())
        status, text = await client.post(client.form(canonical(client.signed(message)), funcode))
        assert status == 200, text
        response = client.read(text)
        assert response["head"]["resultcode"] in {"SUC0000", "FABZ002", "FAAQ086", "SBX0010"}

    talk(use)


async def test_a_body_too_large_is_turned_away(client: Client) -> None:
    async with client.session.post(client.wire, data=io.BytesIO(b"DATA=" + b"x" * 2_000_000)) as answer:
        assert answer.status == 413
