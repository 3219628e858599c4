"""Settings: environment variables that begin with ZHANGFANG_, and a home folder for keys, sockets and files."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from zhangfang.kernel.clock import Clock, FileClock, SystemClock
from zhangfang.kernel.errors import InvalidInput, ZhangfangError
from zhangfang.kernel.text.parameters import whole


class NotSetUp(ZhangfangError):
    """A file that the platform needs in its home folder is missing or cannot be read."""


def port_number(number: int | str, name: str) -> int:
    """Return a TCP port; `name` is the option or variable that an error names."""
    if not str(number).isdecimal() or int(number) > _LAST_PORT:
        raise InvalidInput(name, f"{number}", f"a port, 0 to {_LAST_PORT}")
    return int(number)


_LAST_PORT = 65_535


def _from(name: str, default: str) -> Callable[[], str]:
    """Return what reads a variable of the environment, each time that settings are made."""
    return lambda: os.environ.get(name) or default


def _count(name: str, default: int) -> Callable[[], int]:
    return lambda: whole(name, os.environ.get(name) or str(default), 1, 10**6)


_stop_alone = _from("ZHANGFANG_STOP_ALONE_MINUTES", "10")
_home, _port = _from("ZHANGFANG_HOME", "var/zhangfang"), _from("ZHANGFANG_PORT", "8200")


@dataclass
class Settings:
    """Where things are. A field that is not given comes from the environment."""

    home: Path = field(default_factory=lambda: Path(_home()))  # keys, sockets, files; mode 0700
    database_url: str = field(default_factory=_from("ZHANGFANG_DATABASE_URL", ""))  # "": the embedded server
    owner_database_url: str = field(default_factory=_from("ZHANGFANG_OWNER_DATABASE_URL", ""))  # who migrates
    host: str = field(default_factory=_from("ZHANGFANG_HOST", "127.0.0.1"))  # address that the API listens on
    port: int = field(default_factory=lambda: port_number(_port(), "ZHANGFANG_PORT"))
    webhook_allow: str = field(default_factory=_from("ZHANGFANG_WEBHOOK_ALLOW", ""))  # private networks
    public_url: str = field(default_factory=_from("ZHANGFANG_PUBLIC_URL", ""))  # the API as browsers reach it
    connections: int = field(default_factory=_count("ZHANGFANG_CONNECTIONS", 2048))
    per_address: int = field(default_factory=_count("ZHANGFANG_CONNECTIONS_PER_ADDRESS", 512))
    requests: int = field(default_factory=_count("ZHANGFANG_REQUESTS", 256))  # that are answered at once
    asks: int = field(default_factory=_count("ZHANGFANG_REQUESTS_PER_ADDRESS", 500))  # a second

    @property
    def database(self) -> str:
        """Return the database's URL, of the embedded server where no other is given."""
        if self.database_url:
            return self.database_url
        return self._text("database-url")

    @property
    def owner_database(self) -> str:
        """Return the URL of the database's owner, who migrates and makes operators; none: the platform's own."""
        if self.owner_database_url or self.database_url:
            return self.owner_database_url or self.database_url
        return (
            self._text("database-owner-url") if (self.home / "database-owner-url").exists() else self.database
        )

    @property
    def stop_alone(self) -> timedelta:
        """Return how old an operator's own stop may be for the same operator to end it alone."""
        minutes = _stop_alone()
        if not minutes.isdecimal() or len(minutes) > 4:
            raise InvalidInput("ZHANGFANG_STOP_ALONE_MINUTES", f"{minutes}", "minutes, 0 to 9999")
        return timedelta(minutes=int(minutes))

    @property
    def ledger_socket(self) -> Path:
        """Return where the ledger listens."""
        return self.home / "ledger.sock"

    @property
    def key_file(self) -> Path:
        """Return the vault's keys."""
        return self.home / "vault.json"

    @property
    def base_url(self) -> str:
        """Return the API as others reach it."""
        return self.public_url or f"http://{self.host}:{self.port}"

    @property
    def probe_url(self) -> str:
        """Return the API as processes on this machine reach it."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host  # noqa: S104 - compared, not bound
        return f"http://{host}:{self.port}"

    @property
    def sandbox(self) -> bool:
        """Whether no channel may reach a production host: no real money can move."""
        return not any(
            (self.channel(path.stem) or {}).get("allow_production") for path in self._channel_files()
        )

    @property
    def virtual(self) -> bool:
        """Whether a virtual clock is set."""
        return (self.home / "clock.json").exists()

    def clock(self) -> Clock:
        """Return the machine's time; in a sandbox, a clock that can be moved and shows the same until it is."""
        if self.sandbox:
            return FileClock(self.home / "clock.json")
        if self.virtual:
            raise NotSetUp(
                f"{self.home / 'clock.json'}: a virtual clock beside a production channel; take one away"
            )
        return SystemClock()

    def _channel_files(self) -> list[Path]:
        return sorted((self.home / "channels").glob("*.json"))

    def channel(self, name: str) -> dict[str, Any] | None:
        """Return a channel's settings from `channels/<name>.json`, or None if it is not set up."""
        path = self.home / "channels" / f"{name}.json"
        if not path.exists():
            return None
        try:
            held: dict[str, Any] = json.loads(path.read_text())
        except ValueError:
            raise NotSetUp(f"{path}: not JSON") from None
        return held

    def _text(self, name: str) -> str:
        path = self.home / name
        try:
            return path.read_text().strip()
        except OSError as error:
            raise NotSetUp(
                f"{path}: {error.strerror}; start the platform with 'zhangfang up' first"
            ) from None


def write_private(path: Path, text: str) -> None:
    """Write a file that only we may read; whoever reads it sees the old text or the new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".new")
    draft.touch(mode=0o600)
    draft.write_text(text)
    draft.replace(path)
