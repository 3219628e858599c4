"""Two languages. The English text is the key; `zh.toml` holds its Chinese; nothing is compiled.

A test reads every template and module and fails if a text has no Chinese, or a Chinese text no use.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from importlib.resources import files
from typing import Any, Protocol

from markupsafe import Markup, escape

from zhangfang.kernel.clock import in_china

LANGUAGES = ("zh", "en")
ZH: Mapping[str, str] = tomllib.loads(files(__package__).joinpath("zh.toml").read_text("utf-8"))
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_SPANS = ((86400, "{} 天", "{} d"), (3600, "{} 小时", "{} h"), (60, "{} 分", "{} min"), (1, "{} 秒", "{} s"))


class Named(Protocol):
    """A row of a data file that carries both languages."""

    @property
    def zh(self) -> str:
        """The Chinese text."""
        ...

    @property
    def en(self) -> str:
        """The English text."""
        ...


def N_(text: str) -> str:  # noqa: N802 - gettext's own name for it
    """Mark a text that is translated later, where it is shown, so that the tests find it."""
    return text


@dataclass(frozen=True, slots=True)
class Words:
    """Says things in one language, `zh` or `en`; times in Beijing time."""

    lang: str

    def __call__(self, text: str, /, **values: Any) -> Markup:
        """Return `text` in the language, its `{names}` filled in; a value that is not markup is escaped."""
        if text not in ZH:  # not a text of ours, so nothing that may hold markup
            return escape(text)
        return self._filled(text, text, values)

    def n(self, one: str, many: str, count: int, /, **values: Any) -> Markup:
        """Return `one` or `many` with `{n}` as the count; Chinese, and the catalogue, have the text of `many` only."""
        return self._filled(one if count == 1 else many, many, values | {"n": f"{count:,}"})

    def _filled(self, en: str, key: str, values: Mapping[str, Any]) -> Markup:
        said = Markup(ZH[key] if self.lang == "zh" else en)  # noqa: S704 - from the catalogue
        return said.format(**values) if values else said

    def of(self, named: Named) -> str:
        """Return the word of a row that has both."""
        return named.zh if self.lang == "zh" else named.en

    def day(self, day: date) -> str:
        """Return `Friday 26 May 2023` or `2023年5月26日 星期五`."""
        if self.lang == "zh":
            return f"{day.year}年{day.month}月{day.day}日 星期{'一二三四五六日'[day.weekday()]}"
        return f"{_WEEKDAYS[day.weekday()]} {day.day} {_MONTHS[day.month - 1]} {day.year}"

    def short(self, day: date) -> str:
        """Return `26 May` or `5-26`."""
        return f"{day.month}-{day.day:02}" if self.lang == "zh" else f"{day.day} {_MONTHS[day.month - 1]}"

    def moment(self, at: datetime | None) -> str:
        """Return `26 May 14:38` or `5-26 14:38`; — for None."""
        if at is None:
            return "—"
        return f"{self.short(in_china(at).date())} {in_china(at):%H:%M}"

    def time(self, at: datetime | None) -> str:
        """Return `14:38:01`; — for None."""
        return f"{in_china(at):%H:%M:%S}" if at else "—"

    def span(self, length: timedelta) -> str:
        """Return the two largest units of a length of time: `2 h 6 min`, `41 s`."""
        left = max(int(length.total_seconds()), 0)
        said: list[str] = []
        for seconds, zh, en in _SPANS:
            count, left = divmod(left, seconds)
            if count or said:
                said.append((zh if self.lang == "zh" else en).format(count))
        shown = [part for part in said[:2] if not part.startswith("0 ")]
        return " ".join(shown) or ("0 秒" if self.lang == "zh" else "0 s")
