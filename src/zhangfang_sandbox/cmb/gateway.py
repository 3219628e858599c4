"""The one endpoint of the wire."""

import asyncio

from aiohttp import web

from zhangfang_sandbox.cmb.bank import Bank
from zhangfang_sandbox.common.process import Wire

PATH = "/cdcserver/api/v2"


def wire(bank: Bank) -> Wire:
    """Return the handler of the wire's port."""

    async def endpoint(request: web.BaseRequest) -> web.StreamResponse:
        if (request.method, request.path) != ("POST", PATH):
            return web.Response(status=404, text=f"CDCServer:ErrCode:URL;ErrMsg:POST {PATH}")
        bank.throttle.under_way += 1
        try:
            reply = bank.answer(await request.read())
            await bank.store.committed()
            if reply.drop and request.transport is not None:
                request.transport.close()
            await asyncio.sleep(reply.delay)
        finally:
            bank.throttle.under_way -= 1
        return web.Response(status=reply.status, text=reply.text)

    return endpoint
