"""Both app channels: every fault of the sandbox banks, seen by the connector over real sockets."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.clock import SetClock
from tests.wire.app_bank import MERCHANT, Shop, registration, shop_of, until
from tests.wire.unionpay_sandbox_client import eventually
from zhangfang.channels.port import Order, Verdict

BACK = "https://shop.example/back"
KEY = "R1"


@pytest.fixture(params=["chinaums", "lakala"])
async def shop(request: pytest.FixtureRequest, tmp_path: Path, clock: SetClock) -> AsyncIterator[Shop]:
    async with shop_of(request.param, tmp_path / "bank", clock) as made:
        yield made


async def refund_meeting(shop: Shop, fault: str, seconds: float = 5.0) -> tuple[Order, Verdict]:
    """A refund that met a fault, and what its answer proved."""
    paid = await shop.paid()
    await shop.fault(keyed={KEY: [fault]})
    refund = shop.undo(paid, key=KEY)
    return refund, (await shop.connect(timeout_seconds=seconds).send(refund)).verdict


async def refunds(shop: Shop) -> list[str]:
    return [row["state"] for row in await shop.movements() if row["operation"] == "refund"]


@pytest.mark.parametrize("fault", ["lost_answer", "late_answer", "garbled_answer"])
async def test_an_answer_that_is_lost_late_or_garbled_is_unknown_and_the_query_knows(
    shop: Shop, fault: str
) -> None:
    refund, verdict = await refund_meeting(shop, fault, seconds=0.1)
    assert verdict is Verdict.UNKNOWN
    assert await refunds(shop) == ["SUCCESS"]
    assert await shop.verdict(refund) is Verdict.SUCCESS


@pytest.mark.parametrize("fault", ["bad_signature", "wrong_chain"])
async def test_an_answer_of_lakala_that_does_not_verify_is_unknown(
    tmp_path: Path, clock: SetClock, fault: str
) -> None:
    async with shop_of("lakala", tmp_path / "bank", clock) as shop:
        refund, verdict = await refund_meeting(shop, fault)
        assert verdict is Verdict.UNKNOWN
        assert await shop.verdict(refund) is Verdict.SUCCESS


@pytest.mark.parametrize("fault", ["refused", "throttle", "maintenance"])
async def test_a_request_that_was_not_looked_at_is_unknown_and_the_same_bytes_go_through_later(
    shop: Shop, fault: str
) -> None:
    refund, verdict = await refund_meeting(shop, fault)
    assert verdict is Verdict.UNKNOWN
    assert await shop.verdict(refund) is Verdict.NOT_FOUND
    assert await refunds(shop) == []
    assert (await shop.connector.send(refund)).verdict is Verdict.ACCEPTED
    assert await shop.verdict(refund) is Verdict.SUCCESS


async def test_what_is_not_found_at_first_is_found_at_the_third_query(shop: Shop) -> None:
    refund, verdict = await refund_meeting(shop, "not_found_first")
    assert verdict is Verdict.UNKNOWN
    wanted = [Verdict.NOT_FOUND, Verdict.NOT_FOUND, Verdict.SUCCESS]
    assert [await shop.verdict(refund) for _ in wanted] == wanted


async def test_a_refund_that_goes_dark_stays_unknown_and_stands_in_the_book(shop: Shop) -> None:
    refund, verdict = await refund_meeting(shop, "dark")
    assert verdict is Verdict.UNKNOWN
    assert [await shop.verdict(refund) for _ in range(3)] == [Verdict.UNKNOWN] * 3
    assert await refunds(shop) == ["SUCCESS"]


async def test_a_refund_that_is_declined_fails_by_the_query(shop: Shop) -> None:
    refund, verdict = await refund_meeting(shop, "decline")
    assert verdict in (Verdict.ACCEPTED, Verdict.UNKNOWN)
    assert await shop.verdict(refund) is Verdict.FAILED


@pytest.mark.parametrize(("fault", "end"), [("pending_first", "SUCCESS"), ("decline_later", "FAILED")])
async def test_a_refund_under_way_is_open_until_it_ends(shop: Shop, fault: str, end: str) -> None:
    refund, verdict = await refund_meeting(shop, fault)
    assert verdict in (Verdict.ACCEPTED, Verdict.UNKNOWN)
    assert await shop.verdict(refund) in (Verdict.ACCEPTED, Verdict.UNKNOWN)

    async def ended() -> bool:
        return await refunds(shop) == [end]

    await eventually(ended)
    assert (await shop.verdict(refund)).name == end


@pytest.mark.parametrize("key", ["a", "b", "c", "d", "e", "f"])
async def test_a_purchase_under_way_is_open_whatever_word_the_channel_has_for_it(
    shop: Shop, key: str
) -> None:
    order = shop.order(key)
    await shop.connector.present(order, BACK)
    await shop.fault(keyed={key: ["pending_first"]}, late_seconds=60)
    await shop.payer(order)
    assert await shop.verdict(order) is Verdict.UNKNOWN


async def test_a_channel_that_contradicts_itself_says_failed_and_has_the_money_in_its_book(
    shop: Shop,
) -> None:
    order = shop.order("C1")
    await shop.fault(keyed={"C1": ["contradict"]})
    await shop.connector.present(order, BACK)
    await shop.payer(order)
    assert await shop.verdict(order) is Verdict.FAILED
    assert [(row["state"], row["denied"]) for row in await shop.movements()] == [("SUCCESS", True)]
    assert (await shop.connector.send(shop.undo(order))).verdict is Verdict.ACCEPTED
    assert (await shop.control("GET", "/book/summary"))["owed_fen"] == 0
    assert shop.heard == []


async def test_a_payment_that_is_declined_fails(shop: Shop) -> None:
    order = shop.order("D1")
    await shop.fault(keyed={"D1": ["decline"]})
    await shop.connector.present(order, BACK)
    await shop.payer(order)
    assert await shop.verdict(order) is Verdict.FAILED


async def test_a_lost_notification_leaves_the_query(shop: Shop) -> None:
    await shop.fault(keyed={"L1": ["notify_lost"]})
    lost, heard = await shop.paid("L1"), await shop.paid("L2")
    await until(lambda: shop.heard)
    assert [each.order_no for each in shop.heard] == [heard.order_no]
    assert await shop.verdict(lost) is Verdict.SUCCESS


async def test_a_notification_can_come_three_times(shop: Shop) -> None:
    await shop.fault(keyed={"L1": ["notify_repeated"]})
    order = await shop.paid("L1")
    await until(lambda: len(shop.heard) == 3)
    assert {(each.order_no, each.answer.verdict) for each in shop.heard} == {
        (order.order_no, Verdict.SUCCESS)
    }


async def test_an_older_state_can_come_after_the_newer_one_and_proves_nothing(shop: Shop) -> None:
    await shop.fault(keyed={"L1": ["notify_disordered"]})
    await shop.paid("L1")
    await until(lambda: len(shop.heard) == 2)
    assert shop.heard[0].answer.verdict is Verdict.SUCCESS
    assert shop.heard[1].answer.verdict in (Verdict.ACCEPTED, Verdict.UNKNOWN)


async def test_a_late_notification_comes_after_one_that_was_planned_later(shop: Shop) -> None:
    await shop.fault(keyed={"L1": ["notify_late"]}, late_seconds=0.4)
    late, other = await shop.paid("L1"), await shop.paid("L2")
    await until(lambda: len(shop.heard) == 2)
    assert [each.order_no for each in shop.heard] == [other.order_no, late.order_no]


@pytest.mark.parametrize("fault", ["bad_signature", "wrong_chain"])
async def test_a_notification_of_chinaums_that_does_not_verify_is_sent_again(
    tmp_path: Path, clock: SetClock, fault: str
) -> None:
    async with shop_of("chinaums", tmp_path / "bank", clock) as shop:
        await shop.fault(keyed={"L1": [fault]})
        await shop.paid("L1")
        await until(lambda: shop.unheard)
        assert shop.unheard == ["sign: does not match the message"]
        await asked_again(shop, 60)
        assert [each.answer.verdict for each in shop.heard] == [Verdict.SUCCESS]


async def asked_again(shop: Shop, gap: float) -> None:
    """Let the bank's clock pass a gap of its schedule, once it has counted the send before."""

    async def counted() -> bool:
        await shop.advance(seconds=gap)
        return bool(shop.heard)

    await eventually(counted)


