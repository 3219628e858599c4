"""A house that cannot start says why, leaves nothing behind, and is in nobody's way."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.drill.day import opened
from zhangfang.assembly.house import House, HouseError, answers
from zhangfang.assembly.start import start

pytestmark = pytest.mark.drill


@pytest.fixture
def taken() -> Iterator[int]:
    """Return a port of loopback that another program listens on."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


def test_a_taken_port_of_the_api_is_named_before_anything_starts(taken: int, tmp_path: Path) -> None:
    with pytest.raises(HouseError, match=f"port {taken} is taken"):
        House(tmp_path, taken)


def test_after_a_start_that_met_a_taken_port_nothing_runs_and_a_fresh_home_starts(taken: int) -> None:
    with opened() as house:
        house.ports["cmb"] = (taken, taken)
        with pytest.raises(HouseError, match=f"port {taken} is taken"):
            start(house)
        house.stop()
        assert house.postgres.process is None
        assert not any(process.running() for process in house.processes.values())
    with opened() as house:
        start(house)
        assert answers(house.port)
        assert all(process.running() for process in house.processes.values())
