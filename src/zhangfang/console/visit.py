"""A visit to the operators' console: what its pages need beyond the kit, and what the frame of each page shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import msgspec

from zhangfang.approvals import PREFIX as PROPOSAL
from zhangfang.approvals import having, needed
from zhangfang.channels.port import Operation
from zhangfang.closing import checklist
from zhangfang.console.actions import Actions
from zhangfang.console.reading import today
from zhangfang.console.reading.model import Payment
from zhangfang.console.targets import target
from zhangfang.console.uploads import Uploads
from zhangfang.console.view import facts_of, fee_of, purpose, said, why
from zhangfang.fees import rule_in_words
from zhangfang.kernel.ids import prefixed
from zhangfang.merchants import FeeRule
from zhangfang.payments import PREFIX
from zhangfang.web import visit as kit
from zhangfang.web.tables import TERMS


@dataclass(slots=True, kw_only=True)
class Console(kit.Site):
    """The console as a site: which channels it shows, and what it may cause in other contexts.

    `channels` are operations by channel, in the order shown; `with_file` are the channels that owe a file each day.
    """

    channels: Mapping[str, Sequence[str]]
    actions: Actions
    with_file: Sequence[str] = ("unionpay",)
    package: str = "zhangfang.console"
    sandbox: bool = True
    demo_command: str = "zhangfang demo"
    uploads: Uploads = field(default_factory=Uploads)  # that people look at while they make maps

    def __post_init__(self) -> None:
        """Open the templates."""
        kit.Site.__post_init__(self)
        self.pages.globals.update(
            facts_of=facts_of,
            fee_of=fee_of,
            purpose=purpose,
            why=why,
            said=said,
            one_day=timedelta(days=1),
            proposal_id=partial(prefixed, PROPOSAL),
            act_target=target,
            who_approves=who_approves,
            checklist=checklist.ITEMS,
            rule_words=rule_words,
        )


def who_approves(visit: "Visit", kind: str) -> list[str]:
    """Return the roles that approve a kind of proposal, for somebody who has none of them; otherwise nothing."""
    right = needed("approve", kind)
    return [] if right in visit.rights else having(right)


def rule_words(rule: FeeRule | dict[str, Any], lang: str) -> str:
    """Return a fee rule, or one as it stands in a proposal, in words, with the channels' names."""
    names = {code: getattr(term, lang) for code, term in TERMS["channel"].items()}
    return rule_in_words(msgspec.convert(rule, FeeRule), lang, names)


@dataclass(slots=True)
class Visit(kit.Visit[Console]):
    """A request of an operator."""

    def id_of(self, payment: Payment) -> str:
        """Return a payment's id as people see it."""
        return prefixed(PREFIX[Operation(payment.kind)], payment.id)

    def payment_href(self, payment: Payment) -> str:
        """Return the address of a payment's page."""
        return self.href(f"/payments/{self.id_of(payment)}")

    async def frame(self) -> dict[str, Any]:
        """Return what waits for people and the newest audit."""
        waiting, seal = await kit.gather(
            self, today.waiting(self.pool, self.today), today.seal(self.pool, self.now)
        )
        return {"waiting": waiting, "seal": seal}


def uuid_of(visit: Visit, name: str = "id") -> UUID:
    """Return the id that the address names as plain hex, or raise `Missing`."""
    try:
        return UUID(hex=visit.request.path_params[name])
    except ValueError:
        raise kit.Missing("id") from None


def day_of(text: str) -> date:
    """Return the day of an address, which has to have a day before and after it, or raise `Missing`."""
    try:
        day = date.fromisoformat(text)
        _ = day - timedelta(days=1), day + timedelta(days=1)
    except (ValueError, OverflowError):
        raise kit.Missing("day") from None
    return day
