"""Random histories for the ledger: accounts of every sort, transfers of every sort, good ones and bad ones."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from uuid import UUID

from hypothesis import strategies as st

from zhangfang.ledger.model import NO_ID, Account, AccountFlag, Book, Transfer, TransferFlag

START = datetime(2026, 9, 10, tzinfo=UTC)
FIRST, END = (
    datetime(2026, 8, 1, tzinfo=UTC),
    datetime(2026, 12, 1, tzinfo=UTC),
)  # the open months on that day
DAY = date(2026, 9, 10)
ONE_DAY = timedelta(days=1)

T = TransferFlag
PLAIN = T.NONE


def accounts(shard: int = 0) -> list[Account]:
    """Return the accounts of a history: free, floors on both sides, an overdraft, a second book."""
    floor, other = AccountFlag.CREDIT_FLOOR, AccountFlag.DEBIT_FLOOR
    return [
        Account(Book.CUSTOMERS, 3011, "channel", shard=shard),
        Account(Book.CUSTOMERS, 2321, "one", floor, shard=shard),
        Account(Book.CUSTOMERS, 2321, "two", floor, 25, shard=shard),
        Account(Book.CUSTOMERS, 1003, "asset", other, 40, shard=shard),
        Account(Book.OWN, 1002, "own", shard=shard),
        Account(Book.OWN, 6001, "income", floor, 10, shard=shard),
    ]


def an_id(number: int, born: datetime = START) -> UUID:
    """Return the UUIDv7 number `number` of a moment; the order of numbers is not the order of ids."""
    millis = int(born.timestamp() * 1000) + number * 37 % 1009
    return UUID(int=millis << 80 | 0x7 << 76 | 0b10 << 62 | number << 8)


@st.composite
def requests(draw: st.DrawFn, shard: int = 0, size: int = 6) -> list[tuple[int, Transfer]]:
    """Draw a request: transfers that do not have their ids yet, each with which of the earlier ids it points at."""
    return [draw(transfers(shard)) for _ in range(draw(st.integers(1, size)))]


@st.composite
def transfers(draw: st.DrawFn, shard: int = 0) -> tuple[int, Transfer]:
    """Draw a transfer, mostly in order, sometimes wrong in one way; and the pending it means, counted from the last."""
    known = accounts(shard)
    own = draw(st.integers(0, 4)) == 0
    choose = st.sampled_from(known[4:] if own else known[:4])
    debit, credit = draw(st.tuples(choose, choose).filter(lambda pair: pair[0] != pair[1]))
    sort = draw(
        st.sampled_from([PLAIN] * 5 + [T.PENDING] * 4 + [T.POST] * 3 + [T.VOID, T.SET_FLAGS, T.CLOSE_PERIOD])
    )
    made = Transfer(
        id=NO_ID,
        debit=debit.id,
        credit=credit.id,
        amount=draw(st.integers(1, 30)),
        book=debit.book,
        kind=draw(st.sampled_from([0, 11, 21])),
        voucher=an_id(1),
        business_date=draw(st.sampled_from([DAY, DAY, DAY + ONE_DAY, DAY - ONE_DAY])),
        flags=sort,
        timeout=draw(st.sampled_from([0, 0, 1, 3])) if sort == T.PENDING else 0,
    )
    if sort & (T.POST | T.VOID):
        made = replace(
            made, debit=NO_ID, credit=NO_ID, book=draw(st.sampled_from([Book.CUSTOMERS] * 4 + [Book.OWN]))
        )
        chain = draw(st.booleans())
        whole = chain or sort == T.VOID or draw(st.booleans())
        made = replace(made, flags=sort | (T.CHAIN if chain else PLAIN), amount=0 if whole else made.amount)
    if sort == T.SET_FLAGS:
        made = replace(made, credit=made.debit, amount=0, kind=draw(st.sampled_from([0, 0, 4, 8, 12])))
    if sort == T.CLOSE_PERIOD:
        day = DAY + ONE_DAY * draw(st.sampled_from([-4, -3, -2, -1, -1, 0]))
        made = replace(
            made, debit=NO_ID, credit=NO_ID, amount=0, kind=draw(st.integers(0, 1)), business_date=day
        )
    if draw(st.integers(0, 9)) == 0:
        made = draw(st.sampled_from(_WRONG))(made)
    if draw(st.integers(0, 2)) == 0:
        made = replace(made, flags=made.flags | T.LINKED)
    return draw(st.integers(1, 6)), made


_WRONG = [
    lambda one: replace(one, amount=0),
    lambda one: replace(one, amount=-1),
    lambda one: replace(one, amount=2**63 - 5),
    lambda one: replace(one, credit=one.debit),
    lambda one: replace(one, debit=UUID(int=7)),
    lambda one: replace(one, credit=UUID(int=7)),
    lambda one: replace(one, debit=accounts()[0].id),
    lambda one: replace(one, book=Book.CUSTODIAN),
    lambda one: replace(one, business_date=date(1999, 12, 31)),
    lambda one: replace(one, flags=one.flags | T.EXPIRED),
    lambda one: replace(one, flags=one.flags | T.PENDING | T.POST),
    lambda one: replace(one, flags=one.flags | T.CLOSE_PERIOD),
    lambda one: replace(one, flags=one.flags | T(0x100)),
    lambda one: replace(one, kind=2),
    lambda one: replace(one, pending_id=an_id(4)),
    lambda one: replace(one, flags=one.flags | T.CHAIN),
    lambda one: replace(one, timeout=5),
    lambda one: replace(one, id=an_id(3, END + timedelta(days=1))),
    lambda one: replace(one, id=UUID(int=an_id(3).int ^ 0x1 << 76)),
    lambda one: replace(one, id=an_id(1)),
    lambda one: replace(one, id=an_id(11)),
]


def many_accounts(shard: int = 0) -> list[Account]:
    """Return twenty more accounts for large batches: some cannot run out, some do now and then."""
    floors = [AccountFlag.NONE, AccountFlag.CREDIT_FLOOR, AccountFlag.DEBIT_FLOOR]
    return [
        Account(Book.CUSTOMERS, 2322, f"many-{n}", floors[n % 3], 10 ** (2 + n % 4) if n % 3 else 0, shard)
        for n in range(20)
    ]


def many(
    random: Random, numbers: Iterable[int], held: list[Transfer], odd: float = 0.05, shard: int = 0
) -> list[Transfer]:
    """Make a large request with these numbers: plain transfers, holds and what resolves them, and a share of `odd` ones.

    `held` are the holds of requests before, and takes in those of this one. Each request has its own few sorts of odd
    ones, because some hide what others would show.
    """
    known, sorts = many_accounts(shard), random.sample(_ODD, random.randint(1, len(_ODD)))
    request: list[Transfer] = []
    for number in numbers:
        debit, credit = random.sample(known, 2)
        made = Transfer(
            an_id(number), debit.id, credit.id, random.randint(1, 30), debit.book, 11, an_id(1), DAY,
            random.choice([PLAIN] * 9 + [T.PENDING] * 2),
        )  # fmt: skip
        if held and random.random() < 0.1:
            made = _resolution(random, made, held.pop(random.randrange(len(held))))
        if request and random.random() < odd:
            made = random.choice(sorts)(random, made, random.choice(held or request), random.choice(request))
        if made.flags & T.PENDING:
            held.append(made)
        request.append(made)
    return request


def _resolution(random: Random, made: Transfer, held: Transfer) -> Transfer:
    """Make the post or void of a hold, of all of it or of a part, alone or with its chain."""
    resolution = replace(made, debit=NO_ID, credit=NO_ID, book=held.book, pending_id=held.id, amount=0)
    if random.random() < 0.3:
        return replace(resolution, flags=T.POST, amount=random.randint(1, 30))
    return replace(resolution, flags=random.choice([T.POST, T.VOID]) | random.choice([T.CHAIN, PLAIN]))


# What a sieve cannot let pass: of a transfer, a hold and any transfer before it, make something odd.
_ODD: list[Callable[[Random, Transfer, Transfer, Transfer], Transfer]] = [
    lambda random, made, held, before: _resolution(random, made, held),
    lambda random, made, held, before: replace(made, flags=made.flags | T.LINKED),
    lambda random, made, held, before: replace(made, flags=T.PENDING, timeout=random.randint(1, 2)),
    lambda random, made, held, before: replace(made, flags=T.PENDING | T.LINKED),
    lambda random, made, held, before: before,
    lambda random, made, held, before: replace(made, id=before.id),
    lambda random, made, held, before: replace(
        made, amount=random.choice([10**6, 2**46, 2**47, 2**61, 2**63 - 5])
    ),
    lambda random, made, held, before: replace(
        made, credit=made.debit, amount=0, flags=T.SET_FLAGS, kind=random.choice([0, 0, 4, 8])
    ),
    lambda random, made, held, before: random.choice(_WRONG)(made),
]
