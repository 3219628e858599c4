"""When is a merchant's money due, what is held or owed, and what is each settlement made of?"""

from collections.abc import Iterable, Iterator, Sequence

from markupsafe import Markup
from starlette.responses import Response

from zhangfang import advances, settlement
from zhangfang.approvals import PREFIX
from zhangfang.console.reading import merchants
from zhangfang.console.reading.books import merchant_names
from zhangfang.console.typed import fen_of
from zhangfang.console.visit import Visit, uuid_of
from zhangfang.kernel.errors import ZhangfangError
from zhangfang.kernel.ids import prefixed
from zhangfang.merchants import get_merchant
from zhangfang.settlement import Coming
from zhangfang.web.money import money
from zhangfang.web.visit import Missing
from zhangfang.web.words import N_, Words

MOST = 1000  # lines of a settlement on its page
WEEKDAYS = (
    N_("Monday"), N_("Tuesday"), N_("Wednesday"), N_("Thursday"), N_("Friday"), N_("Saturday"), N_("Sunday"),
)  # fmt: skip


async def page(visit: Visit, status: int = 200, error: str = "") -> Response:
    """Draw what comes next for one merchant: dates with amounts, reserves, what is carried, parts of others' payments."""
    id_ = visit.request.path_params["id"]
    row = await merchants.merchant(visit.pool, id_, visit.today)
    if row is None:
        raise Missing("merchant")
    coming, shares = await settlement.coming(visit.pool, id_), await settlement.shares(visit.pool, id_)
    held, owed = await settlement.held(visit.pool, id_), await settlement.owed(visit.pool, id_)
    line = await advances.line_of(visit.pool, await get_merchant(visit.pool, id_), visit.today)
    return await visit.page(
        "merchant_settlement.html",
        status,
        here="merchants",
        error=error,
        line=line,
        m=row,
        coming=coming,
        shares=shares,
        held=held,
        owed=owed,
        cycles=await settlement.cycles(visit.pool, id_, visit.today),
        names=await merchant_names(visit.pool, list({one.seller for one in shares})),
        lines=visit.href("/payments", merchant=id_),
        cycle_in_words=cycle,
        say=sentence(visit, coming, held, owed, line.standing),
    )


async def advance(visit: Visit) -> Response:
    """Propose to advance the merchant money; another person approves it."""
    id_, sent, clock = visit.request.path_params["id"], visit.request.state.form, visit.site.clock
    try:
        amount, reason = fen_of(sent.get("amount", "")), sent.get("reason", "")
        made = await advances.propose(visit.pool, clock, id_, amount, visit.person, reason)
    except ZhangfangError as error:
        return await page(visit, 422, str(error))
    return visit.go(f"/proposals/{prefixed(PREFIX, made)}")


def sentence(
    visit: Visit,
    coming: list[Coming],
    held: list[settlement.Held],
    owed: list[settlement.Carried],
    advanced: int,
) -> Markup:
    """Say what comes next, what waits, what is held back and what is owed."""
    _ = visit.words
    ready, waiting = [one for one in coming if one.ready], [one for one in coming if not one.ready]
    parts = []
    if ready:
        day = max(ready[0].day, visit.today)
        parts.append(
            _("{fen} is due on {day}", fen=_fen(one.fen for one in ready if one.day <= day), day=_.day(day))
        )
    if waiting:
        parts.append(_("{fen} waits for file or money", fen=_fen(one.fen for one in waiting)))
    if held:
        first = _.day(held[0].release_on)
        parts.append(
            _("{fen} is held back, the first until {day}", fen=_fen(one.fen for one in held), day=first)
        )
    if owed:
        parts.append(_("{fen} is owed to later settlements", fen=_fen(one.owed for one in owed)))
    if advanced > 0:
        parts.append(_("{fen} is advanced, and the next settlements pay it back first", fen=_fen([advanced])))
    return _("{parts}.", parts=_("; ").join(parts)) if parts else _("Nothing is pending, held back or owed.")


def _fen(several: Iterable[int]) -> Markup:
    return money(sum(several), symbol=True)


def cycle(_: Words, text: str) -> Markup:
    """Say a settlement cycle in words."""
    if text == "D+0":
        return _("D+0: on the settlement date, holidays too")
    number = int(text.lstrip("TWM+"))
    if text[0] == "T":
        return _.n(
            "T+{n}: {n} working day after the settlement date", "T+{n}: {n} working days after it", number
        )
    if text[0] == "W":
        return _("weekly, on {day}", day=_(WEEKDAYS[number - 1]))
    return _("monthly, on day {n} or the last one", n=number)


async def one(visit: Visit) -> Response:
    """Draw one settlement with the payments and refunds that it is made of, and where their money goes."""
    id_ = uuid_of(visit)
    row = await merchants.settlement(visit.pool, id_)
    if row is None:
        raise Missing("settlement")
    offs = await settlement.set_off(visit.pool, id_)
    whole = row.amount + row.reserved + row.recovered - row.carried - row.released
    return await visit.page(
        "settlement.html",
        here="merchants",
        s=row,
        whole=whole + sum(one.amount for one in offs if one.by == id_),
        lines=await merchants.settlement_lines(visit.pool, id_, MOST),
        parts=list(_parts(visit, row, offs)),
        name=(await merchant_names(visit.pool, [row.merchant])).get(row.merchant, row.merchant),
    )


def _parts(
    visit: Visit, row: merchants.SettlementRow, offs: Sequence[settlement.SetOff]
) -> Iterator[tuple[Markup | str, str, int]]:
    """Yield what is added to the lines and taken from them, each with the settlement that it leads to."""
    _ = visit.words
    if row.carried:
        yield _("Carried: later settlements pay for it"), "", row.carried
    for one in offs:
        if one.by == row.id:
            yield (
                _("Set off for an earlier settlement"),
                visit.href(f"/settlements/{one.carried.hex}"),
                -one.amount,
            )
        else:
            yield _("Set off by a later settlement"), visit.href(f"/settlements/{one.by.hex}"), 0
    if row.recovered:
        yield _("Pays back an advance"), "", -row.recovered
    if row.reserved and row.release is not None:
        yield _("Reserve, released since"), visit.href(f"/settlements/{row.release.hex}"), -row.reserved
    elif row.release_on is not None:
        yield _("Reserve, until {day}", day=_.day(row.release_on)), "", -row.reserved
    if row.released:
        yield _("Reserve of earlier settlements"), "", row.released
    if row.absorbed:
        yield _("Reserve that refunds had taken: {fen}", fen=_fen([row.absorbed])), "", 0
