"""The figures: each is zero in books that are right, and otherwise names the lines that make it up. All in fen."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from zhangfang_audit.books.banks import PAYOUT, SIGN, AccountBook, CashLine, ChannelBook, Order
from zhangfang_audit.ledger import Row

SATURDAY = 5
# Working days that money may lie in an account after its business date. Only weekends are taken out: a holiday makes
# the auditor ask too early, never too late.
LIMITS = {3011: 2, 3012: 2, 3013: 3, 3014: 2, 3015: 4, 1242: 3}
# States without an outcome.
OPEN = frozenset({"CREATED", "REDIRECTED", "SENDING", "ACCEPTED", "UNKNOWN", "MANUAL"})


@dataclass(frozen=True, slots=True)
class Line:
    """One place where two accounts of the same money differ: what the books say, and what they should."""

    where: str
    what: str
    books: int
    due: int

    @property
    def difference(self) -> int:
        """Return books less due, in fen."""
        return self.books - self.due


@dataclass(frozen=True, slots=True)
class Finding:
    """One figure and the lines that make it up; `notes` is what else a person should know."""

    figure: int
    lines: Sequence[Line] = ()
    notes: Sequence[str] = field(default=())


def joined(findings: Iterable[Finding]) -> Finding:
    """Return the sum of several findings."""
    every = list(findings)
    return Finding(
        sum(one.figure for one in every),
        [line for one in every for line in one.lines],
        [note for one in every for note in one.notes],
    )


def bank_gap(alias: str, book: AccountBook | None, entries: Sequence[Row]) -> Finding:
    """Compare 1003 of one bank account with the bank's book: day by day, and the balance now.

    Days are compared by their movements, so that an error of one day is not counted again on every day after it; what
    the days do not explain of the present difference (an opening balance, say) is added.
    """
    if book is None:
        held = sum(row["fen"] for row in entries)
        return Finding(abs(held), [Line(alias, "no bank's book for this account", held, 0)] if held else [])
    ours = [
        CashLine(row["day"], row["fen"], f"voucher {row['voucher']}, seq {row['seq']}") for row in entries
    ]
    days, theirs = _by_day(ours), _by_day(book.lines)
    different = [day for day in sorted(days.keys() | theirs.keys()) if days[day] != theirs[day]]
    lines = [Line(f"{alias} {day}", "movements of the day", days[day], theirs[day]) for day in different]
    rest = sum(days.values()) - book.balance - sum(line.difference for line in lines)
    gap = abs(rest) + sum(abs(line.difference) for line in lines)
    if rest:
        lines.append(Line(alias, "opening balance, or the bank's lines do not add up", 0, -rest))
    lines += [Line(f"{alias} {one.day}", f"{one.name} is on no line of the bank", one.fen, 0)
              for one in _alone(ours, book.lines, different)]  # fmt: skip
    lines += [Line(f"{alias} {one.day}", f"{one.name} is not in the books", 0, one.fen)
              for one in _alone(book.lines, ours, different)]  # fmt: skip
    own = book.opening + sum(theirs.values())
    note = f"{alias}: the bank's own lines come to {own} fen, its balance says {book.balance}"
    return Finding(gap, lines, [note] if own != book.balance else [])


def _by_day(lines: Iterable[CashLine]) -> Counter[str]:
    days: Counter[str] = Counter()
    for line in lines:
        days[line.day] += line.fen
    return days


def _alone(these: Iterable[CashLine], those: Iterable[CashLine], days: Sequence[str]) -> list[CashLine]:
    """Return the lines of some days that have no partner of the same day and amount on the other side."""
    left = Counter((line.day, line.fen) for line in those)
    alone = []
    for line in these:
        left[line.day, line.fen] -= 1
        if line.day in days and left[line.day, line.fen] < 0:
            alone.append(line)
    return alone


def channel_gap(name: str, book: ChannelBook | None, position: int) -> Finding:
    """Compare what a channel owes us by our books with what it owes by its own. `channel_lines` says where it lies."""
    owed = book.owed if book else 0
    notes = []
    if book and book.owed != book.stated:
        notes.append(
            f"{name}: the bank's error: its orders come to {book.owed} fen owed, its summary says {book.stated}"
        )
    gap = abs(position - owed)
    lines = (
        [Line(name, "3011 + 3012 + 1242 − 3013 against what the channel owes", position, owed)] if gap else []
    )
    return Finding(gap, lines, notes)


def less_what_is_open(found: Finding, lines: Sequence[Line]) -> Finding:
    """Take out of a channel's gap what orders without an outcome explain: unknown is a state, not a wrong book."""
    waiting = [line for line in lines if line.what.split(" ")[-1] in OPEN]
    left = abs(sum(line.difference for line in found.lines) - sum(line.difference for line in waiting))
    notes = [
        *found.notes,
        *(f"{line.where}: {line.what}, explains {line.difference} fen" for line in waiting),
    ]
    return Finding(left, [*found.lines, *lines] if left else [], notes)


