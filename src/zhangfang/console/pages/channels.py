"""Can each channel take money now? The stop switch of each operation."""

from itertools import groupby

from starlette.responses import Response

from zhangfang import approvals
from zhangfang.approvals import Act, acts
from zhangfang.console import sentences
from zhangfang.console.reading import channels
from zhangfang.console.reading.channels import OperationHealth
from zhangfang.console.view import SECTION
from zhangfang.console.visit import Visit
from zhangfang.kernel.clock import in_china
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import prefixed
from zhangfang.payments import stop
from zhangfang.routing import open_breakers, unknown_types
from zhangfang.web.tables import STATES, note, term
from zhangfang.web.visit import Missing
from zhangfang.web.words import Words

_ASKED = [
    state
    for state in STATES
    if STATES[state].final != "later" and state not in ("CREATED", "REDIRECTED", "REFUSED")
]
_ACTS = ("stop", "open")


async def page(visit: Visit) -> Response:
    """Draw every operation with what was answered and what is unknown."""
    rows = await channels.health(visit.pool, visit.now, visit.site.channels)
    done = await acts(visit.pool)
    say = sentences.channels(visit.words, rows)
    return await visit.page(
        "channels.html",
        here="channels",
        grouped=[(name, list(several)) for name, several in groupby(rows, key=lambda row: row.channel)],
        resting=await open_breakers(visit.pool),
        unknown_types=await unknown_types(visit.pool, visit.now),
        acts=done,
        act_reason=act_reason,
        section_of=SECTION,
        asked=",".join(_ASKED),
        lately=f"{in_china(visit.now - channels.LATELY):%Y-%m-%dT%H:%M}",
        say=say,
    )


def act_reason(_: Words, act: Act) -> str:
    """Return the reason of an act. Where the platform wrote it, it may begin with the outcome that was proposed."""
    head, colon, rest = act.reason.partition(": ")
    if head in STATES:
        return f"{_.of(STATES[head])}{_(colon) if colon else ''}{rest}"
    return note(_, term(_, "replay", act.reason))


async def switch(visit: Visit) -> Response:
    """Stop an operation or open it again."""
    row, act = await _row(visit)
    reason = visit.request.state.form.get("reason", "")
    where = row.channel, row.operation, reason, visit.person
    try:
        if act == "stop":
            await stop(visit.pool, visit.site.clock, *where)
        elif made := await visit.site.actions.open_again(*where):
            return visit.go(f"/proposals/{prefixed(approvals.PREFIX, made)}")
    except (InvalidInput, approvals.NoProposal) as error:
        return await form(visit, 422, str(error), reason)
    return visit.go("/channels")


async def form(visit: Visit, status: int = 200, error: str = "", reason: str = "") -> Response:
    """Ask for the reason; once more if it was refused."""
    row, act = await _row(visit)
    return await visit.page(
        "switch.html", status, here="channels", row=row, act=act, error=error, reason=reason
    )


async def _row(visit: Visit) -> tuple[OperationHealth, str]:
    """Return the operation that the address names: raise `Missing` for one that is not set up."""
    asked = visit.request.path_params
    rows = await channels.health(visit.pool, visit.now, visit.site.channels)
    for row in rows:
        if (row.channel, row.operation) == (asked["channel"], asked["operation"]) and asked["act"] in _ACTS:
            return row, asked["act"]
    raise Missing("operation")
