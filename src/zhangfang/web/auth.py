"""Who may enter. Sessions are rows of the database, cookies and form tokens are signed; operators are in `approvals`."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg
from itsdangerous import BadSignature, Signer

from zhangfang.approvals import opens
from zhangfang.kernel.sql import load

queries = load(__package__, "auth.sql")

SESSION_LIFE = timedelta(hours=12)
TRIES = 5
LOCKED_FOR = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Refused:
    """A log-in that was refused. `locked_until` is None for a wrong name or password; the page says the same of both."""

    locked_until: datetime | None = None


async def console_key(pool: asyncpg.Pool) -> bytes:
    """Return the key that signs cookies. The first process that asks makes it."""
    await pool.execute(queries.make_key, secrets.token_bytes(32))
    return bytes(await pool.fetchval(queries.key))


async def log_in(
    pool: asyncpg.Pool, name: str, password: str, life: timedelta = SESSION_LIFE
) -> str | Refused:
    """Return the token of a new session, or why there is none.

    The attempt is counted before the password is looked at, so that guesses sent at once are counted as well; after
    five in a row the name is locked for 15 minutes, whether it exists or not.
    """
    name = name[:64]
    attempt = await pool.fetchrow(queries.count_attempt, name, LOCKED_FOR, TRIES)
    if attempt["failures"] > TRIES:
        return Refused(attempt["locked_until"])
    known = await opens(pool, name, password)
    if known is None:
        return Refused(attempt["locked_until"] if attempt["failures"] == TRIES else None)
    await pool.execute(queries.forget_attempts, name)
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


def form_token(key: bytes, token: str) -> str:
    """Return the token that every form of a session sends back. A page of another site cannot know it."""
    return _signer(key, "form").get_signature(token).decode()


def _signer(key: bytes, use: str) -> Signer:
    return Signer(key, salt=use, key_derivation="hmac", digest_method=hashlib.sha256)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
