"""What the bank answers, read."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from zhangfang.channels.cmb import replies
from zhangfang.channels.cmb.envelope import Reply
from zhangfang.channels.cmb.requests import next_cursor, yur_ref
from zhangfang.channels.port import MalformedMessage, Operation, Verdict

ORDER_NO = "019aae2b4c7d70008000000000000100"
REFERENCE = yur_ref(ORDER_NO)
ACCOUNT = "755900000010101"


def record(**changes: Any) -> dict[str, Any]:
    good = {"yurRef": REFERENCE, "reqNbr": "5480037057", "reqSts": "FIN", "rtnFlg": "S", "trsAmt": "1.05"}
    return good | changes


def queried(*records: dict[str, Any]) -> Reply:
    return Reply({"bb1payqrz1": list(records)}, "{}")


def test_a_payment_that_ended_well_is_a_success_with_number_and_fen() -> None:
    answer = replies.query_answer(queried(record()), REFERENCE)
    assert (answer.verdict, answer.code) == (Verdict.SUCCESS, "FIN/S")
    assert (answer.channel_ref, answer.amount) == ("5480037057", 105)


def test_a_failure_carries_the_banks_reason_without_the_account() -> None:
    failed = record(rtnFlg="F", rtnNar="收方户口6225880123456789已销户")
    answer = replies.query_answer(queried(failed), REFERENCE)
    assert answer.verdict is Verdict.FAILED
    assert answer.message == "收方户口622588****6789已销户"


@pytest.mark.parametrize("body", [{}, {"bb1payqrz1": []}, {"bb1payqrz1": None}])
def test_an_answer_without_records_is_not_found(body: dict[str, Any]) -> None:
    assert replies.query_answer(Reply(body, "raw"), REFERENCE).verdict is Verdict.NOT_FOUND


def test_of_several_records_the_largest_number_is_the_latest() -> None:
    early = record(reqNbr="0999999999", rtnFlg="F")
    late = record(reqNbr="1000000000", rtnFlg="S")
    for pair in ((early, late), (late, early)):
        answer = replies.query_answer(queried(*pair), REFERENCE)
        assert (answer.verdict, answer.channel_ref) == (Verdict.SUCCESS, "1000000000")


def test_request_numbers_are_compared_as_numbers() -> None:
    answer = replies.query_answer(queried(record(reqNbr="10"), record(reqNbr="009", rtnFlg="F")), REFERENCE)
    assert answer.channel_ref == "10"


def test_several_failures_are_a_failure() -> None:
    failures = (record(reqNbr="1", rtnFlg="F"), record(reqNbr="2", rtnFlg="C"))
    assert replies.query_answer(queried(*failures), REFERENCE).verdict is Verdict.FAILED


@pytest.mark.parametrize("other", [{"rtnFlg": "S"}, {"reqSts": "BNK", "rtnFlg": ""}, {"rtnFlg": "B"}])
def test_a_failure_beside_a_record_that_may_have_paid_is_for_a_person(other: dict[str, str]) -> None:
    found = queried(record(reqNbr="1", **other), record(reqNbr="2", rtnFlg="F"))
    assert replies.query_answer(found, REFERENCE).verdict is Verdict.MANUAL


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("yurRef", {"yurRef": yur_ref("0" * 32)}),
        ("yurRef", {"yurRef": None}),
        ("trsAmt", {"trsAmt": "1.055"}),
        ("trsAmt", {"trsAmt": "-1.05"}),
        ("trsAmt", {"trsAmt": "0.00"}),
        ("trsAmt", {"trsAmt": "1e2"}),
        ("trsAmt", {"trsAmt": Decimal("1.050")}),
        ("trsAmt", {"trsAmt": ["1.05"]}),
        ("reqSts", {"reqSts": {}}),
        ("rtnFlg", {"rtnFlg": True}),
    ],
)
def test_a_record_that_is_not_as_documented_is_malformed(field: str, changes: dict[str, Any]) -> None:
    with pytest.raises(MalformedMessage, match=field):
        replies.query_answer(queried(record(**changes)), REFERENCE)


@pytest.mark.parametrize("block", ["text", {"yurRef": REFERENCE}, [REFERENCE], [None], 1])
def test_a_block_that_is_no_list_of_records_is_malformed_and_not_empty(block: Any) -> None:
    with pytest.raises(MalformedMessage, match="bb1payqrz1"):
        replies.query_answer(Reply({"bb1payqrz1": block}, ""), REFERENCE)


def test_the_answer_to_a_payment_needs_neither_reference_nor_amount() -> None:
    body = {"bb1payopz1": [{"reqNbr": "5120015719", "reqSts": "BNK", "rtnFlg": "", "errCod": "SUC0000"}]}
    answer = replies.payment_answer(Reply(body, "raw"), REFERENCE)
    assert (answer.verdict, answer.code, answer.raw) == (Verdict.ACCEPTED, "BNK", "raw")
    assert (answer.channel_ref, answer.amount) == ("5120015719", None)


def test_success_in_the_answer_to_a_payment_waits_for_a_query() -> None:
    assert (
        replies.payment_answer(Reply({"bb1payopz1": [record()]}, ""), REFERENCE).verdict is Verdict.ACCEPTED
    )


@pytest.mark.parametrize("records", [[], [record(), record()], [record(yurRef=yur_ref("0" * 32))]])
def test_the_answer_to_a_payment_is_one_record_about_it(records: list[dict[str, Any]]) -> None:
    with pytest.raises(MalformedMessage):
        replies.payment_answer(Reply({"bb1payopz1": records}, ""), REFERENCE)


def test_a_late_return_is_a_notification_about_the_payout() -> None:
    body = {
        "bb1payqbz1": [
            {
                "yurRef": REFERENCE,
                "reqNbr": "5480037057",
                "trsAmt": Decimal("1.05"),
                "updDat": "20261124",
                "rtnTxt": "户口6225880123456789户名不符",
                "rcvEac": "6225880123456789",
            }
        ],
        "bb1payqby1": [{"ctnKey": "K2"}],
    }
    page = replies.late_returns(Reply(body, ""))
    (found,) = page.found
    assert (found.order_no, found.operation, page.ctn_key) == (ORDER_NO, Operation.PAYOUT, "K2")
    assert found.answer.verdict is Verdict.RETURNED
    assert (found.answer.amount, found.answer.settle_date) == (105, date(2026, 11, 24))
    assert found.answer.message == "户口622588****6789户名不符"
    assert "6225880123456789" not in found.answer.raw


def test_a_late_return_of_a_payment_made_elsewhere_keeps_its_reference() -> None:
    body = {"bb1payqbz1": [{"yurRef": "20200826007800003", "trsAmt": "1.00"}]}
    page = replies.late_returns(Reply(body, ""))
    assert [found.order_no for found in page.found] == ["20200826007800003"]
    assert page.ctn_key == ""


@pytest.mark.parametrize(
    "changes", [{"updDat": "20261301"}, {"updDat": "2026-1-1"}, {"yurRef": ""}, {"trsAmt": ""}]
)
def test_a_late_return_that_is_not_as_documented_is_left_out_and_the_others_stay(
    changes: dict[str, str],
) -> None:
    good = {"yurRef": REFERENCE, "trsAmt": "1.00"}
    page = replies.late_returns(Reply({"bb1payqbz1": [good | changes, good]}, ""))
    assert [one.answer.amount for one in page.found] == [100]


@pytest.mark.parametrize("block", ["DCLISACCZ", "ntqpyaccz", "ntqaclstz"])
@pytest.mark.parametrize("field", ["accNbr", "accnbr"])
def test_accounts_are_found_whatever_their_block_is_called(block: str, field: str) -> None:
    reply = Reply({block: [{field: ACCOUNT, "ccynbr": "10"}, {field: "755900000010102 "}]}, "")
    assert replies.account_numbers(reply) == {ACCOUNT, "755900000010102"}


def line(**changes: Any) -> dict[str, Any]:
    good = {
        "transSequenceIdn": "C09468U00012KWZ",
        "transDate": "20261123",
        "transTime": "013005",
        "loanCode": "D",
        "transAmount": "-40.01",
        "acctOnlineBal": "2000110921419.82",
        "yurRef": REFERENCE,
        "requestNbr": "5480037057",
        "reversalFlag": "N",
        "ctpAcctName": "王小明",
        "ctpAcctNbr": "6225880123456789",
        "remarkTextClt": "货款  ",
    }
    return good | changes


def page(lines: list[dict[str, Any]], flag: Any = "N", cursor: list[Any] | None = None) -> Reply:
    body = {
        "TRANSQUERYBYBREAKPOINT_Z1": [{"ctnFlag": flag, "queryAcctNbr": "755900000010109"}],
        "TRANSQUERYBYBREAKPOINT_Z2": lines,
        "TRANSQUERYBYBREAKPOINT_Y1": [{"expectNextSequence": "2"}] if cursor is None else cursor,
    }
    return Reply(body, "")


def test_a_statement_line_is_read_in_fen_and_utc() -> None:
    (read,) = replies.statement_page(page([line()]), ACCOUNT, "").lines
    assert (read.account, read.sequence) == (ACCOUNT, "C09468U00012KWZ")
    assert (read.booked_at, read.booked_at.tzinfo) == (datetime(2026, 11, 22, 17, 30, 5, tzinfo=UTC), UTC)
    assert (read.amount, read.credit, read.balance) == (4001, False, 200011092141982)
    assert (read.reference, read.request_no) == (ORDER_NO, "5480037057")
    assert (read.counterparty, read.text, read.reversal) == ("王小明", "货款", False)
    assert "王小明" not in read.raw
    assert "6225880123456789" not in read.raw


@pytest.mark.parametrize("flag", ["*", "X"])
def test_a_return_is_a_credit_marked_as_reversal(flag: str) -> None:
    credit = line(loanCode="C", transAmount="40.01", reversalFlag=flag)
    (read,) = replies.statement_page(page([credit]), ACCOUNT, "").lines
    assert (read.amount, read.credit, read.reversal) == (4001, True, True)


def test_a_line_of_a_payment_made_elsewhere_keeps_its_reference() -> None:
    (read,) = replies.statement_page(page([line(yurRef="20200826007800003")]), ACCOUNT, "").lines
    assert read.reference == "20200826007800003"


@pytest.mark.parametrize("field", ["yurRef", "requestNbr", "ctpAcctName", "remarkTextClt", "reversalFlag"])
@pytest.mark.parametrize("odd", ["\0", "a\0b", 7, None, True, ["x"], {"a": "b"}])
def test_nothing_odd_in_a_text_stops_a_statement_and_all_of_it_can_be_stored(field: str, odd: object) -> None:
    odd_one, usual = replies.statement_page(page([line(**{field: odd}), line()]), ACCOUNT, "").lines
    assert (odd_one.amount, odd_one.credit, odd_one.balance) == (usual.amount, usual.credit, usual.balance)
    kept = odd_one.text + odd_one.reference + odd_one.request_no + odd_one.counterparty + odd_one.raw
    assert b"\0" not in kept.encode()


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("loanCode", {"loanCode": "C"}),
        ("loanCode", {"transAmount": "40.01"}),
        ("loanCode", {"loanCode": ""}),
        ("loanCode", {"transAmount": "0.00"}),
        ("transAmount", {"transAmount": "-40.011"}),
        ("transAmount", {"transAmount": ""}),
        ("acctOnlineBal", {"acctOnlineBal": "1.001"}),
        ("acctOnlineBal", {"acctOnlineBal": None}),
        ("transSequenceIdn", {"transSequenceIdn": " "}),
        ("transDate", {"transDate": "20261323"}),
        ("transDate", {"transDate": "00010101"}),
        ("transTime", {"transTime": "9305"}),
    ],
)
def test_a_line_that_is_not_as_documented_is_malformed(field: str, changes: dict[str, Any]) -> None:
    with pytest.raises(MalformedMessage, match=field):
        replies.statement_page(page([line(**changes)]), ACCOUNT, "")


def test_while_there_is_more_the_cursor_names_the_account_to_go_on_with() -> None:
    read = replies.statement_page(page([line()], "Y"), ACCOUNT, "")
    assert read.more
    assert read.cursor == next_cursor([{"expectNextSequence": "2"}], "755900000010109")


def test_at_the_end_the_cursor_waits_for_the_next_line() -> None:
    read = replies.statement_page(page([line()], "N"), ACCOUNT, "")
    assert not read.more
    assert read.cursor == next_cursor([{"expectNextSequence": "2"}], "")
    again = replies.statement_page(page([], "N"), ACCOUNT, read.cursor)
    assert (again.lines, again.cursor, again.more) == ([], read.cursor, False)


def test_a_page_without_lines_or_cursor_leaves_the_cursor_alone() -> None:
    assert replies.statement_page(page([], cursor=[]), ACCOUNT, "held").cursor == "held"


@pytest.mark.parametrize(("lines", "flag"), [([line()], "N"), ([], "Y")])
def test_a_cursor_that_stands_still_is_malformed(lines: list[dict[str, Any]], flag: str) -> None:
    with pytest.raises(MalformedMessage, match="stands still"):
        replies.statement_page(page(lines, flag, cursor=[]), ACCOUNT, "held")


@pytest.mark.parametrize("flag", ["", "y", "1", None])
def test_a_page_must_say_whether_there_is_more(flag: Any) -> None:
    with pytest.raises(MalformedMessage, match="ctnFlag"):
        replies.statement_page(page([line()], flag), ACCOUNT, "")


def test_an_answer_without_any_block_is_no_empty_statement() -> None:
    with pytest.raises(MalformedMessage, match="ctnFlag"):
        replies.statement_page(Reply({}, ""), ACCOUNT, "")
