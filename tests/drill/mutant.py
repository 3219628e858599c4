"""Runs a process of the platform with one thing broken, as `mutant.py MUTATION PROCESS`: what the drill has to find.

The broken parts are put together here, outside the production entry points: there is no switch that breaks them.
"""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from zhangfang.assembly.processes import drive_all
from zhangfang.assembly.processes import serve as run_api
from zhangfang.channels.port import PartyAccount
from zhangfang.kernel.settings import Settings
from zhangfang.ledger import posting
from zhangfang.payments.course import steps
from zhangfang.payments.course.rules import Decision
from zhangfang.payments.desk import Desk
from zhangfang.payments.model import Intent
from zhangfang.payments.store import Step


def command(mutation: str, process: str) -> list[str]:
    """Return the command that runs a mutant, for `House`'s `commands`."""
    return [sys.executable, str(Path(__file__)), mutation, process]


def one_fen_too_much() -> None:
    """P2 books one fen more than was collected."""
    right = posting._amount

    def wrong(line: posting.Line, amounts: Mapping[str, int]) -> int:
        return right(line, amounts) + (line.template == "P2" and line.line == 1)

    posting._amount = wrong


def sent_before_stored() -> None:
    """A collection's intent is stored only after the channel was asked."""
    insert, transmit = Desk.collect, steps.transmit
    sent: set[UUID] = set()

    async def late_insert(desk: Desk, intent: Intent, several: Sequence[Step]) -> bool:
        sent.add(intent.id)
        await desk.channels[intent.channel].send(
            await steps.order_of(desk.pool, desk.vault, desk.journal, intent)
        )
        return await insert(desk, intent, several)

    async def sent_already(
        desk: Desk, intent: Intent, account: PartyAccount | None = None, **more: Any
    ) -> Decision:
        if intent.id in sent:
            return await steps.ask(desk, intent)
        return await transmit(desk, intent, account, **more)

    for owner, name, broken in ((Desk, "collect", late_insert), (steps, "transmit", sent_already)):
        setattr(owner, name, broken)


MUTATIONS = {"one-fen": one_fen_too_much, "sent-first": sent_before_stored}


def main() -> None:
    """Break what was asked for, then run the process as `zhangfang` does."""
    _, mutation, process = sys.argv
    MUTATIONS[mutation]()
    settings = Settings()
    if process == "serve":
        run_api(settings)
    else:
        asyncio.run(drive_all(settings))


if __name__ == "__main__":
    main()
