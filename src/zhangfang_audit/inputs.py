"""What the auditor is told: where the database is, where the banks' books are, and what time it is."""

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

CHINA = ZoneInfo("Asia/Shanghai")


class Unreadable(Exception):
    """Something could not be read, so nothing can be said about the books; the text says what and why."""


@dataclass(frozen=True, slots=True)
class Home:
    """The home folder of a platform. `channels` are banks that owe us by orders, `accounts` those that hold our cash."""

    database_url: str
    channels: Mapping[str, "ChannelAt"]
    accounts: Mapping[str, "AccountAt"]
    now: datetime


@dataclass(frozen=True, slots=True)
class ChannelAt:
    """A channel's control plane."""

    control: str


@dataclass(frozen=True, slots=True)
class AccountAt:
    """A bank's control plane and our account there; the number is never shown."""

    control: str
    number: str


def read_home(folder: Path) -> Home:
    """Read `database-url` (or ZHANGFANG_DATABASE_URL), `banks.json` and, if it is there, `clock.json`.

    `banks.json` holds by name {"control"} for a channel and {"control", "account", "alias"} for an account;
    an account goes by its alias. Raises `Unreadable`.
    """
    url = database_url(folder)
    path = folder / "banks.json"
    try:
        banks = _json(path)
        channels = {
            name: ChannelAt(_url(one["control"])) for name, one in banks.items() if "account" not in one
        }
        accounts = {
            str(one["alias"]): AccountAt(_url(one["control"]), str(one["account"]))
            for one in banks.values()
            if "account" in one
        }
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Unreadable(
            f"{path}: {error!r}; allowed: control, for a bank that holds an account of ours with account and alias"
        ) from error
    return Home(url, channels, accounts, _now(folder / "clock.json"))


def database_url(folder: Path) -> str:
    """Return where the database of a home folder is; raises `Unreadable`."""
    return os.environ.get("ZHANGFANG_DATABASE_URL") or _text(folder / "database-url").strip()


def china_day(moment: datetime) -> str:
    """Return the calendar day in China of an aware moment, as YYYY-MM-DD."""
    return moment.astimezone(CHINA).date().isoformat()


def _now(path: Path) -> datetime:
    """Return the business moment: the virtual clock's, or the machine's where there is none.

    The file ties a moment to a reading of CLOCK_MONOTONIC, which is one for the whole machine.
    """
    if not path.exists():
        return datetime.now(UTC)
    try:
        held = _json(path)
        passed = timedelta(seconds=(time.monotonic() - held["real"]) * held["rate"])
        return (datetime.fromisoformat(held["now"]) + passed).astimezone(UTC)
    except (KeyError, TypeError, ValueError) as error:
        raise Unreadable(f"{path}: {error!r}; allowed: real (seconds), now (ISO 8601), rate") from error


def _url(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise ValueError(f"control {text!r}")
    return text.rstrip("/")


def _json(path: Path) -> Any:
    try:
        return json.loads(_text(path))
    except ValueError as error:
        raise Unreadable(f"{path}: not JSON ({error})") from error


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Unreadable(f"{path}: {error}") from error
