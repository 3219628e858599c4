"""The whole ledger (socket, writer, PostgreSQL) against the oracle, with retries and restarts in between.

After each history everything is compared: the answers, the balances of now and of a past point, every account's entries,
and what `verify` derives from the tables alone.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import count, islice
from pathlib import Path
from random import Random
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.clock import SetClock
from tests.ledger import running
from tests.model.ledger_histories import END, FIRST, START, accounts, an_id, many, many_accounts, requests
from tests.model.ledger_oracle import Oracle
from zhangfang.ledger import Account, Entry, LedgerClient, Result, Transfer, TransferFlag
from zhangfang.ledger.model import NO_ID
from zhangfang_audit.verify.verify import verify

_shards = count(100)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), st.just(0)),
        st.tuples(st.just("ask"), st.just(0)),
        st.tuples(st.just("ask for many"), st.integers(0, 2**32)),
        st.tuples(st.just("again"), st.integers(1, 20)),
        st.tuples(st.just("seconds"), st.integers(1, 4)),
        st.tuples(st.just("restart"), st.integers(0, 1)),
    ),
    min_size=5,
    max_size=30,
)


# Not shrunk: each try starts a writer, and hundreds of them would outlast the test's own time.
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)


@settings(
    max_examples=12,
    phases=PHASES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data(), steps=STEPS)
def test_any_history_with_retries_and_restarts_is_answered_as_the_oracle_answers(
    data: st.DataObject, steps: list[tuple[str, int]], database_url: str, tmp_path: Path
) -> None:
    asyncio.run(_play(data, steps, Played(database_url, tmp_path)))


class Played:
    """A ledger on a shard of its own, and the oracle that is asked the same."""

    def __init__(self, url: str, folder: Path) -> None:
        """Open the oracle's accounts; nothing runs yet."""
        self.shard = next(_shards)
        self.accounts = [*accounts(self.shard), *many_accounts(self.shard)]
        self.oracle = Oracle(FIRST, END)
        self.clock = SetClock()
        self.clock.set(START)
        self.numbers = count(10)
        self.held: list[Transfer] = []
        self.socket = folder / "l.sock"
        self.url = url
        for account in self.accounts:
            self.oracle.open(account)

    def start(self) -> None:
        """Start the writer."""
        self.ledger = running(self.url, self.socket, self.clock, self.shard)

    async def ask(self, client: LedgerClient, request: Sequence[Transfer]) -> None:
        """Ask both, and compare their answers."""
        answers = await client.create_transfers(request)
        assert [(one.result, one.seq) for one in answers] == self.oracle.ask(request, self.clock.now())


async def _play(data: st.DataObject, steps: Sequence[tuple[str, int]], played: Played) -> None:
    played.start()
    try:
        await _compared(data, steps, played)
    finally:  # Hypothesis may give up an example where it draws, with statements under way
        await played.ledger.stop(clean=False)
    [verified] = await verify(played.url, played.shard, lambda *_: None)
    assert verified.found.ok, verified.as_json()
    assert verified.rows == len(played.oracle.entries)


async def _compared(data: st.DataObject, steps: Sequence[tuple[str, int]], played: Played) -> None:
    past: list[list[Transfer]] = []
    async with LedgerClient(played.socket) as client:
        assert set(await client.create_accounts(played.accounts)) == {Result.CREATED}
        for what, how in steps:
            if what == "restart":
                await played.ledger.stop(clean=bool(how))
                played.start()
            elif what == "seconds":
                played.clock.advance(seconds=how)
            elif what == "again" and past:
                await played.ask(client, past[-min(how, len(past))])
            elif what != "again":
                past.append(_request(data, what, how, played))
                await played.ask(client, past[-1])
        # whatever has timed out by now is an entry after it, on both sides
        await played.ask(client, [_nothing(played)])
        await _compare(client, played, Random(len(past)))
        await played.ledger.stop()


def _request(data: st.DataObject, what: str, seed: int, played: Played) -> list[Transfer]:
    if what == "ask for many":
        return many(Random(seed), islice(played.numbers, 100), played.held, shard=played.shard)
    return [_named(back, one, next(played.numbers)) for back, one in data.draw(requests(played.shard))]


async def _compare(client: LedgerClient, played: Played, random: Random) -> None:
    oracle = played.oracle
    ids = [account.id for account in played.accounts]
    seq = random.randint(0, len(oracle.entries))
    balances, past = await client.account_balances(ids), await client.account_balances(ids, at=seq)
    for account in played.accounts:
        standing = oracle.accounts[account.id]
        one = balances[account.id]
        assert (one.debits, one.credits, one.debits_pending, one.credits_pending) == (
            standing.debits,
            standing.credits,
            standing.debits_pending,
            standing.credits_pending,
        )
        entries = await _entries(client, account)
        touching = [one for one in oracle.entries if account.id in (one.transfer.debit, one.transfer.credit)]
        assert entries == [_comparable(one) for one in touching]
        before = [one for one in touching if one.seq <= seq]
        posted = _balance(before[-1], account) if before else 0
        assert past[account.id].debits - past[account.id].credits == posted


async def _entries(client: LedgerClient, account: Account) -> list[Any]:
    read: list[Entry] = []
    while page := await client.account_transfers(account.id, read[-1].seq if read else 0, limit=150):
        read += page
    return [_comparable(one) for one in read]


def _comparable(entry: Entry) -> Entry:
    """Return an entry without what may differ: ids of the ledger's own, and the moment at which it saw a timeout."""
    own = entry.transfer.id.version == 8
    return replace(
        entry, transfer=replace(entry.transfer, id=NO_ID) if own else entry.transfer, posted_at=START
    )


def _balance(entry: Entry, account: Account) -> int:
    return entry.debit_balance if entry.transfer.debit == account.id else entry.credit_balance


def _nothing(played: Played) -> Transfer:
    """Return a transfer that is refused for its form, and so leaves nothing behind."""
    one, other = played.accounts[:2]
    number = next(played.numbers)
    return Transfer(
        an_id(number), one.id, other.id, 0, one.book, 0, an_id(number), START.date() + timedelta(days=1)
    )


def _named(back: int, one: Transfer, number: int) -> Transfer:
    """Give a transfer its id, and its pending by counting back."""
    changes: dict[str, Any] = {"id": an_id(number)} if one.id == NO_ID else {}
    if one.flags & (4 | 8):
        changes["pending_id"] = an_id(max(number - back, 10))
    return replace(one, **changes)


async def test_a_pending_resolved_between_a_checkpoint_and_a_crash_is_no_open_one_for_verify(
    database_url: str, tmp_path: Path
) -> None:
    played = Played(database_url, tmp_path)
    one, other = played.accounts[:2]
    held = Transfer(
        an_id(10), one.id, other.id, 9, one.book, 11, an_id(1), START.date(), TransferFlag.PENDING
    )
    post = replace(held, id=an_id(11), flags=TransferFlag.POST, pending_id=held.id)
    played.start()
    async with LedgerClient(played.socket) as client:
        await client.create_accounts(played.accounts)
        for request, clean in (([held], True), ([post], False), ([_nothing(played)], True)):
            await played.ask(client, request)
            await played.ledger.stop(clean=clean)
            played.start()
        await client.status()
    await played.ledger.stop()
    [verified] = await verify(played.url, played.shard, lambda *_: None)
    assert verified.found.ok, verified.as_json()
