"""The ledger: accounts, transfers, the one writer of a shard, the chart of accounts and the posting templates.

`LedgerClient` asks, `run_writer` answers. `voucher`, `mirror`, `resolve` and `adjustment` make the transfers of an
event from the templates; `open_accounts` opens what a subject needs.
"""

from zhangfang.ledger.chart import (
    CHART,
    LINE,
    PLATFORM,
    Heading,
    account,
    account_name,
    headings,
    subjects_of,
)
from zhangfang.ledger.client.client import LedgerClient, LedgerUnavailable
from zhangfang.ledger.client.opening import AccountsRefused, open_accounts
from zhangfang.ledger.crossing import Crossing, Outcome
from zhangfang.ledger.crossings import Crossed, cross, finish_open_crossings, finish_regularly, open_transits
from zhangfang.ledger.model import (
    DURABLE,
    MAX_AMOUNT,
    NO_ID,
    Account,
    AccountFlag,
    Answered,
    Balance,
    Book,
    Entry,
    Result,
    Transfer,
    TransferFlag,
    account_id,
)
from zhangfang.ledger.posting import (
    TEMPLATES,
    accounts_for,
    adjustment,
    exchanged,
    joined,
    kind_name,
    mirror,
    post,
    resolve,
    void,
    voucher,
)
from zhangfang.ledger.wire import Status
from zhangfang.ledger.writer.journal import Fenced, UnsafeDatabase
from zhangfang.ledger.writer.server import SocketInUse, run_writer

__all__ = [
    "CHART",
    "DURABLE",
    "LINE",
    "MAX_AMOUNT",
    "NO_ID",
    "PLATFORM",
    "TEMPLATES",
    "Account",
    "AccountFlag",
    "AccountsRefused",
    "Answered",
    "Balance",
    "Book",
    "Crossed",
    "Crossing",
    "Entry",
    "Fenced",
    "Heading",
    "LedgerClient",
    "LedgerUnavailable",
    "Outcome",
    "Result",
    "SocketInUse",
    "Status",
    "Transfer",
    "TransferFlag",
    "UnsafeDatabase",
    "account",
    "account_id",
    "account_name",
    "accounts_for",
    "adjustment",
    "cross",
    "exchanged",
    "finish_open_crossings",
    "finish_regularly",
    "headings",
    "joined",
    "kind_name",
    "mirror",
    "open_accounts",
    "open_transits",
    "post",
    "resolve",
    "run_writer",
    "subjects_of",
    "void",
    "voucher",
]
