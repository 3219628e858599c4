"""Both app banks as processes: set up as the house does it, killed, and started again."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from tests.wire.app_bank import give_keys
from zhangfang.assembly.house import House
from zhangfang.assembly.sandbox.control import ask
from zhangfang.assembly.sandbox.counter import counters, set_up
from zhangfang.channels import open_channels
from zhangfang.channels.port import Operation, Order, Verdict
from zhangfang.kernel.clock import SystemClock
from zhangfang.kernel.settings import Settings

pytestmark = pytest.mark.drill


@dataclass
class Stand:
    """What provisioning asks of a house."""

    home: Path
    ports: dict[str, int]
    url: str = "http://127.0.0.1:9"

    def wait_for_bank(self, bank: str) -> None:
        """It is there."""

    def control(self, bank: str) -> str:
        return f"http://127.0.0.1:{self.ports['control_port']}" if bank != "cmb" else "http://127.0.0.1:9"

    def wire(self, _bank: str) -> str:
        return f"http://127.0.0.1:{self.ports['port']}"


@contextmanager
def running(
    bank: str, folder: Path, **ports: int
) -> Iterator[tuple["subprocess.Popen[bytes]", dict[str, int]]]:
    command = [sys.executable, "-m", f"zhangfang_sandbox.{bank}", "--data", str(folder)]
    command += ["--port", str(ports.get("port", 0)), "--control-port", str(ports.get("control_port", 0))]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        try:
            assert child.stdout is not None
            yield child, json.loads(child.stdout.readline())
        finally:
            child.kill()


@pytest.mark.parametrize("bank", ["chinaums", "lakala"])
async def test_a_bank_killed_at_any_moment_has_lost_nothing_that_it_answered(
    bank: str, tmp_path: Path
) -> None:
    give_keys(bank, tmp_path / "bank")
    clock, settings = SystemClock(), Settings(home=tmp_path / "home")
    counter = (bank, counters([bank])[bank])
    with running(bank, tmp_path / "bank") as (child, ports):
        house = Stand(tmp_path / "home", ports)
        set_up(cast(House, house), clock, counter)
        path = settings.home / "channels" / f"{bank}.json"
        written = (path.read_bytes(), path.stat().st_mode & 0o777)
        set_up(cast(House, house), clock, counter)
        assert (path.read_bytes(), path.stat().st_mode & 0o777) == (written[0], 0o600) == written
        connector: Any = open_channels(settings, clock)[bank]
        order = Order(Operation.PURCHASE, "A" * 32, clock.now().replace(microsecond=0), 12345, "K1", "物业费")
        await connector.present(order, "")
        ask("POST", house.control(bank) + "/payers", {"order_no": order.order_no, "action": "pay"})
        await connector.close()
        child.send_signal(signal.SIGKILL)
        child.wait()
    with running(bank, tmp_path / "bank", **ports):
        set_up(cast(House, house), clock, counter)
        assert path.read_bytes() == written[0]
        answer = await connector.query(order)
        assert (answer.verdict, answer.amount) == (Verdict.SUCCESS, 12345)
        (row,) = ask("GET", house.control(bank) + "/movements?after=0")
        assert (row["order_no"], row["state"]) == (order.order_no, "SUCCESS")
        assert set_up(cast(House, house), clock, counter)[1]["control"] == house.control(bank)
        await connector.close()
