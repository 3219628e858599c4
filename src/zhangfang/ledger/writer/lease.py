"""Decides which process writes a shard. No harm is done by one that is wrong about it: the epoch keeps it from committing.

The writer of a shard holds a PostgreSQL advisory lock on a session of its own. When its process dies the session ends
and the lock is free at once. A process that hangs keeps its session; so it also has to renew `head.lease_until` (the
database's clock), and one that did not for LEASE_S has its sessions ended by whoever stands by.

How the writer of a shard uses it:

    lease = Lease(url, shard)
    await lease.stand_by()         # before it raises the epoch, and only at its start: returns holding the lock
    UPDATE head SET epoch = epoch + 1, holder = lease.holder, lease_until = now() + LOADING …
                                   # a start that reads memory back may take LOADING without a renewal; the renewals
                                   # after it bring the lease down to LEASE
    began = lease.now()            # before the first statement of each commit
    UPDATE head SET seq = …, lease_until = now() + LEASE WHERE shard = … AND epoch = …
    lease.renewed(began)           # after the commit: so a busy writer sends nothing for its lease
    await lease.keep(epoch)        # whenever it wakes up idle: renews once a second; raises Fenced
    await lease.assure(epoch)      # before it answers from memory; returns at once while `lease.good`; raises Fenced
    await lease.close()            # as the last thing of a clean stop, after the last checkpoint

The writer opens its other sessions under the application name `session_name(shard)`, so that they can be ended: the
transaction of a writer that hangs would keep the row of `head` locked for ever. After a lost connection the writer goes
on as ever (raise the epoch from its own, read memory back); `keep` and `assure` connect and lock again by themselves, and
raise what a database that is away raises (`kernel.database.AWAY`).
"""

import asyncio
import os
import socket
import time

import asyncpg
import structlog

from zhangfang.kernel.database import AWAY
from zhangfang.kernel.sql import load
from zhangfang.ledger.writer.journal import LEASE, Fenced

LEASE_S = LEASE.total_seconds()
MARGIN_S = 1.0  # what two machines' clocks may differ by in LEASE, and a good deal more
RENEW_S = 1.0
POLL_S = 0.2
LOCK = 0x5A46_4C47  # "ZFLG", the class of the advisory locks; the shard is the second key
_PATIENCE_S = 10.0  # of one statement
# Goes on while the machine sleeps, where there is such a clock.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

SQL = load(__package__, "lease.sql")
_log = structlog.get_logger()


def session_name(shard: int) -> str:
    """Return the application name of a writer's sessions."""
    return f"zhangfang ledger {shard}"


class Lease:
    """One process's claim to be the writer of a shard."""

    def __init__(self, url: str, shard: int) -> None:
        """Claim nothing yet. `holder` is how this process is named in `head`: host and process id."""
        self.holder = f"{socket.gethostname()}:{os.getpid()}"
        self._url = url
        self._shard = shard
        self._session: asyncpg.Connection | None = None
        self._locked = False
        self._renewed = self._tried = float("-inf")
        self._one = asyncio.Lock()  # statements of one session go one after the other

    @staticmethod
    def now() -> float:
        """Return seconds of the clock that leases are measured by; nobody can set it."""
        return time.clock_gettime(_CLOCK)

    @property
    def good(self) -> bool:
        """Whether nobody else can have taken over: the lock is held, and the lease was renewed less than 2 s ago."""
        alive = self._locked and self._session is not None and not self._session.is_closed()
        return alive and self.now() - self._renewed < LEASE_S - MARGIN_S

    def renewed(self, began: float) -> None:
        """Note that `lease_until` was moved by a transaction that began at `began` of `now`, and has committed."""
        self._renewed = max(self._renewed, began)

    async def stand_by(self) -> None:
        """Return when this process may raise the epoch; it then holds the lock.

        The lock is free if the writer has ended, or if there was none. If it is held, `lease_until` has passed, and
        `head` has not changed for LEASE_S while we watched, the writer hangs, and its sessions are ended. (Watching
        spares a writer that has the lock and not yet the epoch; and a clock that jumps does no harm.) Raises what the
        first connection raises; later it waits for the database.
        """
        await self._live()
        sight = _Sight(self._shard)
        while not await self._look(sight):  # noqa: ASYNC110 - PostgreSQL tells nobody that a lock is free
            await asyncio.sleep(POLL_S)

    async def keep(self, epoch: int) -> None:
        """Renew the lease if that was last tried a second ago or more. Raises `Fenced` if `epoch` is over."""
        if self.now() - max(self._renewed, self._tried) >= RENEW_S:
            await self._renew(epoch)

    async def assure(self, epoch: int) -> None:
        """Return when it is certain that nobody had taken over when this was called: then memory may be answered from.

        A good lease is proof; otherwise the lease is renewed. Raises `Fenced` if another has taken over.
        """
        if not self.good:
            await self._renew(epoch)

    async def close(self) -> None:
        """Free the lock, at once for whoever stands by."""
        if self._session:
            self._session.terminate()

    async def _renew(self, epoch: int) -> None:
        async with self._one:
            began = self._tried = self.now()
            session = await self._live()
            if not self._locked:  # fails while a dead session of ours still has it
                self._locked = await session.fetchval(SQL.lock, LOCK, self._shard)
            if await session.fetchval(SQL.renew, self._shard, epoch, LEASE) is None:
                raise Fenced(f"shard {self._shard}: another writer has taken over from epoch {epoch}")
        self.renewed(began)

    async def _look(self, sight: "_Sight") -> bool:
        """Try to take the lock; if another has it, end its sessions if it hangs. Tell whether the lock is ours."""
        try:
            session = await self._live()
            self._locked = await session.fetchval(SQL.lock, LOCK, self._shard)
            if not self._locked and sight.hangs(await session.fetchrow(SQL.held, self._shard), self.now()):
                await session.fetch(SQL.end_sessions, LOCK, self._shard, session_name(self._shard))
        except AWAY as error:
            _log.warning("ledger waits for its database", shard=self._shard, error=type(error).__name__)
        return self._locked

    async def _live(self) -> asyncpg.Connection:
        """Return the session, a new one without the lock if there was none or it has ended."""
        if self._session is None or self._session.is_closed():
            self._locked = False
            name = f"zhangfang ledger lease {self._shard}"
            self._session = await asyncpg.connect(
                self._url, server_settings={"application_name": name}, command_timeout=_PATIENCE_S
            )
        return self._session


class _Sight:
    """What a standby has seen of the writer."""

    def __init__(self, shard: int) -> None:
        self._shard = shard
        self._moved: tuple[object, ...] | None = None
        self._since = 0.0

    def hangs(self, held: asyncpg.Record, now: float) -> bool:
        """Tell whether the writer let its lease run out and has not moved for LEASE_S; then begin to look anew."""
        moved = (held["epoch"], held["seq"], held["lease_until"])
        if self._moved is None:
            _log.info("ledger stands by", shard=self._shard, holder=held["holder"])
        if moved != self._moved:
            self._moved, self._since = moved, now
        if not held["ran_out"] or now - self._since <= LEASE_S:
            return False
        _log.warning(
            "ledger ends the sessions of a writer that hangs", shard=self._shard, holder=held["holder"]
        )
        self._since = now
        return True
