"""The vouchers of reconciliation. Their ids and amounts come from stored rows, so posting is safe to repeat."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg
import structlog

from zhangfang.kernel.errors import ZhangfangError
from zhangfang.ledger import (
    DURABLE,
    NO_ID,
    TEMPLATES,
    LedgerClient,
    Result,
    Transfer,
    exchanged,
    mirror,
    voucher,
)
from zhangfang.payments import PLATFORM, refusal
from zhangfang.payments import book as post
from zhangfang.reconciliation.rules import MIRROR

log = structlog.get_logger()


class NotBooked(ZhangfangError):
    """The ledger refused a posting that a file or a statement proves; a person has to look.

    `for_good` names a refusal that the ledger has stored: the same voucher will never be booked.
    """

    def __init__(self, text: str, for_good: str = "") -> None:
        """Take what was refused."""
        super().__init__(text)
        self.for_good = for_good


def subjects(alias: str, channel: str, merchant: str = "") -> dict[int, str]:
    """Return the subject of each account code, for a channel, our bank account's alias and (B2, X3) a merchant."""
    by_channel = dict.fromkeys((3011, 3012, 3013, 3014, 3015, 2351, 1242, 2202, 6401, 6301, 6711), channel)
    by_account = dict.fromkeys((1003, 2352, 1243, 6011), alias)
    by_merchant = dict.fromkeys((2321, 2322), merchant) if merchant else {}
    return by_channel | by_account | dict.fromkeys((2361, 1241, 1222, 1225, 2242), PLATFORM) | by_merchant


def lines(
    template: str, id_: UUID, names: Mapping[int, str], day: date, *, memo: UUID = NO_ID, **amounts: int
) -> list[Transfer]:
    """Return a voucher. A template with a trailing `-` has its sides exchanged."""
    made = voucher(
        template.removesuffix("-"), id_, subjects=names, amounts=amounts, business_date=day, memo=memo
    )
    return exchanged(made) if template.endswith("-") else made


def with_fee(
    template: str, id_: UUID, names: Mapping[int, str], day: date, *, fee: int, net: int = 0
) -> list[Transfer]:
    """Return a voucher (S4, S5, S9) with the channel's fee of a file and the net amount of its bank line.

    A channel that gave back more fees than it took has a fee below zero: its lines have their sides exchanged, so the cost
    falls, and so does what own funds owe.
    """
    made = lines(template, id_, names, day, N=net, K=abs(fee))
    if fee >= 0:
        return made
    kinds = {line.kind for line in TEMPLATES[template] if line.amount == "K"}
    return [replace(one, debit=one.credit, credit=one.debit) if one.kind in kinds else one for one in made]


async def book(pool: asyncpg.Pool, ledger: LedgerClient, transfers: list[Transfer]) -> int | None:
    """Post whole vouchers, or find them in the books; return the last sequence number, None if there are no lines.

    At most 8,192 lines. Raises `NotBooked`, which names the first voucher that was refused.
    """
    if not transfers:
        return None
    answers = (await post(pool, ledger, transfers)).answers
    refused = [
        (one.voucher, answer.result.name)
        for one, answer in zip(transfers, answers, strict=True)
        if answer.result not in (Result.CREATED, Result.EXISTS)
    ]
    if refused:
        voucher_, results = refused[0][0], [name for of, name in refused if of == refused[0][0]]
        log.error("the ledger refused a proven posting", voucher=str(voucher_), results=results)
        why = refusal(answers)
        raise NotBooked(f"voucher {voucher_}: {results}", why.name.lower() if why in DURABLE else "")
    return answers[-1].seq


def disputed(row: Mapping[str, Any], alias: str) -> list[Transfer]:
    """Return the voucher that books a break's difference to suspense. Empty if its class moves no money."""
    if not row["template"]:
        return []
    names, memo, amount = subjects(alias, row["channel"]), row["intent"] or NO_ID, abs(row["difference"])
    return lines(row["template"], row["voucher"], names, row["settle_date"], memo=memo, amount=amount)


def cure(row: Mapping[str, Any], alias: str) -> list[Transfer]:
    """Return the voucher with which a file or a bank line clears a break. Empty if another voucher moves the money.

    S2 is part of the file's own voucher; a contradiction is ended by the file's lines, which are booked with the file.
    """
    id_, day, memo = row["cure_voucher"], row["cured_on"], row["intent"] or NO_ID
    if row["cure"] == MIRROR:
        return mirror(disputed(row, alias), id_, business_date=day, memo=memo)
    if row["cure"] == "B5":
        names = subjects(alias, row["channel"])
        return lines("B5", id_, names, day, memo=memo, amount=abs(row["difference"]))
    return []