def channel_lines(
    name: str, orders: Sequence[Order], entries: Sequence[Row], states: Mapping[str, str]
) -> list[Line]:
    """Return the orders and the transfers that the two books see differently.

    `entries` are our positions by voucher; `states` is what we hold orders to be that moved nothing here.
    """
    mine: Counter[tuple[str, str]] = Counter()
    theirs: Counter[tuple[str, str]] = Counter()
    told = {("order", number): state for number, state in states.items()}
    for row in entries:
        place = _place(row)
        mine[place] += row["fen"]
        told[place] = row["state"] or ""
    for order in orders:
        theirs["order", order.number] += order.fen
        if order.settled_in:
            paid = SIGN[order.kind] * order.amount
            theirs["transfer of settlement date", order.settled_in] -= paid
        if order.returned_in:
            theirs["transfer of settlement date", order.returned_in] -= order.amount
    return [
        Line(f"{name} {' '.join(place)}", told.get(place, "not ours") or "", mine[place], theirs[place])
        for place in sorted(mine.keys() | theirs.keys())
        if mine[place] != theirs[place]
    ]


def _place(row: Row) -> tuple[str, str]:
    if row["number"]:
        return "order", row["number"]
    if row["arrived"]:
        return "transfer of settlement date", row["arrived"]
    return "voucher", str(row["voucher"])


def subledger_gap(rows: Sequence[Row]) -> Finding:
    """Sum the postings that are not what payments, batches, files and bank lines make them."""
    lines = [
        Line(f"{row['code']} {row['subject']}", f"{row['number'] or ''} voucher {row['voucher']}".strip(),
             row["booked"], row["due"])
        for row in rows
    ]  # fmt: skip
    return Finding(sum(abs(line.difference) for line in lines), lines)


def transit_overdue(rows: Sequence[Row], today: date) -> Finding:
    """Sum what lies in a transit account longer than its limit allows."""
    late = [row for row in rows if add_working_days(row["since"], LIMITS[row["code"]]) < today]
    lines = [
        Line(f"{row['code']} {row['subject']} {row['item']}", f"since {row['since']}", row["fen"], 0)
        for row in late
    ]
    return Finding(sum(abs(line.difference) for line in lines), lines)


def add_working_days(day: date, n: int) -> date:
    """Return the `n`th day from Monday to Friday after `day`."""
    while n:
        day += timedelta(days=1)
        n -= day.weekday() < SATURDAY
    return day


def mirror_gap(rows: Sequence[Row]) -> Finding:
    """Compare the mirrored pairs: our money in the reserve (2361, 1222), and what we owe it (1241, 2242)."""
    fees, owed = (sum(row[c] + row[o] for row in rows) for c, o in (("c2361", "o1222"), ("c1241", "o2242")))
    lines = [
        Line(f"{row['day']} {pair}", "movements of the day", row[one], -row[other])
        for row in rows
        for pair, one, other in (("C 2361 / O 1222", "c2361", "o1222"), ("C 1241 / O 2242", "c1241", "o2242"))
        if row[one] + row[other]
    ]
    return Finding(abs(fees) + abs(owed), lines)


def double_debits(bank: str, keyed: Sequence[tuple[str, str]], whose: Mapping[str, str]) -> Finding:
    """Count the keys for which money moved more than once. `keyed` is (key, order number) of what stands at the bank.

    A merchant's number is its own, so one key may stand for one order each of several merchants or kinds: `whose`
    says whose an order is. What nobody here asked for, under a key that is in use, is a double debit.
    """
    numbers: dict[str, list[str]] = {}
    for key, number in keyed:
        if key:
            numbers.setdefault(key, []).append(number)
    lines = []
    for key, several in sorted(numbers.items()):
        allowed = max(1, len({whose[number] for number in several if number in whose}))
        if len(several) > allowed:
            lines.append(Line(f"{bank} key {key}", f"orders {', '.join(several)}", len(several), allowed))
    return Finding(len(lines), lines)


def wrong_payees(bank: str, orders: Sequence[Order], tails: Mapping[str, str]) -> Finding:
    """Count the payouts that the bank did not fail and whose payee ends otherwise than the account that was asked for.

    `tails` are the last four digits of our payouts, by order number.
    """
    lines = []
    for order in orders:
        asked = tails.get(order.number, order.tail)
        if order.kind == PAYOUT and order.state != "FAILED" and order.tail and order.tail != asked:
            what = f"paid to an account …{order.tail}, asked for …{asked}"
            lines.append(Line(f"{bank} order {order.number}", what, 1, 0))
    return Finding(len(lines), lines)


def repeated(keyed: Sequence[tuple[str, str]]) -> list[str]:
    """Return the order numbers whose key stands more than once."""
    count = Counter(key for key, _ in keyed)
    return [number for key, number in keyed if key and count[key] > 1]


def sequence_errors(rows: Sequence[Row]) -> Finding:
    """Count the places where the ledger's sequence is not the next number, or `head` is not the last."""
    lines = [Line(f"shard {row['shard']}", "sequence number", row["seq"], row["expected"]) for row in rows]
    return Finding(len(lines), lines)


def balance_gap(rows: Sequence[Row]) -> Finding:
    """Sum how far stored balances are from the sum of the entries, at the first entry of each account that differs."""
    lines = [
        Line(f"{row['code']} {row['subject']}", f"balance at seq {row['seq']}", row["balance"], row["due"])
        for row in rows
    ]
    return Finding(sum(abs(line.difference) for line in lines), lines)


def unowned(rows: Sequence[Row]) -> Finding:
    """Sum the postings whose voucher belongs to nothing, each once: both its sides are lines."""
    lines = [
        Line(
            f"{row['code']} {row['subject']}",
            f"voucher {row['voucher']}, seq {row['seq']}: nobody's",
            row["fen"],
            0,
        )
        for row in rows
    ]
    return Finding(sum(line.books for line in lines if line.books > 0), lines)
