"""The table of rights, walked: every role at every page, command, call and approval. Other answers are no refusal of it."""

import inspect
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from httpx2 import ASGITransport, AsyncClient, Response
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.responses import Response as Answer
from starlette.routing import Mount, Route
from typer.main import get_command

from tests.clock import SetClock
from tests.console import CHANNELS, KEY
from tests.people import LIN, may, token_of
from tests.unit.test_console_pages import Acts
from zhangfang import approvals
from zhangfang.api.app import CALLS
from zhangfang.api.calls import _caller
from zhangfang.approvals import NEEDED, ROLES, WORKING, NoProposal, NoRight, NotListed, check_listed
from zhangfang.assembly.proposals import KINDS
from zhangfang.cli import session
from zhangfang.cli.main import app as commands
from zhangfang.cli.table import COMMANDS as TABLE
from zhangfang.cli.table import load
from zhangfang.console import Console, console_app
from zhangfang.kernel.settings import Settings
from zhangfang.web import auth, door, hiding
from zhangfang.web.hiding import without

NO_OPERATOR = {"nobody", "machine", "owner", "merchant key", "admin key"}


def all_commands(command: Any, *path: str) -> Iterator[tuple[str, Any]]:
    """Yield each command of the command line with its words."""
    inner = getattr(command, "commands", {})
    for name, one in inner.items():
        yield from all_commands(one, *path, name)
    if not inner or command.invoke_without_command:
        yield " ".join(path), command


TREE = {name: load(name) for name in TABLE}
COMMANDS = dict(pair for name, one in TREE.items() for pair in all_commands(one, name))


@dataclass
class Hall:
    """Lin in front of all doors of a house."""

    http: AsyncClient
    pool: asyncpg.Pool
    clock: SetClock
    site: Starlette
    token: str

    @property
    def pages(self) -> list[str]:
        """Return the console's pages, as the application has them."""
        routes = [one for one in self.site.routes if isinstance(one, Route)]
        return [f"{how} {one.path}" for one in routes for how in (one.methods or set()) - {"HEAD"}]

    async def ask(self, what: str) -> Response:
        """Ask for a page, with made-up ids."""
        method, path = what.split()
        return await self.http.request(method, "/console" + re.sub(r"{\w+:uuid}", str(uuid4()), path))

    async def acts(self) -> list[tuple[str, str]]:
        """Return what was recorded."""
        rows = await self.pool.fetch("SELECT act, target FROM operator_act ORDER BY seq")
        return [tuple(row) for row in rows]


@pytest.fixture
async def hall(database_url: str, clock: SetClock) -> AsyncIterator[Hall]:
    async with asyncpg.create_pool(database_url, min_size=1, max_size=4) as pool:
        site = console_app(
            Console(pool=pool, clock=clock, key=KEY, channels=CHANNELS, actions=Acts(pool, clock))
        )
        transport = ASGITransport(app=Starlette(routes=[Mount("/console", site)]), raise_app_exceptions=False)
        token = await token_of(pool, LIN)
        async with AsyncClient(transport=transport, base_url="http://console.test") as http:
            http.cookies.set("zf_session", auth.sign(KEY, token), domain="console.test", path="/console")
            yield Hall(http, pool, clock, site, token)


def test_the_table_names_every_page_command_call_and_approval_and_nothing_else(hall: Hall) -> None:
    calls = {one.name: one for one in CALLS}
    there = {("page", one) for one in hall.pages} | {("command", one) for one in COMMANDS}
    there |= {("call", one) for one in calls} | {("approve", one) for one in KINDS}
    assert [f"{where},{what},RIGHT" for where, what in sorted(there - NEEDED.keys())] == [], (
        "add these lines to approvals/rights.csv, each with a right of approvals/roles.csv"
    )
    assert sorted(NEEDED.keys() - there) == [], "lines of what is gone: take them out"
    rights = {right for some in ROLES.values() for right in some}
    assert set(NEEDED.values()) <= rights | NO_OPERATOR, "a right that no role has"
    for name, one in calls.items():
        assert NEEDED["call", name] == f"{one.who} key" or one.who == "operator"


def test_an_auditor_only_reads_and_no_role_both_proposes_and_approves() -> None:
    assert ROLES["auditor"] == {"look", "export", "acts"}
    assert not [role for role, rights in ROLES.items() if {"propose", "approve"} <= rights]


def test_a_command_of_a_person_signs_in_and_no_other_one_does() -> None:
    for name, command in COMMANDS.items():
        own = inspect.getsource(inspect.unwrap(command.callback))
        signs_in = re.search(r"\b(by_person|with_person|_do_as)\(", own) is not None
        assert signs_in == (NEEDED["command", name] not in NO_OPERATOR), name


