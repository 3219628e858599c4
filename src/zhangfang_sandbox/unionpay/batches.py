"""Batches: accepted as a whole or not at all, done in the background in steps, and reported when all is done.

Facts of ACP 5.1.0: batchNo is 0001 to 9999 and unique in a day; no notification is sent. Unverified: the result query.
A step and the progress are stored in one transaction, so a bank that is killed continues where it was, and no item is
done twice.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from zhangfang_sandbox.acquirer.acquiring import HIDDEN_QUERIES
from zhangfang_sandbox.unionpay.bank import OPEN, Bank
from zhangfang_sandbox.unionpay.wire import batchfile, codes
from zhangfang_sandbox.unionpay.wire.codes import Refusal
from zhangfang_sandbox.unionpay.wire.customer import Customer
from zhangfang_sandbox.unionpay.wire.fields import DEBITS, PAYOUT, check_current
from zhangfang_sandbox.unionpay.wire.forms import Fields, charset

SCHEMA = """
CREATE TABLE IF NOT EXISTS batches(id INTEGER PRIMARY KEY, mer_id TEXT, batch_no TEXT, txn_time TEXT, sub_type TEXT,
    biz_type TEXT, encoding TEXT, sign_method TEXT, access_type TEXT, total_qty TEXT, total_amt TEXT, content TEXT,
    done INTEGER NOT NULL DEFAULT 0, hidden INTEGER NOT NULL DEFAULT 0);
CREATE UNIQUE INDEX IF NOT EXISTS batches_by_day ON batches(mer_id, batch_no, substr(txn_time, 1, 8));
CREATE TABLE IF NOT EXISTS batch_items(batch INTEGER, line INTEGER, order_id TEXT, txn_time TEXT, amount TEXT,
    seq INTEGER, code TEXT, PRIMARY KEY(batch, line)) WITHOUT ROWID;
