"""Batches of payouts: the bodies we write, and what each answer about a batch proves."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from zhangfang.channels.abilities import Batch
from zhangfang.channels.cmb import CmbConfig, batching, make_enterprise_key
from zhangfang.channels.cmb.envelope import Reply
from zhangfang.channels.cmb.requests import yur_ref
from zhangfang.channels.port import Answer, MalformedMessage, Operation, Order, PartyAccount, Verdict
from zhangfang.kernel.errors import InvalidInput

PRIVATE, PUBLIC = make_enterprise_key()
CONFIG = CmbConfig("U003736239", "http://127.0.0.1:1", "755900000010101", PRIVATE, PUBLIC, "0" * 32)
PAYROLL = replace(CONFIG, payroll_mode="00101", account_name="账房客户备付金")
AT = datetime(2026, 11, 23, 1, 0, 5, tzinfo=UTC)
NUMBER = "202611230900050042"


def order(number: int, bank: str = "招商银行", amount: int = 105) -> Order:
    payee = PartyAccount(f"622588012345{number:04d}", "王小明", bank=bank)
    return Order(Operation.PAYOUT, f"{number:032x}", AT, amount, f"M-{number}", "货款", payee)


BATCH = Batch(Operation.PAYOUT, "0042", AT, [order(1), order(2, amount=200)])


def test_a_batch_is_one_message_of_payments_with_a_number_that_is_unique_for_good() -> None:
    function, body = batching.payment(BATCH, CONFIG)
    assert function == "BB1PAYBH"
    assert body["bb1bmdbhx1"] == [
        {"busMod": "00001", "busCod": "N02030", "bthNbr": NUMBER, "dtlNbr": "2", "ctnFlg": "N"}
    ]
    first, second = body["bb1paybhx1"]
    assert (first["yurRef"], first["trsAmt"], first["busNar"]) == (yur_ref(f"{1:032x}"), "1.05", "M-1")
    assert (second["yurRef"], second["trsAmt"]) == (yur_ref(f"{2:032x}"), "2.00")
    assert (first["ctrNbr"], first["invNbr"]) == ("N/A", "N/A")
    assert batching.payment(BATCH, CONFIG) == (function, body)


def test_persons_with_accounts_at_this_bank_are_paid_as_payroll_where_it_is_set_up() -> None:
    function, body = batching.payment(BATCH, PAYROLL)
    assert function == "BB6BTHHL"
    assert body["bb6busmod"] == [{"buscod": "N03020", "busmod": "00101"}]
    (head,) = body["bb6cdcbhx1"]
    assert (head["yurref"], head["ttlamt"], head["ttlcnt"], head["eptdat"]) == (
        NUMBER,
        "3.05",
        "2",
        "20261123",
    )
    first = body["bb6cdcdlx1"][0]
    assert (first["trxseq"], first["trsamt"], first["trsdsp"]) == ("00000001", "1.05", yur_ref(f"{1:032x}"))


@pytest.mark.parametrize(
    "stranger",
    [
        order(3, bank="中国工商银行"),
        order(3, bank=""),
        replace(order(3), account=PartyAccount("755900000010102", "某公司", "corporate", "招商银行")),
    ],
)
def test_one_payee_elsewhere_or_no_person_makes_it_a_batch_of_payments(stranger: Order) -> None:
    batch = replace(BATCH, orders=[order(1), stranger])
    assert batching.payment(batch, PAYROLL)[0] == "BB1PAYBH"
    assert batching.payment(BATCH, CONFIG)[0] == "BB1PAYBH"


@pytest.mark.parametrize(
    "change",
    [
        {"orders": []},
        {"orders": [order(1)] * 1001},
        {"operation": Operation.COLLECTION},
        {"orders": [replace(order(1), account=None)]},
    ],
)
def test_a_batch_that_the_bank_has_no_room_for_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        batching.payment(replace(BATCH, **change), CONFIG)


@pytest.mark.parametrize(
    ("status", "flag", "verdict"),
    [
        ("NTE", "", Verdict.ACCEPTED),
        ("OPR", "", Verdict.ACCEPTED),
        ("FIN", "S", Verdict.ACCEPTED),
        ("FIN", "F", Verdict.FAILED),
        ("FIN", "X", Verdict.UNKNOWN),
        ("", "", Verdict.UNKNOWN),
    ],
)
def test_the_answer_to_a_batch_refuses_all_of_it_or_says_that_it_is_there(
    status: str, flag: str, verdict: Verdict
) -> None:
    body = {"bb1paybhz1": [{"bthNbr": NUMBER, "reqSts": status, "rtnFlg": flag}]}
    assert batching.taken(Reply(body, ""), BATCH).verdict is verdict


@pytest.mark.parametrize("records", [[], [{"bthNbr": "1"}], [{"bthNbr": NUMBER}] * 2])
def test_an_answer_about_another_batch_is_malformed(records: list[dict[str, Any]]) -> None:
    with pytest.raises(MalformedMessage):
        batching.taken(Reply({"bb1paybhz1": records}, ""), BATCH)


def listed(**changes: str) -> Reply:
    other = {"bthNbr": "another", "reqSts": "FIN", "rtnFlg": "F"}
    return Reply({"bb1qrybtz1": [other, {"bthNbr": NUMBER, "reqSts": "FIN", "rtnFlg": "S"} | changes]}, "raw")


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Verdict.SUCCESS),
        ({"reqSts": "NTE", "rtnFlg": ""}, Verdict.ACCEPTED),
        ({"rtnFlg": "F"}, Verdict.FAILED),
        ({"rtnFlg": "F", "sucNum": "0"}, Verdict.FAILED),
        ({"rtnFlg": "F", "sucNum": "1"}, Verdict.UNKNOWN),
        ({"reqSts": "FIN", "rtnFlg": "?"}, Verdict.UNKNOWN),
        ({"bthNbr": "a third"}, Verdict.NOT_FOUND),
    ],
)
def test_how_a_batch_stands_follows_from_the_record_with_its_number(
    changes: dict[str, str], verdict: Verdict
) -> None:
    assert batching.standing(listed(**changes), BATCH, payroll=False)[0].verdict is verdict


def test_each_item_has_an_answer_of_its_own_and_strangers_are_left_out() -> None:
    base = {"trsAmt": "1.05", "reqSts": "FIN", "rtnFlg": "S", "reqNbr": "9"}
    rows = [
        base | {"yurRef": yur_ref(f"{1:032x}")},
        base
        | {"yurRef": yur_ref(f"{2:032x}"), "rtnFlg": "F", "errTxt": "王小明的户口6225880123450002已销户"},
        base | {"yurRef": yur_ref(f"{3:032x}")},
    ]
    reply = Reply({"bb1qrybdz1": rows, "bb1qrybdy1": [{"bthNbr": NUMBER, "ctnKey": "77"}]}, "")
    items, key = batching.details(reply, BATCH, payroll=False)
    assert {number: answer.verdict for number, answer in items.items()} == {
        f"{1:032x}": Verdict.SUCCESS,
        f"{2:032x}": Verdict.FAILED,
    }
    assert key == "77"
    failed = items[f"{2:032x}"]
    for hidden in ("王小明", "6225880123450002"):
        assert hidden not in failed.message + failed.raw


def test_a_batch_is_not_over_while_an_item_is_worked_on() -> None:
    over, open_ = Answer(Verdict.SUCCESS), Answer(Verdict.ACCEPTED)
    assert batching.settled(over, {"1": over, "2": open_}).verdict is Verdict.ACCEPTED
    assert batching.settled(over, {"1": over, "2": Answer(Verdict.FAILED)}).verdict is Verdict.SUCCESS


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        ("S", "success"),
        ("F", "failed"),
        ("B", "returned"),
        ("P", "accepted"),
        ("", "unknown"),
        ("X", "unknown"),
    ],
)
def test_an_item_of_a_payroll_is_found_by_our_reference_in_its_note(status: str, verdict: str) -> None:
    rows = [{"trxseq": "00000001", "trsdsp": yur_ref(f"{1:032x}"), "trsamt": "1.05", "stscod": status}]
    items, _ = batching.details(Reply({"bb6dtlqyz1": rows}, ""), BATCH, payroll=True)
    assert items[f"{1:032x}"].verdict is Verdict(verdict)
