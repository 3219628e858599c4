"""The XML of EPCC-style messages: one small dialect is read, and everything else that XML can do is refused."""

import pytest

from zhangfang.channels.epcc.document import MAX_ELEMENTS, read, write
from zhangfang.channels.port import MalformedMessage
from zhangfang.kernel.errors import InvalidInput

OPEN = '<root xmlns="namespace_string">'
HEADER = "<MsgHeader><MsgTp>epcc.202.001.01</MsgTp></MsgHeader>"
GOOD = f"{OPEN}{HEADER}<MsgBody><BizInf><TrxStatus>00</TrxStatus></BizInf></MsgBody></root>"
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))

HOSTILE = {
    "a document type": f"<!DOCTYPE root>{GOOD}",
    "an external DTD": f'<!DOCTYPE root SYSTEM "http://127.0.0.1:9/x.dtd">{GOOD}',
    "an external entity": f'<!DOCTYPE root [<!ENTITY x SYSTEM "file:///etc/passwd">]>{GOOD.replace("00", "&x;")}',
    "an inner entity": f'<!DOCTYPE root [<!ENTITY x "00">]>{GOOD.replace("00", "&x;")}',
    "a parameter entity": f'<!DOCTYPE root [<!ENTITY % x "y">]>{GOOD}',
    "a billion laughs": f'<!DOCTYPE root [<!ENTITY l0 "ha">{LAUGHS}]>{GOOD.replace("00", "&l9;")}',
    "an undefined entity": GOOD.replace("00", "&x;"),
    "CDATA": GOOD.replace(">00<", "><![CDATA[00]]><"),
    "CDATA that hides an end": GOOD.replace(">00<", "><![CDATA[</root>]]>00<"),
    "a comment": GOOD.replace(">00<", ">0<!-- 1 -->0<"),
    "an instruction": GOOD.replace(">00<", "><?php 1?>00<"),
    "a declaration": f'<?xml version="1.0"?>{GOOD}',
    "another encoding's declaration": f'<?xml version="1.0" encoding="UTF-16"?>{GOOD}',
    "a second root behind it": GOOD + GOOD,
    "a root within": GOOD.replace("<BizInf>", f"{GOOD}<BizInf>"),
    "a root as a group": f"{OPEN}{HEADER}<MsgBody><root><A>1</A></root></MsgBody></root>",
    "an element twice": GOOD.replace("</BizInf>", "<TrxStatus>01</TrxStatus></BizInf>"),
    "a group twice": GOOD.replace("</MsgBody>", "<BizInf><X>1</X></BizInf></MsgBody>"),
    "a header twice": GOOD.replace(HEADER, HEADER * 2),
    "an attribute": GOOD.replace("<TrxStatus>", '<TrxStatus a="1">'),
    "a second attribute of root": GOOD.replace(OPEN, OPEN[:-1] + ' a="1">'),
    "another namespace": GOOD.replace("namespace_string", "another"),
    "no namespace": GOOD.replace(OPEN, "<root>"),
    "a prefix": GOOD.replace("<BizInf>", '<x:BizInf xmlns:x="namespace_string">').replace("</BizInf>", "</x:BizInf>"),
    "another outermost element": GOOD.replace("root", "toor"),
    "a fifth level": GOOD.replace(">00<", "><A><B>00</B></A><"),
    "too many elements": GOOD.replace("<BizInf>", "".join(f"<A{n}/>" for n in range(MAX_ELEMENTS)) + "<BizInf>"),
    "text before an element": GOOD.replace("<TrxStatus>", "01<TrxStatus>"),
    "text after an element": GOOD.replace("</TrxStatus>", "</TrxStatus>01"),
    "text in root": GOOD.replace("<MsgBody>", "x<MsgBody>"),
    "an end missing": GOOD.replace("</TrxStatus>", ""),
    "half of it": GOOD[: len(GOOD) // 2],
    "nothing": "",
    "a long name": GOOD.replace("TrxStatus", "T" * 41),
    "a name of another script": GOOD.replace("TrxStatus", "状态"),
}  # fmt: skip


def test_a_message_is_read_into_paths() -> None:
    assert read(GOOD.encode(), 10_000) == {
        "MsgHeader/MsgTp": "epcc.202.001.01",
        "MsgBody/BizInf/TrxStatus": "00",
    }


def test_white_space_between_elements_says_nothing() -> None:
    spaced = GOOD.replace("><", ">\r\n\t <")
    assert read(spaced.encode(), 10_000) == read(GOOD.encode(), 10_000)


@pytest.mark.parametrize("what", HOSTILE)
def test_what_a_message_does_not_need_is_refused(what: str) -> None:
    with pytest.raises(MalformedMessage):
        read(HOSTILE[what].encode(), 100_000)


def test_bytes_that_are_not_utf8_are_refused_whatever_they_declare() -> None:
    with pytest.raises(MalformedMessage):
        read(GOOD.replace("00", "\u00e9").encode("latin-1"), 10_000)
    with pytest.raises(MalformedMessage):
        read(GOOD.encode("utf-16"), 10_000)


def test_a_message_over_its_bound_is_refused_unread() -> None:
    with pytest.raises(MalformedMessage, match="at most 100"):
        read(GOOD.encode(), 100)


def test_an_error_never_repeats_what_the_message_held() -> None:
    for text in HOSTILE.values():
        with pytest.raises(MalformedMessage) as caught:
            read(text.replace("00", "6222021234567890123").encode(), 100_000)
        assert "6222021234567890123" not in str(caught.value)


def test_what_is_written_is_escaped_and_reads_back() -> None:
    text = "a<b> & \"c\" 'd' ]]> 物业费 🀄"
    written = write({"MsgTp": "x"}, {"OrdrInf": {"OrdrDesc": text, "Blank": ""}, "Empty": {"Blank": ""}})
    assert b"<Blank" not in written
    assert b"<Empty" not in written
    assert read(written, 10_000) == {"MsgHeader/MsgTp": "x", "MsgBody/OrdrInf/OrdrDesc": text}


@pytest.mark.parametrize("text", ["a\x00b", "a\rb", "a\nb", "\ud800", "\x7f", "\ufffe"])
def test_what_xml_cannot_carry_is_refused_before_it_is_sent(text: str) -> None:
    with pytest.raises(InvalidInput, match="OrdrDesc"):
        write({}, {"OrdrInf": {"OrdrDesc": text}})
