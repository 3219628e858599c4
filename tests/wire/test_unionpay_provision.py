"""Setting up the sandbox UnionPay: what is written opens a connector, and doing it again keeps our key."""

import asyncio
import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from tests.clock import SetClock
from tests.wire.unionpay_sandbox_client import CHINA, bank
from zhangfang.assembly.house import House
from zhangfang.assembly.sandbox.counter import counters, set_up
from zhangfang.assembly.sandbox.unionpay import MER_ID
from zhangfang.channels.port import Operation, Order, PartyAccount, Verdict
from zhangfang.channels.unionpay import UnionPay, UnionPayConfig

NOW = datetime(2026, 9, 1, 12, tzinfo=CHINA)


@dataclass
class FakeHouse:
    """As much of a house as provisioning looks at."""

    home: Path
    ports: dict[str, int]
    url: str = "http://127.0.0.1:1"

    def wait_for_bank(self, name: str) -> None:
        """It is there."""

    def wire(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}"

    def control(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name + ' control']}"


def held(home: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((home / "channels" / "unionpay.json").read_text())
    return found


async def test_provisioning_opens_the_channel_and_again_changes_no_key(tmp_path: Path) -> None:
    clock = SetClock()
    clock.set(NOW)
    async with bank(tmp_path / "bank") as served:
        ports = {"unionpay": served.port, "unionpay control": served.control_port, "cmb control": 1}
        fake = FakeHouse(tmp_path / "home", ports)
        house = cast("House", fake)
        ((_, module),) = counters(["unionpay"]).items()
        await asyncio.to_thread(set_up, house, clock, ("unionpay", module))
        first = held(fake.home)
        fake.url = "http://127.0.0.1:2"
        _, book = await asyncio.to_thread(set_up, house, clock, ("unionpay", module))
        assert held(fake.home) == first | {"back_url": "http://127.0.0.1:2/notify/unionpay"}
        assert (fake.home / "channels" / "unionpay.json").stat().st_mode & 0o077 == 0
        assert book == {"control": fake.control("unionpay"), "merId": MER_ID}
        channel = UnionPay(UnionPayConfig(**held(fake.home)), clock)
        account = PartyAccount("6222021234567890123", "王小明")
        order = Order(
            Operation.COLLECTION,
            "0" * 32,
            datetime.now(CHINA).replace(microsecond=0),
            100,
            "K1",
            account=account,
        )
        assert (await channel.send(order)).verdict is Verdict.ACCEPTED
        await channel.close()
