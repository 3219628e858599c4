"""TrxId: date, 16 digits of ours, one reserved digit, six control digits. Source: public code of members [V].

The control digits route a message to a data centre and change with time, so a TrxId cannot be computed again later. It
is made once and stored as the intent's channel order number before anything is sent; from then on it is the order's
number. The 16 digits are a digest of the intent's id. Among n orders of one day, two have the same digits with a
probability of n²/2·10¹⁶ (a million orders: 0.00005); the database's unique index on channel order numbers then refuses
the second before anything is sent.
"""

import fcntl
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from zhangfang.channels.port import ChannelError
from zhangfang.kernel.clock import in_china
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.settings import write_private

_TRX_ID = re.compile(r"(20[0-9]{2})(0[1-9]|1[0-2])([0-2][0-9]|3[01])[0-9]{23}")
_CONTROL = re.compile(r"[0-9]{6}")
_OURS = 10**16
RESERVED = "0"


class NoControlDigits(ChannelError):
    """There are no control digits to use now, so no order can get a number; nothing was sent."""


def mint(id_: UUID, at: datetime, usable: list[str]) -> str:
    """Return the TrxId of an id made at `at`; the same arguments give the same number."""
    if not usable:
        raise NoControlDigits("no control digits: none were asked for yet, or all are retired")
    digest = hashlib.sha256(id_.bytes).digest()
    ours = int.from_bytes(digest[:16]) % _OURS
    control = usable[int.from_bytes(digest[16:]) % len(usable)]
    return f"{in_china(at):%Y%m%d}{ours:016d}{RESERVED}{control}"


def check_trx_id(text: str) -> str:
    """Return a TrxId, or raise `InvalidInput` for any other number."""
    if not _TRX_ID.fullmatch(text):
        raise InvalidInput("order_no", f"{len(text)} characters", "a TrxId of order_number(): 31 digits")
    return text


def control_digits(first: str, last: str) -> list[str]:
    """Return the six digits that CtrlNbF (two) and CtrlNbL (four, several with `|` between) stand for."""
    found = [first + each for each in last.split("|")]
    return found if all(_CONTROL.fullmatch(each) for each in found) else []


class ControlDigits:
    """The digits of each site, and which are retired: a small file that all processes of the platform share."""

    def __init__(self, path: Path) -> None:
        """Read nothing yet; the file may not be there."""
        self._path = path
        self._stamp = (0, 0)
        self._sites: dict[str, str] = {}
        self._usable: list[str] = []

    def usable(self) -> list[str]:
        """Return the digits for new numbers, sorted. A change by another process is seen at once."""
        self._refresh()
        return self._usable

    def site_of(self, trx_id: str) -> str:
        """Return the name of the site that an id's digits belong to, `""` if unknown. Retired digits are known too."""
        self._refresh()
        return self._sites.get(trx_id[-6:], "")

    def learn(self, site: str, digits: Iterable[str]) -> None:
        """Store a site's digits as it has just reported them; these are not retired."""
        given = dict.fromkeys(digits, site)
        # Digits that it no longer reports stay known, as retired: queries about old ids still need them.
        self._change(lambda sites, retired: (
            sites | given,
            (retired | {each for each, where in sites.items() if where == site}) - given.keys(),
        ))  # fmt: skip

    def retire(self, digits: Iterable[str]) -> None:
        """Use these for no new number."""
        named = set(digits)
        self._change(lambda sites, retired: (sites, retired | named))

    def restore(self, digits: Iterable[str]) -> None:
        """Use these for new numbers again."""
        named = set(digits)
        self._change(lambda sites, retired: (sites, retired - named))

    def _refresh(self) -> None:
        try:
            stat = self._path.stat()
        except FileNotFoundError:
            return
        stamp = (stat.st_mtime_ns, stat.st_ino)
        if stamp != self._stamp:
            held = self._held()
            self._sites = held["sites"]
            self._usable = sorted(held["sites"].keys() - set(held["retired"]))
            self._stamp = stamp

    def _change(self, changed: Callable[[dict[str, str], set[str]], tuple[dict[str, str], set[str]]]) -> None:
        with self._locked():
            held = self._held()
            sites, retired = changed(held["sites"], set(held["retired"]))
            write_private(self._path, json.dumps({"sites": sites, "retired": sorted(retired)}))

    def _held(self) -> dict[str, Any]:
        if not self._path.exists():
            return {"sites": {}, "retired": []}
        held: dict[str, Any] = json.loads(self._path.read_text())
        return held

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Lock the file: two processes may handle two notices at the same time."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.with_suffix(".lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
