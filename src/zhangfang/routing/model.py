"""The vocabulary of routing: what is asked, what is chosen, and the two tables that decide.

Amounts are fen, rates parts per million. A table is data that people change by a release (`release`). What a channel
can do is written there, not in code.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time
from enum import StrEnum
from uuid import UUID

from zhangfang.channels.port import AccountType, Operation
from zhangfang.kernel.errors import ZhangfangError

Way = tuple[
    str, Operation
]  # an operation of a channel: each has a breaker, a success rate and rows in the tables


class Kind(StrEnum):
    """The two tables. Each has its own releases."""

    ROUTES = "routes"
    ACCOUNT_TYPES = "account_types"


class Fate(StrEnum):
    """What happens to a request: GO by a channel, PARK (its money is held), REFUSE, or WAIT and ask again later."""

    GO = "go"
    PARK = "park"
    REFUSE = "refuse"
    WAIT = "wait"


@dataclass(frozen=True, slots=True)
class Ask:
    """What is to be routed. `amount` is fen, `at` aware. Where channels share traffic, `key` decides, always in the
    same way.

    `product` is how a purchase is made, "" for the cashier. `type` is that of the payer's or payee's account, None if
    the payer chooses the account later (a purchase). `fixed` is the channel that must be used because it keeps the
    mandate, "" for any. `bound` says that the account was verified and tied to the merchant or mandate before.
    """

    operation: Operation
    amount: int
    at: datetime
    key: UUID
    product: str = ""
    type: AccountType | None = None
    instalments: int = 0
    fixed: str = ""
    bound: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """What was decided. `channel` is "" for REFUSE, and the preferred one for PARK and WAIT. `version` is the table
    set.

    `reason` is a sentence for the merchant and the journal, without personal data.
    """

    fate: Fate
    channel: str
    version: int
    reason: str


@dataclass(frozen=True, slots=True)
class Route:
    """One row of the table of routes: this channel does this operation, for these amounts, periods and hours.

    `instalments` lists the possible numbers of periods, 0 for paid at once. Hours are China time from `opens` up to,
    but not including, `closes`; if `opens` is later than `closes` they run over midnight, and if both are equal they
    are the whole day. Rows with the same health, cost and `priority` (1 is first) share the traffic in proportion to
    `share`. `agreement` says that the channel collects only from payers who have signed with it.
    """

    operation: Operation
    product: str
    channel: str
    min_fen: int
    max_fen: int
    instalments: frozenset[int]
    opens: time
    closes: time
    rate_ppm: int
    fixed_fen: int
    priority: int
    share: int
    agreement: bool
    mark: str

    def cost(self, amount: int) -> int:
        """Return the channel's charge for an amount, in fen, rounded half up."""
        return (amount * self.rate_ppm + 500_000) // 1_000_000 + self.fixed_fen

    def open_at(self, moment: time) -> bool:
        """Whether the channel takes this operation at a moment of the day in China."""
        if self.opens < self.closes:
            return self.opens <= moment < self.closes
        return moment >= self.opens or moment < self.closes


@dataclass(frozen=True, slots=True)
class Cell:
    """One row of the table of account types: whether a channel takes this type of account for this operation.

    `limit_fen` is the maximum of one order, None for no limit of its own. `bound_only` allows only an account that was
    tied to the merchant or the mandate before.
    """

    channel: str
    operation: Operation
    type: AccountType
    allowed: bool
    limit_fen: int | None
    bound_only: bool
    mark: str


@dataclass(frozen=True, slots=True)
class Tables:
    """A table of routes and one of account types, which decide together. `version` 0 is the pair that ships."""

    version: int
    routes: Mapping[tuple[Operation, str], tuple[Route, ...]]
    cells: Mapping[tuple[str, Operation, AccountType], Cell]


@dataclass(frozen=True, slots=True)
class Health:
    """The channels' state: `present` are set up, `open` are the ways whose breaker is open, `worse` are those that
    fail too often.
    """

    present: frozenset[str]
    open: frozenset[Way] = frozenset()
    worse: frozenset[Way] = field(default_factory=frozenset)


class RoutingError(ZhangfangError):
    """A table, or a release of one, is not allowed.

    RoutingError
    ├── TableInvalid
    ├── UnknownVersion
    └── NotNow
    """


class TableInvalid(RoutingError):
    """A table has rows that are not allowed, so the whole table was refused. `problems` has a sentence for each, by
    line."""

    def __init__(self, problems: list[str]) -> None:
        """List the first 20 problems, one a line."""
        self.problems = problems
        shown = problems[:20]
        more = [f"and {len(problems) - 20} more"] if len(problems) > 20 else []
        super().__init__(
            "\n".join(["the table is not as allowed, so nothing of it was taken:", *shown, *more])
        )


class UnknownVersion(RoutingError):
    """There is no release of that number."""


class NotNow(RoutingError):
    """The state of the release, another release, or the person does not allow it. The message says what is allowed."""
