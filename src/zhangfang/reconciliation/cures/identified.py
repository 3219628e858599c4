"""What a bank line of unknown origin was (X3), by what two people say: a date's settlement, a payout, a payment."""

from dataclasses import replace
from datetime import date
from typing import Any

import asyncpg

from zhangfang.channels.port import PAY_INS, Answer, Operation, Verdict
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import parse
from zhangfang.kernel.money import fen_to_yuan
from zhangfang.kernel.sql import load
from zhangfang.ledger import Transfer, TransferFlag, mirror
from zhangfang.payments import ENDED_BY_TWO, Desk, Intent, State, StepKind, weigh
from zhangfang.reconciliation import books
from zhangfang.reconciliation.cures.model import Case
from zhangfang.reconciliation.cures.undone import said as say
from zhangfang.reconciliation.rules import MIRROR, payouts_line

queries = load(__package__, "cures.sql")
stored = load("zhangfang.reconciliation", "store.sql")


async def check_settlement(case: Case) -> None:
    """Raise `InvalidInput` unless the file of the date waits for exactly this money."""
    file = await _file(case)
    if file is None or file["matched_at"] is None:
        raise InvalidInput("day", "one whose file is not matched here", "a date whose file is matched")
    if file["arrived_at"] is not None and file["arrived_seq"] != case.row["key"]:
        raise InvalidInput("day", "one whose money has come", "a date whose money has not come")
    if file["net_fen"] != case.row["difference"]:
        shape = f"a file that comes to {fen_to_yuan(file['net_fen'])}"
        raise InvalidInput("day", shape, f"one that comes to {fen_to_yuan(case.row['difference'])}")


async def begin_settlement(connection: asyncpg.Connection, desk: Desk, case: Case) -> None:
    """Let the date's money have come: from now on a further line of it is unexplained."""
    said, key = case.said, case.row["key"]
    if await connection.fetchval(queries.arrives, said.channel, said.day, desk.clock.now(), key) is None:
        raise InvalidInput("day", "one whose money has come", "a date whose money has not come")


async def settlement(case: Case, day: date) -> list[list[Transfer]]:
    """Return the voucher of the date's arrival: out of suspense instead of cash, and the channel's fee with it."""
    file, credit = await _file(case), case.row["difference"] > 0
    names, id_ = books.subjects(case.line_alias, case.said.channel), file["arrival_voucher"]
    moved = books.lines(case.said.cure, id_, names, day, amount=case.amount)
    fee = books.with_fee("S5" if credit else "S9", id_, names, day, fee=file["fee_fen"])
    linked = [replace(one, flags=one.flags | TransferFlag.LINKED) for one in moved]
    return [[*linked, *fee] if fee else moved]


async def _file(case: Case) -> Any:
    return await case.pool.fetchrow(stored.get_file, case.said.channel, case.said.day)


async def check_payout(case: Case) -> None:
    """Raise `InvalidInput` unless the payout has no such bank line yet and its money is where the line says."""
    intent, back = await named(case), case.row["difference"] > 0
    if intent.kind is not Operation.PAYOUT:
        raise InvalidInput("payment", f"a {intent.kind}", "a payout")
    if intent.state is not State.SUCCESS and (back or intent.state not in ENDED_BY_TWO):
        raise InvalidInput("payment", f"a payout that is {intent.state}", "one that succeeded")
    template = payouts_line(intent.template, back=back)
    if await case.pool.fetchval(stored.on_another_line, intent.id, template, "", ""):
        raise InvalidInput("payment", "a payout that has such a line", "one without")


async def begin_named(connection: asyncpg.Connection, _desk: Desk, case: Case) -> None:
    """Store with the break which payment it is: no other line is taken for it."""
    await connection.execute(queries.identify, case.row["id"], (await named(case)).id)


async def payout(case: Case, day: date) -> list[list[Transfer]]:
    """Return the voucher that moves a payout, or its return, out of suspense."""
    intent = await named(case)
    names = books.subjects(case.line_alias, intent.channel)
    return [books.lines(case.said.cure, case.voucher, names, day, memo=intent.id, amount=case.amount)]