async def test_a_notification_that_is_not_taken_comes_again_on_the_schedule(shop: Shop) -> None:
    shop.taken = False
    await shop.paid("L1")
    await until(lambda: shop.heard)
    shop.heard.clear()
    shop.taken = True
    await asked_again(shop, 1 if shop.bank == "lakala" else 60)
    assert len(shop.heard) == 1


async def test_a_restart_ends_what_was_pending_and_forgets_no_fault(shop: Shop, tmp_path: Path) -> None:
    refund, _ = await refund_meeting(shop, "pending_first")
    await shop.restart(tmp_path / "bank")
    await shop.set_time(shop.clock.now())

    async def ended() -> bool:
        return await refunds(shop) == ["SUCCESS"]

    await eventually(ended)
    assert (await shop.connect().query(refund)).verdict is Verdict.SUCCESS
    assert (await shop.control("GET", "/faults"))["met"] == {"pending_first": 1}
    again = await shop.control("POST", "/merchants", registration(shop.bank))
    assert again == shop.told


async def test_rates_hit_the_share_of_keys_that_they_name(shop: Shop) -> None:
    await shop.fault(seed=7, rates={"decline": 0.5})
    for number in range(30):
        await shop.paid(f"rated-{number}", amount=100)
    failed = [row["key"] for row in await shop.movements() if row["state"] == "FAILED"]
    assert 5 < len(failed) < 25
    assert (await shop.control("GET", "/faults"))["met"] == {"decline": len(failed)}


