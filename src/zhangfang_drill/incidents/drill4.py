"""Drill 4: payouts to a type of account that is in no table.

717 payouts go to companies' class-II accounts, which a bank rejects if they are sent as another type (F10). The
platform without the guard is made here: its routing treats the unlisted type as the commonest one, as the new logic of
the incident did. The platform with the guard parks them and holds their money. Then a table that would break payouts
that the old one paid is rejected by its replay, and a correct table is released in the usual way and all are paid.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, time, timedelta
from random import Random
from typing import Any

from rich.progress import Progress

from zhangfang.api import admit
from zhangfang.assembly.sandbox.first_routes import proposal_of
from zhangfang.channels.port import AccountType, Operation, PartyAccount
from zhangfang.kernel.sql import load
from zhangfang.mandates import Mandates, NewMandate
from zhangfang.merchants import FeeKind, FeeRule, Merchant, NewMerchant
from zhangfang.payments import Request, accept
from zhangfang.routing import Ask, Choice, Kind, Router, canary, promote, propose, replay, rows_of, write_csv
from zhangfang_drill.law import movements
from zhangfang_drill.law.evidence import ledger_evidence
from zhangfang_drill.world.pace import at, morning, settle
from zhangfang_drill.world.world import World, opened

queries = load(__package__, "drill4.sql")

PAYOUTS = 717  # the report's figure
MERCHANTS = 8
ORDINARY = 40  # payouts that the old table paid; a new table is replayed over them
DAY = date(2026, 9, 1)
KNOWN = AccountType("corporate", "basic", "corporate")
PATIENCE_SECONDS = 20.0
FEES = (FeeRule(FeeKind.COLLECTION, 4000, 5), FeeRule(FeeKind.PAYOUT, 0, 50))


async def run(*, guard: bool, progress: Progress, payouts: int = PAYOUTS, url: str = "") -> dict[str, Any]:
    """Play the drill; return its figures. `paid_once`, `paid_twice` and `unpaid` are counts from the banks' books."""
    async with opened(at(DAY, time(8)), ("cmb", "unionpay"), url, PATIENCE_SECONDS) as world:
        merchants = [await _funded(world, n) for n in range(MERCHANTS)]
        await settle(world, world.clock.now() + timedelta(minutes=2))
        await morning(world, DAY + timedelta(days=1))
        await world.set_time(at(DAY + timedelta(days=1), time(13)))
        await _pay(world, merchants, ORDINARY, "O", "I", progress)
        for bank in ("cmb", "unionpay"):  # from now on they reject a payout for its account type
            await world.banks.ask("PUT", bank, "/faults", {"rates": {"account_type": 1}})
        if not guard:
            with _unguarded():
                figures = await _incident(world, merchants, payouts, progress)
        else:
            figures = await _incident(world, merchants, payouts, progress)
            figures |= await _released(world, progress)
        figures |= await _paid(world, payouts) | {"guard": guard}
        await morning(world, DAY + timedelta(days=2))
        return figures | await ledger_evidence(world)


async def _funded(world: World, n: int) -> Merchant:
    """Admit a merchant and collect the money for its payouts."""
    desk, wide = world.desk, 10**11
    made = await admit(desk, NewMerchant(name=f"演练商户{n}", fee_rules=FEES))
    payer = PartyAccount(f"99{n:017d}", "王子涵")
    asked = NewMandate(f"M{n}", f"M{n}", payer, wide, wide, wide, DAY, DAY + timedelta(days=99), "", "paper")
    await Mandates(desk.pool, desk.vault, desk.clock, desk.channels).create(made.id, asked)
    request = Request(Operation.COLLECTION, f"D4-F{n}", 50_000_000, f"D4-F{n}", account=payer)
    await accept(desk, made, request)
    return made


async def _pay(
    world: World, merchants: list[Merchant], count: int, prefix: str, class_: str, progress: Progress
) -> None:
    """Ask for payouts: to persons' class-I accounts or to companies' class-II accounts."""
    rng = Random(f"drill 4 {prefix}")
    task = progress.add_task(f"payouts to accounts of class {class_}", total=count)
    for n in range(count):
        number, company = f"99{rng.randrange(10**17):017d}", class_ == "II"
        payee = PartyAccount(
            number, "青禾房产有限公司" if company else "李思远", "corporate" if company else "card",
            id_no="913300000000000000" if company else "", holder="corporate" if company else "personal", class_=class_,
        )  # fmt: skip
        amount = rng.randrange(100_00, 3000_00)
        order_no = f"D4-{prefix}{n:04d}"
        request = Request(Operation.PAYOUT, order_no, amount, order_no, account=payee)
        await accept(world.desk, merchants[n % len(merchants)], request)
        progress.advance(task)
    await world.platform.idle()
    await settle(world, world.clock.now() + timedelta(minutes=30))


