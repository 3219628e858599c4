"""The other end of the bank's wire, written a second time in pure Python from the bank's description alone."""

import asyncio
import base64
import json
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from gmssl import sm3
from gmssl.sm2 import CryptSM2, default_ecc_table
from gmssl.sm4 import SM4_DECRYPT, SM4_ENCRYPT, CryptSM4

Json = dict[str, Any]
UID = "U003736239"
PADDED = b"U003736239000000"


def public_of(private_hex: str) -> str:
    """Return x‖y in hex by gmssl's own point multiplication."""
    return str(CryptSM2(private_hex, "")._kg(int(private_hex, 16), default_ecc_table["g"]))


def crypt(mode: int, key: bytes, data: bytes) -> bytes:
    """SM4-CBC with PKCS#7; the vector is the padded user id."""
    engine = CryptSM4()
    engine.set_key(key, mode)
    return bytes(engine.crypt_cbc(PADDED, data))


def digest(public_hex: str, message: bytes, user_id: bytes = PADDED) -> bytes:
    """SM3(ZA ‖ message), ZA = SM3(bits of id ‖ id ‖ a ‖ b ‖ G ‖ public key)."""
    curve = default_ecc_table["a"] + default_ecc_table["b"] + default_ecc_table["g"]
    head = (len(user_id) * 8).to_bytes(2, "big") + user_id + bytes.fromhex(curve + public_hex)
    za = bytes.fromhex(sm3.sm3_hash(list(head)))
    return bytes.fromhex(sm3.sm3_hash(list(za + message)))


def engine_of(private_hex: str, public_hex: str) -> CryptSM2:
    """gmssl's engine; the public key is set afterwards because the constructor strips leading 0s and 4s."""
    engine = CryptSM2(private_hex, "")
    engine.public_key = public_hex
    return engine


def text_of(document: Json) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


@dataclass
class Bank:
    """A bank with its own keys; `our_public` is the enterprise's registered key."""

    our_public: str
    private: str = field(default_factory=lambda: f"{secrets.randbelow(1 << 250) + 1:064x}")
    sm4: bytes = field(default_factory=lambda: secrets.token_bytes(16))

    @property
    def public(self) -> str:
        return public_of(self.private)

    def open(self, form: dict[str, str]) -> Json:
        """Decrypt a request and insist on our signature, the canonical text and the head."""
        plain = crypt(SM4_DECRYPT, self.sm4, base64.b64decode(form["DATA"]))
        document: Json = json.loads(plain)
        assert plain == text_of(document), "DATA is not canonical"
        signature = base64.b64decode(document["signature"]["sigdat"])
        assert len(signature) == 64
        document["signature"]["sigdat"] = "__signature_sigdat__"
        engine = engine_of("", self.our_public)
        assert engine.verify(signature.hex(), digest(self.our_public, text_of(document)))
        head = document["request"]["head"]
        assert (form["UID"], form["FUNCODE"], form["ALG"]) == (head["userid"], head["funcode"], "SM")
        return document

    def seal(self, document: Json) -> bytes:
        """Sign with the placeholder in place, put the signature in, encrypt."""
        document = json.loads(json.dumps(document))
        document["signature"] = {"sigtim": "20261123090000", "sigdat": "__signature_sigdat__"}
        engine = engine_of(self.private, self.public)
        signed = engine.sign(digest(self.public, text_of(document)), f"{secrets.randbelow(1 << 250) + 1:x}")
        document["signature"]["sigdat"] = base64.b64encode(bytes.fromhex(signed)).decode()
        return base64.b64encode(crypt(SM4_ENCRYPT, self.sm4, text_of(document)))

    def reply(self, request: Json, body: Json, code: str = "SUC0000", message: str = "") -> bytes:
        """Answer a request with a body."""
        head = request["request"]["head"] | {"rspid": "2026112309000000001", "bizcode": ""}
        head |= {"resultcode": code, "resultmsg": message}
        return self.seal({"response": {"head": head, "body": body}})


# What the fake server does with a request's form: bytes to answer, or None to hang up without a word.
Behaviour = Callable[[dict[str, str]], bytes | None]


@asynccontextmanager
async def listening(
    behave: Behaviour, status: str = "200 OK", delay: float = 0.0
) -> AsyncIterator[tuple[str, list[dict[str, str]]]]:
    """A bare HTTP server on loopback; yields its address and the forms it has seen."""
    seen: list[dict[str, str]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            assert head.startswith("post /cdcserver/api/v2 ")
            assert "content-type: application/x-www-form-urlencoded" in head
            length = int(head.split("content-length: ")[1].split("\r\n")[0])
            form = dict(parse_qsl((await reader.readexactly(length)).decode(), strict_parsing=True))
            seen.append(form)
            answer = behave(form)
            await asyncio.sleep(delay)
            if answer is not None:
                writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(answer)}\r\n\r\n".encode() + answer)
                await writer.drain()
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", seen
