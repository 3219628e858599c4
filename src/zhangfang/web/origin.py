"""From where a site is reached: under which host, over TLS or not, and from whose address.

Behind a proxy that ends TLS, a request arrives as plain HTTP from the proxy. What holds then is `public_url`, which we set
ourselves, and never what the request says of itself.
"""

from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_PORTS = {"http": ":80", "https": ":443"}


@dataclass(frozen=True, slots=True)
class Origin:
    """`public_url` is the site as browsers reach it, "" if that is not said; `hosts` are those it answers to, none: any."""

    public_url: str = ""
    hosts: frozenset[str] = frozenset()

    @property
    def proxied(self) -> bool:
        """Whether a proxy is in front."""
        return bool(self.public_url)

    def secure(self, request: Request) -> bool:
        """Return whether the browser speaks TLS."""
        return (self.public_url or str(request.url)).lower().startswith("https:")

    def source(self, request: Request) -> str:
        """Return the caller's address; of IPv6 the /64, which is what one household or server has.

        A proxy on this machine adds the address that called it at the end of `X-Forwarded-For`. Nobody else is believed.
        """
        peer = request.client.host if request.client else ""
        told = request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
        return _network(told if self.proxied and told and _is_loopback(peer) else peer)


ANYWHERE = Origin()


def origin(public_url: str, host: str, port: int) -> Origin:
    """Return the origin of a site that listens on `host` and `port`: it answers to its public name and to loopback."""
    own = (f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]", host))
    parts = urlsplit(public_url)
    return Origin(public_url, frozenset(map(_plain, (*own, *([parts.netloc] if public_url else [])))))


class KnownHost:
    """Answers 421 to a request for a host that the site does not have: a page of elsewhere, or a name that was bent to
    us, must not speak to it."""

    def __init__(self, app: ASGIApp, hosts: Collection[str]) -> None:
        """Wrap `app`; no hosts: every host is known."""
        self._app, self._hosts = app, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what asks for a known host."""
        asked = dict(scope.get("headers", ())).get(b"host", b"").decode("latin-1")
        if self._hosts and _plain(asked) not in self._hosts:
            text = (
                "this host is not known here; ZHANGFANG_PUBLIC_URL says under which the console is reached\n"
            )
            await PlainTextResponse(text, 421)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _plain(host: str) -> str:
    """Return a host in lower case, without the port that a scheme has anyway."""
    host = host.lower()
    return next((host.removesuffix(port) for port in _PORTS.values() if host.endswith(port)), host)


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def _network(address: str) -> str:
    try:
        ip = ip_address(address)
    except ValueError:
        return "unknown"
    ip = getattr(ip, "ipv4_mapped", None) or ip
    return str(ip_network((ip, 64 if ip.version == 6 else 32), strict=False))
