"""Static files are kept by a browser and sent compressed; no page is kept. The site is mounted, as it is in the house."""

from collections.abc import AsyncIterator

import pytest
from httpx2 import ASGITransport, AsyncClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from zhangfang.web.door import Headers
from zhangfang.web.login import routes

STYLE = "/console/static/zf.css"


class Nobody:
    """A door through which everybody sees the same page; only the static files are asked for here."""

    def inside(self, *_: object) -> object:
        return lambda request: PlainTextResponse("a page")

    outside = inside


@pytest.fixture
async def http() -> AsyncIterator[AsyncClient]:
    def page(_: Request) -> PlainTextResponse:
        return PlainTextResponse("a page " * 200)

    site = Starlette(routes=[*routes(Nobody()), Route("/payments", page), Route("/x/static/y", page)])  # type: ignore[arg-type]
    site.add_middleware(Headers)
    transport = ASGITransport(app=Starlette(routes=[Mount("/console", site)]))
    async with AsyncClient(transport=transport, base_url="http://console.test") as client:
        yield client


async def test_a_browser_keeps_a_static_file_for_a_year(http: AsyncClient) -> None:
    style = await http.get(STYLE)
    assert style.status_code == 200
    assert style.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert "default-src 'none'" in style.headers["content-security-policy"]


async def test_a_static_file_is_compressed_for_whom_can_read_that(http: AsyncClient) -> None:
    packed = await http.get(STYLE, headers={"accept-encoding": "gzip"})
    plain = await http.get(STYLE, headers={"accept-encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.text == plain.text
    assert int(packed.headers.get("content-length", 0)) < len(plain.content) // 3


@pytest.mark.parametrize("path", ["/console/payments", "/console/login", "/console/x/static/y"])
async def test_no_page_is_kept(http: AsyncClient, path: str) -> None:
    page = await http.get(path)
    assert page.headers["cache-control"] == "no-store"
