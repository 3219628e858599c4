"""Payouts of the platform itself, decided by two people. They are intents like any other payout: stored, booked before they
are sent, ended by evidence. They belong to the platform, so no merchant is told about them, and they stay at the bank of the
account that they leave: `original` says what they are for.

Here: money that nobody could explain goes back to whom it came from (X4), out of 2352; its `original` is the break.
"""

from dataclasses import replace
from typing import Any
from uuid import UUID

from zhangfang.channels.port import Operation, PartyAccount
from zhangfang.payments.accept.requests import draft
from zhangfang.payments.course.posting import PLATFORM
from zhangfang.payments.course.strays import queries
from zhangfang.payments.desk import Desk
from zhangfang.payments.model import Intent, Request, State, StepKind
from zhangfang.payments.orders import new_number
from zhangfang.payments.sealing import fingerprint, seal, unseal
from zhangfang.payments.store import Step, insert, new_step
from zhangfang.vault import Vault

TEMPLATE = "X4"


def platform_payout(
    desk: Desk, template: str, request: Request, bank: str, why: str
) -> tuple[Intent, list[Step]]:
    """Return the intent of a payout of the platform, to be stored with its first step. Raises `OperationStopped`."""
    made = draft(desk.vault, desk.clock, PLATFORM, request, fingerprint(desk.vault, request), 0)
    number = new_number(desk.channels, desk.clock, bank, made.id)
    intent = replace(
        made, channel=bank, channel_order_no=number, template=template, next_action_at=made.created_at
    )
    return intent, [new_step(desk.clock, intent.id, StepKind.RECEIVED, state=State.CREATED, message=why)]


def seal_payee(vault: Vault, account: PartyAccount, break_id: UUID) -> str:
    """Return the vault token of the account to which a break's money goes back; it opens for this break only."""
    return seal(vault, account, PLATFORM, break_id)


async def send_back(desk: Desk, row: Any, token: str, bank: str) -> UUID | None:
    """Store the payout of a break whose cure is X4 and return its id. None if it has one already, or another cure.

    Raises `WrongAccount` if the token is not of this break.
    """
    account = unseal(desk.vault, token, PLATFORM, row["id"])
    name, fen = f"X4-{row['cure_voucher'].hex}", abs(row["difference"])
    request = Request(Operation.PAYOUT, name, fen, name, "returned to the payer", account, original=row["id"])
    made = platform_payout(desk, TEMPLATE, request, bank, f"break {row['id']}")
    async with desk.pool.acquire() as connection, connection.transaction():
        if await connection.fetchval(queries.mark, row["id"], made[0].id) is None:
            return None
        (new,) = await insert(connection, [made])
        assert new, "the id is new"
    return made[0].id
