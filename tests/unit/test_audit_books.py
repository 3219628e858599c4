"""The auditor over a whole day: all is zero when the books are right, and a fen in the wrong place is found and named."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.unit.audit_world import ACCOUNT, D1, D2, NOON, World, furnish, play, served, set_now
from zhangfang_audit.__main__ import main

Run = Callable[..., Awaitable[tuple[int, dict[str, Any]]]]
ZERO = {
    "bank_gap_fen": 0,
    "channel_gap_fen": 0,
    "subledger_gap_fen": 0,
    "transit_overdue_fen": 0,
    "mirror_gap_fen": 0,
}


@pytest.fixture
async def world(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """Return the day's books, right to the fen."""
    monkeypatch.delenv("ZHANGFANG_DATABASE_URL", raising=False)
    connection = await asyncpg.connect(database_url)
    try:
        async with connection.transaction():
            made = await play(connection)
        yield made
    finally:
        await connection.close()


@pytest.fixture
async def run(world: World, database_url: str, tmp_path: Path) -> AsyncIterator[Run]:
    """Return what runs the program and gives its exit code and its JSON."""
    with served(world) as url:
        furnish(tmp_path, database_url, url)

        async def once(*more: str) -> tuple[int, dict[str, Any]]:
            out = tmp_path / "out.json"
            out.unlink(missing_ok=True)
            code = await asyncio.to_thread(
                main, ["books", "--home", str(tmp_path), "--json", str(out), *more]
            )
            return code, json.loads(out.read_text()) if out.exists() else {}

        yield once


def named(found: dict[str, Any], figure: str) -> str:
    """Return the lines of a figure as one text."""
    return "\n".join(
        f"{line['where']} | {line['what']} | {line['difference']}" for line in found["details"][figure]
    )


async def test_books_that_are_right_have_no_gap_anywhere(run: Run) -> None:
    code, found = await run()
    assert found["details"].keys() == {"unknown_open"}, found["details"]
    assert (code, found["ok"], found["books"], found["double_debits"]) == (0, True, ZERO, 0)
    assert set(found["ledger"].values()) == {0}
    assert found["notes"] == []


async def test_the_money_is_where_the_identity_says(run: Run) -> None:
    _, found = await run()
    assert found["amount"] == {
        "collected_fen": 18700,
        "refunded_fen": 1700,
        "fees_fen": 60 + 30 + 18 + 4 - 6 - 4 - 3 + 40 + 10 + 5,
        "pending_fen": 2982 + 3976,
        "available_fen": 2388,
        "in_transit_fen": 1000 + 500,
        "paid_out_fen": 6000,
        "suspense_fen": {"1242": 0, "1243": 0, "2351": 0, "2352": 66600},
        "identity_gap_fen": 0,
    }


async def test_what_has_no_outcome_is_counted_and_listed(run: Run) -> None:
    _, found = await run()
    assert found["unknown_open"] == 2
    states = {(one["kind"], one["state"], one["amount"]) for one in found["details"]["unknown_open"]}
    assert states == {("refund", "UNKNOWN", 500), ("payout", "ACCEPTED", 1000)}


async def test_a_fen_on_a_line_of_the_bank_is_a_bank_gap_of_one_on_its_day(world: World, run: Run) -> None:
    book = world.banks["/cmb/book"]
    book["lines"][1]["amount_fen"] += 1
    book["balance_fen"] -= 1
    code, found = await run()
    assert (code, found["books"]) == (1, ZERO | {"bank_gap_fen": 1})
    said = named(found, "bank_gap_fen")
    assert "cmb 2026-09-02 | movements of the day | 1" in said
    assert "bank line 2 is not in the books | 6001" in said
    assert f"voucher {world.vouchers['paid O5']}" in said


async def test_a_line_on_another_day_differs_though_the_balances_agree(world: World, run: Run) -> None:
    world.banks["/cmb/book"]["lines"][2]["at"] = (
        "2026-09-01T15:59:59+00:00"  # one second before midnight in China
    )
    code, found = await run()
    assert (code, found["books"]["bank_gap_fen"]) == (1, 1000)  # 500 on each of the two days
    assert "cmb 2026-09-01" in named(found, "bank_gap_fen")


