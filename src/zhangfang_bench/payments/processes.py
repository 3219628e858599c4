"""Processes only for the bench: an empty server, and the platform without RSA.

The product has no switch that turns signatures off. Here the same parts get a signer that signs nothing and a cipher
that encrypts nothing, and use a sandbox bank that was started with --null-signatures.
"""

import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from zhangfang.assembly.parts import open_desk
from zhangfang.assembly.processes import drive_all, serve
from zhangfang.assembly.server import run_app
from zhangfang.channels.unionpay import UnionPay, UnionPayConfig
from zhangfang.channels.unionpay.certificates import Cipher
from zhangfang.channels.unionpay.message import without_blanks
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.settings import Settings
from zhangfang.payments import Desk


class NullSigner:
    """Signs with a constant and accepts everything."""

    def sign(self, fields: Mapping[str, str]) -> dict[str, str]:
        """Return the fields as a signed message has them."""
        return without_blanks(fields) | {"signMethod": "01", "certId": "0", "signature": "null"}

    def verify(self, fields: Mapping[str, str]) -> None:
        """Accept it."""


class NullCipher(Cipher):
    """Leaves account numbers in the clear, as a message without `encryptCertId` says."""

    def __init__(self) -> None:
        """Have no key: a blank field is not sent."""
        self.cert_id = ""

    def encrypt(self, text: str) -> str:
        """Return the text."""
        return text


class NullUnionPay(UnionPay):
    """The connector without RSA."""

    def __init__(self, config: UnionPayConfig, clock: Clock) -> None:
        """Replace signer and cipher."""
        super().__init__(config, clock, NullSigner())
        self._cipher = NullCipher()


@asynccontextmanager
async def open_null_desk(settings: Settings) -> AsyncIterator[Desk]:
    """Open the usual desk with that connector instead of UnionPay's."""
    async with open_desk(settings) as desk:
        channel = NullUnionPay(UnionPayConfig(**(settings.channel("unionpay") or {})), desk.clock)
        try:
            yield replace(desk, channels=dict(desk.channels) | {"unionpay": channel})
        finally:
            await channel.close()


async def empty(_: Request) -> Response:
    """Answer at once."""
    return Response(b"{}", media_type="application/json")


def main(what: str, *rest: str) -> None:
    """Run `empty PORT`, `serve` or `work`."""
    import uvloop

    if what == "empty":
        run_app(Starlette(routes=[Route("/empty", empty, methods=["POST"])]), "127.0.0.1", int(rest[0]))
    elif what == "serve":
        serve(Settings(), open_null_desk)
    else:
        uvloop.run(drive_all(Settings(), open_null_desk))


if __name__ == "__main__":
    main(*sys.argv[1:])
