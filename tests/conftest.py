"""What every test may ask for: a database of its own, and a clock it can set."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import asyncpg
import pytest
import structlog
from hypothesis import HealthCheck, settings

from tests.clock import SetClock
from tests.people import employ
from tests.search import MORE
from zhangfang.kernel.postgres import EmbeddedPostgres
from zhangfang.schema import migrate
from zhangfang_drill.world.scratch import scratch

# A slow machine is no reason to fail. Where CI is set, Hypothesis takes its own profile: the same examples each time.
settings.register_profile(
    "patient", max_examples=100 * MORE, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
if not os.environ.get("CI"):
    settings.load_profile("patient")

# Every ledger of the tests, those of the processes they start too, compares all of its memory after each batch.
os.environ.setdefault("ZHANGFANG_LEDGER_CHECKS", "all")

# Drawing a traceback with its variables takes seconds.
_PLAIN = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
structlog.configure(processors=[*structlog.get_config()["processors"][:-1], _PLAIN])

_TEMPLATE = "zhangfang_template"
_CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Let one worker more run than there are processors: tests that start processes spend their time on waiting."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what needs a browser where there is none; with `--cov`, measure the unit and wire tests alone."""
    if config.pluginmanager.hasplugin("_cov"):
        measured = tuple(config.rootpath / "tests" / name for name in ("unit", "wire"))
        for item in items:
            if not any(item.path.is_relative_to(folder) for folder in measured):
                item.add_marker("no_cover")
    if _CHROMIUM is None:
        for item in items:
            if item.get_closest_marker("browser"):
                item.add_marker(pytest.mark.skip(reason="no Chromium: install the package chromium"))


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return the path of the browser, for tests marked `browser`."""
    if _CHROMIUM is None:
        pytest.skip("no Chromium: install the package chromium")
    return _CHROMIUM


@pytest.fixture
def clock() -> SetClock:
    """Return a clock that stands at 1 September 2026, 10:00 in China, until it is moved."""
    return SetClock()


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """Start one PostgreSQL for the session; give the URL of a database that stays empty."""
    folder = scratch()
    server = EmbeddedPostgres(folder)
    try:
        yield server.start()
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def template(postgres_url: str) -> str:
    """Make the database that has every migration applied, once, to be copied for each test; give its name."""
    asyncio.run(_make_template(postgres_url))
    return _TEMPLATE


@pytest.fixture
async def empty_database_url(postgres_url: str) -> AsyncIterator[str]:
    """Make a database without any table for one test; give its URL."""
    async for url in _database(postgres_url, "template0"):
        yield url


@pytest.fixture
async def database_url(postgres_url: str, template: str) -> AsyncIterator[str]:
    """Make a database with every migration applied for one test; give its URL."""
    async for url in _database(postgres_url, template):
        yield url


async def _make_template(url: str) -> None:
    await _execute(url, f"CREATE DATABASE {_TEMPLATE}")
    await migrate(_with_database(url, _TEMPLATE))
    await employ(_with_database(url, _TEMPLATE))


async def _database(url: str, template: str) -> AsyncIterator[str]:
    name = f"test_{uuid4().hex}"
    await _execute(url, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield _with_database(url, name)
    await _execute(url, f"DROP DATABASE {name} WITH (FORCE)")


async def _execute(url: str, sql: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


def _with_database(url: str, name: str) -> str:
    return url.replace("/zhangfang?", f"/{name}?")
