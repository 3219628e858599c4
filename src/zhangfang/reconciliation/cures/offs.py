"""Cures that need no more than the break itself: written off (B7, B8), given to the merchant (B2.return), only seen."""

from datetime import date

from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.sql import load
from zhangfang.ledger import Transfer
from zhangfang.merchants import MerchantState, get_merchant
from zhangfang.payments import Desk
from zhangfang.reconciliation import books
from zhangfang.reconciliation.cures.model import Case
from zhangfang.reconciliation.rules import BreakClass

queries = load("zhangfang.reconciliation", "store.sql")


async def none(_case: Case) -> None:
    """Refuse nothing: the table has said that the break can have it."""


async def written_off(case: Case, day: date) -> list[list[Transfer]]:
    """Return the voucher that takes the amount out of suspense, at our cost or as our income."""
    names = books.subjects(case.line_alias, case.row["channel"])
    memo = case.row["intent"] or case.row["id"]
    return [books.lines(case.said.cure, case.voucher, names, day, memo=memo, amount=case.amount)]


async def counts_as_listed(desk: Desk, case: Case, _both: str) -> None:
    """Let a payment that no file lists count as listed: the loss is ours. A later line of it is then a duplicate."""
    if case.row["class"] == BreakClass.MISSING_THERE:
        await desk.pool.execute(queries.count_as_listed, case.row["intent"], case.row["settle_date"])


async def nothing(_case: Case, _day: date) -> list[list[Transfer]]:
    """Book nothing: what it stands for is dealt with by other breaks, or by a later file."""
    return []


async def no_more(_desk: Desk, _case: Case, _both: str) -> None:
    """Do nothing beside the booking."""


async def check_merchant(case: Case) -> None:
    """Raise `InvalidInput` or `UnknownMerchant` unless the merchant can be given money."""
    held = await get_merchant(case.pool, case.said.merchant or "")
    if held.state is MerchantState.CLOSED:
        raise InvalidInput("merchant", "a closed one", "one that is not closed")


async def to_merchant(case: Case, day: date) -> list[list[Transfer]]:
    """Return the voucher that makes the amount available to the merchant, without a fee."""
    names = books.subjects(case.line_alias, case.row["channel"], await _whose(case))
    return [books.lines(case.said.cure, case.voucher, names, day, memo=case.row["id"], amount=case.amount)]


async def _whose(case: Case) -> str:
    """Return the merchant that was named, or that of the break's payment."""
    if case.said.merchant:
        return case.said.merchant
    intent = await case.journal.reload(case.row["intent"])
    return intent.merchant
