"""Who may enter: the password, the lock, the cookie, the form's token."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

import asyncpg
import pytest
from httpx2 import ASGITransport, AsyncClient, Response
from starlette.applications import Starlette
from starlette.routing import Mount

from tests.clock import SetClock
from tests.people import first_operator
from tests.unit.test_console_pages import Acts
from zhangfang.approvals import FIRST as OPERATOR
from zhangfang.approvals import ensure_operator
from zhangfang.console import Console, console_app
from zhangfang.web import auth

WRONG = "Name or password is wrong."


@dataclass
class Door:
    """A browser in front of the door, and the password that opens it."""

    http: AsyncClient
    pool: asyncpg.Pool
    password: str

    async def token(self) -> str:
        """Return the log-in form's token."""
        found = re.search(r'name="csrf" value="([^"]+)"', (await self.http.get("/console/login")).text)
        assert found
        return found[1]

    async def try_to_enter(self, password: str, name: str = OPERATOR, next_: str = "") -> Response:
        fields = {"csrf": await self.token(), "name": name, "password": password, "next": next_}
        return await self.http.post("/console/login", data=fields)


@pytest.fixture
async def door(database_url: str, clock: SetClock) -> AsyncIterator[Door]:
    async with asyncpg.create_pool(database_url, min_size=1, max_size=8) as pool:
        password = await first_operator(pool, clock)
        inner = console_app(
            Console(pool=pool, clock=clock, channels={}, with_file=(), actions=Acts(pool, clock))
        )
        transport = ASGITransport(
            app=Starlette(routes=[Mount("/console", inner)]), raise_app_exceptions=False
        )
        async with AsyncClient(transport=transport, base_url="http://console.test") as http:
            yield Door(http, pool, password)


async def test_the_password_is_given_once_and_only_its_hash_is_kept(door: Door, clock: SetClock) -> None:
    assert await ensure_operator(door.pool, clock) is None
    row = await door.pool.fetchrow("SELECT * FROM operator")
    assert door.password.encode() not in b"".join(bytes(v) for v in row.values() if isinstance(v, bytes))
    assert len(door.password.replace("-", "")) == 20


async def test_two_first_starts_at_once_make_one_operator(
    empty_operator: asyncpg.Pool, clock: SetClock
) -> None:
    made = await asyncio.gather(*(ensure_operator(empty_operator, clock) for _ in range(4)))
    assert len([password for password in made if password]) == 1


@pytest.fixture
async def empty_operator(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(database_url, min_size=1, max_size=4) as pool:
        await pool.execute("DELETE FROM operator")
        yield pool


async def test_the_right_password_opens_and_leads_to_where_one_wanted_to_go(door: Door) -> None:
    asked = await door.http.get("/console/payments?state=UNKNOWN")
    assert asked.headers["location"] == "/console/login?next=%2Fpayments%3Fstate%3DUNKNOWN"
    entered = await door.try_to_enter(door.password, next_="/payments?state=UNKNOWN")
    assert entered.headers["location"] == "/console/payments?state=UNKNOWN"
    assert (await door.http.get("/console/")).status_code == 200


@pytest.mark.parametrize(
    "elsewhere", ["//evil.test", "https://evil.test", "/\\evil.test", "evil", "/\nx", "javascript:x"]
)
async def test_the_door_leads_to_no_other_house(door: Door, elsewhere: str) -> None:
    assert (await door.try_to_enter(door.password, next_=elsewhere)).headers["location"] == "/console/"
    back = await door.http.get("/console/lang/zh", params={"next": elsewhere})
    assert back.headers["location"] == "/console/"


async def test_the_session_cookie_is_for_the_server_alone(door: Door) -> None:
    entered = await door.try_to_enter(door.password)
    (cookie,) = [c for c in entered.headers.get_list("set-cookie") if c.startswith("zf_session=")]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Path=/console" in cookie


async def test_a_wrong_name_and_a_wrong_password_read_the_same(door: Door) -> None:
    wrong_password = await door.try_to_enter("x" + door.password)
    wrong_name = await door.try_to_enter(door.password, name="nobody")
    assert wrong_password.status_code == wrong_name.status_code == 401
    assert WRONG in wrong_password.text
    assert WRONG in wrong_name.text


async def test_after_five_wrong_passwords_the_right_one_is_locked_out_too(door: Door) -> None:
    answers = [await door.try_to_enter(f"wrong {n}") for n in range(5)]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 401, 429]
    locked = await door.try_to_enter(door.password)
    assert locked.status_code == 429
    assert re.search(r"Locked until \d\d:\d\d:\d\d", locked.text)
    await door.pool.execute("UPDATE login_failure SET last_at = now() - interval '16 minutes'")
    assert (await door.try_to_enter(door.password)).status_code == 303