async def test_the_control_plane_refuses_in_words(shop: Shop) -> None:
    refused = [
        ("PUT", "/faults", {"rates": {"account_type": 1}}, 400, "unknown"),
        ("POST", "/payers", {"order_no": "none", "action": "pay"}, 404, "no such order"),
        (
            "POST",
            "/payers",
            {"order_no": (await ordered(shop)).order_no, "action": "run"},
            400,
            "pay or refuse",
        ),
        ("POST", "/settlement_account", {"merId": "none", "url": "http://x", "account": "1"}, 404, "merId"),
        ("PUT", "/plant", {"file_bad": ["1 May"]}, 400, "YYYY-MM-DD"),
        ("PUT", "/plant", {"extra": [{"settleDate": "2026-09-01", "amount": 0, "key": ""}]}, 400, "amount"),
        ("POST", "/merchants", {"merId": "short"}, 400, "merId"),
    ]
    for method, path, data, status, named in refused:
        assert named in (await shop.control(method, path, data, status))["error"]
    assert "after" in (await shop.control("GET", "/movements?after=x", status=400))["error"]
    assert "filter" in (await shop.control("GET", "/book?x=y", status=400))["error"]
    back = {"now": (shop.clock.now() - timedelta(days=1)).isoformat()}
    assert "passed" in (await shop.control("PUT", "/clock", back, 409))["error"]


async def ordered(shop: Shop) -> Order:
    order = shop.order()
    await shop.connector.present(order, BACK)
    return order


async def test_movements_are_the_books_truth_by_our_own_numbers(shop: Shop) -> None:
    paid = await shop.paid("M1", amount=777)
    await shop.connector.send(shop.undo(paid, 77, key="M2"))
    first, second = await shop.movements()
    assert (first["order_no"], first["key"], first["operation"]) == (paid.order_no, "M1", "purchase")
    assert (first["amount"], first["state"], first["settle_date"], first["fee"]) == (
        777,
        "SUCCESS",
        "2026-09-01",
        3,
    )
    assert (second["operation"], second["original"], second["key"]) == ("refund", paid.order_no, "M2")
    assert await shop.movements(after=first["seq"]) == [second]
    assert (first["settled_in"], first["return_settled_in"], first["denied"]) == (None, None, False)
    (row,) = await shop.control("GET", f"/book?merId={MERCHANT[shop.bank]}&operation=refund")
    assert (row["refunded"], row["listed_in"]) == (0, None)
