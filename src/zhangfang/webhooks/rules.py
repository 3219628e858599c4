"""Pure decisions: which address may be an endpoint, when an event is tried again, and when an endpoint rests."""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from zhangfang.kernel.errors import InvalidInput
from zhangfang.webhooks.addresses import Networks, host_may_be_named, unsealed_may_go

MOST_ENDPOINTS = 5  # of one merchant
AT_ONCE = 8  # requests to one endpoint
TURNS_AT_ONCE = 256  # endpoints; the driver takes more when half of them are done
TURN_SECONDS = 2.0  # then the others have their turn
SCHEDULE = tuple(
    timedelta(seconds=s) for s in (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
)  # of one event; after the last it is sent only if the merchant or a person asks for it
REST_AFTER = 5  # failures in a row of an endpoint
RESTS = tuple(timedelta(seconds=s) for s in (30, 120, 600, 3600))  # before each probe; the last one repeats

_URL = re.compile(r"[!-~]{1,2000}")  # visible ASCII
_ALLOWED = "https://, a host, at most 2000 visible ASCII characters, no password, no #"


def check_url(url: str, allowed: Networks) -> None:
    """Raise `InvalidInput` unless `url` is https with a host that may be reached, without user, password or fragment.

    Plain http is for what a setting allows beside the public internet: a receiver on the same machine, say.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        reachable = parts.scheme in {"http", "https"} and bool(host) and parts.port != 0
    except ValueError:  # a port that is no number, a bracket that is not closed
        raise InvalidInput("url", f"{len(url)} characters", _ALLOWED) from None
    if not (reachable and _URL.fullmatch(url)) or "@" in parts.netloc or "#" in url:
        raise InvalidInput("url", f"{len(url)} characters", _ALLOWED)
    if not host_may_be_named(host, allowed):
        raise InvalidInput(
            "url", "an address that is not public", "a name, or an address of the public internet"
        )
    if parts.scheme == "http" and not unsealed_may_go(host, allowed):
        raise InvalidInput("url", "http://", "https://")


def acknowledged(status: int | None) -> bool:
    """Return whether the answer's HTTP status says that the event was taken; None is no answer."""
    return status is not None and 200 <= status < 300


def next_try(attempts: int, now: datetime) -> datetime | None:
    """Return when an event that was tried `attempts` times before is tried again after a failure; None: no more."""
    return now + SCHEDULE[attempts] if attempts < len(SCHEDULE) else None


def failures_after(failures: int, acknowledgements: Iterable[bool]) -> int:
    """Return how many tries in a row have failed, after these; several that were sent together only begin the rest."""
    most = max(REST_AFTER, failures + 1)
    for taken in acknowledgements:
        failures = 0 if taken else min(failures + 1, most)
    return failures


def at_once(failures: int) -> int:
    """Return how many requests are sent together; one that has failed too often is only probed."""
    return AT_ONCE if failures < REST_AFTER else 1


def rest_until(failures: int, now: datetime) -> datetime | None:
    """Return until when nothing is sent to an endpoint after so many failures in a row; None: it need not rest."""
    if failures < REST_AFTER:
        return None
    return now + RESTS[min(failures - REST_AFTER, len(RESTS) - 1)]
