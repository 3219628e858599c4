"""The body around a message: signed by and for OpenSSL, and by nobody else; read with and without CRLF."""

import base64
import tempfile
from functools import cache
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from tests.unit.epcc_member import made, openssl
from zhangfang.channels.epcc.cipher import Envelope
from zhangfang.channels.epcc.envelope import opened, sealed
from zhangfang.channels.port import ChannelError, ForgedMessage, MalformedMessage

ROOT = '<root xmlns="namespace_string"><MsgHeader><A>物业</A></MsgHeader><MsgBody></MsgBody></root>'.encode()
DECLARATION = b'<?xml version="1.0" encoding="UTF-8"?>'
LIMIT = 10_000


@cache
def key() -> RSAPrivateKey:
    held = serialization.load_pem_private_key(made()["sign_key"].encode(), None)
    assert isinstance(held, RSAPrivateKey)
    return held


def public() -> RSAPublicKey:
    return key().public_key()


@cache
def openssl_signature(root: bytes = ROOT) -> bytes:
    """Base64 of what the command line tool signs."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "key.pem"
        path.write_text(made()["sign_key"])
        return base64.b64encode(openssl("dgst", "-sha256", "-sign", str(path), data=root))


def tail(signature: bytes | None = None) -> bytes:
    return b"{S:" + (signature or openssl_signature()) + b"}"


def test_a_signature_is_the_one_that_openssl_makes_and_the_body_has_its_bytes() -> None:
    assert sealed(ROOT, key()) == DECLARATION + b"\r\n" + ROOT + b"\r\n" + tail()


def test_the_same_message_is_sealed_to_the_same_bytes() -> None:
    assert sealed(ROOT, key()) == sealed(ROOT, key())


@pytest.mark.parametrize(
    "head", [b"", DECLARATION, DECLARATION + b"\r\n", DECLARATION.replace(b"UTF", b"utf") + b"\n "]
)
@pytest.mark.parametrize("gap", [b"", b"\r\n"])
def test_what_openssl_signed_is_opened_with_and_without_declaration_and_crlf(head: bytes, gap: bytes) -> None:
    assert opened(head + ROOT + gap + tail(), public(), LIMIT) == ROOT


FORGED = {
    "a changed byte": ROOT.replace(b"<A>", b"<B>") + tail(),
    "a space added": ROOT.replace(b"<MsgBody>", b"<MsgBody> ") + tail(),
    "the same XML written in another way": ROOT.replace(b"<MsgBody></MsgBody>", b"<MsgBody/>") + tail(),
    "another key's signature": ROOT + tail(base64.b64encode(b"\1" * 256)),
    "a second root after the signed one": ROOT + ROOT + tail(),
    "a second root before the signed one": ROOT.replace(b"<A>", b"<X>") + ROOT + tail(),
    "a signed root within another": b"<root>" + ROOT + b"</root>" + tail(),
    "a root in a comment before": b"<root><!--" + ROOT + b"--></root>" + tail(),
}
MALFORMED = {
    "nothing": b"",
    "no root": b"<toor></toor>" + tail(),
    "no signature": ROOT,
    "an empty signature": ROOT + b"{S:}",
    "an end without a start": b"</root>" + tail(),
    "bytes before root": b"x" + ROOT + tail(),
    "a byte order mark": b"\xef\xbb\xbf" + ROOT + tail(),
    "a document type before root": b"<!DOCTYPE root>" + ROOT + tail(),
    "another encoding": DECLARATION.replace(b"UTF-8", b"GBK") + ROOT + tail(),
    "two declarations": DECLARATION * 2 + ROOT + tail(),
    "bytes after the signature": ROOT + tail() + b"x",
    "a line end after the signature": ROOT + tail() + b"\r\n",
    "a second signature": ROOT + tail() * 2,
    "a root after the signature": ROOT + tail() + ROOT,
    "two line ends": ROOT + b"\r\n\r\n" + tail(),
    "a line feed alone": ROOT + b"\n" + tail(),
    "another mark": ROOT + tail().replace(b"{S:", b"{T:"),
    "a blank in the signature": ROOT + tail().replace(b"{S:", b"{S: "),
    "another spelling of the signature": ROOT + tail(openssl_signature()[:-3] + b"B=="),
}  # fmt: skip


@pytest.mark.parametrize("what", FORGED)
def test_what_was_not_signed_as_it_stands_is_forged(what: str) -> None:
    with pytest.raises(ForgedMessage):
        opened(FORGED[what], public(), LIMIT)


@pytest.mark.parametrize("what", MALFORMED)
def test_what_is_no_message_and_one_signature_is_malformed(what: str) -> None:
    with pytest.raises(MalformedMessage):
        opened(MALFORMED[what], public(), LIMIT)


def test_a_body_over_its_bound_is_refused_before_its_signature_is_computed() -> None:
    with pytest.raises(MalformedMessage, match="at most"):
        opened(sealed(ROOT, key()), public(), 50)


def test_a_signature_by_the_wrong_key_is_forged() -> None:
    stranger = serialization.load_pem_private_key(made()["tls_key"].encode(), None)
    assert isinstance(stranger, RSAPrivateKey)
    with pytest.raises(ChannelError):
        opened(sealed(ROOT, stranger), public(), LIMIT)


def test_openssl_opens_the_envelope_and_reads_the_secret_field() -> None:
    held = Envelope(public())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "key.pem"
        path.write_text(made()["sign_key"])
        plain = openssl("pkeyutl", "-decrypt", "-inkey", str(path), data=base64.b64decode(held.text))
    assert plain[:3] == b"01|"
    assert len(plain) == 35
    secret = base64.b64decode(held.encrypt("王小明"))
    assert openssl("enc", "-d", "-aes-256-ecb", "-K", plain[3:].hex(), data=secret).decode() == "王小明"


def test_no_two_messages_share_a_key() -> None:
    opener, texts = key(), {Envelope(public()).text for _ in range(4)}
    assert len({opener.decrypt(base64.b64decode(text), PKCS1v15()) for text in texts}) == 4


def test_a_blank_field_stays_blank() -> None:
    assert Envelope(public()).encrypt("") == ""
