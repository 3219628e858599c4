"""A bank in memory that takes batches, and misbehaves on demand."""

from dataclasses import dataclass, field
from datetime import timedelta

from tests.desk import FakeBank, Shop, _next
from zhangfang.batches import batch_job, channel_batch_job
from zhangfang.channels.abilities import Batch, BatchResult
from zhangfang.channels.port import Answer, NotWritten, Operation, Rules, Verdict
from zhangfang.kernel.driver import run_due
from zhangfang.kernel.errors import InvalidInput


@dataclass
class BatchBank(FakeBank):
    """`on_batch` says how the next batches fare: done, lost_request, lost_answer, not_sent, refused, impossible,
    unreadable.

    `on_batch_query`: truth, no_answer, not_found, pending. `hidden` orders are left out of every result.
    """

    most: int = 50
    resend_after: int | None = 1
    batches: dict[tuple[str, str], Batch] = field(default_factory=dict)
    sent_batches: list[Batch] = field(default_factory=list)
    on_batch: dict[str, list[str]] = field(default_factory=lambda: {"": []})
    on_batch_query: dict[str, list[str]] = field(default_factory=lambda: {"": []})
    failing: set[str] = field(default_factory=set)
    hidden: set[str] = field(default_factory=set)

    @property
    def batch_most(self) -> dict[Operation, int]:
        """Take batches of collections."""
        return {Operation.COLLECTION: self.most}

    @property
    def batch_rules(self) -> Rules:
        """Ask after 5 seconds, then every 30."""
        return Rules((timedelta(seconds=5), timedelta(seconds=30)), self.resend_after)

    async def send_batch(self, batch: Batch) -> Answer:
        """Meet the next of `on_batch`."""
        fate = _next(self.on_batch, "", "done")
        if fate == "not_sent":
            return Answer(Verdict.NOT_SENT)
        if fate == "impossible":
            raise NotWritten("orders", "a text with |", "texts without |")
        self.sent_batches.append(batch)
        if fate == "refused":
            return Answer(Verdict.FAILED, "14", "batch file format")
        if fate == "lost_request":
            return Answer(Verdict.UNKNOWN, message="no answer")
        day = f"{batch.requested_at:%Y%m%d}"
        if (day, batch.number) in self.batches:
            return Answer(Verdict.UNKNOWN, "12", "duplicate")
        self.batches[day, batch.number] = batch
        for order in batch.orders:
            self.do(order, "FAILED" if order.key in self.failing else "SUCCESS")
        if fate == "unreadable":
            raise InvalidInput("totalAmt", "text", "fen")
        return Answer(Verdict.UNKNOWN) if fate == "lost_answer" else Answer(Verdict.ACCEPTED, "00")

    async def query_batch(self, batch: Batch) -> BatchResult:
        """Meet the next of `on_batch_query`."""
        fate = _next(self.on_batch_query, "", "truth")
        known = self.batches.get((f"{batch.requested_at:%Y%m%d}", batch.number))
        if fate == "no_answer":
            return BatchResult(Answer(Verdict.UNKNOWN))
        if fate == "pending":
            return BatchResult(Answer(Verdict.ACCEPTED))
        if fate == "not_found" or known is None:
            return BatchResult(Answer(Verdict.NOT_FOUND, "34"))
        items = {o.order_no: self.truth(o.order_no) for o in known.orders if o.key not in self.hidden}
        return BatchResult(Answer(Verdict.SUCCESS, "00"), items)


def batch_bank(shop: Shop, **other: object) -> BatchBank:
    """Put a bank that takes batches into the place of the shop's UnionPay."""
    bank = BatchBank("unionpay", shop.unionpay.rules, shop.clock, **other)  # type: ignore[arg-type]
    shop.unionpay = bank
    shop.desk.channels = {**shop.desk.channels, "unionpay": bank}
    shop.desk.acquirers = {"unionpay": bank}
    return bank


async def drive(shop: Shop) -> None:
    """Let the driver do one round of all three jobs."""
    for job in (batch_job(shop.desk), channel_batch_job(shop.desk), shop.job):
        await run_due(shop.desk.pool, shop.clock.now(), job)
        await shop.idle()


async def settle_down(shop: Shop, rounds: int = 40) -> None:
    """Drive, with time going by, until no batch is open."""
    for _ in range(rounds):
        await drive(shop)
        await shop.desk.pool.execute("UPDATE intent SET lease_until = NULL")
        await shop.desk.pool.execute("UPDATE batch SET lease_until = NULL")
        await shop.desk.pool.execute("UPDATE channel_batch SET lease_until = NULL")
        if not await shop.desk.pool.fetchval("SELECT count(*) FROM batch WHERE state <> 'FINISHED'"):
            return
        shop.clock.advance(seconds=40)
