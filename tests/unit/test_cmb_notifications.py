"""The bank's notices: sealed here a second time in pure Python, read by the connector, and broken in every way."""

import base64
import contextlib
import json
import secrets
from dataclasses import replace
from typing import Any

import pytest
from gmssl.sm4 import SM4_ENCRYPT, CryptSM4
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.cmb_counterpart import UID, digest, engine_of, public_of
from zhangfang.channels.cmb import Cmb, CmbConfig, make_enterprise_key
from zhangfang.channels.cmb.requests import yur_ref
from zhangfang.channels.port import ForgedMessage, MalformedMessage, NotifyingChannel, Verdict
from zhangfang.kernel.clock import SystemClock

BANK = f"{secrets.randbelow(1 << 250) + 1:064x}"
PUBLIC = public_of(BANK)
CORP, KEY = "P0204921", secrets.token_bytes(16)
CONFIG = CmbConfig(
    UID,
    "http://127.0.0.1:1",
    "755900000010101",
    make_enterprise_key()[0],
    PUBLIC,
    "0" * 32,
    corp_nbr=CORP,
    notify_key=KEY.hex(),
)
CMB = Cmb(CONFIG, SystemClock())
ORDER_NO = "019aae2b4c7d70008000000000000100"
PAID = {
    "yurRef": yur_ref(ORDER_NO),
    "reqNbr": "5480037057",
    "busCod": "N02030",
    "reqSts": "FIN",
    "rtnFlg": "S",
    "trsAmt": "1.05",
    "crtNam": "王小明",
    "crtAcc": "6225880123456789",
}
RETURNED = {
    "yurRef": yur_ref(ORDER_NO),
    "reqNbr": "9",
    "trsAmt": "1.05",
    "updDat": "20261124",
    "rcvEan": "王小明",
}


def crypted(data: bytes, counter: bytes) -> bytes:
    """SM4 in counter mode: each block of the counter, encrypted, laid over the text."""
    engine = CryptSM4()
    engine.set_key(KEY, SM4_ENCRYPT)
    start, stream = int.from_bytes(counter, "big"), b""
    for block in range(len(data) // 16 + 1):
        number = (start + block) % (1 << 128)
        stream += bytes(engine.one_round(engine.sk, number.to_bytes(16, "big")))
    return bytes(left ^ right for left, right in zip(data, stream, strict=False))


def notice(message: Any, kind: str = "YQN02030", signer: str = BANK, corp: str = CORP, **more: str) -> bytes:
    """Sign with the placeholder in place, put the signature in, encrypt."""
    payload = {
        "sigtim": "20261123090000",
        "sigdat": "__signature_sigdat__",
        "nottyp": kind,
        "usrnbr": UID,
        **more,
    }
    payload["notdat"] = message if isinstance(message, str) else json.dumps(message, ensure_ascii=False)
    plain = json.dumps(payload, ensure_ascii=False)
    hashed = digest(public_of(signer), plain.encode(), b"1234567812345678")
    raw = engine_of(signer, public_of(signer)).sign(hashed, f"{secrets.randbelow(1 << 250) + 1:x}")
    signed = plain.replace("__signature_sigdat__", base64.b64encode(bytes.fromhex(raw)).decode())
    data = base64.b64encode(crypted(signed.encode(), corp.ljust(16, "0").encode())).decode()
    return json.dumps({"corpNbr": corp, "enptData": data}).encode()


def ended(**changes: Any) -> dict[str, Any]:
    return {"msgtyp": "FINS", "msgdat": {"trsInfo": PAID | changes}}


def test_the_connector_takes_notices_and_says_so() -> None:
    assert isinstance(CMB, NotifyingChannel)
    assert (CMB.reply(taken=True).body, CMB.reply(taken=False).body) == ("SUCCESS", "FAIL")


def test_a_payment_that_ended_well_is_a_success() -> None:
    found = CMB.notification({}, notice(ended()))
    assert found is not None
    assert (found.order_no, found.operation) == (ORDER_NO, "payout")
    assert (found.answer.verdict, found.answer.amount) == (Verdict.SUCCESS, 105)
    for hidden in ("王小明", "6225880123456789"):
        assert hidden not in found.answer.message + found.answer.raw


@pytest.mark.parametrize("flag", ["F", "R", "D", "C"])
def test_a_failure_is_left_to_the_query_for_a_later_attempt_may_pay(flag: str) -> None:
    found = CMB.notification({}, notice(ended(rtnFlg=flag)))
    assert found is not None
    assert (found.answer.verdict, found.answer.code) == (Verdict.UNKNOWN, f"FIN/{flag}")


def test_an_older_state_says_that_the_payment_is_worked_on() -> None:
    found = CMB.notification({}, notice(ended(reqSts="BNK", rtnFlg="")))
    assert found is not None
    assert found.answer.verdict is Verdict.ACCEPTED


def test_a_payment_that_came_back_is_returned() -> None:
    found = CMB.notification({}, notice({"msgtyp": "FINB", "msgdat": {"backInfo": RETURNED}}))
    assert found is not None
    assert (found.order_no, found.answer.verdict, found.answer.amount) == (ORDER_NO, Verdict.RETURNED, 105)
    assert "王小明" not in found.answer.raw


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ({"msgtyp": "NCCRTTRS", "msgdat": {"accnbr": "755900000010101"}}, "YQN01010"),
        ({"msgtyp": "NEW", "msgdat": {}}, "YQN02030"),
        (ended(yurRef="MADE-BY-HAND"), "YQN02030"),
        (ended(busCod="N03020"), "YQN02030"),
        ({"msgtyp": "FINB", "msgdat": {"backInfo": RETURNED | {"yurRef": "MADE-BY-HAND"}}}, "YQN02030"),
    ],
)
def test_what_is_about_no_payout_of_ours_is_genuine_and_no_more(message: Any, kind: str) -> None:
    assert CMB.notification({}, notice(message, kind)) is None


