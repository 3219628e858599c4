"""Sends money that nobody could explain back to whom it came from (X4): a payout out of 2352, decided by two people.

It is an intent like any other payout: stored, booked before it is sent, ended by evidence. Its `original` is the break. It
belongs to the platform, so no merchant is told about it, and it stays at the bank on whose statement the money came.
"""

from dataclasses import replace
from typing import Any
from uuid import UUID

from zhangfang.channels.port import Operation, PartyAccount
from zhangfang.payments.accept.requests import draft
from zhangfang.payments.course.posting import PLATFORM
from zhangfang.payments.course.strays import queries
from zhangfang.payments.desk import Desk
from zhangfang.payments.model import Request, State, StepKind
from zhangfang.payments.orders import new_number
from zhangfang.payments.sealing import fingerprint, seal, unseal
from zhangfang.payments.store import insert, new_step
from zhangfang.vault import Vault

TEMPLATE = "X4"


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
    made = draft(desk.vault, desk.clock, PLATFORM, request, fingerprint(desk.vault, request), 0)
    number = new_number(desk.channels, desk.clock, bank, made.id)
    intent = replace(
        made, channel=bank, channel_order_no=number, template=TEMPLATE, next_action_at=made.created_at
    )
    step = new_step(
        desk.clock, intent.id, StepKind.RECEIVED, state=State.CREATED, message=f"break {row['id']}"
    )
    async with desk.pool.acquire() as connection, connection.transaction():
        if await connection.fetchval(queries.mark, row["id"], intent.id) is None:
            return None
        (new,) = await insert(connection, [(intent, [step])])
        assert new, "the id is new"
    return intent.id
