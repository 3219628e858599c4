"""Which addresses a webhook may reach: those of the public internet, and what a setting allows beside them.

A merchant chooses the address, and the request comes from inside our network. So it could ask our own services, or the
server of a cloud that gives out keys. What is special is listed at https://www.iana.org/assignments, in
`iana-ipv4-special-registry` and `iana-ipv6-special-registry`.
"""

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from zhangfang.kernel.errors import InvalidInput

Networks = Sequence[IPv4Network | IPv6Network]

_PUBLIC_IPV6 = IPv6Network("2000::/3")  # the only block of IPv6 that is given out
_NOT_PUBLIC = (
    IPv4Network("168.63.129.16/32"),  # Azure's own server for its machines
    IPv4Network("192.0.0.0/24"),
    IPv4Network("192.88.99.0/24"),  # relays to IPv6
    IPv6Network("2001::/23"),  # Teredo among them: an IPv4 address inside
    IPv6Network("2002::/16"),  # 6to4: an IPv4 address inside
)
_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0[xX][0-9a-fA-F]*)\.?")  # what a C library reads as an IPv4 address


def networks(text: str, name: str) -> Networks:
    """Return networks that commas separate; `name` is the variable that an error names. Raises `InvalidInput`."""
    try:
        return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError:
        raise InvalidInput(
            name, f"{len(text)} characters", "networks such as 127.0.0.0/8 or ::1/128, with commas"
        ) from None


def may_reach(address: str, allowed: Networks) -> bool:
    """Return whether a webhook may be sent to this address; what is not an address in its usual form may not."""
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    return any(ip in network for network in allowed) or _is_public(ip)


def host_may_be_named(host: str, allowed: Networks) -> bool:
    """Return whether an endpoint may have this host: any name, and of numbers only an address that may be reached."""
    is_number = ":" in host or _NUMBER.fullmatch(host)
    return may_reach(host, allowed) if is_number else True


def unsealed_may_go(host: str, allowed: Networks) -> bool:
    """Return whether plain HTTP may be sent to this host: to an address that a setting allows, and to nothing else.

    Of a name nobody knows beforehand where it leads, and a request without TLS can be read and answered on its way.
    """
    try:
        return any(ip_address(host) in network for network in allowed)
    except ValueError:
        return False


def _is_public(ip: IPv4Address | IPv6Address) -> bool:
    if isinstance(ip, IPv6Address) and ip not in _PUBLIC_IPV6:
        return False
    return ip.is_global and not ip.is_multicast and not any(ip in network for network in _NOT_PUBLIC)