def test_a_notice_of_another_signer_or_for_somebody_else_is_forged() -> None:
    stranger = f"{secrets.randbelow(1 << 250) + 1:064x}"
    for body in (
        notice(ended(), signer=stranger),
        notice(ended(), corp="P0000001"),
        notice(ended(), usrnbr="U000000001"),
    ):
        with pytest.raises(ForgedMessage):
            CMB.notification({}, body)


def test_without_a_key_of_notices_none_is_believed() -> None:
    with pytest.raises(ForgedMessage, match="notify_key"):
        Cmb(replace(CONFIG, notify_key=""), SystemClock()).notification({}, notice(ended()))


@pytest.mark.parametrize(
    "message",
    [
        "no json",
        "[]",
        {"msgtyp": "FINS", "msgdat": []},
        {"msgtyp": "FINS", "msgdat": {}},
        {"msgtyp": 1, "msgdat": {}},
        ended(trsAmt="1.055"),
        ended(reqSts=["FIN"]),
        {"msgtyp": "FINB", "msgdat": {"backInfo": RETURNED | {"trsAmt": "0.00"}}},
    ],
)
def test_a_signed_notice_that_is_not_as_known_is_malformed(message: Any) -> None:
    with pytest.raises(MalformedMessage):
        CMB.notification({}, notice(message))


WHOLE = notice(ended())


@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_a_change_of_any_byte_is_noticed_or_changes_nothing(position: int, mask: int) -> None:
    touched = bytearray(WHOLE)
    touched[position] ^= mask
    with contextlib.suppress(MalformedMessage, ForgedMessage):
        found = CMB.notification({}, bytes(touched))
        assert found is not None
        assert json.loads(touched) == json.loads(
            WHOLE
        )  # white space of the outer JSON, which nothing hangs on


@given(st.binary(max_size=200) | st.builds(lambda text: text.encode(), st.text(max_size=200)))
def test_random_bytes_are_malformed_or_forged(body: bytes) -> None:
    with pytest.raises((MalformedMessage, ForgedMessage)):
        CMB.notification({}, body)
