"""The figures of a week. A figure without evidence is None, and prints as a dash."""

from datetime import date, datetime

import msgspec


class Rate(msgspec.Struct, frozen=True):
    """Payments of a kind that were asked for in the week. `declined`: by payer, payee or balance; no failure of ours."""

    attempted: int
    declined: int
    succeeded: int
    open: int
    returned: int

    @property
    def able(self) -> int:
        """Return how many could have succeeded: all but the declined. What is still open counts against the rate."""
        return self.attempted - self.declined


class Uptime(msgspec.Struct, frozen=True):
    """Minutes of a period. Availability is of the measured ones alone; `down_ms` are milliseconds."""

    first: date
    measured: int
    unmeasured: int
    down_ms: int


class Incident(msgspec.Struct, frozen=True):
    """An incident as the week tells it. `grade` is a person's, else the rules'; amounts in fen."""

    id: str
    began_at: datetime
    ended_at: datetime | None
    service: str
    found: str
    cause: str
    effect: str
    handling: str
    payments_hit: int
    fen_hit: int
    grade: str | None
    decided: bool


class Unknown(msgspec.Struct, frozen=True):
    """Payments that became unknown in the week: how many, how many of them have ended, and how long that took."""

    opened: int
    healed: int
    median_ms: int | None
    longest_ms: int | None


class Doubled(msgspec.Struct, frozen=True):
    """Suspected double payments found in the week; `healed`: reversed or dismissed since."""

    found: int
    fen: int
    healed: int


class Breaks(msgspec.Struct, frozen=True):
    """Breaks opened and cleared in the week; those open at its end, and the age of the oldest in whole days."""

    opened: int
    cleared: int
    open: int
    oldest_days: int | None


class Peak(msgspec.Struct, frozen=True):
    """The minute in which most payments were asked for."""

    minute: datetime
    payments: int


class Volume(msgspec.Struct, frozen=True):
    """Requests of one operation that were answered in the week, and how many of them failed by an error of ours."""

    operation: str
    answered: int
    failed: int


class Release(msgspec.Struct, frozen=True, omit_defaults=True):
    """What went live in the week, or was taken back in it: a table of routing with its version, or what `about` names."""

    table: str
    version: int
    live_at: datetime | None
    ended_at: datetime | None
    reason: str
    about: str = ""
    proposal: str = ""  # by which two people decided it


class Figures(msgspec.Struct, frozen=True, omit_defaults=True):
    """A week, from Monday to Sunday in China, and the year so far."""

    week: str
    first: date
    last: date
    pay_in: Rate | None
    refund: Rate | None
    payout: Rate | None
    uptime: Uptime
    year: Uptime
    incidents: list[Incident]
    unknown: Unknown | None
    doubled: Doubled | None
    breaks: Breaks | None
    peak: Peak | None
    releases: list[Release]
    volume: list[Volume] = []

    def graded(self, grades: str) -> int:
        """Return how many incidents have one of the grades, such as `AB`."""
        return sum(one.grade is not None and one.grade in grades for one in self.incidents)


class Report(msgspec.Struct, frozen=True):
    """A printed week. `version` 0: the week is not over, and nothing is kept; above 1: restated."""

    figures: Figures
    version: int
    as_of: datetime
    digest: str
