"""The one endpoint of the wire."""

import asyncio

from aiohttp import web

from zhangfang_sandbox.common.process import Wire
from zhangfang_sandbox.genericbank.bank import Bank

PATH = "/direct/v1"


def wire(bank: Bank) -> Wire:
    """Return the handler of the wire's port."""

    async def endpoint(request: web.BaseRequest) -> web.StreamResponse:
        if (request.method, request.path) != ("POST", PATH):
            return web.Response(status=404, text=f"POST {PATH}")
        client, signature = (request.headers.get(name, "") for name in ("X-Client", "X-Signature"))
        reply = bank.answer(await request.read(), client, signature)
        await bank.store.committed()
        if reply.drop and request.transport is not None:
            request.transport.close()
        await asyncio.sleep(reply.delay)
        headers = {"Content-Type": "application/json; charset=utf-8", "X-Signature": reply.signature}
        return web.Response(status=reply.status, body=reply.body, headers=headers)

    return endpoint
