"""The ledger accounts that exist once: the platform's own, each channel's, and each bank account's."""

from zhangfang.channels import BANKS, CONNECTORS
from zhangfang.ledger import CHART, PLATFORM, LedgerClient, open_accounts, subjects_of
from zhangfang.reconciliation import OWN


async def open_platform_accounts(ledger: LedgerClient) -> None:
    """Open them; those that are open stay as they are."""
    for kind in {chapter.subject for chapter in CHART.values() if chapter.subject == PLATFORM}:
        await open_accounts(ledger, subjects_of(kind, PLATFORM))
    for channel in CONNECTORS:
        await open_accounts(ledger, subjects_of("channel", channel))
        if channel in BANKS:
            await open_accounts(ledger, subjects_of("bank account", channel))
    await open_accounts(ledger, {6001: PLATFORM, 1002: OWN, 2241: OWN})
