"""What waits for a second person: the content that is carried out, its hash, and the two buttons."""

from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.responses import Response

from zhangfang import approvals
from zhangfang.approvals import PREFIX, Proposal
from zhangfang.console.visit import Visit
from zhangfang.kernel.errors import InvalidInput, ZhangfangError
from zhangfang.kernel.ids import parse, prefixed
from zhangfang.reconciliation import VERSION, differences
from zhangfang.web.visit import Missing

_PART = "new"  # of a content: it is shown field by field
_NOBODYS = ("account", "fingerprint")  # of a content: what tells nobody anything
_SHORT = 16  # digits of a hash that people compare


@dataclass(frozen=True, slots=True)
class Shown:
    """A proposal as its page shows it: `content` is what it says, by name."""

    one: Proposal
    id: str
    short: str
    content: dict[str, Any]


def shown(one: Proposal) -> Shown:
    """Return a proposal with what its page needs."""
    said = msgspec.json.decode(one.content)
    said |= said.pop(_PART, {})
    content = {
        name: value
        for name, value in said.items()
        if value not in (None, "", [], {}) and name not in _NOBODYS
    }
    return Shown(one, prefixed(PREFIX, one.id), one.seen[:_SHORT], content)


async def page(visit: Visit) -> Response:
    """List what waits for a second person; with `all`, what is over too."""
    every = visit.query.get("all") is not None
    rows = [shown(one) for one in await approvals.proposals(visit.pool, every=every)]
    mine = await approvals.logins_of(visit.pool, visit.person.id)
    return await visit.page("proposals.html", here="proposals", rows=rows, every=every, mine=mine)


async def one(visit: Visit, status: int = 200, error: str = "") -> Response:
    """Draw a proposal; with `error`, also why it was not decided."""
    found = shown(await _find(visit))
    mine = await approvals.logins_of(visit.pool, visit.person.id)
    lines = await differences(visit.pool, found.one.id) if found.one.kind == VERSION else []
    return await visit.page(
        "proposal.html", status, here="proposals", p=found, error=error, mine=mine, differences=lines
    )


async def approve(visit: Visit) -> Response:
    """Approve what the page showed: the form holds its hash."""
    found = await _find(visit)
    seen = visit.request.state.form.get("seen", "")
    try:
        await visit.site.actions.approve(found.id, seen, visit.person)
    except ZhangfangError as error:
        return await one(visit, 409, str(error))
    return visit.go(f"/proposals/{prefixed(PREFIX, found.id)}")


async def withdraw(visit: Visit) -> Response:
    """Withdraw a proposal that nobody has approved."""
    found = await _find(visit)
    try:
        await approvals.withdraw(visit.pool, visit.site.clock, found.id, visit.person)
    except ZhangfangError as error:
        return await one(visit, 409, str(error))
    return visit.go(f"/proposals/{prefixed(PREFIX, found.id)}")


async def _find(visit: Visit) -> Proposal:
    try:
        return await approvals.get(visit.pool, parse(PREFIX, visit.request.path_params["id"]))
    except (InvalidInput, approvals.NoProposal):
        raise Missing("proposal") from None