async def test_a_day_ends_at_midnight_in_china(world: World, run: Run) -> None:
    world.banks["/cmb/book"]["lines"][2]["at"] = "2026-09-01T16:00:00+00:00"
    code, _ = await run()
    assert code == 0


async def test_an_opening_balance_that_is_not_in_the_books_is_a_gap(world: World, run: Run) -> None:
    world.banks["/cmb/book"]["opening_fen"] += 1
    world.banks["/cmb/book"]["balance_fen"] += 1
    _, found = await run()
    assert found["books"] == ZERO | {"bank_gap_fen": 1}
    assert "opening balance" in named(found, "bank_gap_fen")


async def test_cash_that_no_bank_vouches_for_is_a_gap(world: World, run: Run) -> None:
    await world.post(world.vouchers["X1"], (1003, "another"), (2352, "another"), 1, D2)
    _, found = await run()
    assert found["books"]["bank_gap_fen"] == 1
    assert "no bank's book for this account" in named(found, "bank_gap_fen")


async def test_a_fen_more_in_the_channels_book_is_a_channel_gap_that_names_the_order(
    world: World, run: Run
) -> None:
    world.row("C")["amount"] += 1
    code, found = await run()
    assert (code, found["books"]) == (1, ZERO | {"channel_gap_fen": 1})
    assert f"order {world.intents['C']['channel_order_no']} | purchase SUCCESS | -1" in named(
        found, "channel_gap_fen"
    )


async def test_a_fen_too_much_on_3011_is_a_channel_gap_that_names_the_order(world: World, run: Run) -> None:
    await world.post(world.intents["C"]["voucher"], (3011, "unionpay"), (2361, "platform"), 1, D2)
    _, found = await run()
    assert found["books"] == ZERO | {"channel_gap_fen": 1}
    assert f"order {world.intents['C']['channel_order_no']} | purchase SUCCESS | 1" in named(
        found, "channel_gap_fen"
    )


async def test_a_debit_that_nobody_asked_for_is_named_as_not_ours(world: World, run: Run) -> None:
    world.banks["/unionpay/movements"].append(
        world.row("C") | {"order_no": "f" * 32, "key": "X", "amount": 8800}
    )
    _, found = await run()
    assert found["books"]["channel_gap_fen"] == 8800
    assert f"order {'f' * 32} | not ours | -8800" in named(found, "channel_gap_fen")


async def test_a_transfer_that_we_have_not_read_names_its_settlement_date(world: World, run: Run) -> None:
    world.row("C")["settled_in"] = D2.isoformat()
    _, found = await run()
    assert found["books"]["channel_gap_fen"] == 3000
    assert "transfer of settlement date 2026-09-02" in named(found, "channel_gap_fen")


async def test_an_order_without_an_outcome_explains_its_own_difference_and_is_named_with_its_state(
    world: World, run: Run
) -> None:
    await world.intent("E", "collection", "m2", 900, 5, "UNKNOWN")
    world.order("E", "collection")
    _, found = await run()
    assert found["books"] == ZERO
    assert [note for note in found["notes"] if "collection UNKNOWN, explains -900 fen" in note]


async def test_an_order_without_an_outcome_explains_no_more_than_itself(world: World, run: Run) -> None:
    await world.intent("E", "collection", "m2", 900, 5, "UNKNOWN")
    world.order("E", "collection")
    await world.post(world.vouchers["S1"], (3012, "unionpay"), (2361, "platform"), 1, D2)
    _, found = await run()
    assert found["books"]["channel_gap_fen"] == 1


async def test_a_summary_that_contradicts_the_channels_own_orders_is_the_banks_error(
    world: World, run: Run
) -> None:
    world.banks["/unionpay/book/summary"] = {"owed_fen": 2499}
    code, found = await run()
    assert (code, found["books"]) == (0, ZERO)
    assert found["notes"] == [
        "unionpay: the bank's error: its orders come to 2500 fen owed, its summary says 2499"
    ]


