"""Checks of a connector's configuration: each refuses what cannot work, and names the field."""

import ipaddress
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from zhangfang.kernel.errors import InvalidInput

Shapes = Mapping[str, tuple[str, str]]  # field: the pattern of its whole text, and the same in words


def check_shapes(config: object, shapes: Shapes, prefix: str = "") -> None:
    """Raise `InvalidInput` for the first field whose text has another shape. Errors never repeat the text."""
    for name, (pattern, allowed) in shapes.items():
        value = getattr(config, name)
        if not re.fullmatch(pattern, value, re.ASCII):
            raise InvalidInput(prefix + name, f"text of {len(value)} characters", allowed)


def host_of(field: str, url: str) -> str:
    """Return the host of an address, in lower case and without a dot at its end."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".").lower()
        if host and parts.port != 0:
            return host
    except ValueError:
        pass
    raise InvalidInput(field, "an address without a usable host and port", "http(s)://host[:port]")


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by its number; `localhost` is taken at its word."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def refuse_production(field: str, whose: str) -> None:
    """Raise `InvalidInput` for an address where money is real."""
    allowed = "a test host, or set allow_production where money is real"
    raise InvalidInput(field, f"{whose} production host", allowed)
