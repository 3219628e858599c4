"""How a channel is chosen: limits, hours, instalments, health, cost, priority, share, and what was tried already."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from tests.unit.test_account_types import NOON, shipped
from zhangfang.channels.port import AccountType, Operation
from zhangfang.kernel.clock import CHINA
from zhangfang.routing import Ask, Choice, Fate, Health, Kind, Tables, decide, make_tables, shape

CARD = AccountType("personal", "I", "card")
ALL = Health(frozenset(["unionpay", "chinaums", "lakala", "epcc", "cmb", "genericbank"]))
PAYOUT = Ask(Operation.PAYOUT, 10_000, NOON, UUID(int=1), type=CARD)
APP = Ask(Operation.PURCHASE, 10_000, NOON, UUID(int=1), product="alipay_app")
COLLECTION = Ask(Operation.COLLECTION, 10_000, NOON, UUID(int=1), type=CARD)


def with_routes(*changes: dict[str, str]) -> Tables:
    """Return the shipped account types and only these routes; what is not said is a free route for a payout by cmb."""
    usual = {
        "operation": "payout", "product": "", "channel": "cmb", "min_fen": "1", "max_fen": "999999999999",
        "instalments": "0", "opens": "00:00", "closes": "24:00", "rate_ppm": "0", "fixed_fen": "0",
        "priority": "1", "share": "1", "agreement": "", "mark": "G",
    }  # fmt: skip
    types = shape.read(Kind.ACCOUNT_TYPES, shape.shipped_text(Kind.ACCOUNT_TYPES))
    return make_tables(9, [usual | one for one in changes], types)


def made(tables: Tables, ask: Ask, health: Health = ALL, *tried: str) -> Choice:
    return decide(tables, health, ask, tried)


def test_the_cheapest_channel_is_taken_and_the_amount_decides_which_that_is() -> None:
    tables = with_routes({"fixed_fen": "100"}, {"channel": "genericbank", "rate_ppm": "1000"})
    assert made(tables, replace(PAYOUT, amount=1_000)).channel == "genericbank"
    assert made(tables, replace(PAYOUT, amount=1_000_000)).channel == "cmb"


def test_at_the_same_cost_priority_decides() -> None:
    tables = with_routes({"priority": "2"}, {"channel": "genericbank", "priority": "1"})
    assert made(tables, PAYOUT).channel == "genericbank"


def test_equal_rows_share_the_traffic_and_a_key_goes_always_the_same_way() -> None:
    tables = with_routes({"share": "3"}, {"channel": "genericbank", "share": "1"})
    chosen = [made(tables, replace(PAYOUT, key=UUID(int=n << 64))).channel for n in range(2_000)]
    again = [made(tables, replace(PAYOUT, key=UUID(int=n << 64))).channel for n in range(2_000)]
    assert chosen == again
    assert 1_400 <= chosen.count("cmb") <= 1_600


def test_a_channel_that_fails_clearly_more_often_comes_last_however_cheap() -> None:
    tables = with_routes({}, {"channel": "genericbank", "fixed_fen": "500"})
    worse = replace(ALL, worse=frozenset([("cmb", Operation.PAYOUT)]))
    assert made(tables, PAYOUT, worse).channel == "genericbank"
    assert made(with_routes({}), PAYOUT, worse).channel == "cmb"


def test_an_open_breaker_leads_elsewhere_and_without_another_channel_it_waits() -> None:
    tables = with_routes({}, {"channel": "genericbank", "priority": "2"})
    open_ = replace(ALL, open=frozenset([("cmb", Operation.PAYOUT)]))
    assert made(tables, PAYOUT, open_).channel == "genericbank"
    waits = made(with_routes({}), PAYOUT, open_)
    assert (waits.fate, waits.channel) == (Fate.WAIT, "cmb")
    other = replace(ALL, open=frozenset([("cmb", Operation.COLLECTION)]))
    assert made(with_routes({}), PAYOUT, other).fate is Fate.GO


@pytest.mark.parametrize(
    ("opens", "closes", "hour", "minute", "fate"),
    [
        ("08:30", "17:00", 8, 29, Fate.WAIT),
        ("08:30", "17:00", 8, 30, Fate.GO),
        ("08:30", "17:00", 16, 59, Fate.GO),
        ("08:30", "17:00", 17, 0, Fate.WAIT),
        ("22:00", "05:00", 23, 0, Fate.GO),
        ("22:00", "05:00", 4, 59, Fate.GO),
        ("22:00", "05:00", 5, 0, Fate.WAIT),
        ("08:30", "24:00", 23, 59, Fate.GO),
        ("08:30", "24:00", 0, 0, Fate.WAIT),
        ("00:00", "24:00", 0, 0, Fate.GO),
    ],
)
def test_hours_are_of_china_and_may_run_over_midnight(
    opens: str, closes: str, hour: int, minute: int, fate: Fate
) -> None:
    at = datetime(2026, 9, 1, hour, minute, tzinfo=CHINA)
    assert made(with_routes({"opens": opens, "closes": closes}), replace(PAYOUT, at=at)).fate is fate


def test_a_large_payout_waits_at_night_for_the_hours_of_large_payments() -> None:
    night = NOON + timedelta(hours=11)
    only_cmb = Health(frozenset(["cmb"]))
    large = replace(PAYOUT, amount=100_000_000, type=AccountType("corporate", "basic", "corporate"))
    assert made(shipped(), large, only_cmb).fate is Fate.GO
    assert made(shipped(), replace(large, at=night), only_cmb).fate is Fate.WAIT
    assert made(shipped(), replace(large, at=night, amount=99_999_999), only_cmb).fate is Fate.GO


def test_an_amount_outside_every_channels_limits_is_refused() -> None:
    tables = with_routes({"min_fen": "100", "max_fen": "1000"})
    for amount, fate in {99: Fate.REFUSE, 100: Fate.GO, 1000: Fate.GO, 1001: Fate.REFUSE}.items():
        assert made(tables, replace(PAYOUT, amount=amount)).fate is fate
    assert "limits of every channel" in made(tables, replace(PAYOUT, amount=99)).reason


def test_instalments_go_where_their_number_is_done() -> None:
    assert made(shipped(), replace(APP, instalments=12)).channel in ("chinaums", "lakala")
    refused = made(shipped(), replace(APP, instalments=24))
    assert (refused.fate, refused.reason) == (Fate.REFUSE, "no channel does 24 instalments")
    assert made(shipped(), replace(APP, product="", instalments=24)).channel == "unionpay"


def test_the_product_decides_and_a_purchase_without_one_is_made_at_the_cashier() -> None:
    assert made(shipped(), replace(APP, product="")).channel == "unionpay"
    assert made(shipped(), replace(APP, product="cashier")).channel == "unionpay"
    assert made(shipped(), APP, ALL, "chinaums").channel == "lakala"
    assert made(shipped(), replace(APP, product="qr")).fate is Fate.REFUSE


def test_a_channel_that_collects_by_its_own_agreement_is_for_payers_who_signed_there() -> None:
    assert made(shipped(), COLLECTION).channel == "unionpay"
    assert made(shipped(), replace(COLLECTION, fixed="epcc")).channel == "epcc"
    alone = made(shipped(), COLLECTION, Health(frozenset(["epcc"])))
    assert (alone.fate, alone.reason) == (
        Fate.REFUSE,
        "the payer has signed with no channel that does it",
    )


def test_a_fixed_channel_is_never_left() -> None:
    fixed = replace(COLLECTION, fixed="epcc")
    shut = replace(ALL, open=frozenset([("epcc", Operation.COLLECTION)]))
    assert made(shipped(), fixed, shut).fate is Fate.WAIT
    assert made(shipped(), fixed, ALL, "epcc").fate is Fate.REFUSE
    assert made(shipped(), replace(PAYOUT, fixed="lakala")).fate is Fate.REFUSE


def test_what_was_tried_is_not_tried_again() -> None:
    assert [made(shipped(), PAYOUT, ALL, *tried).channel for tried in ((), ("cmb",))] == [
        "cmb",
        "genericbank",
    ]
    assert made(shipped(), PAYOUT, ALL, "cmb", "genericbank").channel == "unionpay"
    last = made(shipped(), PAYOUT, ALL, "cmb", "genericbank", "unionpay")
    assert (last.fate, last.reason) == (Fate.REFUSE, "every channel that does it has been tried")


def test_a_channel_that_is_not_set_up_is_left_out() -> None:
    assert made(shipped(), PAYOUT, Health(frozenset(["genericbank"]))).channel == "genericbank"
    nobody = made(shipped(), PAYOUT, Health(frozenset()))
    assert (nobody.fate, nobody.reason) == (Fate.REFUSE, "no channel that is set up does payout")


def test_a_type_that_no_table_knows_is_parked_even_at_night_and_with_open_breakers() -> None:
    shut = replace(ALL, open=frozenset((name, Operation.PAYOUT) for name in ALL.present))
    odd = replace(PAYOUT, type=AccountType("corporate", "basic2", "corporate"))
    assert made(shipped(), odd, shut).fate is Fate.PARK
