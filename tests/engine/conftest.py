"""Run every test of this folder against every engine there is.

An engine from elsewhere takes part by the environment: ENGINE=package.module:opened names a function without
arguments that gives an engine in an `async with`, as `oracle_engine.opened` does.
"""

import os
from collections.abc import AsyncIterator
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import cast

import pytest

from tests.engine import oracle_engine, postgres_engine
from tests.engine.engine import Capability, Engine, Opener
from tests.engine.world import World

ELSEWHERE = os.environ.get("ENGINE")
ENGINES = [ELSEWHERE] if ELSEWHERE else ["postgresql", "oracle"]

_lacks: dict[str, frozenset[Capability]] = {}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say at the end what each engine lacks by its own word."""
    for name, lacks in _lacks.items():
        for capability in sorted(lacks):
            terminalreporter.write_line(f"the engine {name} lacks: {capability}")


@pytest.fixture(params=ENGINES)
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Opener:
    """Return what opens the engine of this run of a test."""
    if request.param == "postgresql":
        return partial(postgres_engine.opened, request.getfixturevalue("database_url"), tmp_path)
    if request.param == "oracle":
        return oracle_engine.opened
    module, _, function = request.param.partition(":")
    return cast(Opener, getattr(import_module(module), function))


@pytest.fixture
async def engine(opener: Opener, request: pytest.FixtureRequest) -> AsyncIterator[Engine]:
    """Give an empty engine."""
    async with opener() as engine:
        _lacks[request.node.callspec.params["opener"]] = engine.lacks
        yield engine


@pytest.fixture
async def world(engine: Engine) -> World:
    """Give an engine with a few accounts, and short ways to ask it."""
    world = World(engine)
    await world.open()
    return world