async def test_a_locked_attempt_does_not_prolong_the_lock(door: Door) -> None:
    for n in range(5):
        await door.try_to_enter(f"wrong {n}")
    until = await door.pool.fetchval("SELECT last_at FROM login_failure")
    await door.try_to_enter("wrong again")
    assert await door.pool.fetchval("SELECT last_at FROM login_failure") == until


async def test_guesses_sent_at_once_are_counted_as_well(door: Door) -> None:
    results = await asyncio.gather(*(auth.log_in(door.pool, OPERATOR, f"guess {n}") for n in range(12)))
    unlocked = [r for r in results if isinstance(r, auth.Refused) and r.locked_until is None]
    assert len(unlocked) == auth.TRIES - 1
    assert isinstance(await auth.log_in(door.pool, OPERATOR, door.password), auth.Refused)


async def test_a_success_forgets_the_failures_before_it(door: Door) -> None:
    for n in range(4):
        await door.try_to_enter(f"wrong {n}")
    await door.try_to_enter(door.password)
    assert await door.pool.fetchval("SELECT count(*) FROM login_failure") == 0


async def test_leaving_ends_the_session_on_the_server(door: Door) -> None:
    await door.try_to_enter(door.password)
    held = door.http.cookies["zf_session"]
    token = re.search(r'name="csrf" value="([^"]+)"', (await door.http.get("/console/more")).text)
    assert token
    await door.http.post("/console/logout", data={"csrf": token[1]})
    door.http.cookies.set("zf_session", held, domain="console.test", path="/console")
    assert (await door.http.get("/console/more")).status_code == 303


@pytest.mark.parametrize("cookie", ["", ".", "x", "x.y", "t" * 43 + "." + "0" * 64, "é.é"])
async def test_a_cookie_that_we_did_not_sign_opens_nothing(door: Door, cookie: str) -> None:
    answer = await door.http.get("/console/payments", headers=[(b"cookie", f"zf_session={cookie}".encode())])
    assert answer.status_code == 303
    assert "/login" in answer.headers["location"]


async def test_a_session_that_is_over_opens_nothing(door: Door) -> None:
    await door.try_to_enter(door.password)
    await door.pool.execute("UPDATE operator_session SET expires_at = now() - interval '1 second'")
    assert (await door.http.get("/console/payments")).status_code == 303


async def test_a_partial_asked_for_without_a_session_sends_the_whole_page_to_the_door(door: Door) -> None:
    answer = await door.http.get("/console/figures", headers={"hx-request": "true"})
    assert (answer.status_code, answer.headers["hx-redirect"]) == (401, "/console/login")


@pytest.mark.parametrize("token", [None, "", "0" * 64, "é"])
async def test_a_form_without_the_sessions_token_changes_nothing(door: Door, token: str | None) -> None:
    await door.try_to_enter(door.password)
    fields = {"reason": "a good reason"} | ({} if token is None else {"csrf": token})
    answer = await door.http.post("/console/channels/unionpay/purchase/stop", data=fields)
    assert answer.status_code == 400
    assert await door.pool.fetchval("SELECT count(*) FROM channel_stop") == 0
    assert await door.pool.fetchval("SELECT array_agg(act) FROM operator_act") == ["sign in"]


async def test_the_token_of_one_session_is_worth_nothing_in_another(door: Door) -> None:
    before = await door.token()
    await door.try_to_enter(door.password)
    answer = await door.http.post("/console/logout", data={"csrf": before})
    assert answer.status_code == 400


@pytest.mark.parametrize("body", [b"\xff\xfe", b"a=%ff", b"x" * 20_000, b"&" * 200, b"a=1&" * 100])
async def test_a_broken_or_huge_form_is_refused(door: Door, body: bytes) -> None:
    answer = await door.http.post("/console/login", content=body)
    assert answer.status_code == 400


async def test_an_empty_house_is_drawn_without_inventing_a_figure(door: Door) -> None:
    await door.try_to_enter(door.password)
    page = (await door.http.get("/console/")).text
    assert "No order yet today." in page
    assert "The auditor has not looked at the books yet." in page
    assert "zhangfang demo" in page
    for path in (
        "/payments",
        "/unknown",
        "/trial-balance",
        "/channels",
        "/merchants",
        "/breaks",
        "/reconciliation/2026-09-01",
    ):
        assert (await door.http.get("/console" + path)).status_code == 200
