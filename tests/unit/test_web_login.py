"""Who may enter: the password, the lock, the cookie, the form's token."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg
import pytest
from httpx2 import ASGITransport, AsyncClient, Response
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Mount
from starlette.types import Receive, Scope, Send

from tests.clock import SetClock
from tests.console import KEY
from tests.people import first_operator
from tests.unit.test_console_pages import Acts
from zhangfang.approvals import FIRST as OPERATOR
from zhangfang.approvals import ensure_operator
from zhangfang.console import Console, console_app
from zhangfang.web import auth, throttle
from zhangfang.web.origin import ANYWHERE, Origin, origin
from zhangfang.web.throttle import Caller

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
        async with browser(pool, clock) as http:
            yield Door(http, pool, password)


@asynccontextmanager
async def browser(
    pool: asyncpg.Pool,
    clock: SetClock,
    source: str = "192.0.2.1",
    of: Origin = ANYWHERE,
    base: str = "http://console.test",
) -> AsyncIterator[AsyncClient]:
    """Open a browser without cookies that calls from an address."""
    site = Console(
        pool=pool, clock=clock, key=KEY, origin=of, channels={}, with_file=(), actions=Acts(pool, clock)
    )
    app = Starlette(routes=[Mount("/console", console_app(site))])

    async def plain(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "scheme": "http"}, receive, send)  # as it comes from a proxy that ends TLS

    transport = ASGITransport(app=plain, raise_app_exceptions=False, client=(source, 50_000))
    async with AsyncClient(transport=transport, base_url=base) as http:
        yield http


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


async def test_after_five_wrong_passwords_the_right_one_is_refused_from_there_too(door: Door) -> None:
    answers = [await door.try_to_enter(f"wrong {n}") for n in range(5)]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 401, 429]
    locked = await door.try_to_enter(door.password)
    assert locked.status_code == 429
    assert re.search(r"Locked until \d\d:\d\d:\d\d", locked.text)
    await door.pool.execute("UPDATE login_try SET last_at = now() - interval '16 minutes'")
    assert (await door.try_to_enter(door.password)).status_code == 303


async def test_a_refused_try_does_not_prolong_the_refusal_and_counts_no_further(door: Door) -> None:
    for n in range(5):
        await door.try_to_enter(f"wrong {n}")
    counted = "SELECT key, last_at, tries FROM login_try WHERE key NOT LIKE 'pair/%'"
    until = await door.pool.fetchval("SELECT last_at FROM login_try WHERE key LIKE 'pair/%'")
    before = await door.pool.fetch(counted)
    await door.try_to_enter("wrong again")
    assert await door.pool.fetchval("SELECT last_at FROM login_try WHERE key LIKE 'pair/%'") == until
    assert await door.pool.fetch(counted) == before


async def test_guesses_sent_at_once_are_counted_as_well(door: Door) -> None:
    guesses = (auth.log_in(door.pool, OPERATOR, f"guess {n}", Caller("192.0.2.9")) for n in range(12))
    results = await asyncio.gather(*guesses)
    unlocked = [r for r in results if isinstance(r, auth.Refused) and r.locked_until is None]
    assert len(unlocked) == throttle.TRIES - 1
    refused = await auth.log_in(door.pool, OPERATOR, door.password, Caller("192.0.2.9"))
    assert isinstance(refused, auth.Refused)


async def test_a_success_forgets_the_failures_before_it(door: Door) -> None:
    for n in range(4):
        await door.try_to_enter(f"wrong {n}")
    await door.try_to_enter(door.password)
    assert await door.pool.fetchval("SELECT count(*) FROM login_try WHERE key LIKE 'pair/%'") == 0
    assert set(await door.pool.fetchval("SELECT array_agg(tries) FROM login_try")) == {4}, (
        "the good one is not"
    )


async def test_wrong_passwords_from_elsewhere_lock_nobody_out(door: Door, clock: SetClock) -> None:
    async with browser(door.pool, clock, "192.0.2.66") as attacker:
        attacking = Door(attacker, door.pool, door.password)
        answers = [(await attacking.try_to_enter(f"wrong {n}")).status_code for n in range(8)]
    assert answers == [401] * 4 + [429] * 4
    assert (await door.try_to_enter(door.password)).status_code == 303


async def test_one_address_tries_only_so_many_names(door: Door) -> None:
    tries = [await auth.log_in(door.pool, f"name {n}", "x", Caller("192.0.2.7")) for n in range(30)]
    assert (
        sum(isinstance(one, auth.Refused) and one.locked_until is None for one in tries)
        == throttle.PER_SOURCE - 1
    )


async def test_a_browser_that_signed_in_before_is_let_in_while_the_whole_world_guesses(
    door: Door, clock: SetClock
) -> None:
    entered = await door.try_to_enter(door.password)
    (cookie,) = [c for c in entered.headers.get_list("set-cookie") if c.startswith("zf_device=")]
    assert "HttpOnly" in cookie
    await door.pool.execute(
        "INSERT INTO login_try VALUES ($1, $2, now()) ON CONFLICT (key) DO UPDATE SET tries = $2",
        f"name/{OPERATOR}", throttle.PER_NAME,
    )  # fmt: skip
    async with browser(door.pool, clock, "192.0.2.66") as stranger:
        assert (await Door(stranger, door.pool, "").try_to_enter(door.password)).status_code == 429
        stranger.cookies.set(
            "zf_device", auth.device_cookie(KEY, "another"), domain="console.test", path="/console"
        )
        assert (await Door(stranger, door.pool, "").try_to_enter(door.password)).status_code == 429
    await door.http.get("/console/more")
    door.http.cookies.delete("zf_session")
    assert (await door.try_to_enter(door.password)).status_code == 303
    door.http.cookies.delete("zf_session")
    answers = [(await door.try_to_enter(f"wrong {n}")).status_code for n in range(6)]
    assert answers == [401] * 4 + [429] * 2, "it has a count of its own"


async def test_who_exists_is_not_told_by_what_is_counted(door: Door) -> None:
    several = [
        [(await door.try_to_enter("x", name)).status_code for _ in range(6)] for name in (OPERATOR, "nobody")
    ]
    assert several[0] == several[1] == [401] * 4 + [429] * 2


TLS = origin("https://pay.example", "127.0.0.1", 8200)


async def test_behind_tls_cookies_are_secure_and_redirects_name_no_host(door: Door, clock: SetClock) -> None:
    async with browser(door.pool, clock, "127.0.0.1", TLS, "https://pay.example") as http:
        entered = await Door(http, door.pool, door.password).try_to_enter(door.password)
    cookies = entered.headers.get_list("set-cookie")
    assert {cookie.partition("=")[0] for cookie in cookies} == {"zf_session", "zf_device"}
    assert all("; Secure" in cookie for cookie in cookies)
    assert entered.headers["location"] == "/console/"


async def test_without_tls_the_cookie_would_not_come_back_if_it_were_secure(door: Door) -> None:
    assert "Secure" not in str((await door.try_to_enter(door.password)).headers.get_list("set-cookie"))


@pytest.mark.parametrize("path", ["//", "/payments/", "/login/", "/static"])
async def test_no_redirect_names_a_host_or_a_scheme(door: Door, path: str) -> None:
    answer = await door.http.get("/console" + path)
    assert not answer.headers.get("location", "/").startswith(("http", "//"))


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("pay.example", 200), ("PAY.example:443", 200), ("127.0.0.1:8200", 200), ("localhost:8200", 200),
        ("evil.example", 421), ("pay.example.evil.example", 421), ("127.0.0.1:9", 421), ("pay.example:8443", 421), ("", 421),
    ],
)  # fmt: skip
async def test_a_host_that_is_not_ours_is_refused(
    door: Door, clock: SetClock, host: str, status: int
) -> None:
    async with browser(door.pool, clock, of=TLS) as http:
        for path in ("/console/login", "/console/static/zf.css"):
            answer = await http.get(path, headers={"host": host})
            assert answer.status_code == status
    if status == 421:
        assert "ZHANGFANG_PUBLIC_URL" in answer.text


@pytest.mark.parametrize(
    ("peer", "told", "source"),
    [
        ("192.0.2.1", "198.51.100.9", "192.0.2.1/32"),  # not a proxy of ours
        ("127.0.0.1", "198.51.100.9", "198.51.100.9/32"),
        ("127.0.0.1", "8.8.8.8, 198.51.100.9", "198.51.100.9/32"),  # the caller's own words come first
        ("::1", "2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("127.0.0.1", "", "127.0.0.1/32"),
        ("127.0.0.1", "nonsense", "unknown"),
        ("::ffff:192.0.2.1", "", "192.0.2.1/32"),
    ],
)
def test_who_calls_is_told_by_a_proxy_of_this_machine_alone(peer: str, told: str, source: str) -> None:
    request = Request({"type": "http", "client": (peer, 1), "headers": [(b"x-forwarded-for", told.encode())]})
    assert TLS.source(request) == source
    assert ANYWHERE.source(request) in (f"{peer}/32", "::1/128", "::/64", "192.0.2.1/32")


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
