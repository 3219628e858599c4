"""Who may speak to whom: certificates of one authority, the configured host name, and what is proven without them."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from tests.clock import SetClock
from tests.wire.epcc_network import ISSR_ID, SITE_A, SITE_B, Net, bank_keys, config, network, requests
from zhangfang.channels.epcc import Epcc
from zhangfang.channels.epcc.certificates import tls_context
from zhangfang.channels.port import Answer, Operation, Order, Verdict
from zhangfang_sandbox.epcc import body, keys
from zhangfang_sandbox.epcc.seal import Seal

TRX_ID = "2026090112345678901234560760100"
NETWORK = "G4000311000018"


@cache
def told() -> dict[str, str]:
    """What a member knows after its registration."""
    held = keys.load(bank_keys())
    issued = {
        f"{name}_certificate": keys.sign_request(held["ca"], csr, ISSR_ID)
        for name, (_, csr) in requests().items()
    }
    return issued | {name: held[name].certificate for name in ("ca", "sign", "encrypt")}


@cache
def strangers() -> Mapping[str, keys.Identity]:
    """Another authority, which calls itself as ours does, and all it issued."""
    return keys.load(keys.create())


def certificate(name: str, ends: datetime) -> keys.Identity:
    """A site's certificate by our authority, for a name and until a moment."""
    authority, site = keys.load(bank_keys())["ca"], keys.load(bank_keys())["a"]
    issuer = x509.load_pem_x509_certificate(authority.certificate.encode()).subject
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .public_key(site.key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2015, 1, 1, tzinfo=UTC))
        .not_valid_after(ends)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(authority.key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM).decode()
    return keys.Identity(site.key, pem, site.pem[: site.pem.index("-----BEGIN CERT")] + pem)


@dataclass
class Site:
    """A server that answers each POST with what `reply` makes of its body, and remembers what reached it."""

    reply: Callable[[bytes], bytes | None]
    port: int = 0
    received: list[bytes] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")
            )
            self.received.append(await reader.readexactly(length))
            answer = self.reply(self.received[-1])
            if answer is None:
                await reader.read()
            else:
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def site(context: ssl.SSLContext | None, reply: Callable[[bytes], bytes | None]) -> AsyncIterator[Site]:
    ours = Site(reply)
    server = await asyncio.start_server(ours.serve, "127.0.0.1", 0, ssl=context)
    ours.port = server.sockets[0].getsockname()[1]
    try:
        yield ours
    finally:
        server.close()
        await server.wait_closed()


def genuine(name: str = "a") -> ssl.SSLContext:
    held = keys.load(bank_keys())
    return keys.server_context(held[name], held["ca"])


def http(whole: bytes, status: str = "200 OK", more: str = "") -> bytes:
    return (
        f"HTTP/1.1 {status}\r\nContent-Length: {len(whole)}\r\n{more}Connection: close\r\n\r\n".encode()
        + whole
    )


def sealed(header: Mapping[str, str], groups: body.Groups) -> bytes:
    held = keys.load(bank_keys())
    usual = {"MsgTp": "epcc.202.001.01", "IssrId": NETWORK, "Drctn": "21", "SignSN": held["sign"].serial}
    return Seal(held, {}).sealed(body.compose(usual | dict(header), groups))


GOOD: body.Groups = {
    "SysRtnInf": {"SysRtnCd": "00000000"},
    "BizInf": {"TrxId": TRX_ID, "TrxCtgy": "0110", "TrxAmt": "CNY123.45", "TrxStatus": "00"},
}


def order() -> Order:
    now = SetClock().now()
    return Order(Operation.COLLECTION, TRX_ID, now, 12345, "K1", agreement="SGN1")


async def sent(tmp_path: Path, ours: Site, clock: SetClock | None = None, seconds: float = 2.0) -> Answer:
    """Send one order where the first site is `ours` and nothing listens at the second."""
    held = config(tmp_path, (ours.port, 9), told(), timeout_seconds=seconds)
    channel = Epcc(held, clock or SetClock())
    try:
        return await channel.send(order())
    finally:
        await channel.close()


async def test_a_genuine_site_with_a_genuine_answer_is_believed(tmp_path: Path) -> None:
    async with site(genuine(), lambda _: http(sealed({}, GOOD))) as ours:
        assert (await sent(tmp_path, ours)).verdict is Verdict.SUCCESS


SOON, LONG_AGO = datetime(2045, 1, 1, tzinfo=UTC), datetime.now(UTC) - timedelta(days=1)
IMPOSTORS: dict[str, Callable[[], ssl.SSLContext | None]] = {
    "another authority's certificate of the same name": lambda: keys.server_context(
        strangers()["a"], strangers()["ca"]
    ),
    "our authority's, but another site's": lambda: genuine("b"),
    "our authority's, but a member's": lambda: keys.server_context(
        certificate(ISSR_ID, SOON), strangers()["ca"]
    ),
    "our authority's, but expired": lambda: keys.server_context(
        certificate(SITE_A, LONG_AGO), strangers()["ca"]
    ),
    "none at all": lambda: None,
}


@pytest.mark.parametrize("who", IMPOSTORS)
async def test_nothing_is_told_to_a_server_that_does_not_prove_who_it_is(who: str, tmp_path: Path) -> None:
    async with site(IMPOSTORS[who](), lambda _: http(sealed({}, GOOD))) as ours:
        answer = await sent(tmp_path, ours)
    assert (answer.verdict, ours.received) == (Verdict.NOT_SENT, [])


async def test_the_right_certificate_for_the_name_and_time_is_what_made_the_others_fail(
    tmp_path: Path,
) -> None:
    context = keys.server_context(certificate(SITE_A, SOON), keys.load(bank_keys())["ca"])
    async with site(context, lambda _: http(sealed({}, GOOD))) as ours:
        assert (await sent(tmp_path, ours)).verdict is Verdict.SUCCESS


