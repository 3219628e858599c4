"""The text of a bank line that pays a channel's day: `<prefix> <YYYYMMDD> <our number at the channel>`."""

import re
from datetime import date, datetime


def settlement_date(text: str, prefix: str, merchant: str) -> date | None:
    """Return the settlement date that the text names, None if it is no such text or another merchant's."""
    found = re.fullmatch(f"{re.escape(prefix)} ([0-9]{{8}}) {re.escape(merchant)}", text.strip())
    try:
        return datetime.strptime(found[1], "%Y%m%d").date() if found else None  # noqa: DTZ007 - a date has no zone
    except ValueError:
        return None
