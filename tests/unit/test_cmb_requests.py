"""The bodies that we send."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from zhangfang.channels.cmb import CmbConfig, make_enterprise_key
from zhangfang.channels.cmb import requests as bodies
from zhangfang.channels.port import MalformedMessage, Operation, Order, PartyAccount
from zhangfang.kernel.errors import InvalidInput

CONFIG = CmbConfig(
    uid="U003736239",
    base_url="http://127.0.0.1:1",
    account="755900000010101",
    private_key=make_enterprise_key()[0],
    bank_public_key=make_enterprise_key()[1],
    sm4_key="00" * 16,
)
ORDER = Order(
    operation=Operation.PAYOUT,
    order_no="019aae2b4c7d70008000000000000100",
    requested_at=datetime(2026, 11, 22, 17, 30, 5, tzinfo=UTC),
    amount=105,
    key="M-2026-1",
    description="货款",
    account=PartyAccount("6225880123456789", "王小明", bank="中国工商银行"),
)


@pytest.mark.parametrize(
    ("order_no", "reference"),
    [
        ("0" * 32, "0" * 25),
        ("0" * 31 + "1", "0" * 24 + "1"),
        ("0" * 30 + "24", "0" * 23 + "10"),
        ("f" * 32, "F5LXX1ZZ5PNORYNQGLHZMSP33"),
    ],
)
def test_the_reference_is_the_number_in_base_36(order_no: str, reference: str) -> None:
    assert bodies.yur_ref(order_no) == reference
    assert bodies.order_no_of(reference) == order_no


@pytest.mark.parametrize("order_no", ["", "0" * 31, "0" * 33, "g" * 32, "A" * 32, "0" * 30 + " 1", "٣" * 32])
def test_only_32_characters_of_hex_have_a_reference(order_no: str) -> None:
    with pytest.raises(InvalidInput, match="order_no"):
        bodies.yur_ref(order_no)


@pytest.mark.parametrize(
    "reference",
    [
        "",
        "0" * 24,
        "0" * 26,
        "f" * 25,
        "F5LXX1ZZ5PNORYNQGLHZMSP34",
        "Z" * 25,
        "20200826007800003",
        "-" + "0" * 24,
    ],
)
def test_a_reference_that_is_not_ours_has_no_order_number(reference: str) -> None:
    with pytest.raises(MalformedMessage):
        bodies.order_no_of(reference)


def test_a_payment_is_written_as_the_bank_describes_it() -> None:
    assert bodies.payment(ORDER, CONFIG) == {
        "bb1paybmx1": [{"busMod": "00001", "busCod": "N02030"}],
        "bb1payopx1": [
            {
                "dbtAcc": "755900000010101",
                "crtAcc": "6225880123456789",
                "crtNam": "王小明",
                "crtBnk": "中国工商银行",
                "bnkFlg": "N",
                "stlChn": "Q",
                "ccyNbr": "10",
                "trsAmt": "1.05",
                "eptDat": "20261123",
                "eptTim": "013005",
                "nusAge": "货款",
                "yurRef": bodies.yur_ref(ORDER.order_no),
                "busNar": "M-2026-1",
                "trsTyp": "100001",
                "rcvChk": "1",
            }
        ],
    }


@pytest.mark.parametrize(
    ("bank", "route"),
    [
        ("", {"bnkFlg": "N", "stlChn": "I"}),
        ("招商银行深圳分行", {"bnkFlg": "Y", "stlChn": "Q", "crtBnk": "招商银行深圳分行"}),
        ("308584000013", {"bnkFlg": "Y", "stlChn": "Q", "brdNbr": "308584000013"}),
        ("102100099996", {"bnkFlg": "N", "stlChn": "Q", "brdNbr": "102100099996"}),
    ],
)
def test_the_route_follows_from_what_is_known_of_the_bank(bank: str, route: dict[str, str]) -> None:
    order = replace(ORDER, account=PartyAccount("6225880123456789", "王小明", bank=bank))
    written = bodies.payment(order, CONFIG)["bb1payopx1"][0]
    named = ("bnkFlg", "stlChn", "crtBnk", "brdNbr")
    assert {name: written[name] for name in named if name in written} == route


def test_a_payment_without_a_description_still_states_a_purpose() -> None:
    assert bodies.payment(replace(ORDER, description=""), CONFIG)["bb1payopx1"][0]["nusAge"] == "M-2026-1"


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("operation", {"operation": Operation.REFUND}),
        ("account", {"account": None}),
        ("account", {"account": PartyAccount("", "王小明")}),
        ("account", {"account": PartyAccount("6225880123456789", "")}),
        ("amount", {"amount": 0}),
        ("order_no", {"order_no": "20200826"}),
        ("nusAge", {"description": "货" * 101}),
        ("busNar", {"key": "k" * 301}),
        ("crtNam", {"account": PartyAccount("6225880123456789", "王" * 101)}),
        ("crtAcc", {"account": PartyAccount("6" * 36, "王小明")}),
        ("crtBnk", {"account": PartyAccount("6225880123456789", "王小明", bank="银" * 31)}),
    ],
)
def test_an_order_that_the_bank_has_no_room_for_is_refused_by_field(
    field: str, change: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInput, match=f"^{field}:"):
        bodies.payment(replace(ORDER, **change), CONFIG)


def test_the_longest_texts_that_fit_are_sent() -> None:
    order = replace(ORDER, description="货" * 100, account=PartyAccount("6" * 35, "王" * 100, bank="银" * 30))
    assert bodies.payment(order, CONFIG)["bb1payopx1"][0]["nusAge"] == "货" * 100


def test_a_query_names_the_reference_alone() -> None:
    expected = {"bb1payqrx1": [{"busCod": "N02030", "yurRef": bodies.yur_ref(ORDER.order_no)}]}
    assert bodies.payment_query(ORDER) == expected


def test_late_returns_are_asked_for_by_account_and_days() -> None:
    body = bodies.late_return_query("755900000010101", date(2026, 11, 20), date(2026, 11, 23), "k")
    assert body["bb1payqby1"] == [
        {"accNbr": "755900000010101", "bgnDat": "20261120", "endDat": "20261123", "ctnKey": "k"}
    ]


def test_the_account_list_is_asked_for_without_a_block() -> None:
    assert bodies.account_list(CONFIG) == {"buscod": "N02030", "busmod": "00001"}


def test_a_statement_reaches_from_thirteen_months_ago_to_today_in_china() -> None:
    body = bodies.statement_query(
        "755900000010101", "", datetime(2026, 11, 22, 17, 0, tzinfo=UTC), intraday=True
    )
    (condition,) = body["TRANSQUERYBYBREAKPOINT_X1"]
    assert (condition["cardNbr"], condition["endDate"]) == ("755900000010101", "20261123")
    assert condition["beginDate"] == "20251029"
    assert body["TRANSQUERYBYBREAKPOINT_Y1"] == []


def test_without_intraday_lines_the_statement_ends_with_yesterday() -> None:
    now = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)  # 01:00 of the 23rd in China
    body = bodies.statement_query("755900000010101", "", now, intraday=False)
    assert body["TRANSQUERYBYBREAKPOINT_X1"][0]["endDate"] == "20261122"


def test_the_banks_cursor_goes_back_untouched() -> None:
    records = [{"transDate": "20261123", "expectNextSequence": "101", "new": {"deep": [1, None]}}]
    cursor = bodies.next_cursor(records, "755900000010102")
    body = bodies.statement_query(
        "755900000010101", cursor, datetime(2026, 11, 23, tzinfo=UTC), intraday=True
    )
    assert body["TRANSQUERYBYBREAKPOINT_Y1"] == records
    assert body["TRANSQUERYBYBREAKPOINT_X1"][0]["queryAcctNbr"] == "755900000010102"


@pytest.mark.parametrize("cursor", ["x", "[]", "{}", "1", '{"Y1":[]}'])
def test_a_cursor_that_we_did_not_make_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidInput, match="cursor"):
        bodies.statement_query("755900000010101", cursor, datetime(2026, 11, 23, tzinfo=UTC), intraday=True)
