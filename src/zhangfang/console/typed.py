"""What people type into forms: an amount of yuan, a day, the id of a thing in an address."""

from collections.abc import Mapping
from datetime import date
from uuid import UUID

from zhangfang.console.visit import Visit
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import parse
from zhangfang.kernel.money import yuan_to_fen
from zhangfang.web.visit import Missing


def fen_of(text: str) -> int:
    """Return the fen of an amount such as `1,234.50`, or raise `InvalidInput`."""
    return yuan_to_fen(text.strip().replace(",", ""))


def day_or_none(field: str, text: str) -> date | None:
    """Return the day, None for nothing, or raise `InvalidInput`."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise InvalidInput(field, f"{len(text)} characters", "a date such as 2026-09-01") from None


def typed(visit: Visit, *names: str) -> dict[str, str]:
    """Return what was sent of a form, to be shown again; nothing for a form that is new."""
    sent: Mapping[str, str] = visit.request.state.form if visit.request.method == "POST" else {}
    return {name: sent.get(name, "") for name in names}


def id_of(visit: Visit, prefix: str, what: str) -> UUID:
    """Return the id that the address names, with its prefix or as a plain one, or raise `Missing`."""
    text = visit.request.path_params["id"]
    try:
        return parse(prefix, text) if "_" in text else UUID(text)
    except (InvalidInput, ValueError):
        raise Missing(what) from None
