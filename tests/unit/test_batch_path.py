"""A batch from its file to its results: accepted by the rules of a single collection, carried, asked for, told once."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.batch_bank import BatchBank, batch_bank, drive, settle_down
from tests.clock import SetClock
from tests.desk import PAYER, Shop, open_shop
from tests.mandates import sign
from zhangfang import batches, webhooks
from zhangfang.batches import Batch, BatchState, Upload, load
from zhangfang.channels.port import Operation
from zhangfang.kernel.errors import InvalidInput
from zhangfang.merchants import Merchant

HEADER = "order_no,amount,number,name\n"


@pytest.fixture
async def shop(database_url: str, tmp_path: Path, clock: SetClock) -> AsyncIterator[Shop]:
    async with open_shop(database_url, tmp_path, clock) as shop:
        yield shop


@pytest.fixture
def bank(shop: Shop) -> BatchBank:
    return batch_bank(shop)


def lines(numbers: Iterable[int], number: str = PAYER.number) -> list[str]:
    return [f"O-{n},{100 + n},{number},{PAYER.name}\n" for n in numbers]


def total(file: str) -> int:
    return sum(int(line.split(",")[1]) for line in file.splitlines()[1:])


async def chunks(file: str, size: int = 700) -> AsyncIterator[bytes]:
    data = file.encode()
    for at in range(0, len(data), size):
        yield data[at : at + size]


async def submit(
    shop: Shop, merchant: Merchant, file: str, number: str = "B-1", **other: object
) -> tuple[Batch, bool]:
    upload = Upload(number, "csv", len(file.splitlines()) - 1, total(file))
    upload = replace(upload, **other)  # type: ignore[arg-type]
    return await load(shop.desk.pool, shop.desk.vault, shop.desk.clock, merchant, upload, chunks(file))


async def states(shop: Shop, batch: Batch) -> dict[str, int]:
    return dict((await batches.progress(shop.desk.pool, batch.id)).counts)


async def test_every_item_is_collected_once_in_batches_of_the_channel_and_the_end_is_told_once(
    shop: Shop, bank: BatchBank
) -> None:
    merchant = await shop.merchant()
    await webhooks.add(shop.desk.pool, shop.desk.vault, shop.clock, merchant.id, "https://shop.example/")
    bank.failing = {"O-7"}
    batch, new = await submit(shop, merchant, HEADER + "".join(lines(range(120))))
    assert new
    assert batch.state is BatchState.ACCEPTED
    await settle_down(shop)
    assert await states(shop, batch) == {"SUCCESS": 119, "FAILED": 1}
    assert [len(sent.orders) for sent in bank.sent_batches] == [40, 40, 40]
    assert len({sent.number for sent in bank.sent_batches}) == 3
    assert set(bank.debits.values()) == {0, 1}
    assert not bank.sent, "nothing travelled alone"
    told = await shop.desk.pool.fetch("SELECT event, payload FROM webhook")
    assert [row["event"] for row in told] == ["batch.finished"]
    assert '"SUCCESS":119' in told[0]["payload"]
    assert (await batches.get(shop.desk.pool, merchant.id, batch.id)).state is BatchState.FINISHED
    assert (await shop.balances(merchant.id))[3011] == sum(100 + n for n in range(120)) - 107


@pytest.mark.parametrize("fate", ["lost_request", "lost_answer", "not_sent"])
async def test_a_batch_whose_message_or_answer_is_lost_debits_each_payer_once(
    shop: Shop, bank: BatchBank, fate: str
) -> None:
    merchant = await shop.merchant()
    bank.on_batch[""] = [fate, fate]
    batch, _ = await submit(shop, merchant, HEADER + "".join(lines(range(20))))
    await settle_down(shop)
    assert await states(shop, batch) == {"SUCCESS": 20}
    assert set(bank.debits.values()) == {1}
    assert all(sent == bank.sent_batches[0] for sent in bank.sent_batches), "a re-send is equal to the byte"


async def test_where_the_channel_forbids_a_second_sending_a_lost_batch_is_left_to_its_items(
    shop: Shop, bank: BatchBank
) -> None:
    merchant = await shop.merchant()
    bank.resend_after = None
    bank.on_batch[""] = ["lost_request"]
    batch, _ = await submit(shop, merchant, HEADER + "".join(lines(range(6))))
    await settle_down(shop, 3)
    assert await states(shop, batch) == {"SENDING": 6}
    shop.clock.advance(hours=24)
    await settle_down(shop, 4)
    assert len(bank.sent_batches) == 1
    assert not bank.sent, "an item is never sent alone after its batch"
    assert await states(shop, batch) == {"UNKNOWN": 6}, "silence ends nothing"
    assert await shop.desk.pool.fetchval("SELECT state FROM channel_batch") == "LEFT"


async def test_a_batch_that_is_refused_as_a_whole_fails_every_item(shop: Shop, bank: BatchBank) -> None:
    merchant = await shop.merchant()
    bank.on_batch[""] = ["refused"]
    batch, _ = await submit(shop, merchant, HEADER + "".join(lines(range(20))))
    await settle_down(shop)
    assert await states(shop, batch) == {"FAILED": 20}
    items = await batches.items(shop.desk.pool, batch.id, 0, 100)
    assert {(item.code, item.message) for item in items} == {("14", "batch file format")}


async def test_the_items_of_a_batch_that_cannot_be_sent_as_one_travel_alone(
    shop: Shop, bank: BatchBank
) -> None:
    merchant = await shop.merchant()
    bank.on_batch[""] = ["impossible"]
    batch, _ = await submit(shop, merchant, HEADER + "".join(lines(range(20))))
    await settle_down(shop)
    assert await states(shop, batch) == {"SUCCESS": 20}
    assert not bank.sent_batches
    assert set(bank.debits.values()) == {1}


async def test_a_batch_whose_answer_cannot_be_read_was_sent_and_no_item_of_it_travels_alone(
    shop: Shop, bank: BatchBank
) -> None:
    merchant = await shop.merchant()
    bank.on_batch[""] = ["unreadable"]
    batch, _ = await submit(shop, merchant, HEADER + "".join(lines(range(20))))
    await settle_down(shop)
    assert await states(shop, batch) == {"SUCCESS": 20}
    assert len(bank.sent_batches) == 1
    assert not bank.sent


async def test_an_item_that_the_result_does_not_list_stays_unknown_and_is_asked_for_by_itself(
    shop: Shop, bank: BatchBank
) -> None:
    merchant = await shop.merchant()
    bank.hidden = {"O-3"}
    bank.on_query["O-3"] = ["no_answer"]
    batch, _ = await submit(shop, merchant, HEADER + "".join(lines(range(10))))
    await drive(shop)
    shop.clock.advance(seconds=6)
    await drive(shop)
    assert await states(shop, batch) == {"SUCCESS": 9, "UNKNOWN": 1}
    await settle_down(shop)
    assert await states(shop, batch) == {"SUCCESS": 10}
    assert len(bank.sent_batches) == 1
    assert not bank.sent


async def test_a_few_items_travel_alone_and_so_do_all_of_a_channel_without_batches(shop: Shop) -> None:
    merchant = await shop.merchant()
    batch, _ = await submit(shop, merchant, HEADER + "".join(lines(range(30))))
    await settle_down(shop)
    assert await states(shop, batch) == {"SUCCESS": 30}
    assert len(shop.unionpay.sent) == 30
    assert await shop.desk.pool.fetchval("SELECT count(*) FROM channel_batch") == 0
    bank = batch_bank(shop)
    few, _ = await submit(shop, merchant, HEADER + "".join(lines(range(100, 104))), "B-2")
    await settle_down(shop)
    assert await states(shop, few) == {"SUCCESS": 4}
    assert not bank.sent_batches


async def test_an_item_that_was_collected_before_finds_its_payment_and_another_under_its_number_is_refused(
    shop: Shop, bank: BatchBank
) -> None:
    merchant = await shop.merchant()
    account = replace(PAYER, id_no="", phone="")
    old = await shop.ask(merchant, Operation.COLLECTION, "O-1", 101, account=account)
    await shop.ask(merchant, Operation.COLLECTION, "O-2", 999, account=account)
    batch, _ = await submit(shop, merchant, HEADER + "".join(lines(range(1, 9))))
    await settle_down(shop)
    items = await batches.items(shop.desk.pool, batch.id, 0, 100)
    assert items[0].payment == old.id
    assert (items[1].state, items[1].code) == ("REFUSED", "order_number_taken")
    assert await states(shop, batch) == {"SUCCESS": 7, "REFUSED": 1}
    assert bank.debits[Operation.COLLECTION, "O-1"] == 1


async def test_an_item_without_a_mandate_or_above_its_limit_is_refused_and_the_rest_goes_on(
    shop: Shop, bank: BatchBank
) -> None:
    merchant = await shop.merchant()
    other = replace(PAYER, number="6222020000000000001")
    await sign(shop.desk, merchant.id, other, "M-2", limit_each=500, limit_day=500, limit_month=500)
    file = HEADER + "".join(
        [
            *lines(range(6)),
            *lines(range(10, 11), "6222020000000000999"),
            *lines(range(200, 203), other.number),
        ]
    )
    batch, _ = await submit(shop, merchant, file)
    await settle_down(shop)
    items = {item.order_no: item for item in await batches.items(shop.desk.pool, batch.id, 0, 100)}
    assert items["O-10"].code == "no_mandate"
    assert [items[f"O-{n}"].state for n in (200, 201, 202)] == ["SUCCESS", "REFUSED", "REFUSED"]
    assert items["O-201"].code == "mandate_limit"
    assert await states(shop, batch) == {"SUCCESS": 7, "REFUSED": 3}


async def test_an_operator_who_stops_collections_stops_a_batch_before_it_is_sent(
    shop: Shop, bank: BatchBank
) -> None:
    merchant = await shop.merchant()
    batch, _ = await submit(shop, merchant, HEADER + "".join(lines(range(10))))
    stop = "INSERT INTO channel_stop VALUES ('unionpay', 'collection', 'test', 'someone', now())"
    await shop.desk.pool.execute(stop)
    shop.desk.gate._stops_read = 0.0
    await settle_down(shop, 3)
    assert await states(shop, batch) == {"WAITING": 10}
    await shop.desk.pool.execute("DELETE FROM channel_stop")
    shop.desk.gate._stops_read = 0.0
    await settle_down(shop)
    assert await states(shop, batch) == {"SUCCESS": 10}


async def test_two_workers_at_once_make_one_intent_of_an_item(shop: Shop, bank: BatchBank) -> None:
    from zhangfang.batches.portions import advance

    merchant = await shop.merchant()
    batch, _ = await submit(shop, merchant, HEADER + "".join(lines(range(60))))
    await asyncio.gather(*(advance(shop.desk, batch) for _ in range(3)))
    assert await shop.desk.pool.fetchval("SELECT count(*) FROM intent") == 60
    assert await shop.desk.pool.fetchval("SELECT sum(items) FROM channel_batch") == 60
    await settle_down(shop)
    assert await states(shop, batch) == {"SUCCESS": 60}


async def test_the_results_are_the_lines_of_the_file_in_its_order(shop: Shop, bank: BatchBank) -> None:
    merchant = await shop.merchant()
    bank.failing = {"O-2"}
    batch, _ = await submit(shop, merchant, HEADER + "".join(lines([5, 2, 9, 1, 3, 4])))
    await settle_down(shop)
    file = b"".join([part async for part in batches.results(shop.desk.pool, batch.id)]).decode()
    rows = [line.split(",") for line in file.splitlines()]
    assert tuple(rows[0]) == batches.HEAD
    assert [row[1] for row in rows[1:]] == ["O-5", "O-2", "O-9", "O-1", "O-3", "O-4"]
    assert [row[3] for row in rows[1:3]] == ["SUCCESS", "FAILED"]
    assert all(row[4].startswith("pay_") for row in rows[1:])


async def test_a_merchant_that_may_not_collect_cannot_submit(shop: Shop) -> None:
    merchant = replace(await shop.merchant(), fee_rules=())
    with pytest.raises(Exception, match="no collection fee rule"):
        await submit(shop, merchant, HEADER + "".join(lines(range(3))))
    with pytest.raises(InvalidInput, match="batch_no"):
        await submit(shop, merchant, HEADER, "no spaces")
    assert await shop.desk.pool.fetchval("SELECT count(*) FROM batch") == 0


async def test_an_order_number_comes_back_as_it_was_given(shop: Shop, bank: BatchBank) -> None:
    """Programs join results on it: only what people open is guarded against formulas."""
    merchant = await shop.merchant()
    batch, _ = await submit(shop, merchant, HEADER + lines([1])[0].replace("O-1", "@A1"))
    await settle_down(shop)
    file = b"".join([part async for part in batches.results(shop.desk.pool, batch.id)]).decode()
    assert file.splitlines()[1].split(",")[1] == "@A1"


async def test_the_digest_of_a_file_is_keyed_and_one_of_an_older_release_is_known_again(shop: Shop) -> None:
    merchant, file = await shop.merchant(), HEADER + lines([1])[0]
    batch, _ = await submit(shop, merchant, file)
    plain = hashlib.sha256(file.encode()).digest()
    assert await shop.desk.pool.fetchval("SELECT digest FROM batch") not in (b"", plain)
    assert await submit(shop, merchant, file) == (batch, False)
    await shop.desk.pool.execute("UPDATE batch SET digest = $1", plain)
    assert (await submit(shop, merchant, file))[0].id == batch.id