async def test_a_position_at_a_channel_without_a_book_is_a_gap(world: World, run: Run) -> None:
    await world.post(world.vouchers["S1"], (3012, "lakala"), (2361, "platform"), 1, D2)
    _, found = await run()
    assert found["books"]["channel_gap_fen"] == 1
    assert "lakala" in named(found, "channel_gap_fen")


OURS = (2361, "platform")
POSTED = [  # what the voucher is of, and the two sides of a fen that does not belong there
    ("C", (2321, "m1"), OURS),
    ("B-refund", OURS, (2321, "m2")),
    ("A-refund", (2322, "m1"), OURS),
    ("A-refund", OURS, (3013, "unionpay")),
    ("paid", (2322, "m1"), OURS),
    ("sent", OURS, (3014, "cmb")),
    ("held", (2322, "m1"), OURS),
    ("S2", (3013, "unionpay"), OURS),
    ("S10", (3013, "unionpay"), OURS),
    ("T1", OURS, (2322, "m1")),
    ("paid O5", (3014, "cmb"), OURS),
    ("back O8", OURS, (3015, "cmb")),
    ("X1", OURS, (2323, "m2")),
    ("X1", OURS, (2324, "m2")),
]


@pytest.mark.parametrize(("name", "debit", "credit"), POSTED)
async def test_a_fen_posted_beside_what_the_lines_make_is_found_in_its_voucher(
    world: World, run: Run, name: str, debit: tuple[int, str], credit: tuple[int, str]
) -> None:
    voucher = world.vouchers.get(name) or world.intents[name]["voucher"]
    await world.post(voucher, debit, credit, 1, D2)
    code, found = await run()
    code_and_subject = debit if debit != OURS else credit
    lines = found["details"]["subledger_gap_fen"]
    if name == "held":  # a payout not yet released: that anything of it is posted makes it count as posted
        assert found["books"]["subledger_gap_fen"] > 0
    else:
        assert found["books"]["subledger_gap_fen"] == 1
    assert code == 1
    assert f"{code_and_subject[0]} {code_and_subject[1]}" in [line["where"] for line in lines]
    assert all(str(voucher) in line["what"] for line in lines)


@pytest.mark.parametrize("name", ["B-failed", "failed", "back"])
async def test_a_fen_posted_with_money_given_back_is_found(world: World, run: Run, name: str) -> None:
    made = world.intents[name]
    await world.post(made["undo_voucher"], OURS, (2322, made["merchant"]), 1, D2)
    _, found = await run()
    assert found["books"] == ZERO | {"subledger_gap_fen": 1}
    assert made["channel_order_no"] in named(found, "subledger_gap_fen")


async def test_a_posting_to_the_wrong_merchant_is_found_at_both(world: World, run: Run) -> None:
    await world.post(world.intents["C"]["voucher"], (2321, "m1"), (2321, "m2"), 1, D2)
    _, found = await run()
    assert found["books"]["subledger_gap_fen"] == 2
    assert {line["where"] for line in found["details"]["subledger_gap_fen"]} == {"2321 m1", "2321 m2"}


async def test_a_batch_that_is_not_the_sum_of_its_lines_is_found(world: World, run: Run) -> None:
    await world.connection.execute("UPDATE intent SET fee = fee + 1 WHERE order_no = 'A'")
    _, found = await run()
    assert f"voucher {world.vouchers['T1']}" in named(found, "subledger_gap_fen")
    assert found["amount"]["identity_gap_fen"] == 1


@pytest.mark.parametrize(
    ("name", "state"), [("paid", "REFUSED"), ("B-refund", "FAILED"), ("B", "CLOSED"), ("sent", "FAILED")]
)
async def test_a_final_state_that_the_postings_deny_is_found(
    world: World, run: Run, name: str, state: str
) -> None:
    await world.connection.execute("UPDATE intent SET state = $1 WHERE order_no = $2", state, name)
    code, found = await run()
    assert code == 1
    assert world.intents[name]["channel_order_no"] in named(found, "subledger_gap_fen")


