"""Who may do what? The operators with their roles, and what each role may."""

from starlette.responses import Response

from zhangfang import approvals
from zhangfang.approvals import GIVING, PREFIX, RIGHTS, ROLES, Operator
from zhangfang.console.visit import Visit
from zhangfang.kernel.errors import ZhangfangError
from zhangfang.kernel.ids import prefixed
from zhangfang.web.visit import Missing


async def page(visit: Visit) -> Response:
    """List the operators, the rights of each role, and the limits."""
    people = await approvals.operators(visit.pool)
    proposed = {one.target for one in await approvals.proposals(visit.pool, kind=GIVING)}
    return await visit.page(
        "operators.html",
        here="operators",
        people=people,
        active=sum(one.disabled_at is None for one in people),
        admins=len({one.person for one in people if "admin" in one.roles and one.disabled_at is None}),
        proposed=proposed,
        roles=ROLES,
        rights=RIGHTS,
        limits=await approvals.limits(visit.pool),
    )


async def form(visit: Visit, status: int = 200, error: str = "") -> Response:
    """Ask which roles a person has from now on."""
    sent = visit.request.state.form if visit.request.method == "POST" else {}
    found = await _operator(visit, sent.get("name") or visit.query.get("name", ""))
    chosen = [role for role in ROLES if f"role_{role}" in sent] if sent else found.roles
    return await visit.page(
        "operator_roles.html",
        status,
        here="operators",
        found=found,
        chosen=chosen,
        roles=ROLES,
        rights=RIGHTS,
        error=error,
    )


async def propose(visit: Visit) -> Response:
    """Propose the roles that the form says; another administrator approves them."""
    sent = visit.request.state.form
    roles = [role for role in ROLES if f"role_{role}" in sent]
    try:
        made = await approvals.propose_roles(
            visit.pool, visit.site.clock, sent.get("name", ""), roles, visit.person, sent.get("reason", "")
        )
    except ZhangfangError as error:
        return await form(visit, 422, str(error))
    return visit.go(f"/proposals/{prefixed(PREFIX, made)}")


async def _operator(visit: Visit, name: str) -> Operator:
    wanted = approvals.folded(name)
    for one in await approvals.operators(visit.pool):
        if one.name == wanted:
            return one
    raise Missing("operator")
