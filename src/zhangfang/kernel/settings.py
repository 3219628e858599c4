"""Settings: environment variables that begin with ZHANGFANG_, and a home folder for keys, sockets and files."""

import json
from pathlib import Path
from typing import Any

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from zhangfang.kernel.clock import Clock, FileClock, SystemClock
from zhangfang.kernel.errors import ZhangfangError


class NotSetUp(ZhangfangError):
    """A file that the platform needs in its home folder is missing or cannot be read."""


class Settings(BaseSettings):
    """Where things are. Every field can be set as ZHANGFANG_<NAME>."""

    model_config = SettingsConfigDict(env_prefix="ZHANGFANG_")

    home: Path = Field(default=Path("var/zhangfang"), description="keys, sockets, files; mode 0700")
    database_url: str | None = Field(
        default=None, description="any PostgreSQL from 15 on; none: the embedded one"
    )
    host: str = Field(default="127.0.0.1", description="address that the API listens on")
    port: int = Field(default=8200, description="port that the API listens on")
    public_url: str | None = Field(default=None, description="the API as payers' browsers reach it")

    @property
    def database(self) -> str:
        """Return the database's URL, of the embedded server where no other is given."""
        if self.database_url:
            return self.database_url
        return self._text("database-url")

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
        """Return the machine's time, or the virtual clock if one is set, which is for a sandbox alone."""
        if self.virtual and not self.sandbox:
            raise NotSetUp(
                f"{self.home / 'clock.json'}: a virtual clock beside a production channel; take one away"
            )
        return FileClock(self.home / "clock.json") if self.virtual else SystemClock()

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