async def test_a_pay_in_booked_and_then_ended_without_success_has_to_be_taken_back_whole(
    world: World, run: Run
) -> None:
    made = world.intents["C"]
    world.row("C")["state"] = "FAILED"
    await world.connection.execute("UPDATE intent SET state = 'FAILED' WHERE order_no = 'C'")
    _, found = await run()
    assert found["books"] == ZERO | {"channel_gap_fen": 3000, "subledger_gap_fen": 2982}
    await world.post(made["undo_voucher"], OURS, (2321, "m1"), 18, D2)
    await world.post(made["undo_voucher"], (2321, "m1"), (3011, "unionpay"), 3000, D2)
    code, found = await run()
    assert (code, found["books"], found["amount"]["identity_gap_fen"]) == (0, ZERO, 0)


async def test_a_refund_that_the_file_lists_with_another_amount_leaves_3013_in_full(
    world: World, run: Run
) -> None:
    await world.connection.execute("UPDATE file_line SET amount = 999 WHERE NOT credit")
    code, _ = await run()
    assert code == 0


async def test_a_payout_of_another_amount_on_the_bank_line_leaves_a_gap(world: World, run: Run) -> None:
    await world.post(world.vouchers["paid O5"], (3014, "cmb"), (1003, "cmb"), 1, D2)
    _, found = await run()
    assert found["books"] == ZERO | {"bank_gap_fen": 1, "subledger_gap_fen": 1}


@pytest.mark.parametrize(
    ("name", "state"), [("C", "SENDING"), ("B-refund", "SENDING"), ("paid", "SENDING"), ("failed", "UNKNOWN")]
)
async def test_a_step_whose_posting_is_ahead_of_its_row_is_no_gap(
    world: World, run: Run, name: str, state: str
) -> None:
    await world.connection.execute(
        "UPDATE intent SET state = $1, returned_at = NULL WHERE order_no = $2", state, name
    )
    code, found = await run()
    assert (code, found["books"], found["amount"]["identity_gap_fen"]) == (0, ZERO, 0)


async def test_batches_files_and_lines_being_booked_are_no_gap(world: World, run: Run) -> None:
    for table in ("settlement SET posted_at", "channel_file SET matched_at", "bank_line SET posted_at"):
        await world.connection.execute(f"UPDATE {table} = NULL")
    await world.connection.execute("UPDATE intent SET returned_at = NULL")
    code, found = await run()
    assert (code, found["books"], found["amount"]["identity_gap_fen"]) == (0, ZERO, 0)


@pytest.mark.parametrize(
    ("now", "fen", "item"),
    [
        ("2026-09-04T12:00+08:00", 0, ""),
        ("2026-09-05T00:00+08:00", 3000 + 1000, "3011 unionpay settlement date 2026-09-02"),
        ("2026-09-07T23:59+08:00", 3000 + 1000, "3014 cmb order"),
        ("2026-09-08T00:00+08:00", 3000 + 1000 + 500, "3013 unionpay order"),
    ],
)
async def test_transit_is_overdue_after_its_limit_of_working_days(
    run: Run, tmp_path: Path, now: str, fen: int, item: str
) -> None:
    set_now(tmp_path, datetime.fromisoformat(now))
    code, found = await run()
    assert (code, found["books"]) == (int(fen > 0), ZERO | {"transit_overdue_fen": fen})
    assert not item or item in named(found, "transit_overdue_fen")


@pytest.mark.parametrize(
    ("voucher", "side", "item"),
    [
        ("S1", (3011, "unionpay"), "3011 unionpay settlement date 2026-09-01"),
        ("S5", (3012, "unionpay"), "3012 unionpay settlement date 2026-09-01"),
        ("S2", (3013, "unionpay"), "3013 unionpay settlement date 2026-09-01"),
        ("back O8", (3015, "cmb"), "3015 cmb order"),
        ("paid O5", (3014, "cmb"), "3014 cmb order"),
        ("X1", (1242, "unionpay"), "1242 unionpay break C00000000000005"),
    ],
)
async def test_a_fen_left_in_transit_is_named_with_the_item_that_should_have_cleared_it(
    world: World, run: Run, tmp_path: Path, voucher: str, side: tuple[int, str], item: str
) -> None:
    await world.post(world.vouchers[voucher], side, OURS, 1, D1)
    set_now(tmp_path, datetime(2026, 9, 30, tzinfo=UTC))
    _, found = await run()
    assert found["books"]["transit_overdue_fen"] == 3000 + 1000 + 500 + 1
    assert any(
        line["where"].startswith(item) and line["difference"] == 1
        for line in found["details"]["transit_overdue_fen"]
    )


