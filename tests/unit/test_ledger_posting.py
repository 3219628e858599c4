"""The chart and the templates are tables; these are the rules that the tables keep."""

from collections import Counter
from datetime import date
from itertools import product
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from tests.clock import SetClock
from tests.ledger import running
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import new_id, numbered
from zhangfang.ledger import (
    CHART,
    NO_ID,
    TEMPLATES,
    Account,
    AccountFlag,
    AccountsRefused,
    Book,
    LedgerClient,
    Result,
    Transfer,
    TransferFlag,
    account,
    account_name,
    accounts_for,
    adjustment,
    kind_name,
    mirror,
    open_accounts,
    post,
    resolve,
    subjects_of,
    void,
    voucher,
)
from zhangfang.ledger.posting import KINDS, Line

PUBLISHED = {
    *("P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8", "P9"),
    *("S1", "S2", "S3", "S4", "S5", "S6", "S7", "S8", "S9", "S10", "S11", "F1", "F2", "F3", "F4"),
    *("D1", "D2", "D3", "D4", "D5", "D6", "D7", "T1", "T2", "T3", "T4", "N1", "N2"),
    *(
        "O1",
        "O2",
        "O3",
        "O4",
        "O5",
        "O6",
        "O7",
        "O8",
        "O9",
        "R1",
        "R2",
        "R3",
        "R4",
        "R5",
        "R6",
        "V1",
        "U1",
        "U2",
    ),
    *("J1", "J2", "J3", "J4", "J5", "J6", "W0", "W1", "W2", "X1", "X2", "X3", "X4"),
    *("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "M1", "A1", "A2", "A3", "OX", "I1"),
}
ALL_LINES = [line for lines in TEMPLATES.values() for line in lines]
MOVING = [line for line in ALL_LINES if line.book]
SUBJECTS = {code: "somebody" for code, _ in CHART} | {-2321: "somebody-else"}
AMOUNTS = {line.amount: n for n, line in enumerate(MOVING, 100)}
DAY = date(2026, 9, 1)


@pytest.fixture
def id_(clock: SetClock) -> UUID:
    return new_id(clock)


def test_every_published_template_is_there() -> None:
    assert set(TEMPLATES) >= PUBLISHED
    assert {name.partition(".")[0] for name in TEMPLATES} == PUBLISHED


@pytest.mark.parametrize("line", MOVING, ids=lambda line: f"{line.template}.{line.line}")
def test_both_accounts_of_a_line_stand_in_its_book(line: Line) -> None:
    for code in (*line.debit, *line.credit):
        assert (abs(code), line.book) in CHART


def test_every_line_of_every_template_has_a_kind_of_its_own_that_people_can_read() -> None:
    assert max(Counter(line.kind for line in ALL_LINES).values()) == 1
    assert all(line.kind < 2**16 and line.zh and line.en for line in ALL_LINES)
    assert [line.line for line in TEMPLATES["R3"]] == [1, 2, 3, 4]
    assert kind_name(12) == "收款手续费 Payment fee"
    assert account_name(2322) == "商户可用款 Merchant available"


@pytest.mark.parametrize("template", TEMPLATES)
def test_an_account_with_a_floor_is_credited_before_it_is_debited(template: str) -> None:
    lines = [line for line in TEMPLATES[template] if line.book]
    for first, second in product(lines, lines):
        if first.line < second.line and first.how == second.how == "post":
            for code in set(first.debit) & set(second.credit):
                assert CHART[code, first.book].floor is AccountFlag.NONE, code  # type: ignore[index]


def test_what_has_no_lines_says_what_it_does_and_to_which_template() -> None:
    for line in ALL_LINES:
        if not line.book:
            how, *names = line.how.split()
            assert how in {"post", "void", "mirror", "manual", "crossing", "state"}
            assert set(names) <= set(TEMPLATES)
            assert bool(names) == (how in {"post", "void", "mirror"})


@pytest.mark.parametrize("template", sorted({line.template for line in MOVING}))
def test_a_voucher_is_one_chain_of_its_template_s_lines(template: str, id_: UUID) -> None:
    made = voucher(template, id_, subjects=SUBJECTS, amounts=AMOUNTS, business_date=DAY, memo=id_)
    lines = TEMPLATES[template]
    assert [one.flags & TransferFlag.LINKED for one in made] == [1] * (len(made) - 1) + [0]
    assert [one.id for one in made] == [numbered(id_, line.line) for line in lines]
    assert [one.kind for one in made] == [line.kind for line in lines]
    assert [bool(one.flags & TransferFlag.PENDING) for one in made] == [line.how == "hold" for line in lines]
    touched = {one.id for one in accounts_for(template, SUBJECTS)}
    assert {side for one in made for side in (one.debit, one.credit)} == touched


def test_a_line_without_an_amount_is_left_out_and_the_chain_stays_closed(id_: UUID) -> None:
    made = voucher("P1", id_, subjects=SUBJECTS, amounts={"G": 100, "F": 0}, business_date=DAY, memo=NO_ID)
    assert [(one.amount, one.flags) for one in made] == [(100, TransferFlag.NONE)]


def test_the_platform_s_own_accounts_need_no_subject(id_: UUID) -> None:
    made = voucher("F1", id_, subjects={2321: "mer"}, amounts={"F": 5}, business_date=DAY, memo=NO_ID)
    assert made[0].credit == Account(Book.CUSTOMERS, 2361, "platform").id


def test_the_name_of_a_template_chooses_among_the_accounts_of_a_line(id_: UUID) -> None:
    def debit(template: str) -> UUID:
        return voucher(
            template, id_, subjects=SUBJECTS, amounts={"amount": 5}, business_date=DAY, memo=NO_ID
        )[0].debit

    assert debit("R4") == account(2351, "somebody").id
    assert debit("R4.2331") == account(2331, "somebody").id


@pytest.mark.parametrize(
    ("template", "subjects", "amounts", "says"),
    [
        ("P0", SUBJECTS, AMOUNTS, "template"),
        ("R4.1003", SUBJECTS, AMOUNTS, "template"),
        ("O2", SUBJECTS, AMOUNTS, "post O1"),
        ("M1", SUBJECTS, AMOUNTS, "manual"),
        ("P1", {3011: "unionpay"}, AMOUNTS, "none for 2321"),
        ("P1", SUBJECTS, {"G": 5}, "no F"),
        ("P1", SUBJECTS, {"G": 5, "F": -1}, "negative"),
    ],
)
def test_what_a_template_lacks_is_named(
    template: str, subjects: dict[int, str], amounts: dict[str, int], says: str, id_: UUID
) -> None:
    with pytest.raises(InvalidInput, match=says):
        voucher(template, id_, subjects=subjects, amounts=amounts, business_date=DAY, memo=NO_ID)


def test_a_mirror_gives_the_fee_back_before_it_takes_the_principal(id_: UUID, clock: SetClock) -> None:
    made = voucher("P1", id_, subjects=SUBJECTS, amounts=AMOUNTS, business_date=DAY, memo=id_)
    back = mirror(made, new_id(clock), business_date=DAY, memo=id_)
    assert [(one.debit, one.credit, one.amount) for one in back] == [
        (one.credit, one.debit, one.amount) for one in reversed(made)
    ]
    assert {one.reverses for one in back} == {id_}
    assert [KINDS[one.kind].amount for one in back] == ["F", "G"]
    assert [one.flags for one in back] == [TransferFlag.LINKED, TransferFlag.NONE]


def test_a_hold_is_resolved_whole_under_ids_of_its_own_voucher(id_: UUID) -> None:
    held = voucher("O1", id_, subjects=SUBJECTS, amounts=AMOUNTS, business_date=DAY, memo=id_)
    [sent] = post(held, business_date=DAY)
    [cancelled] = void(held, business_date=DAY)
    assert resolve("O2", held, business_date=DAY) == [sent]
    assert resolve("O3", held, business_date=DAY) == [cancelled]
    assert sent.pending_id == held[0].id
    assert sent.id != cancelled.id
    for template in ("O4", "P1", "W0.post"):
        with pytest.raises(InvalidInput):
            resolve(template, held, business_date=DAY)
    with pytest.raises(InvalidInput):
        post(mirror(held, id_, business_date=DAY), business_date=DAY)


def test_an_adjustment_moves_no_cash_and_stays_in_one_book(id_: UUID) -> None:
    made = adjustment(
        id_, debit=(1242, "unionpay"), credit=(3012, "unionpay"), amount=5, business_date=DAY, memo=id_
    )
    assert made[0].kind == 951
    for debit, credit, amount in (
        ((1003, "cmb"), (3012, "unionpay"), 5),
        ((2361, "platform"), (6001, "platform"), 5),
        ((1242, "unionpay"), (3012, "unionpay"), 0),
    ):
        with pytest.raises(InvalidInput):
            adjustment(id_, debit=debit, credit=credit, amount=amount, business_date=DAY, memo=id_)


def test_the_accounts_of_a_kind_of_subject_come_from_the_chart() -> None:
    assert {2321, 2322, 2323, 2324} < set(subjects_of("merchant", "mer"))
    assert 3011 in subjects_of("channel", "unionpay")
    with pytest.raises(InvalidInput):
        subjects_of("stranger", "x")


STANDING = """
SELECT a.code, sum(e.debit_amount - e.credit_amount)::bigint AS balance
FROM ledger_entry e JOIN account a ON a.shard = e.shard AND a.id = e.account
GROUP BY a.code HAVING sum(e.debit_amount - e.credit_amount) <> 0
"""
STEPS: list[tuple[str, dict[str, int], dict[int, int]]] = [
    ("P1", {"G": 10000, "F": 60}, {3011: 10000, 2321: -9940, 2361: -60}),
    ("S1", {"amount": 10000}, {3012: 10000, 2321: -9940, 2361: -60}),
    ("S4", {"K": 30}, {3012: 10000, 2321: -9940, 2361: -60, 6401: 30, 2202: -30}),
    (
        "S5",
        {"N": 9970, "K": 30},
        {1003: 9970, 2321: -9940, 2361: -60, 1241: 30, 6401: 30, 2242: -30},
    ),
    (
        "D1",
        {"amount": 60},
        {1003: 9970, 2321: -9940, 2361: -60, 1241: 30, 6401: 30, 2242: -30, 1222: 60, 6001: -60},
    ),
    ("D2", {"amount": 30}, {1003: 9970, 2321: -9940, 2361: -30, 6401: 30, 1222: 30, 6001: -60}),
    ("T1", {"amount": 9940}, {1003: 9970, 2322: -9940, 2361: -30, 6401: 30, 1222: 30, 6001: -60}),
    ("O1", {"N": 9900, "F": 40}, {1003: 9970, 2322: -9940, 2361: -30, 6401: 30, 1222: 30, 6001: -60}),
    ("O2", {}, {1003: 9970, 3014: -9900, 2361: -70, 6401: 30, 1222: 30, 6001: -60}),
    ("D1", {"amount": 40}, {1003: 9970, 3014: -9900, 2361: -70, 6401: 30, 1222: 70, 6001: -100}),
    ("O5", {"N": 9900}, {1003: 70, 2361: -70, 6401: 30, 1222: 70, 6001: -100}),
    ("D4", {"amount": 70}, {1003: 70, 3014: -70, 6401: 30, 1225: 70, 6001: -100}),
    ("D5", {"amount": 70}, {6401: 30, 1225: 70, 6001: -100}),
    ("D5.own", {"amount": 70}, {1002: 70, 6401: 30, 6001: -100}),
]


async def test_one_payment_goes_through_the_books_to_the_fen(
    database_url: str, tmp_path: Path, clock: SetClock
) -> None:
    subjects = (
        subjects_of("channel", "unionpay")
        | subjects_of("merchant", "mer_1")
        | subjects_of("bank account", "cmb")
        | subjects_of("platform", "platform")
        | {6001: "acquiring", 3014: "cmb"}
    )
    ledger = running(database_url, tmp_path / "l.sock", clock)
    connection = await asyncpg.connect(database_url)
    async with LedgerClient(tmp_path / "l.sock") as client:
        await open_accounts(client, subjects)
        await open_accounts(client, subjects)
        made: list[Transfer] = []
        for template, amounts, expected in STEPS:
            if template == "O2":
                made = resolve("O2", made, business_date=DAY)
            else:
                made = voucher(
                    template, new_id(clock), subjects=subjects, amounts=amounts, business_date=DAY, memo=NO_ID
                )
            assert {answer.result for answer in await client.create_transfers(made)} == {Result.CREATED}
            rows = await connection.fetch(STANDING)
            assert {row["code"]: row["balance"] for row in rows} == expected, template
        merchant = await client.account_transfers(account(2322, "mer_1").id)
        assert [(one.transfer.kind, bool(one.transfer.flags & TransferFlag.PENDING)) for one in merchant] == [
            (401, False), (501, True), (502, True), (501, False), (502, False),
        ]  # fmt: skip
        await client.create_accounts([Account(Book.CUSTOMERS, 2321, "odd")])
        with pytest.raises(AccountsRefused, match="2321"):
            await open_accounts(client, {2321: "odd"})
    await connection.close()
    await ledger.stop()
