"""The processes of the platform: the API and the driver."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial

import aiohttp

from zhangfang.adjustments import freeze_job
from zhangfang.assembly.parts import day_of, open_desk
from zhangfang.batches import batch_job, channel_batch_job
from zhangfang.closing import timetable
from zhangfang.closing.day import Day
from zhangfang.duplicates import job as duplicate_job
from zhangfang.kernel.driver import Job, drive
from zhangfang.kernel.pulse import beating
from zhangfang.kernel.settings import Settings
from zhangfang.kernel.start import wait_for_start
from zhangfang.mandates import Mandates
from zhangfang.payments import Desk, intent_job, note_told
from zhangfang.webhooks import Sender, networks, open_session
from zhangfang.weekly import probe

DeskOf = Callable[[Settings], AbstractAsyncContextManager[Desk]]


def serve(settings: Settings, open_desk: DeskOf = open_desk) -> None:
    """Run the API until it is told to stop."""
    from zhangfang.api import build_app
    from zhangfang.assembly.console import console
    from zhangfang.assembly.server import Bounds, run_app

    wait_for_start()
    app = build_app(settings, lambda: _alive(open_desk(settings)), lambda desk: console(desk, settings))
    run_app(
        app,
        settings.host,
        settings.port,
        Bounds(settings.connections, settings.per_address, settings.requests, settings.asks),
    )


@asynccontextmanager
async def _alive(opening: AbstractAsyncContextManager[Desk]) -> AsyncIterator[Desk]:
    async with opening as desk, beating():
        yield desk


def jobs(desk: Desk, session: aiohttp.ClientSession, day: Day) -> tuple[Job, ...]:
    """Return everything that the driver does."""
    return (
        intent_job(desk),
        *Sender(desk.pool, desk.vault, desk.clock, session, partial(note_told, desk)).jobs(),
        timetable.job(day),
        Mandates(desk.pool, desk.vault, desk.clock, desk.channels).job(),
        batch_job(desk),
        channel_batch_job(desk),
        duplicate_job(desk),
        freeze_job(desk.pool, desk.ledger, desk.clock),
    )


async def drive_all(settings: Settings, open_desk: DeskOf = open_desk) -> None:
    """Run the driver over intents, webhooks and the timetable until SIGTERM."""
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    allowed = networks(settings.webhook_allow, "ZHANGFANG_WEBHOOK_ALLOW")
    async with _alive(open_desk(settings)) as desk, open_session(allowed) as session:
        day = day_of(desk)
        await timetable.begin(day)
        driving = asyncio.create_task(drive(desk.pool, desk.clock, jobs(desk, session, day)))
        probing = asyncio.create_task(probe(desk.pool, desk.clock, settings.probe_url))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait((driving, stopping), return_when=asyncio.FIRST_COMPLETED)
        if driving.done():
            driving.result()
        probing.cancel()
        driving.cancel()
