"""The network's own reader and rules, against messages written here by hand; and what it registers."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.epcc_network import ISSR_ID, Net, network, requests
from zhangfang_sandbox.epcc import body, fields
from zhangfang_sandbox.epcc.body import Malformed
from zhangfang_sandbox.epcc.codes import Refusal

OPEN = '<root xmlns="namespace_string">'
GOOD = f"{OPEN}<MsgHeader><A>1</A></MsgHeader><MsgBody><G><B>x &amp; &lt;y&gt;</B></G></MsgBody></root>"
TRX_ID = "2026090112345678901234560760100"


@pytest.mark.parametrize("gap", ["", "\r\n"])
def test_a_body_is_split_into_the_signed_bytes_and_the_signature(gap: str) -> None:
    raw = f'<?xml version="1.0" encoding="UTF-8"?>\r\n{GOOD}{gap}{{S:{base64.b64encode(b"sig").decode()}}}'
    assert body.split(raw.encode()) == (GOOD.encode(), b"sig")
    assert body.parse(GOOD.encode()) == {"MsgHeader": {"A": "1"}, "G": {"B": "x & <y>"}}


HOSTILE = [
    GOOD.replace("<A>1", "<!DOCTYPE a><A>1"),
    GOOD.replace("1</A>", "&x;</A>"),
    GOOD.replace("1</A>", "&#49;</A>"),
    GOOD.replace("1</A>", "<![CDATA[1]]></A>"),
    GOOD.replace("1</A>", "<!-- --></A>"),
    GOOD.replace("<A>", '<A b="1">'),
    GOOD.replace("</A>", "</A><A>2</A>"),
    GOOD.replace("</G>", "</G><G><B>2</B></G>"),
    GOOD.replace("</G>", f"</G>{GOOD}"),
    GOOD.replace("</A>", ""),
    GOOD.replace("</A>", "</B>"),
    GOOD.replace("<MsgHeader><A>1</A></MsgHeader>", ""),
    GOOD.replace("<B>", "<B><C>").replace("</B>", "</C></B>"),
    GOOD + GOOD,
]


@pytest.mark.parametrize("at", range(len(HOSTILE)))
def test_what_a_message_does_not_need_is_refused(at: int) -> None:
    with pytest.raises(Malformed):
        body.parse(HOSTILE[at].encode())


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"x" + GOOD.encode() + b"{S:AA==}",
        GOOD.encode(),
        GOOD.encode() + b"{S:AA==}x",
        GOOD.encode() + b"{S:A}",
    ],
)
def test_a_body_of_another_form_is_no_message(raw: bytes) -> None:
    with pytest.raises(Malformed):
        body.split(raw)


@given(st.binary(max_size=200))
def test_no_bytes_break_it(junk: bytes) -> None:
    for raw in (junk, OPEN.encode() + junk + b"</root>"):
        try:
            body.parse(raw)
            body.split(raw + b"{S:AA==}")
        except Malformed:
            continue


@pytest.mark.parametrize(("text", "fen"), [("CNY1.00", 100), ("CNY0.01", 1), ("CNY123.45", 12345)])
def test_amounts_are_read_and_written_alike(text: str, fen: int) -> None:
    assert fields.fen(text) == fen
    assert fields.money(fen) == text


def collection(**changes: str) -> body.Told:
    header = {
        "SndDt": "2026-09-01T10:00:00",
        "MsgTp": "epcc.201.001.01",
        "IssrId": ISSR_ID,
        "Drctn": "11",
        "SignSN": "1",
    }
    told: body.Told = {
        "MsgHeader": header,
        "PyerInf": {"PyerAcctTp": "00", "SgnNo": "SGN1"},
        "PyeeInf": {"PyeeAcctId": "1", "PyeeNm": "x", "PyeeAcctTp": "04"},
        "TrxInf": {
            "TrxId": TRX_ID,
            "TrxDtTm": "2026-09-01T10:00:00",
            "TrxAmt": "CNY1.00",
            "TrxCtgy": "0110",
            "BizTp": "100001",
        },
        "OrdrInf": {"OrdrId": "K"},
    }
    for path, text in changes.items():
        group, _, name = path.partition("__")
        told[group][name] = text
    return told


def test_a_whole_request_is_taken() -> None:
    fields.check(collection())


@pytest.mark.parametrize("change", [
    {"MsgHeader__Drctn": "21"}, {"MsgHeader__MsgTp": "epcc.211.001.01"}, {"MsgHeader__IssrId": "Z1"},
    {"TrxInf__TrxAmt": "CNY1.0"}, {"TrxInf__TrxAmt": "CNY1.000"}, {"TrxInf__TrxAmt": "USD1.00"},
    {"TrxInf__TrxAmt": "CNY01.00"},
    {"TrxInf__TrxId": TRX_ID[:-1]}, {"TrxInf__TrxId": "20261340" + TRX_ID[8:]}, {"TrxInf__TrxCtgy": "0120"},
    {"PyerInf__SgnNo": ""}, {"OrdrInf__OrdrId": ""},
])  # fmt: skip
def test_a_request_with_an_element_of_another_form_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(Refusal):
        fields.check(collection(**change))


@pytest.fixture
async def net(tmp_path: Path) -> AsyncIterator[Net]:
    async with network(tmp_path / "network") as made:
        yield made


REFUSED: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "/merchants", {"merId": "Z1", "name": "x", "notify_url": "http://127.0.0.1:9/"}),
    ("POST", "/merchants", {"merId": ISSR_ID, "name": "x", "notify_url": "ftp://x"}),
    ("POST", "/merchants", {"merId": ISSR_ID, "name": "x", "notify_url": "http://x", "tls_csr": "no PEM"}),
    ("PUT", "/drain", {"site": "c", "drained": True}),
    ("PUT", "/drain", {"site": "a", "drained": 1}),
    ("PUT", "/sites", {"site": "a"}),
    ("GET", f"/codes?order_no={TRX_ID}", {}),
]


@pytest.mark.parametrize(("method", "path", "data"), REFUSED)
async def test_the_control_plane_refuses_in_words(
    method: str, path: str, data: dict[str, Any], net: Net
) -> None:
    async with net.http.request(
        method, f"http://127.0.0.1:{net.served.control_port}{path}", json=data
    ) as answer:
        assert answer.status in {400, 404}
        assert (await answer.json())["error"]


async def test_registering_again_changes_the_address_and_keeps_every_certificate(net: Net) -> None:
    await net.control(
        "POST", "/merchants", {"merId": ISSR_ID, "name": "x", "notify_url": "http://127.0.0.1:9/"}
    )
    told = await net.register()
    assert set(told) == {"ca", "sign", "encrypt", "tls_certificate", "sign_certificate"}
    _, answer = await net.collect()
    assert answer.code == "00000000"
    assert requests()["sign"][1].startswith("-----BEGIN CERTIFICATE REQUEST")
