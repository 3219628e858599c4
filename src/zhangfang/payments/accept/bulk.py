"""Collections in bulk: accepted by the same rules as a single one, and sent in a batch of the channel.

An intent with a `batch` is never sent alone: the job of the batch sends them all. The channel's answer about each goes
through `weigh`, as all evidence does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from zhangfang.channels.port import Operation, PartyAccount, Verdict
from zhangfang.fees import check_some
from zhangfang.kernel.calendar import china_day, settlement_day
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.errors import ZhangfangError
from zhangfang.kernel.sql import load
from zhangfang.mandates import Mandate, MandateEnded, MandateLimit, NoMandate, Wanted, find
from zhangfang.mandates import fingerprint as number_print
from zhangfang.merchants import FeeKind, Merchant, NoFeeRule
from zhangfang.payments import store
from zhangfang.payments.accept.requests import charged, check, check_active, draft, first_steps
from zhangfang.payments.accept.single import placed
from zhangfang.payments.collecting import insert_allowed, signed
from zhangfang.payments.course.rules import LATE
from zhangfang.payments.desk import Desk
from zhangfang.payments.model import Intent, NotAllowed, OrderNumberTaken, Request, State, StepKind
from zhangfang.payments.sealing import WrongAccount, account_of, fingerprint, seal, unseal
from zhangfang.payments.store import Connection, new_step
from zhangfang.vault import Vault

queries = load(__package__, "bulk.sql")

_CODES: tuple[tuple[type[ZhangfangError], str], ...] = (  # the same codes as in the API's errors
    (NoMandate, "no_mandate"),
    (MandateEnded, "mandate_ended"),
    (MandateLimit, "mandate_limit"),
    (NotAllowed, "not_allowed"),
    (NoFeeRule, "no_fee_rule"),
    (OrderNumberTaken, "order_number_taken"),
    (WrongAccount, "account_damaged"),
)
_REFUSALS = tuple(kind for kind, _ in _CODES)


@dataclass(frozen=True, slots=True)
class Asked:
    """A requested collection, checked and sealed for its `row`. `fingerprint` is of the payer's account number; amounts in
    fen.
    """

    row: str
    order_no: str
    amount: int
    description: str
    account_token: str
    account_tail: str
    account_type: str
    fingerprint: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a collection was not accepted: the API's code and its sentence. Nothing was stored."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Found:
    """The same collection was accepted before, as this intent."""

    intent: UUID


def sealed(
    vault: Vault, merchant: str, row: str, order_no: str, amount: int, description: str, account: PartyAccount
) -> Asked:
    """Check a collection like any request, and return it with its account sealed for the `row` that will hold it.

    Raises `InvalidInput`.
    """
    request = Request(Operation.COLLECTION, order_no, amount, "item", description, account=account)
    check(request)
    return Asked(
        row, order_no, amount, description, seal(vault, account, merchant, row), account.number[-4:],
        str(account.type), number_print(vault, account.number), fingerprint(vault, request),
    )  # fmt: skip


def check_collecting(clock: Clock, merchant: Merchant) -> None:
    """Raise `NotAllowed` or `NoFeeRule` unless the merchant may collect today."""
    check_active(merchant)
    check_some(merchant.fee_rules, FeeKind.COLLECTION, china_day(clock.now()))


async def drafts(desk: Desk, merchant: Merchant, asked: Sequence[Asked]) -> list[Intent | Found | Refusal]:
    """Return for each collection a new intent (with channel and mandate, not stored yet), the intent that was stored for
    it before, or why it is refused. Raises `OperationStopped` if no channel takes any now.
    """
    now = desk.clock.now()
    taken = {
        row["order_no"]: row
        for row in await desk.pool.fetch(queries.taken, merchant.id, [one.order_no for one in asked])
    }
    prints = list({one.fingerprint for one in asked})
    found = await find(desk.pool, [Wanted(merchant.id, print_, china_day(now)) for print_ in prints])
    mandates = dict(zip(prints, found, strict=True))
    made: list[Intent | Found | Refusal] = []
    for one in asked:
        try:
            made.append(
                _found(one, taken[one.order_no]["id"], taken[one.order_no]["request_digest"])
                if one.order_no in taken
                else await _draft(desk, merchant, one, signed(mandates[one.fingerprint]))
            )
        except _REFUSALS as error:
            made.append(refusal(error))
    return made


def _found(one: Asked, intent: UUID, digest: bytes) -> Found:
    if bytes(digest) != one.digest:
        raise OrderNumberTaken("order_no: used before for another collection; allowed: a number never used")
    return Found(intent)


async def _draft(desk: Desk, merchant: Merchant, one: Asked, mandate: Mandate) -> Intent:
    check_active(merchant)
    account = unseal(desk.vault, one.account_token, merchant.id, one.row)
    request = Request(Operation.COLLECTION, one.order_no, one.amount, "", one.description, account)
    drafted = draft(desk.vault, desk.clock, merchant.id, request, one.digest, 0)
    whole = replace(
        drafted,
        idempotency_key=f"item:{drafted.id.hex}",
        account_tail=one.account_tail,
        account_type=one.account_type,
    )
    account_of(desk.vault, whole)
    found = charged(merchant, await placed(desk, whole, mandate))
    return replace(found, state=State.CREATED, next_action_at=None)


def refusal(error: ZhangfangError) -> Refusal:
    """Return an error as the refusal of one item."""
    return Refusal(next(code for kind, code in _CODES if isinstance(error, kind)), str(error))


async def insert_items(
    clock: Clock, connection: Connection, intents: Sequence[Intent]
) -> list[bool | Refusal]:
    """Store intents that `drafts` made, inside the caller's transaction; True for each that was new.

    Their mandates are locked and their limits checked here. An intent with a `batch` waits for the batch; the driver
    sends any other at its `next_action_at`.
    """
    if not intents:
        return []
    rows = [(intent, first_steps(clock, intent)) for intent in intents]
    said = await insert_allowed(connection, rows)
    return [one if isinstance(one, bool) else refusal(one) for one in said]


async def items_of(connection: Connection, batch: UUID) -> list[Intent]:
    """Return the intents that a channel's batch carries, always in the same order."""
    return [Intent.of(row) for row in await connection.fetch(queries.items, batch)]


