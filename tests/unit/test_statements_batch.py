"""Every merchant's statement is written, each as it is drawn alone."""

from pathlib import Path

from tests.clock import SetClock
from tests.treasury import DAY, treasury
from zhangfang.statements import as_bytes, get, release
from zhangfang.statements.batch import write_all


async def test_the_statements_of_all_merchants_are_written_as_each_is_drawn_alone(
    database_url: str, clock: SetClock, tmp_path: Path
) -> None:
    async with treasury(database_url, clock) as house:
        merchants = [await house.merchant(external_ref=f"M{n}") for n in range(3)]
        for merchant in merchants:
            await house.paid(merchant, 10_000)
        house.clock.advance(minutes=1)
        await release(house.pool, house.clock, DAY)
        assert await write_all(house.pool, DAY, "combined", "pdf", tmp_path) == 3
        for n, merchant in enumerate(merchants):
            version = await get(house.pool, merchant.id, DAY)
            file = tmp_path / f"M{n}-{DAY}-combined-v1.pdf"
            assert file.read_bytes() == as_bytes(version, "combined", "pdf")
