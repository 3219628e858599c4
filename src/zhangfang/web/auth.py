"""Who may enter. Sessions are rows of the database, cookies and form tokens are signed; operators are in `approvals`."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg
from itsdangerous import BadSignature, Signer

from zhangfang.approvals import folded, opens
from zhangfang.kernel.sql import load
from zhangfang.web import throttle
from zhangfang.web.throttle import Caller

queries = load(__package__, "auth.sql")

SESSION_LIFE = timedelta(hours=12)
DEVICE_LIFE = timedelta(days=180)


@dataclass(frozen=True, slots=True)
class Refused:
    """A log-in that was refused. `locked_until` is None for a wrong name or password; the page says the same of both."""

    locked_until: datetime | None = None


async def log_in(
    pool: asyncpg.Pool, name: str, password: str, caller: Caller, life: timedelta = SESSION_LIFE
) -> str | Refused:
    """Return the token of a new session, or why there is none. How often that may be tried: `throttle`."""
    name = name[:64]
    several = throttle.counts(folded(name), caller)
    refused, after = await throttle.take(pool, several)
    if refused:
        return Refused(refused)
    known = await opens(pool, name, password)
    if known is None:
        return Refused(after)
    await throttle.give_back(pool, several)
    token = secrets.token_urlsafe(32)
    await pool.execute(queries.open_session, _hash(token), known, life)
    return token


async def operator_of(pool: asyncpg.Pool, token: str) -> str | None:
    """Return whose session it is, or None if it is over or its operator is disabled."""
    return await pool.fetchval(queries.session, _hash(token))  # type: ignore[no-any-return]


async def log_out(pool: asyncpg.Pool, token: str) -> None:
    """End the session."""
    await pool.execute(queries.close_session, _hash(token))


def sign(key: bytes, token: str) -> str:
    """Return the cookie of a token: the token and its signature."""
    return _signer(key, "cookie").sign(token).decode()


def unsign(key: bytes, cookie: str) -> str | None:
    """Return the token of a cookie, or None if the signature is not ours."""
    try:
        return _signer(key, "cookie").unsign(cookie).decode() or None
    except BadSignature:
        return None


def known_device(key: bytes, name: str, cookie: str) -> str:
    """Return what identifies a browser in which the operator of this name has signed in before; "" for any other."""
    try:
        return _signer(key, f"device/{folded(name)}").unsign(cookie).decode()
    except BadSignature:
        return ""


def device_cookie(key: bytes, name: str) -> str:
    """Return a cookie for a browser in which this operator has just signed in."""
    return _signer(key, f"device/{folded(name)}").sign(secrets.token_hex(16)).decode()


def form_token(key: bytes, token: str) -> str:
    """Return the token that every form of a session sends back. A page of another site cannot know it."""
    return _signer(key, "form").get_signature(token).decode()


def _signer(key: bytes, use: str) -> Signer:
    return Signer(key, salt=use, key_derivation="hmac", digest_method=hashlib.sha256)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
