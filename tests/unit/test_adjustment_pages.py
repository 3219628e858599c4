"""The pages of adjustments: a form with a file, the voucher before it is proposed, and the second person's click."""

import re
from collections.abc import AsyncIterator

import pytest

from tests.adjusting import LETTER, carried, proposed
from tests.clock import SetClock
from tests.console import KEY
from tests.office import Office, open_office
from tests.people import LIN, WANG
from zhangfang.approvals import add_operator
from zhangfang.web import auth


@pytest.fixture
async def office(database_url: str, clock: SetClock) -> AsyncIterator[Office]:
    async with open_office(database_url, clock) as made:
        yield made


WRITTEN = {
    "debit": "3012/unionpay",
    "credit": "2351/unionpay",
    "amount": "12.00",
    "code": "wrong_account",
    "reason": "a slip <b>",
    "refers": "ticket 114",
}


async def test_one_makes_it_with_a_file_and_another_approves_what_was_shown(office: Office) -> None:
    lin, wang = await office.desk(LIN), await office.desk(WANG)
    await lin.get("/adjustments/new?template=M1&amount=12.00")
    shown = await lin.send("/adjustments/preview", file=("letter.pdf", LETTER), **WRITTEN)
    assert shown.status_code == 200, shown.text
    assert all(text in shown.text for text in ("3012/unionpay", "letter.pdf", "12.00", "a slip &lt;b&gt;"))
    assert await office.house.pool.fetchval("SELECT count(*) FROM proposal") == 0
    made = await lin.send("/adjustments")
    assert made.status_code == 303, made.text
    where = made.headers["location"].removeprefix("/console")
    own = await lin.get(where)
    assert "Approve: you made this" in own.text
    assert "Made by me" in (await lin.get("/adjustments")).text
    assert "1 adjustment of" in (await wang.get("/adjustments")).text
    await wang.get(where)
    assert (await wang.send(f"{where}/approve")).status_code == 303
    done = await wang.get(where)
    assert "In the books" in done.text
    assert await office.house.balance(2351) == -1200
    file = re.search(r"/console(/evidence/\w+)", done.text)
    assert file
    taken = await wang.get(file[1])
    assert taken.content == LETTER
    assert taken.headers["content-disposition"] == 'attachment; filename="letter.pdf"'
    assert taken.headers["content-type"] == "application/octet-stream"
    await wang.get(where)
    assert (await wang.send(f"{where}/reverse", reason="it was right before")).status_code == 303
    assert "Its reversal waits" in (await lin.get(where)).text
    assert (await lin.get("/adjustments/adj_0" + "0" * 25)).status_code == 404
    assert (await lin.get("/evidence/" + "0" * 64)).status_code == 404


async def test_one_person_with_two_log_ins_is_told_so_and_nothing_is_booked(office: Office) -> None:
    id_ = await proposed(office.house, "3012/unionpay", "2351/unionpay", 700)
    second, _ = await add_operator(office.house.pool, office.house.clock, "lin at night", "lin")
    other = await office.desk(second)
    listed = await other.get("/adjustments")
    where = re.search(r"/console(/adjustments/adj_\w+)", listed.text)
    assert where
    assert "No adjustment waits for you" in listed.text
    assert "Approve: you made this" in (await other.get(where[1])).text
    refused = await other.send(f"{where[1]}/approve", seen="0" * 64)
    assert refused.status_code == 409
    assert "another person has to approve it" in refused.text
    assert await office.house.last_entry() == 0
    assert await carried(office.house, id_, WANG) == "posted"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"amount": "12.001"}, "amount: got"),
        ({"debit": "1003/reserve"}, "accounts: got"),
        ({"code": "nothing"}, "code: got"),
        ({"reason": ""}, "reason: got"),
        ({"template": "T1"}, "template: got"),
    ],
)
async def test_what_is_wrong_is_said_on_the_form_with_what_was_typed(
    office: Office, change: dict[str, str], says: str
) -> None:
    lin = await office.desk(LIN)
    await lin.get("/adjustments/new?template=M1")
    answer = await lin.send("/adjustments/preview", file=("letter.pdf", LETTER), **WRITTEN | change)
    assert answer.status_code == 422
    assert says in answer.text
    if "template" not in change:
        assert 'value="ticket 114"' in answer.text


@pytest.mark.parametrize(
    ("content", "status"), [(b"MZ\0\0", 422), (b"a" * (5 * 1024 * 1024 + 1), 422), (b"a" * 7_000_000, 400)]
)
async def test_a_file_that_is_no_evidence_or_too_long_is_refused(
    office: Office, content: bytes, status: int
) -> None:
    lin = await office.desk(LIN)
    await lin.get("/adjustments/new?template=M1")
    answer = await lin.send("/adjustments/preview", file=("x.bin", content), **WRITTEN)
    assert answer.status_code == status
    assert await office.house.pool.fetchval("SELECT count(*) FROM evidence_file") == 0


async def test_a_form_with_a_file_is_taken_where_one_is_asked_for_and_nowhere_else(office: Office) -> None:
    lin = await office.desk(LIN)
    await lin.get("/adjustments/new?template=M1")
    assert (await lin.send("/adjustments", file=("letter.pdf", LETTER), **WRITTEN)).status_code == 400
    token = auth.form_token(KEY, "another")
    answer = await lin.send("/adjustments/preview", file=("letter.pdf", LETTER), **WRITTEN | {"csrf": token})
    assert answer.status_code == 400