def test_what_has_no_line_is_refused_before_it_runs() -> None:
    with pytest.raises(NotListed, match="add the line `page,GET /new,RIGHT` to approvals"):
        check_listed("page", ["GET /", "GET /new"])


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_opens_its_pages_and_no_others(
    hall: Hall, role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is behind the door is left out: whether a page runs is what the door decides."""

    async def inside(visit: Any, _handler: object) -> Answer:
        ran.append(door.page_of(visit.request))
        return HTMLResponse("")

    ran: list[str] = []
    monkeypatch.setattr(door, "_checked", inside)
    await may(hall.pool, LIN, role)
    allowed = {what for what in hall.pages if NEEDED["page", what] in ROLES[role] | NO_OPERATOR}
    for what in hall.pages:
        assert (await hall.ask(what)).status_code == (200 if what in allowed else 403), what
    assert ran == [what for what in hall.pages if what in allowed]
    assert await hall.acts() == [("refused", f"page {what}") for what in hall.pages if what not in allowed]


async def test_the_refusal_names_the_right_and_who_has_it_in_both_languages(hall: Hall) -> None:
    await may(hall.pool, LIN, "auditor", "support")
    for lang, says in (
        ("en", "*Freeze and stop*. Roles that have it: Risk."),
        ("zh", "“冻结与停用”。有此权限的角色：风控。"),
    ):
        hall.http.cookies.set("zf_lang", lang, domain="console.test", path="/console")
        assert says in (await hall.ask("GET /freezes/new")).text


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_runs_its_commands_and_makes_its_calls_and_approvals_and_no_others(
    hall: Hall, role: str, tmp_path: Path
) -> None:
    await may(hall.pool, LIN, role)
    home, refused = Settings(home=tmp_path), []
    session.keep(home, hall.token)
    doors: list[tuple[str, str, Any]] = [("command", name, home) for name in COMMANDS]
    doors += [("call", one.name, one) for one in CALLS if one.who == "operator"]
    doors += [("approve", kind, None) for kind in KINDS]
    for where, what, with_ in doors:
        right = NEEDED[where, what]
        if right in NO_OPERATOR:
            continue
        with nullcontext() if right in ROLES[role] else pytest.raises(NoRight, match=f"`{right}`"):
            await _tried(hall, where, what, with_)
        refused += [("refused", f"{where} {what}")] if right not in ROLES[role] else []
    assert await hall.acts() == refused


async def _tried(hall: Hall, where: str, what: str, with_: Any) -> None:
    if where == "call":
        office: Any = SimpleNamespace(desk=hall)
        await _caller(office, {"authorization": f"Bearer {hall.token}"}, with_)
    elif where == "command":
        with ExitStack() as stack:
            root, (first, *more) = get_command(commands), what.split()
            context, one = stack.enter_context(root.context_class(root, info_name="zhangfang")), TREE[first]
            for word in (first, *more):
                one = one if word == first else one.commands[word]
                context = stack.enter_context(one.context_class(one, info_name=word, parent=context))
            await session.signed_in(hall.pool, with_)
    else:
        with pytest.raises(NoProposal):
            await approvals.approve(hall.pool, hall.clock, uuid4(), what, "", LIN, _nothing)


async def _nothing(*_: object) -> None:
    raise AssertionError("nothing is begun")


async def test_roles_that_were_just_taken_away_open_nothing_more(hall: Hall) -> None:
    await may(hall.pool, LIN, "risk")
    assert (await hall.ask("GET /freezes/new")).status_code == 200
    await may(hall.pool, LIN)
    assert (await hall.ask("GET /freezes/new")).status_code == 403
    assert (await hall.ask("GET /")).status_code == 403


def test_forms_and_buttons_go_with_the_heading_that_has_nothing_else() -> None:
    page = (
        '<section><header><h2>Thaw</h2></header>\n<form method="post" action="/c/f/1/thaw?a=1"><b>x</b></form></section>'
        '<section><header><h2>Kept</h2></header><form action="/c/find">y</form><form method="post">z</form></section>'
        '<a class="zf-btn main" href="/c/f/new">+</a><a href="/c/f/new">word</a>'
    )
    allowed = {("GET", "/find"), ("POST", "/here")}
    left = without(page, lambda *asked: asked in allowed, "/c", "/here")
    assert left == page.partition("</section>")[2].replace('<a class="zf-btn main" href="/c/f/new">+</a>', "")
    assert without(page, lambda *_: True, "/c", "/here") == page


FORMS = re.compile(
    r'<form method="(post)" action="/console([^"?]*)|class="zf-btn[^"]*" ()href="/console([^"?#]*)'
)


async def test_a_page_shows_the_forms_and_buttons_of_its_visitors_roles_and_no_others(hall: Hall) -> None:
    for path in ("/freezes", "/adjustments", "/channels", "/files", "/register", "/reserve", "/breaks"):
        await may(hall.pool, LIN, *WORKING)
        every = await _leads(hall, path)
        assert ("POST", "/logout") in every
        assert path in ("/channels", "/breaks") or len(every) > 2, path
        for role, rights in ROLES.items():
            await may(hall.pool, LIN, role)
            left = [one for one in every if hiding.may(hall.site.routes, rights, *one)]
            assert await _leads(hall, path) == left, (path, role)


async def _leads(hall: Hall, path: str) -> list[tuple[str, str]]:
    """Return where the forms and buttons of a page lead."""
    found = FORMS.findall((await hall.ask(f"GET {path}")).text)
    return [("POST", to) if how else ("GET", href) for how, to, _, href in found]
