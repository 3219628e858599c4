"""What an EPCC-style message proves: two layers, and only listed codes that agree end an order."""

import csv
from datetime import date
from pathlib import Path

import pytest

from tests.unit.epcc_member import ISSR_ID, TRX_ID, order
from zhangfang.channels.epcc import answers, codes
from zhangfang.channels.port import MalformedMessage, Operation, Verdict

Fields = dict[str, str]


def fields(system: str = "00000000", **business: str) -> Fields:
    told = {"MsgBody/SysRtnInf/SysRtnCd": system, "MsgBody/SysRtnInf/SysRtnDesc": "说明"}
    usual = (
        {"TrxId": TRX_ID, "TrxCtgy": "0110", "TrxAmt": "CNY123.45", "InstgId": ISSR_ID} if business else {}
    )
    return told | {f"MsgBody/BizInf/{name}": text for name, text in (usual | business).items() if text}


PROVEN = [
    # SysRtnCd, BizInf, in the answer to the order, in the answer to a query
    ("00000000", {"TrxStatus": "00", "BizStsCd": "00000000"}, "success", "success"),
    ("00000000", {"TrxStatus": "00"}, "success", "success"),
    ("00000000", {"TrxStatus": "02"}, "accepted", "accepted"),
    ("00000000", {"TrxStatus": "01", "BizStsCd": "PB520051"}, "failed", "failed"),
    ("00000000", {"TrxStatus": "01", "BizStsCd": "RB600005"}, "failed", "failed"),
    # good handling without business says nothing about the business
    ("00000000", {}, "unknown", "unknown"),
    ("00000000", {"TrxStatus": "", "BizStsCd": "PB520051"}, "unknown", "unknown"),
    # an end needs both codes, and both listed
    ("00000000", {"TrxStatus": "01"}, "unknown", "unknown"),
    ("00000000", {"TrxStatus": "01", "BizStsCd": "PB529999"}, "unknown", "unknown"),
    ("00000000", {"TrxStatus": "01", "BizStsCd": "00000000"}, "unknown", "unknown"),
    ("00000000", {"TrxStatus": "00", "BizStsCd": "PB520051"}, "unknown", "unknown"),
    ("00000000", {"TrxStatus": "03", "BizStsCd": "PB520051"}, "unknown", "unknown"),
    # the outer layer bad: whatever the inner one may say does not count
    ("ES000098", {"TrxStatus": "00"}, "unknown", "unknown"),
    ("PS000098", {}, "unknown", "unknown"),
    ("ES000025", {}, "unknown", "unknown"),
    ("PS500037", {}, "unknown", "unknown"),
    ("RS600001", {}, "unknown", "unknown"),
    ("PB520027", {}, "unknown", "unknown"),
    ("PB520051", {"TrxStatus": "01", "BizStsCd": "PB520051"}, "unknown", "unknown"),
    ("PB520013", {}, "failed", "unknown"),
    ("PB520012", {}, "manual", "unknown"),
    ("PB520030", {}, "unknown", "not_found"),
    ("XX999999", {}, "unknown", "unknown"),
]


@pytest.mark.parametrize(("system", "business", "sent", "asked"), PROVEN)
def test_both_layers_together_make_the_verdict(system: str, business: Fields, sent: str, asked: str) -> None:
    assert answers.of_request(fields(system, **business), order()).verdict == sent
    assert answers.of_query(fields(system, **business), order()).verdict == asked


def test_an_answer_says_amount_settlement_day_and_code() -> None:
    told = fields(TrxStatus="00", BizStsCd="00000000", BizStsDesc="成功", BatchId="B202609020001")
    answer = answers.of_query(told, order())
    assert (answer.code, answer.message, answer.amount) == ("00000000", "成功", 12345)
    assert (answer.channel_ref, answer.settle_date) == (TRX_ID, date(2026, 9, 2))


@pytest.mark.parametrize("code", ["PB520010", "PB520032", "PB520033", "PB520039"])
def test_what_the_network_itself_would_not_do_may_be_asked_elsewhere(code: str) -> None:
    told = fields(TrxStatus="01", BizStsCd=code)
    assert answers.of_request(told, order()).elsewhere
    assert not answers.of_request(fields(TrxStatus="02", BizStsCd=code), order()).elsewhere


def test_what_the_payers_bank_refused_is_refused_everywhere() -> None:
    assert not answers.of_request(fields(TrxStatus="01", BizStsCd="PB520051"), order()).elsewhere