@pytest.mark.parametrize(
    ("debit", "credit", "pair"),
    [
        ((1222, "platform"), (6001, "fees"), "C 2361 / O 1222"),
        ((6401, "unionpay"), (2242, "platform"), "C 1241 / O 2242"),
    ],
)
async def test_a_fen_between_the_mirrored_pairs_is_found_on_its_day(
    world: World, run: Run, debit: tuple[int, str], credit: tuple[int, str], pair: str
) -> None:
    await world.post(world.vouchers["D1"], debit, credit, 1)
    code, found = await run()
    assert (code, found["books"]) == (1, ZERO | {"mirror_gap_fen": 1})
    assert f"2026-09-01 {pair}" in named(found, "mirror_gap_fen")


async def test_a_day_that_is_not_closed_may_still_differ_between_the_mirrors(world: World, run: Run) -> None:
    await world.connection.execute("UPDATE task SET done_at = NULL")
    await world.post(world.vouchers["D1"], (1222, "platform"), (6001, "fees"), 1)
    _, found = await run()
    assert found["books"] == ZERO


async def test_a_payee_other_than_the_one_that_was_asked_for_is_found(world: World, run: Run) -> None:
    rows = world.banks["/cmb/movements"]
    await world.connection.execute("UPDATE intent SET account_tail = '4321' WHERE kind = 'payout'")
    for row in rows:
        row["account"] = "622202…4321"
    assert (await run())[1]["wrong_payees"] == 0
    rows[0]["account"] = "622202…0008"
    rows[1]["account"] = "…"  # the bank does not show it
    code, found = await run()
    assert (code, found["wrong_payees"]) == (1, 1)
    assert "paid to an account …0008, asked for …4321" in named(found, "wrong_payees")
    rows[0]["state"] = "FAILED"
    assert (await run())[1]["wrong_payees"] == 0, "nobody was paid"


async def test_a_payer_debited_twice_under_one_number_is_counted(world: World, run: Run) -> None:
    world.banks["/unionpay/movements"].append(world.row("A") | {"order_no": "e" * 32})
    code, found = await run()
    assert (code, found["double_debits"]) == (1, 1)
    assert "unionpay key A" in named(found, "double_debits")
    assert "e" * 32 in named(found, "double_debits")


@pytest.mark.parametrize("undone", ["refunded", "voided", "failed"])
async def test_a_debit_that_was_undone_is_not_counted_twice(world: World, run: Run, undone: str) -> None:
    again = world.row("A") | {"order_no": "e" * 32}
    book = world.banks["/unionpay/movements"]
    book.append(again)
    if undone == "refunded":
        book.append(again | {"operation": "refund", "order_no": "d" * 32, "original": "e" * 32})
    else:
        again["state"] = {"voided": "VOIDED", "failed": "FAILED"}[undone]
    _, found = await run()
    assert found["double_debits"] == 0


async def test_a_debit_refunded_in_part_still_stands(world: World, run: Run) -> None:
    again = world.row("A") | {"order_no": "e" * 32}
    part = {"operation": "refund", "order_no": "d" * 32, "original": "e" * 32, "amount": 9999}
    world.banks["/unionpay/movements"] += [again, again | part]
    _, found = await run()
    assert found["double_debits"] == 1


async def test_the_same_number_of_two_merchants_is_no_double_debit(world: World, run: Run) -> None:
    await world.pay_in("A2", "collection", "m2", 100, 1, settle_date=D2)
    world.row("A2")["key"] = "A"
    code, found = await run()
    assert (code, found["double_debits"]) == (0, 0)


