"""Money that goes back to its payer: a channel's by a refund (B3), a bank line's by a payout (X4). The break waits."""

from datetime import date

from zhangfang.channels.port import BankChannel
from zhangfang.kernel.errors import InvalidInput
from zhangfang.ledger import Transfer
from zhangfang.payments import Desk, send_back
from zhangfang.reconciliation import books
from zhangfang.reconciliation.cures.model import Case
from zhangfang.reconciliation.returns import begin, check_returnable, return_line


async def check_refund(case: Case) -> None:
    """Raise `InvalidInput` if the break's line cannot be refunded."""
    await check_returnable(case.pool, case.journal, case.row)


async def refund(case: Case, day: date) -> list[list[Transfer]]:
    """Return the lines that the refund will book; it has a voucher of its own."""
    names = books.subjects(case.alias, case.row["channel"])
    return [books.lines("B3", case.voucher, names, day, memo=case.row["id"], amount=case.amount)]


async def check_bank(case: Case) -> None:
    """Raise `InvalidInput` if the money came on the statement of another account than the one that payouts leave."""
    if case.alias and case.line_alias != case.alias:
        raise InvalidInput("cure", f"X4 for a line of {case.line_alias}", f"X4 for a line of {case.alias}")


async def sent(case: Case, day: date) -> list[list[Transfer]]:
    """Return the lines that the payout will book; it has a voucher of its own."""
    names = books.subjects(case.line_alias, case.line_alias)
    return [books.lines("X4", case.voucher, names, day, memo=case.row["id"], amount=case.amount)]


async def go_back(desk: Desk, case: Case, both: str) -> None:
    """Begin the return, unless it has begun. Raises `InvalidInput`."""
    if case.said.cure != "X4":
        await return_line(desk.pool, desk.channels, desk.clock, case.row["id"], both)
        return
    row = await begin(desk.pool, desk.clock, case.row["id"], both, "X4")
    if row["returned_by"] is None:
        await send_back(desk, row, case.said.account, _bank(desk, case.line_alias))


def _bank(desk: Desk, alias: str) -> str:
    """Return the bank of an account of ours: it is called as the account is, or it is the only one."""
    banks = [name for name, channel in desk.channels.items() if isinstance(channel, BankChannel)]
    return alias if alias in banks else banks[0]