async def begin_items(clock: Clock, connection: Connection, batch: UUID, requested_at: datetime) -> None:
    """Store an attempt for every item, in the transaction that stores the batch's own. After it the batch may be sent."""
    rows = await connection.fetch(queries.begin, batch, requested_at, clock.now())
    message = f"in batch {batch}"
    await store.note(
        connection,
        [new_step(clock, row["id"], StepKind.SENT, state=State.SENDING, message=message) for row in rows],
    )


async def items_not_sent(clock: Clock, connection: Connection, batch: UUID) -> None:
    """Set every item back to CREATED: it is proven that nothing of the batch was sent."""
    await _unsent(clock, connection, await connection.fetch(queries.not_sent, batch, clock.now()))


async def items_apart(clock: Clock, connection: Connection, batch: UUID, every: timedelta) -> None:
    """Take every item out of a batch that was not sent, to be sent alone: the next one after each `every`."""
    await _unsent(clock, connection, await connection.fetch(queries.apart, batch, clock.now(), every))


async def _unsent(clock: Clock, connection: Connection, rows: Sequence[Mapping[str, UUID]]) -> None:
    verdict = Verdict.NOT_SENT.value
    steps = [
        new_step(clock, row["id"], StepKind.ANSWER, verdict=verdict, state=State.CREATED) for row in rows
    ]
    await store.note(connection, steps)


async def tell(
    connection: Connection, id_: UUID, merchant: str, subject: UUID, event: str, payload: str, at: datetime
) -> None:
    """Tell the merchant about something other than a payment; the same `subject` and `event` are told once."""
    await connection.execute(store.queries.tell, id_, merchant, subject, event, payload, at)


def same_day(now: datetime, requested_at: datetime) -> bool:
    """Whether a message sent again now would still fall on the days of its first sending."""
    return settlement_day(now + LATE) == settlement_day(requested_at) and china_day(now) == china_day(
        requested_at
    )