"""
_STEP = 40
_TICK = 0.02
_NAMES = (
    "merId", "batchNo", "txnTime", "txnSubType", "bizType", "encoding", "signMethod", "accessType", "totalQty",
    "totalAmt", "fileContent",
)  # fmt: skip
_SELECT = """SELECT id, mer_id, batch_no, txn_time, sub_type, biz_type, encoding, sign_method, access_type, total_qty,
    total_amt, content, done, hidden FROM batches"""
_OUTCOMES = """SELECT order_id, item.txn_time, item.amount, code, seq FROM batch_items AS item WHERE batch=? ORDER BY line"""


@dataclass(slots=True)
class Batch:
    """One batch: its number here, the message that brought it, how many items are done. `begins` is in loop time."""

    id: int
    told: Fields
    done: int
    hidden: int
    begins: float = 0.0
    items: Sequence[Fields] = field(default_factory=list)

    @property
    def qty(self) -> int:
        """How many items it has."""
        return int(self.told["totalQty"])


class Batches:
    """Takes batches, works them off, and says what became of them."""

    def __init__(self, bank: Bank) -> None:
        self._bank, self._store = bank, bank.store
        self._customer = Customer(bank.keys["encrypt"])
        self._open = self._read("WHERE done<CAST(total_qty AS INTEGER)")

    def submit(self, told: Fields) -> Batch:
        """Take a well-formed batch, once."""
        day = told["txnTime"][:8]
        if self._read(
            "WHERE mer_id=? AND batch_no=? AND substr(txn_time, 1, 8)=?", told["merId"], told["batchNo"], day
        ):
            raise Refusal(codes.DUPLICATE)
        check_current(told, self._bank.clock.now())
        items = batchfile.items(told)
        faults = self._bank.faults
        hidden = HIDDEN_QUERIES if faults.meets("not_found_first", told["batchNo"]) else 0
        row = (*(told[name] for name in _NAMES), hidden)
        self._store.write(
            "INSERT INTO batches(mer_id, batch_no, txn_time, sub_type, biz_type, encoding, sign_method, access_type,"
            " total_qty, total_amt, content, hidden) VALUES(?,?,?,?,?,?,?,?,?,?,?,?)",
            row,
        )
        number = self._store.read("SELECT last_insert_rowid()")[0][0]
        begins = asyncio.get_running_loop().time() + faults.plan.late_seconds
        batch = Batch(number, {name: told[name] for name in _NAMES}, 0, hidden, begins, items)
        self._open.append(batch)
        return batch

    def result(self, told: Fields) -> dict[str, str]:
        """The further fields of a result query's answer. Refuses a batch that is unknown (34) or not done (41)."""
        found = self._read(
            "WHERE mer_id=? AND batch_no=? AND txn_time=?", told["merId"], told["batchNo"], told["txnTime"]
        )
        batch = found[0] if found and found[0].told["txnSubType"] == told["txnSubType"] else None
        if batch is None or self._hides(batch):
            raise Refusal(codes.NOT_FOUND)
        lines = self._lines(batch) if batch.done == batch.qty else []
        if not lines or any(line[3] == OPEN for line in lines):
            raise Refusal(codes.BATCH_LATER)
        paid = [int(line[2]) for line in lines if line[3] == codes.SUCCESS]
        known = batch.told
        header = [known["merId"], known["batchNo"], known["txnTime"], batchfile.ITEMS[known["txnSubType"]][0]]
        header += [known["totalQty"], known["totalAmt"], str(len(paid)), str(sum(paid))]
        content = batchfile.result(header, lines, charset(told))
        return {"totalQty": known["totalQty"], "totalAmt": known["totalAmt"], "fileContent": content}

    async def work(self) -> None:
        """Process open batches, for ever."""
        loop = asyncio.get_running_loop()
        while True:
            due = [batch for batch in self._open if batch.begins <= loop.time()]
            for batch in due:
                self._step(batch)
                await self._store.committed()
                await asyncio.sleep(0)
            if not due:
                await asyncio.sleep(_TICK)

    def _step(self, batch: Batch) -> None:
        batch.items = batch.items or batchfile.items(batch.told)
        rows = []
        for line in range(batch.done, min(batch.done + _STEP, batch.qty)):
            item = batch.items[line]
            seq, code = self._do(batch, item)
            rows.append((batch.id, line, item["orderId"], item["txnTime"], item["txnAmt"], seq, code))
        self._store.write_many("INSERT INTO batch_items VALUES(?,?,?,?,?,?,?)", rows)
        batch.done += len(rows)
        self._store.write("UPDATE batches SET done=? WHERE id=?", (batch.done, batch.id))
        if batch.done == batch.qty:
            self._open.remove(batch)

    def _do(self, batch: Batch, item: Fields) -> tuple[int | None, str]:
        """Do one item; return the number of its order, or the respCode with which it is refused."""
        told, bank = batch.told, self._bank
        txn_type, sub_type = batchfile.ITEMS[told["txnSubType"]]
        fields = {**told, **item, "txnType": txn_type, "txnSubType": sub_type, "backUrl": ""}
        try:
            pays = txn_type in DEBITS or txn_type == PAYOUT
            if pays and "accNo" not in item:
                raise Refusal(codes.MISSING)
            order = bank.open(fields, self._customer.account(fields) if pays else "")
            order.batch = told["batchNo"]
            bank.take(order, None if pays else bank.find(fields, "orig"), silent=True)
        except Refusal as refusal:
            return None, refusal.code
        return order.seq, ""

    def _lines(self, batch: Batch) -> list[list[str]]:
        """The lines of a result; a pending item has the respCode of a pending order."""
        lines = []
        for order_id, txn_time, amount, refused, seq in self._store.read(_OUTCOMES, (batch.id,)):
            order = self._bank.book.by_seq(seq) if seq is not None else None
            code = refused if order is None else OPEN if order.state == "PENDING" else order.code
            day = order.settle_date.replace("-", "")[4:] if order is not None and not order.told else ""
            query_id = order.query_id if order is not None else ""
            lines.append([order_id, txn_time, amount, code, query_id, day, codes.words(code)])
        return lines

    def _hides(self, batch: Batch) -> bool:
        if not batch.hidden:
            return False
        self._store.write("UPDATE batches SET hidden=hidden-1 WHERE id=?", (batch.id,))
        return True

    def _read(self, where: str, *values: str) -> list[Batch]:
        rows = self._store.read(f"{_SELECT} {where} ORDER BY id", values)
        return [Batch(row[0], dict(zip(_NAMES, row[1:12], strict=True)), row[12], row[13]) for row in rows]
