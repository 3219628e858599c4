"""Which files do bank lines pay together, and by whose rule? One person proposes a rule, its change or its end here."""

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from zhangfang import reconciliation
from zhangfang.approvals import PREFIX, proposals
from zhangfang.console.pages.proposals import shown
from zhangfang.console.reading import files
from zhangfang.console.visit import Visit
from zhangfang.kernel.errors import InvalidInput, ZhangfangError
from zhangfang.kernel.ids import prefixed
from zhangfang.reconciliation import MATCH_RULE, MatchRule

GIVEN = ("ends",)
_FIRST: Mapping[str, Any] = {
    "account": "", "says": "", "channels": (), "days": "3", "lines": "1", "apart": "0", "same_text": False, "reason": "",
}  # fmt: skip
_NUMBERS = ("days", "lines", "apart")


async def page(visit: Visit) -> Response:
    """List the rules in force, those that ended, and what waits for a second person."""
    rules = await reconciliation.list_rules(visit.pool, every=True)
    return await visit.page(
        "matching.html",
        here="matching",
        live=[rule for rule in rules if rule["ended_at"] is None],
        over=[rule for rule in rules if rule["ended_at"] is not None],
        offered=[shown(one) for one in await proposals(visit.pool, kind=MATCH_RULE)],
    )


async def form(visit: Visit, status: int = 200, error: str = "") -> Response:
    """Ask for a rule; with `ends`, for a new version of that one, or its end. Once more if it was refused."""
    sent = visit.request.state.form if visit.request.method == "POST" else {}
    ends = sent.get("ends", "") or visit.query.get("ends", "")
    rules = await reconciliation.list_rules(visit.pool)
    old = next((rule for rule in rules if str(rule["id"]) == ends), None)
    typed = dict(_FIRST) | (dict(old) if old else {})
    if sent:
        typed |= dict(sent) | {"channels": _channels(visit, sent), "same_text": "same_text" in sent}
    return await visit.page(
        "matching_rule.html",
        status,
        here="matching",
        error=error,
        old=old,
        typed=typed,
        accounts=await files.accounts(visit.pool),
        with_file=visit.site.with_file,
    )


async def propose(visit: Visit) -> Response:
    """Propose what was filled in, or the end of a rule, if that is the button."""
    sent = visit.request.state.form
    try:
        wanted = MatchRule(ends=sent.get("ends", "")) if sent.get("do") == "end" else _rule(visit, sent)
        known, reason = tuple(visit.site.with_file), sent.get("reason", "")
        made = await reconciliation.propose_rule(
            visit.pool, visit.site.clock, wanted, known, visit.person, reason
        )
    except ZhangfangError as error:
        return await form(visit, 422, str(error))
    return visit.go(f"/proposals/{prefixed(PREFIX, made)}")


def _rule(visit: Visit, sent: Mapping[str, str]) -> MatchRule:
    days, lines, apart = (_number(name, sent.get(name, "")) for name in _NUMBERS)
    says, account = sent.get("says", "").strip(), sent.get("account", "")
    channels, same = _channels(visit, sent), "same_text" in sent
    return MatchRule(account, channels, says, days, sent.get("ends", ""), lines, apart, same)


def _channels(visit: Visit, sent: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(name for name in visit.site.with_file if f"channel-{name}" in sent)


def _number(name: str, text: str) -> int:
    if not text.isdecimal() or len(text) > 3:
        raise InvalidInput(name, f"{len(text)} characters", "0 to 999")
    return int(text)