async def _incident(
    world: World, merchants: list[Merchant], payouts: int, progress: Progress
) -> dict[str, Any]:
    await _pay(world, merchants, payouts, "C", "II", progress)
    row = await world.pool.fetchrow(queries.after_the_incident)
    return {"payouts": payouts, **dict(row)}


async def _released(world: World, progress: Progress) -> dict[str, Any]:
    """Let a bad table be rejected by its replay; release a good one: replay, canary, promotion by a second person."""
    pool, clock, channels, (one, other) = world.pool, world.clock, tuple(world.desk.channels), world.people
    rows = list(await rows_of(pool, Kind.ACCOUNT_TYPES))
    bad = [
        row for row in rows if (row["operation"], row["holder"], row["class"]) != ("payout", "personal", "I")
    ]
    task = progress.add_task("releases of the table of account types", total=2)
    version = await propose(
        pool, clock, Kind.ACCOUNT_TYPES, write_csv(Kind.ACCOUNT_TYPES, bad), one, "rewritten"
    )
    rejected = (await replay(pool, clock, version, channels)).rejected
    progress.advance(task)
    good = [*rows, _row("unionpay", "allowed"), _row("cmb", "unsupported")]
    version = await propose(
        pool, clock, Kind.ACCOUNT_TYPES, write_csv(Kind.ACCOUNT_TYPES, good), one, "class II"
    )
    await replay(pool, clock, version, channels)
    await canary(pool, clock, version, 10, one)
    await promote(pool, clock, *await proposal_of(pool, version), other)
    progress.advance(task)
    await world.banks.ask("PUT", "unionpay", "/faults", {"rates": {}})  # now they carry the right type
    await _all_go(world, progress)
    return {"bad_release_rejected": rejected}


def _row(channel: str, support: str) -> dict[str, str]:
    account = {"holder": "corporate", "class": "II", "medium": "corporate"}
    cell = {"channel": channel, "operation": "payout", **account}
    return cell | {"support": support, "limit_fen": "", "bound_only": "", "mark": "G"}


async def _all_go(world: World, progress: Progress) -> None:
    total = await world.pool.fetchval(queries.open_payouts)
    task = progress.add_task("parked payouts are paid", total=total)
    for _ in range(60):
        left = await world.pool.fetchval(queries.open_payouts)
        progress.update(task, completed=total - left)
        if not left:
            return
        await world.set_time(world.clock.now() + timedelta(minutes=2))
        await settle(world, world.clock.now() + timedelta(minutes=2), jumps=2, rounds=30)


@contextmanager
def _unguarded() -> Iterator[None]:
    """Route an unlisted account type as the commonest one, as in the incident; in this process only."""
    guarded = Router.choose

    async def choose(self: Router, ask: Ask, tried: Any = ()) -> Choice:
        unknown = ask.type is not None and ask.type.class_ == "II" and ask.type.holder == "corporate"
        return await guarded(self, replace(ask, type=KNOWN) if unknown else ask, tried)

    Router.choose = choose  # type: ignore[method-assign]
    try:
        yield
    finally:
        Router.choose = guarded  # type: ignore[method-assign]


async def _paid(world: World, payouts: int) -> dict[str, int]:
    truth = await movements.read(world.banks, ("cmb", "unionpay"))
    times: dict[str, int] = {}
    for movement in truth.of.values():
        if movement.key.startswith("D4-C") and movement.operation == "payout" and movement.stands:
            times[movement.key] = times.get(movement.key, 0) + 1
    once, twice = (sum(n == 1 for n in times.values()), sum(n > 1 for n in times.values()))
    return {"paid_once": once, "paid_twice": twice, "unpaid": payouts - once - twice}


def wrong(guard: bool, figures: Mapping[str, Any]) -> list[str]:
    """Return each figure that is not the expected one, one line each."""
    due = {"paid_once": 0, "paid_twice": 0, "unpaid": PAYOUTS, "failed": PAYOUTS, "parked": 0}
    if guard:
        due = {"paid_once": PAYOUTS, "paid_twice": 0, "unpaid": 0, "failed": 0, "parked": PAYOUTS}
        due |= {"bad_release_rejected": True}
    return [f"{name}: {figures[name]}, not {value}" for name, value in due.items() if figures[name] != value]
