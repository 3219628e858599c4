"""The start of a simulation: merchants, payers with mandates, and routes that use every channel."""

from datetime import date, timedelta
from random import Random
from typing import Any

from zhangfang.assembly.sandbox.first_routes import release
from zhangfang.assembly.sandbox.staff import agree_account
from zhangfang.channels.port import PartyAccount
from zhangfang.mandates import Mandates, NewMandate
from zhangfang_drill.simulated.orders import Merchant, account
from zhangfang_drill.world.world import World

FIRST = date(2026, 9, 1)  # a Tuesday
MERCHANTS = 4
PAYERS = 4
EPCC = "epcc"  # the clearing house that keeps its own mandates


async def merchants(world: World, rng: Random) -> list[Merchant]:
    """Create the merchants, each with payers who have given it a mandate."""
    made = []
    for n in range(MERCHANTS):
        body = {
            "name": f"模拟商户{n}",
            "external_ref": f"SIM{n}",
            "auto_payout": n == 0,
            "settlement_days": rng.choice((1, 1, 2)),
            "fee_rules": [
                {"kind": "purchase", "rate_ppm": 6000, "fixed_fen": 0},
                {"kind": "collection", "rate_ppm": 4000, "fixed_fen": 5},
                {"kind": "payout", "rate_ppm": 0, "fixed_fen": 50},
            ],
            "settlement_account": {
                "number": f"62148300{n:08d}",
                "name": f"模拟商户{n}",
                "medium": "corporate",
            },
        }
        _, merchant = await world.api("POST", "/v1/merchants", world.admin, body)
        _, key = await world.api("POST", f"/v1/merchants/{merchant['id']}/keys", world.admin)
        await agree_account(world.desk, world.people, merchant["id"])
        made.append(Merchant(merchant["id"], key["secret"], [account(rng) for _ in range(PAYERS)]))
        for number, payer in enumerate(made[-1].payers):
            sign = _agreed if EPCC in world.banks.names and number % 2 else _signed
            await sign(world, merchant["id"], f"SIM{n}-{number}", payer)
    return made


async def every_channel_gets_some(world: World) -> None:
    """Release a routing table in which all channels have the same cost and priority."""
    equal = {"rate_ppm": "0", "fixed_fen": "0", "priority": "1"}
    channels = tuple(world.desk.channels)
    await release(
        world.pool,
        world.clock,
        world.people,
        lambda row: {**row, **equal},
        channels,
        "every channel gets some",
    )


async def _agreed(world: World, merchant: str, number: str, payer: dict[str, Any]) -> None:
    """Sign a mandate at the clearing house, with the code that it sends to the payer's phone."""
    desk, wide = world.desk, 10**8
    account_ = PartyAccount(**payer, id_no="330106199001011237", phone="13800138000")
    until = FIRST + timedelta(days=3000)
    asked = NewMandate(number, number, account_, wide, wide, wide, FIRST, until, EPCC, "")
    mandates = Mandates(desk.pool, desk.vault, desk.clock, desk.channels)
    made, _ = await mandates.create(merchant, asked)
    sent = await world.banks.ask("GET", EPCC, f"/codes?order_no={made.order_no}")
    await mandates.confirm(merchant, made.id, sent["code"])


async def _signed(world: World, merchant: str, number: str, payer: dict[str, Any]) -> None:
    """Store a paper mandate. It is valid on every channel that does not require an agreement of its own."""
    desk, wide, until = world.desk, 10**11, FIRST + timedelta(days=3650)
    payer_ = PartyAccount(**payer)
    asked = NewMandate(number, number, payer_, wide, wide, wide, FIRST, until, "", "paper")
    await Mandates(desk.pool, desk.vault, desk.clock, desk.channels).create(merchant, asked)