@pytest.mark.parametrize(("state", "count"), [("SUCCESS", 1), ("PENDING", 0), ("RETURNED", 0), ("FAILED", 0)])
async def test_a_payout_paid_twice_under_one_number_is_counted_unless_it_came_back(
    world: World, run: Run, state: str, count: int
) -> None:
    first = world.banks["/cmb/movements"][0]
    world.banks["/cmb/movements"].append(first | {"order_no": "e" * 32, "state": state})
    _, found = await run()
    assert found["double_debits"] == count


async def test_a_missing_number_in_the_sequence_is_found(world: World, run: Run) -> None:
    holds = "SELECT min(seq) FROM transfer WHERE flags = 2"
    held = await world.connection.fetchval(f"DELETE FROM transfer WHERE seq = ({holds}) RETURNING seq")
    code, found = await run()
    assert (code, found["books"], found["ledger"]["sequence_errors"]) == (1, ZERO, 1)
    line = found["details"]["ledger_sequence_errors"][0]
    assert (line["books"], line["due"]) == (held + 1, held)


async def test_a_head_that_is_not_at_the_last_entry_is_found(world: World, run: Run) -> None:
    await world.connection.execute("UPDATE head SET seq = seq + 1")
    _, found = await run()
    assert found["ledger"]["sequence_errors"] == 1


@pytest.mark.parametrize("column", ["debit_balance", "credit_balance"])
async def test_a_running_balance_off_by_a_fen_is_found_at_its_entry(
    world: World, run: Run, column: str
) -> None:
    await world.connection.execute(f"UPDATE transfer SET {column} = {column} + 1 WHERE seq = 5")
    _, found = await run()
    assert found["ledger"]["balance_gap_fen"] == 1
    assert "balance at seq 5 | 1" in named(found, "ledger_balance_gap_fen")


async def test_an_amount_changed_after_the_fact_is_found_at_its_entry(world: World, run: Run) -> None:
    await world.connection.execute("UPDATE transfer SET amount = amount + 1 WHERE seq = 1")
    _, found = await run()
    assert found["ledger"]["balance_gap_fen"] == 2  # both sides
    assert "balance at seq 1 | -1" in named(found, "ledger_balance_gap_fen")


async def test_a_checkpoint_off_by_a_fen_is_found(world: World, run: Run) -> None:
    await world.connection.execute("UPDATE account SET debits = 10001, as_of_seq = 1 WHERE code = 3011")
    _, found = await run()
    assert found["ledger"]["balance_gap_fen"] == 1
    assert "3011 unionpay | balance at seq 1 | 1" in named(found, "ledger_balance_gap_fen")


async def test_a_voucher_that_no_row_holds_is_found(world: World, run: Run) -> None:
    await world.post(world.id(), (6401, "unionpay"), (2202, "unionpay"), 1, D2)
    code, found = await run()
    assert (code, found["books"], found["ledger"]["unowned_fen"]) == (1, ZERO, 1)
    assert "6401 unionpay" in named(found, "ledger_unowned_fen")


async def test_recording_keeps_figures_for_the_console(world: World, run: Run) -> None:
    await run("--record")
    world.banks["/cmb/book"]["opening_fen"] += 1
    world.banks["/cmb/book"]["balance_fen"] += 1
    await run("--record")
    rows = await world.connection.fetch("SELECT at, ok, figures FROM audit_result ORDER BY ok DESC")
    assert [(row["at"], row["ok"]) for row in rows] == [(NOON, True), (NOON, False)]
    figures = json.loads(rows[1]["figures"])
    assert figures["bank_gap_fen"] == 1
    assert figures["unknown_open"] == 2
    assert all(isinstance(value, int) for value in figures.values())


async def test_without_recording_nothing_is_written(world: World, run: Run) -> None:
    await run()
    assert await world.connection.fetchval("SELECT count(*) FROM audit_result") == 0


async def test_the_screen_shows_figures_and_the_first_lines_and_no_account_number(
    world: World, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    world.row("C")["amount"] += 1
    await run()
    out = capsys.readouterr().out
    assert "账不平" in out
    assert world.intents["C"]["channel_order_no"] in out.replace("\n", "")
    assert "2352: 666.00" in out
    assert ACCOUNT not in out
    assert out.count("\n") < 45