async def test_a_server_that_never_shakes_hands_was_sent_nothing(tmp_path: Path) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server:
        ours = Site(lambda _: None, server.sockets[0].getsockname()[1])
        assert (await sent(tmp_path, ours, seconds=0.3)).verdict is Verdict.NOT_SENT


UNPROVEN: dict[str, Callable[[bytes], bytes | None]] = {
    "no answer": lambda _: None,
    "a closed connection": lambda _: b"",
    "an error of HTTP": lambda _: http(sealed({}, GOOD), "500 Broken"),
    "another place to go": lambda _: http(b"", "307 There", "Location: /preSvr\r\n"),
    "half of it": lambda _: http(sealed({}, GOOD)[:-40]),
    "no XML": lambda _: http(b"ok"),
    "our own message": http,
    "too much": lambda _: http(b" " * 70_000),
    "an answer to another question": lambda _: http(sealed({"MsgTp": "epcc.302.001.01"}, GOOD)),
    "a message from a member": lambda _: http(sealed({"IssrId": ISSR_ID}, GOOD)),
    "a message in our direction": lambda _: http(sealed({"Drctn": "11"}, GOOD)),
    "another certificate's number": lambda _: http(sealed({"SignSN": "1"}, GOOD)),
    "no type": lambda _: http(sealed({"MsgTp": ""}, GOOD)),
    "another order": lambda _: http(sealed({}, {**GOOD, "BizInf": {**GOOD["BizInf"], "TrxId": TRX_ID[::-1]}})),
    "another currency": lambda _: http(sealed({}, {**GOOD, "BizInf": {**GOOD["BizInf"], "TrxAmt": "USD123.45"}})),
    "a document type": lambda _: http(b"<!DOCTYPE root>" + sealed({}, GOOD)),
}  # fmt: skip


@pytest.mark.parametrize("what", UNPROVEN)
async def test_an_answer_that_proves_nothing_leaves_the_order_unknown_and_is_asked_once(
    what: str, tmp_path: Path
) -> None:
    async with site(genuine(), UNPROVEN[what]) as ours:
        answer = await sent(tmp_path, ours, seconds=0.5)
    assert (answer.verdict, answer.amount, len(ours.received)) == (Verdict.UNKNOWN, None, 1)


async def test_an_answer_without_an_amount_of_ours_is_told_as_it_is(tmp_path: Path) -> None:
    other = {**GOOD, "BizInf": {**GOOD["BizInf"], "TrxAmt": "CNY123.46"}}
    async with site(genuine(), lambda _: http(sealed({}, other))) as ours:
        assert (await sent(tmp_path, ours)).amount == 12346


async def test_after_the_end_of_the_networks_signing_certificate_nothing_is_believed(tmp_path: Path) -> None:
    clock = SetClock()
    clock.set(datetime(2046, 1, 1, tzinfo=UTC))
    async with site(genuine(), lambda _: http(sealed({}, GOOD))) as ours:
        assert (await sent(tmp_path, ours, clock)).verdict is Verdict.UNKNOWN


def test_both_sides_speak_tls_1_2_or_later_only(tmp_path: Path) -> None:
    for context in (tls_context(config(tmp_path, (9, 9), told())), genuine()):
        assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
        assert context.verify_mode is ssl.CERT_REQUIRED


@pytest.fixture
async def net(tmp_path: Path) -> AsyncIterator[Net]:
    async with network(tmp_path / "network") as made:
        yield made


def client(identity: str) -> ssl.SSLContext:
    """A client that trusts the network, and shows a certificate: none, or a stranger's."""
    context = ssl.create_default_context(cadata=keys.load(bank_keys())["ca"].certificate)
    if identity:
        path = Path(identity)
        path.write_text(strangers()["stranger"].pem)
        context.load_cert_chain(path)
    return context


@pytest.mark.parametrize("who", ["nobody", "another authority's member"])
async def test_the_network_refuses_whoever_has_no_certificate_of_its_own(
    who: str, net: Net, tmp_path: Path
) -> None:
    context = client("" if who == "nobody" else str(tmp_path / "stranger.pem"))
    with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
        await first_byte(net.served.port, context)


async def first_byte(port: int, context: ssl.SSLContext) -> bytes:
    """What comes back first for a request."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=SITE_A)
    try:
        writer.write(b"POST /preSvr HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        return await reader.readexactly(1)
    finally:
        writer.transport.abort()


async def test_a_member_cannot_speak_for_another_one(net: Net, tmp_path: Path) -> None:
    other = await net.register("Z2026058119002")
    ours = told() | {"tls_certificate": other["tls_certificate"]}
    ports = (net.served.port, net.served.more_ports["second_port"])
    channel = Epcc(config(tmp_path, ports, ours), net.clock)
    try:
        answer = await channel.send(net.collection())
    finally:
        await channel.close()
    assert (answer.verdict, answer.code, await net.movements()) == (Verdict.UNKNOWN, "PB520032", [])


async def test_a_signing_key_that_is_not_registered_moves_nothing(net: Net, tmp_path: Path) -> None:
    ports = (net.served.port, net.served.more_ports["second_port"])
    channel = Epcc(config(tmp_path, ports, told()), net.clock)  # certificates of another registration
    try:
        answer = await channel.send(net.collection())
    finally:
        await channel.close()
    assert (answer.verdict, answer.code, await net.movements()) == (Verdict.UNKNOWN, "ES000025", [])


async def test_the_two_sites_have_names_of_their_own() -> None:
    assert SITE_A != SITE_B
