"""Who is signed in on the command line: a token in a file of the home folder, which only its owner may read."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from zhangfang.approvals import Person, demand, operator
from zhangfang.kernel.errors import ZhangfangError
from zhangfang.kernel.settings import Settings, write_private

LIFE = timedelta(hours=8)
_FILE = "signed-in"


class NotSignedIn(ZhangfangError):
    """A command acts as a person, and nobody is signed in (any more)."""


class Session(msgspec.Struct, frozen=True):
    """What the file holds. The token is worth a password until it ends, and only to the platform that made it."""

    token: str
    until: datetime


def keep(settings: Settings, token: str) -> None:
    """Keep a session's token, for as long as it lives."""
    held = Session(token, datetime.now(UTC) + LIFE)
    write_private(settings.home / _FILE, msgspec.json.encode(held).decode())


def held(settings: Settings) -> str:
    """Return the token that is kept; raises `NotSignedIn`."""
    try:
        kept = msgspec.json.decode((settings.home / _FILE).read_bytes(), type=Session)
    except (OSError, msgspec.DecodeError):
        raise _nobody("nobody is signed in here") from None
    if kept.until <= datetime.now(UTC):
        raise _nobody("the sign-in is over")
    return kept.token


def forget(settings: Settings) -> None:
    """Remove the token."""
    (settings.home / _FILE).unlink(missing_ok=True)


async def signed_in(pool: Any, settings: Settings) -> Person:
    """Return who is signed in and may run this command.

    Raises `NotSignedIn`, for an operator who was disabled since, too; `NoRight` if the person's roles do not allow it.
    """
    from zhangfang.web.auth import operator_of

    name = await operator_of(pool, held(settings))
    if name is None:
        raise _nobody("the sign-in is over")
    await demand(pool, settings.clock(), operator(name), "command", command())
    return operator(name)


def command() -> str:
    """Return the command that runs, as the table of rights names it: `breaks cure`."""
    from typer.main import get_current_context  # type: ignore[attr-defined]  # of the click that is inside typer

    words, context = [], get_current_context(silent=True)
    while context is not None and context.parent is not None:
        words.append(context.info_name or "")
        context = context.parent
    return " ".join(reversed(words))


def _nobody(why: str) -> NotSignedIn:
    return NotSignedIn(f"{why}; allowed: `zhangfang sign-in NAME` first")