@pytest.mark.parametrize("amount", [
    "CNY1", "CNY1.0", "CNY1.000", "1.00", "USD1.00", "cny1.00", "CNY-1.00", "CNY 1.00", "CNY1,00", "CNY1.00 ", "",
    "CNY１.00", "CNY" + "9" * 14 + ".00", "CNY1e2.00", "CNY.10",
])  # fmt: skip
def test_an_amount_of_another_form_or_currency_proves_nothing(amount: str) -> None:
    with pytest.raises(MalformedMessage, match="TrxAmt"):
        answers.of_query(fields(TrxStatus="00", TrxAmt=amount), order())


@pytest.mark.parametrize(
    ("text", "fen"), [("CNY1.00", 100), ("CNY0.01", 1), ("CNY123456789.99", 12345678999)]
)
def test_an_amount_is_read_without_a_float(text: str, fen: int) -> None:
    assert answers.fen(text) == fen


@pytest.mark.parametrize(("name", "value"), [("TrxId", "2" * 31), ("TrxCtgy", "0121"), ("TrxId", "")])
def test_an_answer_about_another_order_proves_nothing(name: str, value: str) -> None:
    told = fields(TrxStatus="00", **{name: value})
    with pytest.raises(MalformedMessage):
        answers.of_request(told, order())
    with pytest.raises(MalformedMessage):
        answers.of_query(told, order())


@pytest.mark.parametrize("batch", ["B20260931" + "0001", "202609010001", "B20260901", "B2026090100011"])
def test_a_clearing_session_without_a_day_is_malformed(batch: str) -> None:
    with pytest.raises(MalformedMessage, match="BatchId"):
        answers.of_query(fields(TrxStatus="00", BatchId=batch), order())


def test_a_message_without_a_system_code_is_malformed() -> None:
    for read in (answers.of_request, answers.of_query):
        with pytest.raises(MalformedMessage, match="SysRtnCd"):
            read({"MsgBody/BizInf/TrxStatus": "00"}, order())


def test_a_notice_tells_of_its_order() -> None:
    told = answers.of_notice(fields(TrxStatus="00", TrxCtgy="0121"), ISSR_ID)
    assert (told.order_no, told.operation, told.answer.verdict) == (TRX_ID, Operation.REFUND, Verdict.SUCCESS)


@pytest.mark.parametrize(
    "changed", [{"InstgId": "Z2026058119002"}, {"InstgId": ""}, {"TrxCtgy": "0120"}, {"TrxAmt": ""}]
)
def test_a_notice_for_another_institution_or_of_another_kind_is_malformed(changed: Fields) -> None:
    with pytest.raises(MalformedMessage):
        answers.of_notice(fields(TrxStatus="00", **changed), ISSR_ID)


def test_nothing_but_listed_elements_is_kept() -> None:
    told = fields(TrxStatus="00") | {"MsgBody/PyerInf/PyerNm": "王小明", "MsgBody/SgnInf/SgnNo": "SGN1"}
    answer = answers.of_query(told, order())
    assert "王小明" not in answer.raw
    assert "SGN1" not in answer.raw


@pytest.mark.parametrize(("told", "verdict", "number"), [
    (fields(TrxStatus="00", BizStsCd="00000000") | {"MsgBody/SgnInf/SgnNo": "SGN1"}, "success", "SGN1"),
    (fields(TrxStatus="00") | {"MsgBody/SgnInf/SgnNo": "SGN 1"}, "success", ""),
    (fields(TrxStatus="01", BizStsCd="PB511002"), "failed", ""),
    (fields(TrxStatus="00", BizStsCd="PB511004"), "success", ""),
    (fields(), "unknown", ""),
    (fields("ES000098"), "unknown", ""),
])  # fmt: skip
def test_a_signing_is_read_by_the_same_two_layers(told: Fields, verdict: str, number: str) -> None:
    signed = answers.of_signing(told, TRX_ID)
    assert (signed.answer.verdict, signed.agreement) == (verdict, number)


def test_an_answer_about_another_signing_proves_nothing() -> None:
    with pytest.raises(MalformedMessage):
        answers.of_signing(fields(TrxStatus="00", TrxId="2" * 31), TRX_ID)


def table() -> list[dict[str, str]]:
    with (Path(codes.__file__).parent / "codes.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_line_of_the_table_is_whole_marked_and_alone() -> None:
    seen = set()
    for row in table():
        assert row["mark"] in {"V", "V2", "C", "K", "G"}, row
        assert row["meaning"], row
        assert row["elsewhere"] in {"", "yes"}, row
        assert row["elsewhere"] == "" or row["final"] == "failed", row
        for operation in row["operations"].split():
            assert (operation, row["code"]) not in seen, row
            seen.add((operation, row["code"]))


def test_no_system_code_but_a_refused_form_ends_an_order_by_itself() -> None:
    ends = {row["code"] for row in table() if len(row["code"]) > 2 and row["sent"] in {"success", "failed"}}
    assert ends == {"PB520013"}
