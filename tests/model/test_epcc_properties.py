"""Whatever a hostile or broken peer sends: no crash, no hang, and nothing believed that was not signed as it stands."""

from contextlib import suppress
from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.clock import SetClock
from tests.unit.epcc_member import ISSR_ID, TRX_ID, config, made
from zhangfang.channels.epcc import Epcc, answers, document, envelope
from zhangfang.channels.epcc.certificates import leaf, signing_pair
from zhangfang.channels.port import ChannelError, Verdict

SAFE = st.text(
    st.characters(min_codepoint=32, exclude_categories=["Cs"], exclude_characters="\x7f\ufffe\uffff"),
    max_size=40,
)


@cache
def channel() -> Epcc:
    clock = SetClock()
    clock.set(leaf("s", made()["epcc_sign"], made()["ca"]).begins)
    return Epcc(config(), clock)


@cache
def notice() -> bytes:
    """A genuine 213, signed with the network's key."""
    serial = leaf("s", made()["epcc_sign"], made()["ca"]).serial
    header = {
        "MsgTp": "epcc.213.001.01", "IssrId": "G4000311000018", "Drctn": "21", "SignSN": serial,
    }  # fmt: skip
    business = {
        "InstgId": ISSR_ID, "TrxId": TRX_ID, "TrxCtgy": "0110", "TrxAmt": "CNY1.00", "TrxStatus": "00",
        "BizStsCd": "00000000",
    }  # fmt: skip
    key, _ = signing_pair(config(sign_key_pem=made()["epcc_sign_key"], sign_cert_pem=made()["epcc_sign"]))
    return envelope.sealed(document.write(header, {"BizInf": business}), key)


def signed_part() -> tuple[int, int]:
    return notice().index(b"<root"), notice().index(b"</root>") + 7


def test_the_genuine_notice_is_believed() -> None:
    told = channel().notification({}, notice())
    assert told is not None
    assert (told.order_no, told.answer.verdict, told.answer.amount) == (TRX_ID, Verdict.SUCCESS, 100)


@settings(max_examples=150)
@given(data=st.data())
def test_a_genuine_message_with_any_bytes_changed_is_never_believed(data: st.DataObject) -> None:
    body = bytearray(notice())
    begins, ends = signed_part()
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(begins, ends - 1))
        body[at] ^= data.draw(st.integers(1, 255))
    if bytes(body) == notice():
        return
    assert believed(bytes(body)) is None


@settings(max_examples=150)
@given(data=st.data())
def test_cutting_inserting_or_doubling_bytes_anywhere_changes_nothing_that_is_believed(
    data: st.DataObject,
) -> None:
    body = notice()
    at, to = sorted((data.draw(st.integers(0, len(body))), data.draw(st.integers(0, len(body)))))
    put = data.draw(st.sampled_from([
        b"", body[at:to], body[at:to] * 2, body, b"<root>", b"</root>", b"{S:", b"<!-- -->", b"<!DOCTYPE root>", b"\x00",
    ]))  # fmt: skip
    told = believed(body[:at] + put + body[to:])
    assert told in (None, believed(body))


@settings(max_examples=150)
@given(st.binary(max_size=300))
def test_no_bytes_break_the_reader(junk: bytes) -> None:
    assert believed(junk) is None
    for text in (junk, b'<root xmlns="namespace_string">' + junk + b"</root>"):
        with suppress(ChannelError):
            document.read(text, 10_000)


@settings(max_examples=100)
@given(
    st.dictionaries(
        st.from_regex(r"[A-Za-z][A-Za-z0-9]{0,12}", fullmatch=True).filter(lambda n: n != "root"),
        SAFE,
        max_size=6,
    )
)
def test_what_is_written_reads_back(fields: dict[str, str]) -> None:
    read = document.read(document.write({}, {"A": fields}), 100_000)
    assert read == {f"MsgBody/A/{name}": text for name, text in fields.items() if text}


@settings(max_examples=100)
@given(st.dictionaries(
    st.sampled_from(["SysRtnInf/SysRtnCd", "BizInf/TrxStatus", "BizInf/BizStsCd", "BizInf/TrxAmt", "BizInf/InstgId",
                     "BizInf/TrxCtgy", "BizInf/TrxId", "BizInf/BatchId"]),
    st.one_of(st.text(max_size=12), st.sampled_from(["00", "01", "02", "00000000", "PB520051", "CNY1.00", ISSR_ID, "0110"])),
))  # fmt: skip
def test_only_the_two_success_codes_together_ever_prove_success(fields: dict[str, str]) -> None:
    told = {f"MsgBody/{path}": text for path, text in fields.items()}
    try:
        answer = answers.of_notice(told, ISSR_ID).answer
    except ChannelError:
        return
    if answer.verdict is Verdict.SUCCESS:
        assert fields["BizInf/TrxStatus"] == "00"
        assert fields.get("BizInf/BizStsCd", "") in ("", "00000000")


def believed(body: bytes) -> object:
    """What a body says to us; None if it is not believed."""
    try:
        return channel().notification({}, body)
    except ChannelError:
        return None
