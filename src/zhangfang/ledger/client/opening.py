"""Opens accounts of the chart."""

from collections.abc import Mapping, Sequence

from zhangfang.kernel.errors import ZhangfangError
from zhangfang.ledger.chart import account
from zhangfang.ledger.client.client import LedgerClient
from zhangfang.ledger.model import Account, Result


class AccountsRefused(ZhangfangError):
    """The ledger did not open an account: it exists with another limit, or its subject is not allowed."""


async def open_accounts(client: LedgerClient, subjects: Mapping[int, str]) -> list[Account]:
    """Open the account of each code's subject, with the floor that the chart gives it; opened before is as good.

    `open_accounts(client, subjects_of("merchant", "mer_…"))` opens all that a merchant needs.
    """
    wanted = [account(abs(code), subject) for code, subject in subjects.items()]
    answers = await client.create_accounts(wanted)
    _check(wanted, answers)
    return wanted


def _check(wanted: Sequence[Account], answers: Sequence[Result]) -> None:
    refused = [
        f"{one.code}: {answer.name}"
        for one, answer in zip(wanted, answers, strict=True)
        if answer not in (Result.CREATED, Result.EXISTS)
    ]
    if refused:
        raise AccountsRefused(", ".join(refused))
