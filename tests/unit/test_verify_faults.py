"""Every kind of fault, planted into a right history, is found by the check that is for it, at the right transfer."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.unit.verify_world import (
    ASSET,
    CHAIN,
    CHANNEL,
    FIGURES,
    LINKED,
    ONE,
    PENDING,
    POST,
    TWO,
    VOID,
    World,
    connected,
    copied,
    drop,
    play,
    rebook,
    restore,
    save,
)
from zhangfang_audit.__main__ import main
from zhangfang_audit.verify.verify import verify

PLAYED = "verify_played"
Found = dict[str, list[dict[str, Any]]]
Run = Callable[[], Awaitable[Found]]


@pytest.fixture(scope="module")
def played(
    postgres_url: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, dict[str, UUID]]]:
    """Play a right history with entries of every kind, once; give its database's URL and the transfers' ids."""

    async def once() -> tuple[str, dict[str, UUID]]:
        url = await copied(postgres_url, template, PLAYED)
        async with connected(url) as connection:
            world = await play(connection, url, tmp_path_factory.mktemp("ledger"))
            await save(connection)
            return url, world.ids

    yield asyncio.run(once())
    asyncio.run(drop(postgres_url, PLAYED))


@pytest.fixture
async def world(played: tuple[str, dict[str, UUID]]) -> AsyncIterator[World]:
    """Return the history as it was played."""
    url, ids = played
    async with connected(url) as connection:
        await restore(connection)
        yield World(connection, dict(ids))


@pytest.fixture
def url(played: tuple[str, dict[str, UUID]]) -> str:
    """Return where the history is."""
    return played[0]


@pytest.fixture
def run(url: str, tmp_path: Path) -> Run:
    """Return what runs the program and gives the lines of each check that is not clean."""

    async def once() -> Found:
        out = tmp_path / "out.json"
        code = await asyncio.to_thread(main, ["verify", "--database", url, "--json", str(out)])
        found = json.loads(out.read_text())
        bad = {
            name: check["lines"]
            for name, check in found["shards"][0]["checks"].items()
            if check["differences"]
        }
        assert (code, found["ok"]) == (int(bool(bad)), not bad)
        (in_parts,) = await verify(url, 0, lambda *_: None, part=3)
        assert in_parts.found.counts == {
            name: check["differences"] for name, check in found["shards"][0]["checks"].items()
        }
        return bad

    return once


@dataclass(frozen=True)
class Fault:
    """What is changed, whether everything derived is then made to agree, and which checks see it, at which transfer."""

    sql: str
    checks: str
    at: str | None = None
    rebooked: bool = False


def fault(name: str, sql: str, checks: str, at: str | None = None, *, rebooked: bool = False) -> Any:
    return pytest.param(Fault(sql, checks, at, rebooked), id=name.replace(" ", "_"))


A_V7 = "'01a0889d-3900-7000-8000-00000000ff00'"
ONE_PAGE = (
    "UPDATE account_page SET {0} WHERE (account, seq) = (SELECT account, seq FROM account_page "
    "WHERE cardinality(lines) = 4 AND account = {one} ORDER BY seq LIMIT 1)"
)
FIRST_PAGE = "fund, plain, hold, short"  # of account {one}
HISTORY = [
    fault(
        "a changed amount",
        "UPDATE transfer SET amount = amount + 1 WHERE id = {plain}",
        "balances checkpoint pages",
        "plain",
    ),
    fault(
        "a removed row",
        "DELETE FROM transfer WHERE id = {own}",
        "sequence balances checkpoint pages",
        "asset",
    ),
    fault(
        "a swapped sequence",
        "UPDATE transfer SET seq = 3 + 5 - seq WHERE id IN ({plain}, {asset})",
        "balances pages",
        "asset, plain",
    ),
    fault(
        "two moments swapped",
        "UPDATE transfer SET seq = (SELECT sum(seq) FROM transfer WHERE id IN ({own}, {income})) - seq "
        "WHERE id IN ({own}, {income})",
        "time",
        "asset, own",
        rebooked=True,
    ),
    fault(
        "a repeated number", "UPDATE transfer SET seq = 4 WHERE id = {plain}", "sequence pages", "plain, own"
    ),
    fault(
        "a debit balance off by one",
        "UPDATE transfer SET debit_balance = debit_balance + 1 WHERE id = {plain}",
        "balances",
        "plain",
    ),
    fault(
        "a credit balance off by one",
        "UPDATE transfer SET credit_balance = credit_balance - 1 WHERE id = {linked}",
        "balances",
        "linked",
    ),
    fault(
        "the balance at a hold off by one",
        "UPDATE transfer SET debit_balance = debit_balance + 1 WHERE id = {hold}",
        "balances",
        "hold",
    ),
    fault(
        "a limit broken in the middle and healed later",
        "UPDATE transfer SET amount = CASE id WHEN {thawed} THEN 80 ELSE 100 END "
        "WHERE id IN ({thawed}, {after_close})",
        "limits",
        "thawed",
        rebooked=True,
    ),
    fault(
        "a limit of credits broken",
        "UPDATE transfer SET amount = 41 WHERE id = {asset}",
        "limits",
        "asset",
        rebooked=True,
    ),
    fault(
        "a limit broken by a hold that was given back",
        "UPDATE transfer SET amount = 500 WHERE {old_hold} IN (id, pending_id)",
        "limits",
        "old hold",
        rebooked=True,
    ),
    fault("no amount", "UPDATE transfer SET amount = 0 WHERE id = {last}", "form", "last", rebooked=True),
    fault(
        "a sort that is none",
        "UPDATE transfer SET flags = flags | 16 WHERE id = {last}",
        "form",
        "last",
        rebooked=True,
    ),
    fault(
        "an id that the ledger alone may make",
        "UPDATE transfer SET id = overlay(id::text placing '8' from 15)::uuid WHERE id = {last}",
        "ids",
        rebooked=True,
    ),
    fault(
        "an account that does not exist",
        "UPDATE transfer SET debit = {last} WHERE id = {last}",
        "accounts books",
        "last",
    ),
    fault("another book", "UPDATE transfer SET book = 2 WHERE id = {last}", "accounts", "last"),
    fault(
        "a hold that was posted after it ran out",
        "UPDATE transfer SET flags = 4, id = {a_v7} WHERE pending_id = {short}",
        "pendings",
        rebooked=True,
    ),
    fault(
        "a hold that expired before its time",
        "UPDATE transfer SET timeout = 3600 WHERE id = {short}",
        "pendings",
        "expiry of short",
    ),
    fault(
        "a hold that never expired",
        "UPDATE transfer SET timeout = 2 WHERE id = {spare}",
        "pendings",
        "spare",
    ),
    fault(
        "more posted than was held",
        "UPDATE transfer SET amount = 21 WHERE id = {posted}",
        "pendings",
        "posted",
        rebooked=True,
    ),
    fault(
        "less given back than was held",
        "UPDATE transfer SET amount = 4 WHERE id = {given_back}",
        "pendings",
        "given back",
    ),
    fault(
        "another account's hold",
        "UPDATE transfer SET debit = {channel} WHERE id = {given_back}",
        "pendings",
        "given back",
        rebooked=True,
    ),
    fault(
        "a frozen account moved",
        "UPDATE transfer SET debit = credit, credit = debit WHERE id = {to_frozen}",
        "standing",
        "to frozen",
        rebooked=True,
    ),
    fault(
        "a hold of a frozen account posted",
        "UPDATE transfer SET flags = 4 WHERE id = {void_of_frozen}",
        "standing",
        "void of frozen",
        rebooked=True,
    ),
    fault(
        "a closed account moved",
        "UPDATE transfer SET credit = {the_asset} WHERE id = {last_but_one}",
        "standing",
        "last but one",
        rebooked=True,
    ),
    fault(
        "an entry in a closed period",
        "UPDATE transfer SET business_date = date '2026-09-09' WHERE id = {after_close}",
        "periods",
        "after close",
        rebooked=True,
    ),
    fault(
        "an expiry in a closed period",
        "UPDATE transfer SET business_date = date '2026-09-09' WHERE pending_id = {old_hold}",
        "periods",
        "expiry of old hold",
        rebooked=True,
    ),
    fault(
        "an expiry on a later date than it may have",
        "UPDATE transfer SET business_date = date '2026-09-11' WHERE pending_id = {old_hold}",
        "periods",
        "expiry of old hold",
        rebooked=True,
    ),
    fault(
        "a period closed by somebody",
        "UPDATE transfer SET debit = {hold}, credit = {hold} WHERE id = {close}",
        "accounts",
        "close",
    ),
    fault(
        "a period closed backwards",
        "UPDATE transfer SET kind = 0 WHERE id = {reopen}",
        "periods",
        "reopen",
        rebooked=True,
    ),
    fault("a chain left open", "UPDATE transfer SET flags = 1 WHERE id = {last}", "chains", "last"),
    fault("a chain over two moments", "UPDATE transfer SET flags = 1 WHERE id = {asset}", "chains", "asset"),
]
BESIDE = [
    *(
        fault(f"a checkpoint with {name} off by one",
              f"UPDATE account SET {name} = {name} + 1 WHERE id = {{one}}", "books checkpoint")
        for name in FIGURES
    ),
    fault("a checkpoint with a frozen account", "UPDATE account SET flags = flags | 4 WHERE id = {one}", "checkpoint"),
    fault("a checkpoint one entry back", "UPDATE ledger_checkpoint SET seq = seq - 1", "checkpoint"),
    fault("an account ahead of the checkpoint", "UPDATE account SET as_of_seq = 99 WHERE id = {one}", "checkpoint"),
    fault("an account before its last entry", "UPDATE account SET as_of_seq = 1 WHERE id = {one}", "checkpoint"),
    fault("an oldest hold that is not", "UPDATE ledger_checkpoint SET oldest_pending = 30", "checkpoint"),
    fault("an open hold that is not listed", "DELETE FROM ledger_hold WHERE id = {open}", "checkpoint", "open"),
    fault("a listed hold that is not open", "INSERT INTO ledger_hold VALUES (0, {hold})", "checkpoint", "hold"),
    fault("an account under another name", "UPDATE account SET subject = 'x' WHERE id = {one}", "accounts"),
    fault("an account with both floors", "UPDATE account SET flags = 3 WHERE id = {one}", "accounts limits"),
    fault("a head one too low", "UPDATE head SET seq = seq - 1", "sequence", "last"),
    fault("a head one too high", "UPDATE head SET seq = seq + 1", "sequence", "last"),
    fault("a head before its time", "UPDATE head SET at = at - interval '1 second'", "time", "last"),
    fault("a head with another period", "UPDATE head SET closed_through = closed_through + 1", "periods"),
    fault("a head without a period", "UPDATE head SET closed_through = NULL", "periods"),
    fault("a page that is gone", "DELETE FROM account_page WHERE account = {one} AND first_seq = 1", "pages", FIRST_PAGE),
    fault("a line that is gone", ONE_PAGE.format("lines = lines[1:2] || lines[4:4]", one="{one}"), "pages", "hold"),
    fault("a line twice", ONE_PAGE.format("lines = lines[1:2] || lines[2:4]", one="{one}"), "pages", "plain"),
    fault("a line of another account",
          ONE_PAGE.format("lines = lines[1:1] || ARRAY[1] || lines[2:4]", one="{one}"), "pages"),
    fault("lines that are no list", ONE_PAGE.format("lines = ARRAY[0, NULL]", one="{one}"), "pages"),
    *(
        fault(f"a page with {name} off by one", ONE_PAGE.format(f"{name} = {name} + 1", one="{one}"), "pages")
        for name in ("seq", "first_seq", "business_date", "debit_sum", "credit_sum", *FIGURES)
    ),
    fault("a page of nobody", ONE_PAGE.format("account = {hold}", hold="{hold}", one="{one}"), "pages", FIRST_PAGE),
    fault("a page behind the last", "UPDATE account_page SET seq = seq + 40, first_seq = first_seq + 40 "
          "WHERE account = {the_asset}", "pages"),
    fault("pages that end before they say",
          "UPDATE ledger_checkpoint SET paged = paged + 1, seq = seq + 1", "pages checkpoint"),
    fault("an id refused and stored", "INSERT INTO refusal SELECT shard, id, 21, seq, posted_at, digest FROM transfer "
          "WHERE id = {plain}", "refusals", "plain"),
    fault("a refusal that is not remembered", "UPDATE refusal SET result = 9 WHERE id = {too_much}", "refusals", "too much"),
    fault("a refusal after the head", "UPDATE refusal SET seq = 99 WHERE id = {too_much}", "refusals", "too much"),
    fault("a refusal before the first", "UPDATE refusal SET seq = -1 WHERE id = {too_much}", "refusals", "too much"),
    fault("a refusal before its time", "UPDATE refusal SET refused_at = refused_at - interval '1 s' WHERE id = {too_much}",
          "refusals", "too much"),
    fault("a refusal after its time", "UPDATE refusal SET refused_at = refused_at + interval '2 s' WHERE id = {too_much}",
          "refusals", "too much"),
    fault("a sealed month without a table", "INSERT INTO ledger_month VALUES ('2020-01-01', now())", "months"),
]  # fmt: skip


@pytest.mark.parametrize("planted", [*HISTORY, *BESIDE])
async def test_a_planted_fault_is_found_by_its_check_and_no_other_at_its_transfer(
    planted: Fault, world: World, run: Run
) -> None:
    await rebook(world.connection)
    await plant(world, planted.sql)
    if planted.rebooked:
        await rebook(world.connection)
    found = await run()
    assert sorted(found) == sorted(planted.checks.split())
    if planted.at:
        named = {line["transfer"] for line in found[planted.checks.split()[0]]} - {None}
        assert named == {str(world.ids[name]) for name in planted.at.split(", ")}


async def plant(world: World, sql: str) -> None:
    """Run a statement in which {names} stand for ids: of transfers, and of a few accounts."""
    ids = {name.replace(" ", "_"): id_ for name, id_ in world.ids.items()}
    ids |= {"one": ONE, "channel": CHANNEL, "the_asset": ASSET}
    names = {name: f"'{id_}'::uuid" for name, id_ in ids.items()}
    assert await world.connection.execute(sql.format(**names, a_v7=A_V7)) not in ("UPDATE 0", "DELETE 0")


async def test_a_right_history_with_every_kind_of_entry_has_no_difference(world: World, run: Run) -> None:
    kinds = await world.connection.fetch("SELECT DISTINCT flags FROM transfer")
    assert {row["flags"] for row in kinds} == {0, 1, 2, 3, 4, 8, 20, 21, 40, 64, 128}
    assert await run() == {}
    await rebook(world.connection)  # now with many pages, and a tail that is on none
    assert await run() == {}


async def test_a_month_whose_ids_may_repeat_is_found(world: World, run: Run) -> None:
    await world.connection.execute("ALTER TABLE transfer DROP CONSTRAINT transfer_pkey")
    found = await run()
    await world.connection.execute("ALTER TABLE transfer ADD PRIMARY KEY (shard, id)")
    assert list(found) == ["ids"]


async def test_a_hold_resolved_twice_is_found_at_the_second_entry(world: World, run: Run) -> None:
    again = {"flags": VOID, "pending_id": world.ids["cancelled"], "debit": TWO, "credit": ONE, "amount": 5}
    await world.append("again", **again)
    await rebook(world.connection)
    found = await run()
    assert list(found) == ["pendings"]
    assert [line["transfer"] for line in found["pendings"]] == [str(world.ids["again"])]


async def test_a_chain_posted_in_part_only_is_found_at_the_hold_that_was_left(world: World, run: Run) -> None:
    await world.append("one of two", flags=PENDING | LINKED)
    await world.append("other of two", flags=PENDING)
    await world.append("half", flags=POST | CHAIN, pending_id=world.ids["one of two"])
    await rebook(world.connection)
    found = await run()
    assert list(found) == ["chains"]
    assert [line["transfer"] for line in found["chains"]] == [str(world.ids["other of two"])]


async def test_sums_beyond_63_bits_are_found_though_balances_wrap_to_what_is_stored(
    world: World, run: Run
) -> None:
    await world.append("most", debit=CHANNEL, credit=TWO, amount=2**63 - 1)
    found = await run()
    assert str(world.ids["most"]) in {line["transfer"] for line in found["limits"]}


async def test_a_ledger_from_before_pages_needs_none(world: World, run: Run) -> None:
    await rebook(world.connection)
    await world.connection.execute("DELETE FROM account_page")
    await world.connection.execute("DELETE FROM ledger_hold")
    await world.connection.execute("UPDATE ledger_checkpoint SET paged = 0")
    assert await run() == {}


async def test_of_many_differences_the_first_twenty_are_named_and_the_others_counted(
    world: World, url: str
) -> None:
    await world.connection.execute("UPDATE transfer SET book = 3 WHERE flags & 128 = 0")
    (found,) = await verify(url, 0, lambda *_: None)
    assert len(found.found.lines["accounts"]) == 20
    moved = await world.connection.fetchval("SELECT count(*) FROM transfer WHERE flags & 128 = 0")
    assert found.found.counts["accounts"] == 2 * moved
