"""The two ports with mutual TLS. A site that is down does not listen, so connections are refused."""

import asyncio
import os
import ssl
from collections.abc import Mapping

from aiohttp import web

from zhangfang_sandbox.common.process import LOOPBACK, Parts, PortTaken, Served
from zhangfang_sandbox.epcc.gateway import Gateway
from zhangfang_sandbox.epcc.sites import Sites


class Door:
    """One site's port. It keeps its number while it is closed."""

    def __init__(self, gateway: Gateway, site: str, context: ssl.SSLContext, port: int) -> None:
        """`port` 0 is any free port, which stays the same after the first opening."""
        self._gateway, self._site, self._context, self.port = gateway, site, context, port
        self._runner: web.ServerRunner | None = None

    async def open(self) -> None:
        """Listen. Raises `PortTaken`."""
        if self._runner is not None:
            return
        runner = web.ServerRunner(web.Server(self._handle, access_log=None), shutdown_timeout=1)
        await runner.setup()
        try:
            await _listen(runner, self.port, self._context)
        except PortTaken:
            await runner.cleanup()
            raise
        self.port, self._runner = runner.addresses[0][1], runner

    async def shut(self) -> None:
        """Listen no more, and close what is connected."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        return await self._gateway.handle(request, self._site)


async def serve(parts: Parts, doors: Mapping[str, Door], sites: Sites, control_port: int) -> Served:
    """Listen on the ports of the sites that are not down, and on the control plane's."""
    control = web.AppRunner(parts.control, access_log=None, shutdown_timeout=1)
    await control.setup()
    served = Served(0, 0, parts, [control])
    try:
        for site, door in doors.items():
            if site not in sites.down:
                await door.open()
                sites.listens(site, door.port)
        await _listen(control, control_port)
    except PortTaken:
        for task in parts.background:
            task.close()
        await served.stop()
        raise
    first, second = (door.port for door in doors.values())
    served.port, served.control_port = first, control.addresses[0][1]
    served.more_ports["second_port"] = second
    served.tasks += [asyncio.create_task(task) for task in parts.background]
    return served


async def _listen(runner: web.BaseRunner, port: int, context: ssl.SSLContext | None = None) -> None:
    try:
        await web.TCPSite(runner, LOOPBACK, port, ssl_context=context, backlog=1024).start()
    except OSError as error:
        raise PortTaken(f"port {port}: {os.strerror(error.errno or 0)}") from error