async def prove_payout(desk: Desk, case: Case, both: str) -> None:
    """Let what two people say count as evidence, before it is booked: the payout left, or it came back."""
    intent, back = await named(case), case.row["difference"] > 0
    if intent.returned_at is None if back else intent.state is not State.SUCCESS:
        verdict = Verdict.RETURNED if back else Verdict.SUCCESS
        message = f"line {case.row['key']} of the statement, by {both}"
        await weigh(desk, intent, StepKind.PERSON, Answer(verdict, amount=case.amount, message=message))
    now = await case.journal.reload(intent.id)
    if now.returned_at is None if back else now.state is not State.SUCCESS:
        raise books.NotBooked(
            f"payout {now.channel_order_no} is {now.state}, and did not end as two people said"
        )


async def noted(desk: Desk, case: Case, both: str) -> None:
    """Store the statement's line with the payout."""
    await desk.pool.execute(stored.intent_arrived, (await named(case)).id, case.row["key"])


async def check_missing(case: Case) -> None:
    """Raise `InvalidInput` unless the payment is one that no file lists, of the same amount and direction."""
    intent, credit = await named(case), case.row["difference"] > 0
    missing = await case.pool.fetchrow(queries.missing, intent.id)
    if missing is None or missing["cure"] not in (None, _other_cure(case)):
        raise InvalidInput("payment", "one that is no open break", "one that no file lists")
    if (intent.kind in PAY_INS) != credit or intent.kind is Operation.PAYOUT:
        raise InvalidInput("payment", f"a {intent.kind}", "a pay-in" if credit else "a refund")


async def begin_missing(connection: asyncpg.Connection, desk: Desk, case: Case) -> None:
    """Let the other break have its cure too."""
    await begin_named(connection, desk, case)
    intent = await named(case)
    missing = await connection.fetchrow(queries.missing, intent.id)
    row = await connection.fetchrow(queries.get, case.row["id"])
    if missing is None or not await connection.fetchval(
        queries.found, missing["id"], _other_cure(case), row["cured_on"]
    ):
        raise InvalidInput("payment", "one whose break has another cure", "one that no file lists")


async def missing(case: Case, day: date) -> list[list[Transfer]]:
    """Return the vouchers: into what the channel owes (or was sent), and for a pay-in out of the short items."""
    intent = await named(case)
    names = books.subjects(case.line_alias, intent.channel)
    moved = books.lines(case.said.cure, case.voucher, names, day, memo=intent.id, amount=case.amount)
    other = await _other(case, intent)
    if not other["template"]:
        return [moved]
    back = mirror(
        books.disputed(other, case.alias),
        other["cure_voucher"],
        business_date=other["cured_on"] or day,
        memo=intent.id,
    )
    return [moved, back]


async def listed(desk: Desk, case: Case, both: str) -> None:
    """Let the payment count as listed, and clear its own break too."""
    intent = await named(case)
    other = await _other(case, intent)
    await say(desk, intent, f"line {case.row['key']} of the statement, by {both}")
    await desk.pool.execute(stored.count_as_listed, intent.id, other["settle_date"])
    await desk.pool.execute(queries.clear, other["id"], desk.clock.now(), both)


def _other_cure(case: Case) -> str:
    return MIRROR if case.row["difference"] > 0 else case.said.cure


async def _other(case: Case, intent: Intent) -> Any:
    return await case.pool.fetchrow(
        stored.break_of_line, intent.channel, "missing_there", intent.channel_order_no
    )


async def named(case: Case) -> Intent:
    """Return the payment that is named, of the break's amount. Raises `InvalidInput`."""
    text = case.said.payment
    intent = await case.journal.by_id(parse(text.partition("_")[0], text))
    if intent is None:
        raise InvalidInput("payment", "an id that nobody knows", "the id of a payment, refund or payout")
    if intent.amount != case.amount:
        shape = f"a payment of {fen_to_yuan(intent.amount)}"
        raise InvalidInput("payment", shape, f"one of {fen_to_yuan(case.amount)}")
    return intent
