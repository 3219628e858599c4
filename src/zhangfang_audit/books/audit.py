"""The audit: read everything once, compute every figure, say what was found."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from zhangfang_audit.books import checks
from zhangfang_audit.books.acts import acts_broken
from zhangfang_audit.books.banks import (
    PAYOUT,
    AccountBook,
    ChannelBook,
    Order,
    read_account,
    read_channel,
    standing_debits,
)
from zhangfang_audit.books.checks import Finding
from zhangfang_audit.inputs import CHINA, Home
from zhangfang_audit.ledger import Ledger, Row, snapshot

BOOKS = ("bank_gap_fen", "channel_gap_fen", "subledger_gap_fen", "transit_overdue_fen", "mirror_gap_fen")
LEDGER = ("sequence_errors", "balance_gap_fen", "unowned_fen")
HELD = ("pending_fen", "available_fen", "in_transit_fen", "paid_out_fen")


@dataclass(frozen=True, slots=True)
class Audit:
    """What was found: the findings by figure, where the money is, and what has no outcome yet."""

    findings: Mapping[str, Finding]
    amount: Mapping[str, Any]
    unknown: Sequence[Row] = field(default=())
    acts: tuple[int, str] = (
        0,
        "",
    )  # the end of the chain of acts: written down outside, it proves all before it

    @property
    def ok(self) -> bool:
        """Whether every figure that has to be zero is."""
        return not any(self.figures().values())

    def figures(self) -> dict[str, int]:
        """Return every figure that has to be zero, by name."""
        figures = {name: one.figure for name, one in self.findings.items()}
        return figures | {"identity_gap_fen": self.amount["identity_gap_fen"]}

    def as_json(self) -> dict[str, Any]:
        """Return all of it for other programs; amounts in fen."""
        found = {name: one.figure for name, one in self.findings.items()}
        return {
            "ok": self.ok,
            "books": {name: found[name] for name in BOOKS},
            "double_debits": found["double_debits"],
            "wrong_payees": found["wrong_payees"],
            "ledger": {name: found[f"ledger_{name}"] for name in LEDGER},
            "acts": {"broken": found["acts_broken"], "seq": self.acts[0], "hash": self.acts[1]},
            "amount": dict(self.amount),
            "unknown_open": len(self.unknown),
            "details": {
                name: [_line(line) for line in one.lines] for name, one in self.findings.items() if one.lines
            }
            | {"unknown_open": [_open(row) for row in self.unknown]},
            "notes": self.notes(),
        }

    def notes(self) -> list[str]:
        """Return what else a person should know: a bank's book that contradicts itself."""
        return [note for one in self.findings.values() for note in one.notes]


async def audit(home: Home) -> Audit:
    """Read the banks' books, then ours as of one moment, and compare; raises `Unreadable`.

    Nobody stops the world for it: money that a bank moves between the two readings, or that the platform has not read
    yet, is a difference, and goes away by itself.
    """
    channels = {name: await asyncio.to_thread(read_channel, at) for name, at in home.channels.items()}
    accounts = {alias: await asyncio.to_thread(read_account, at) for alias, at in home.accounts.items()}
    async with snapshot(home.database_url) as books:
        read = books.read
        findings = {
            "bank_gap_fen": await _bank_gap(books, accounts),
            "channel_gap_fen": await _channel_gap(books, channels),
            "subledger_gap_fen": checks.subledger_gap(await read("subledger_breaks")),
            "transit_overdue_fen": checks.transit_overdue(
                await read("in_transit"), home.now.astimezone(CHINA).date()
            ),
            "mirror_gap_fen": checks.mirror_gap(await read("mirror")),
            "double_debits": await _double_debits(books, channels, accounts),
            "wrong_payees": await _wrong_payees(books, channels, accounts),
            "ledger_sequence_errors": checks.sequence_errors(await read("sequence_breaks")),
            "ledger_balance_gap_fen": checks.balance_gap(
                [*await read("balance_breaks"), *await read("checkpoint_breaks")]
            ),
            "ledger_unowned_fen": checks.unowned(await read("unowned")),
        }
        (head,) = await read("act_head")
        findings["acts_broken"] = acts_broken(await read("acts"), head, await read("proposals"))
        return Audit(
            findings, await _amount(books), await read("unknown_open"), (head["seq"], head["hash"].hex())
        )


async def _bank_gap(books: Ledger, accounts: Mapping[str, AccountBook]) -> Finding:
    entries: dict[str, list[Row]] = {alias: [] for alias in accounts}
    for row in await books.read("cash"):
        entries.setdefault(row["subject"], []).append(row)
    return checks.joined(checks.bank_gap(alias, accounts.get(alias), rows) for alias, rows in entries.items())


async def _channel_gap(books: Ledger, channels: Mapping[str, ChannelBook]) -> Finding:
    positions = dict.fromkeys(channels, 0) | {
        row["subject"]: row["fen"] for row in await books.read("channel_positions")
    }
    found = []
    for name, position in positions.items():
        one = checks.channel_gap(name, channels.get(name), position)
        if one.figure:
            orders = channels[name].orders if name in channels else []
            one = checks.less_what_is_open(one, await _channel_lines(books, name, orders))
        found.append(one)
    return checks.joined(found)


async def _channel_lines(books: Ledger, name: str, orders: Sequence[Order]) -> list[checks.Line]:
    entries = await books.read("channel_orders", name)
    states = await books.read("order_states", [order.number for order in orders])
    return checks.channel_lines(name, orders, entries, {row["number"]: row["state"] for row in states})


async def _double_debits(
    books: Ledger, channels: Mapping[str, ChannelBook], accounts: Mapping[str, AccountBook]
) -> Finding:
    """Look for debits at the channels and payments at the banks."""
    keyed = {
        name: [(order.key, order.number) for order in standing_debits(book.orders)]
        for name, book in channels.items()
    } | {
        alias: [(order.key, order.number) for order in book.orders if order.state == "SUCCESS"]
        for alias, book in accounts.items()
    }
    suspects = [number for several in keyed.values() for number in checks.repeated(several)]
    whose = {row["number"]: row["whose"] for row in await books.read("asked", suspects)}
    return checks.joined(checks.double_debits(bank, several, whose) for bank, several in keyed.items())


async def _wrong_payees(
    books: Ledger, channels: Mapping[str, ChannelBook], accounts: Mapping[str, AccountBook]
) -> Finding:
    """Compare whom the banks paid with whom we were asked to pay."""
    orders = {name: book.orders for name, book in channels.items()}
    orders |= {alias: book.orders for alias, book in accounts.items()}
    numbers = [one.number for several in orders.values() for one in several if one.kind == PAYOUT]
    tails = {row["number"]: row["tail"] for row in await books.read("payees", numbers)}
    return checks.joined(checks.wrong_payees(bank, several, tails) for bank, several in orders.items())


async def _amount(books: Ledger) -> dict[str, Any]:
    """Return where the money is: collected − refunded − fees = pending + available + in transit + paid out."""
    amount: dict[str, Any] = dict((await books.read("amounts"))[0])
    amount["suspense_fen"] = {str(row["code"]): row["fen"] for row in await books.read("suspense")}
    taken = amount["collected_fen"] - amount["refunded_fen"] - amount["fees_fen"]
    amount["identity_gap_fen"] = abs(taken - sum(amount[name] for name in HELD))
    return amount


def _line(line: checks.Line) -> dict[str, Any]:
    return asdict(line) | {"difference": line.difference}


def _open(row: Row) -> dict[str, Any]:
    return dict(row) | {"updated_at": row["updated_at"].isoformat()}
