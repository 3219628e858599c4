"""The checkpoint: balances and pages as of one sequence number, so that a start has little to replay and readers little
to add up.

Any writer may store it, for committed history does not change. But each entry may be on one page only, so a checkpoint
has to follow the one that memory knows. If another was stored since (by another writer, or by us and the answer was
lost), memory is read back.
"""

import asyncio
from dataclasses import dataclass
from typing import Any

import asyncpg
import numpy as np
import numpy.typing as npt

from zhangfang.kernel.errors import ZhangfangError
from zhangfang.ledger.engine.state import State
from zhangfang.ledger.wire import Ids, Records
from zhangfang.ledger.writer import pages
from zhangfang.ledger.writer.journal import SQL, copy

AT_ONCE = 20_000  # accounts in one statement


class CheckpointMoved(ZhangfangError):
    """Another checkpoint was stored than memory knows of; memory is read back."""


@dataclass(slots=True)
class Checkpoint:
    """What changed since the last one: accounts' figures, entries that are on no page yet, pendings opened and ended."""

    shard: int
    after: int  # the checkpoint that it goes on from
    seq: int
    oldest_pending: int  # the entry of the oldest open pending; the next entry if none is open
    touched: npt.NDArray[np.int64]
    flags: npt.NDArray[np.int64]
    figures: npt.NDArray[np.int64]
    ids: Ids
    entries: Records
    opened: set[bytes]
    ended: set[bytes]

    @classmethod
    def take(cls, state: State) -> "Checkpoint":
        """Note what changed and mark it as unchanged. It may be written once all that memory has is committed."""
        accounts, holds = state.accounts, state.holds
        accounts.touched[0] = False  # no account
        touched = np.flatnonzero(accounts.touched)
        accounts.touched[touched] = False
        oldest = min((pending.seq for pending in holds.open.values()), default=state.seq + 1)
        opened, holds.opened = holds.opened, set()
        ended, holds.ended = holds.ended, set()
        figures = (accounts.flags[touched], accounts.figures[touched], accounts.id)
        return cls(
            state.shard, state.paged, state.seq, oldest, touched, *figures, state.tail.take(), opened, ended
        )

    def put_back(self, state: State) -> None:
        """Mark it as changed again, because it could not be written."""
        state.accounts.touched[self.touched] = True
        state.tail.put_back(self.entries)
        ended_since = self.opened & state.holds.ended
        state.holds.opened |= self.opened - ended_since
        state.holds.ended = (state.holds.ended - ended_since) | self.ended

    async def write(self, connection: asyncpg.Connection) -> None:
        """Store it. Raises `CheckpointMoved` when the stored one is not the one it goes on from."""
        figures = self.figures
        payload = await asyncio.to_thread(
            pages.pages, self.entries, self.shard, self.ids, self.touched, figures
        )
        async with connection.transaction():
            moved = (self.shard, self.seq, self.oldest_pending, self.after)
            if await connection.fetchval(SQL.move_checkpoint, *moved) is None:
                raise CheckpointMoved(f"shard {self.shard}: the checkpoint is not at {self.after} any more")
            await copy(connection, "account_page", pages.columns(), payload)
            for first in range(0, len(self.touched), AT_ONCE):
                await connection.execute(
                    SQL.checkpoint_accounts, self.shard, *self._accounts(first), self.seq
                )
            if self.opened:
                await connection.execute(SQL.holds_opened, self.shard, list(self.opened))
            if self.ended:
                await connection.execute(SQL.holds_ended, self.shard, list(self.ended))

    def _accounts(self, first: int) -> list[list[Any]]:
        some = slice(first, first + AT_ONCE)
        columns = [self.ids[self.touched[some]].tolist(), self.flags[some].tolist()]
        return [*columns, *(self.figures[some, column].tolist() for column in range(4))]
