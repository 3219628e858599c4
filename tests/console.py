"""A small house in a database, written row by row: every state, every later fact, two days of books.

The books are posted as the templates say (P1, S1, S2, S5, T1, O1, O5, O7, O8, R1, B1), so that sums can be checked.
"""

import asyncio
import json
import random
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from tests.clock import SetClock
from tests.people import LIN, WANG, bound, employ
from zhangfang import approvals
from zhangfang.adjustments import ADJUSTMENT, REGISTER, THAW, Adjustment, Thaw, Written
from zhangfang.adjustments.allowed import preview
from zhangfang.adjustments.model import Making
from zhangfang.bills import MAP, MapRelease
from zhangfang.closing.certificate import certify
from zhangfang.closing.period import CLOSE, REOPEN, Closing, Reopening
from zhangfang.duplicates import REVERSAL, Reversal
from zhangfang.kernel.clock import CHINA
from zhangfang.kernel.ids import new_id, numbered, prefixed
from zhangfang.ledger.model import Book, account_id
from zhangfang.payments import OPENING, OUTCOME, REFUND, Opening, Outcome, Refund, State
from zhangfang.reconciliation import BULK, CURE, Bulk, Cure
from zhangfang.routing import RELEASE, Kind, Promotion
from zhangfang.schema import migrate
from zhangfang.statements import release
from zhangfang.web.tables import TERMS
from zhangfang.weekly import GRADE, Milder

TODAY = date(2026, 9, 1)
YESTERDAY = date(2026, 8, 31)
NOW = datetime(2026, 9, 1, 14, 39, 12, 204000, tzinfo=CHINA)
KEY = b"k" * 32  # signs the cookies of the tests' consoles
CHANNELS = {"unionpay": ("purchase", "collection", "refund", "void"), "cmb": ("payout",)}
MERCHANTS = ("青禾公寓", "北辰置业", "和居长租", "云庭物业", "安邻到家", "南湖水务")
HOURS = (1, 1, 0, 0, 0, 1, 2, 4, 9, 14, 17, 15, 12, 14, 8)
AT_RANDOM = random.Random(20260901)


@dataclass
class House:
    """What was written, for tests to ask for."""

    pool: asyncpg.Pool
    clock: SetClock
    merchants: list[str] = field(default_factory=list)
    by_state: dict[str, UUID] = field(default_factory=dict)
    seq: int = 0
    balances: dict[UUID, int] = field(default_factory=dict)
    number: int = 0

    def at(self, moment: datetime) -> datetime:
        """Set the clock, so that ids made now are born at `moment`."""
        return self.clock.set(moment)

    async def insert(self, table: str, **row: Any) -> None:
        """Insert one row."""
        places = ", ".join(f"${n}" for n in range(1, len(row) + 1))
        await self.pool.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})", *row.values())

    async def told(self, merchant: str, intent: UUID, **delivery: Any) -> None:
        """Insert an event about an intent and what became of its delivery at the merchant's endpoint."""
        now, event = self.clock.now(), new_id(self.clock)
        await self.insert(
            "webhook",
            id=event,
            merchant=merchant,
            intent=intent,
            event="payment.succeeded",
            payload="{}",
            created_at=now,
        )
        endpoint = await self.pool.fetchval(
            """INSERT INTO webhook_endpoint (merchant, url, secret_token, created_at)
            VALUES ($1, 'https://shop.example/hook', '', $2)
            ON CONFLICT (merchant, url) DO UPDATE SET failures = 0 RETURNING id""",
            merchant, now,
        )  # fmt: skip
        await self.insert("webhook_delivery", endpoint=endpoint, webhook=event, created_at=now, **delivery)

    async def post(self, day: date, memo: UUID | None, lines: list[tuple[int, str, int, str, int]]) -> UUID:
        """Post one voucher of (debit code, subject, credit code, subject, fen) lines into the customers' book.

        The first one of a payment has the id that the payment has planned for it.
        """
        planned = await self.pool.fetchval(
            "SELECT voucher FROM intent i WHERE id = $1 AND NOT EXISTS (SELECT FROM transfer WHERE memo = i.id)",
            memo,
        )
        voucher = planned or new_id(self.clock)
        for n, (debit_code, debit_subject, credit_code, credit_subject, amount) in enumerate(lines, start=1):
            debit = await self._account(debit_code, debit_subject)
            credit = await self._account(credit_code, credit_subject)
            self.balances[debit] += amount
            self.balances[credit] -= amount
            self.seq += 1
            await self.insert(
                "transfer", shard=0, id=numbered(voucher, n), seq=self.seq, debit=debit, credit=credit, amount=amount,
                book=int(Book.CUSTOMERS), kind=1, flags=1 if n < len(lines) else 0, timeout=0, voucher=voucher,
                memo=memo, business_date=day, posted_at=self.clock.now(),
                debit_balance=self.balances[debit], credit_balance=self.balances[credit], digest=voucher,
            )  # fmt: skip
        return voucher

    async def _account(self, code: int, subject: str) -> UUID:
        id_ = account_id(Book.CUSTOMERS, code, subject)
        if id_ not in self.balances:
            self.balances[id_] = 0
            await self.pool.execute(
                'INSERT INTO account (shard, id, book, code, subject, flags, "limit", opened_at)'
                " VALUES (0, $1, 1, $2, $3, 0, 0, $4)", id_, code, subject, self.clock.now(),
            )  # fmt: skip
        return id_

    async def step(self, intent: UUID, kind: str, after_ms: int = 3, **rest: str) -> None:
        """Store a step a moment later."""
        self.clock.advance(milliseconds=after_ms)
        await self.insert(
            "step", id=new_id(self.clock), intent=intent, at=self.clock.now(), kind=kind, **rest
        )


async def seed(pool: asyncpg.Pool, clock: SetClock) -> House:
    """Fill an empty database with the two days and leave the clock at `NOW`."""
    house = House(pool, clock)
    house.at(_on(YESTERDAY, 7))
    await pool.execute(
        "SELECT ledger_open_month($1), ledger_open_month($2)", _on(YESTERDAY, 1), _on(TODAY, 12)
    )
    await _merchants(house)
    await _yesterday(house)
    await _overnight(house)
    await _today(house)
    await house.pool.execute("INSERT INTO head VALUES (0, 1, $1, $2)", house.seq, house.clock.now())
    await _people(house)
    house.at(NOW)
    await certify(house.pool, house.clock, "unionpay", YESTERDAY)
    return house


async def _people(house: House) -> None:
    """Let operators do each thing that the platform records, and release a statement."""
    targets = {
        "stop": "unionpay/void",
        "promote table": "routes/3",
        "release statements again": f"statements/{YESTERDAY}",
        "replay table": "account_types/2",
    }
    reasons = {"replay table": "replayed", "canary table": "10 %", "outcome_propose": "SUCCESS: 银行来函"}
    for act in TERMS["act"].keys() - {"approve", "done"}:
        await house.insert(
            "operator_act", id=new_id(house.clock), at=house.clock.now(), operator="lin", act=act,
            target=targets.get(act, prefixed("pay", house.by_state["UNKNOWN"])), reason=reasons.get(act, ""),
        )  # fmt: skip
    await _proposals(house)
    await release(house.pool, house.clock, YESTERDAY, "ZM-0831-1")


async def _proposals(house: House) -> None:
    """Let one proposal of each kind wait, and one be withdrawn."""
    unknown_id, day = house.by_state["UNKNOWN"], YESTERDAY
    unknown = prefixed("pay", unknown_id)
    freeze, entry = await _deadlines(house)
    at = house.clock.now()
    broken = str(await house.pool.fetchval("SELECT id FROM break LIMIT 1"))
    contents: dict[str, tuple[str, Any]] = {
        OUTCOME: (unknown, Outcome(State.SUCCESS, "银行来函", "来函 113", 10_000, day, "Q77")),
        CURE: (broken, Cure("B2", house.merchants[0])),
        BULK: ("", Bulk("B8", 1, 10_000, "", [(broken, "0" * 32)])),
        REVERSAL: (unknown, Reversal("m", "A-1", unknown, unknown, 10_000, "重复代收")),
        RELEASE: ("routes/3", Promotion(Kind.ROUTES, 3, 20, "0" * 64)),
        CLOSE: (f"books/{day}", Closing(day, ("seals", "breaks"), "五月三日核账机停电")),
        GRADE: (prefixed("inc", unknown_id), Milder(prefixed("inc", unknown_id), "D")),
        REOPEN: (f"books/{day}", Reopening(day, "发票迟到")),
        REFUND: (unknown, Refund(unknown, house.merchants[0], 900_000, "k" * 32)),
        MAP: ("map/wechat/1", MapRelease("wechat", 1, "商户订单号 → order_no", "0" * 64)),
        ADJUSTMENT: ("", adjusted(house.merchants[0])),
        THAW: (freeze, Thaw(house.merchants[0], "(2026) 114", 500, "已解除")),
        REGISTER: (entry, Written("court", "C-7", outcome="done", note="已回函")),
        OPENING: ("unionpay/void", Opening("unionpay", "void", "lin", at, "维护", "已恢复")),
    }
    async with house.pool.acquire() as connection:
        for kind, (target, content) in contents.items():
            for _ in range(2 if kind == REOPEN else 1):
                id_ = new_id(house.clock)
                itself = f"bulk/{id_.hex}" if kind == BULK else prefixed("adj", id_)
                about = target or itself  # many cures and an adjustment are about themselves
                await approvals.propose(connection, house.clock, id_, kind, about, content, LIN, "理由")
                if kind == REOPEN:
                    await approvals.withdraw(house.pool, house.clock, id_, WANG)


def adjusted(merchant: str) -> Adjustment:
    """Return an adjustment as a person proposes it."""
    subjects = {"debit": f"2322/{merchant}", "credit": "2361/platform"}
    voucher = preview(Making("M1", 1_200, subjects))
    return Adjustment("M1", 1_200, subjects, "goodwill", "商户申请", "来函 114", ("e" * 64,), voucher)


async def _deadlines(house: House) -> tuple[str, str]:
    """Freeze money, of which part is waited for, and register a request; both are due soon. Return their ids."""
    freeze, entry, voucher = (new_id(house.clock) for _ in range(3))
    merchant, now, soon = house.merchants[0], house.clock.now(), TODAY + timedelta(days=2)
    await house.insert(
        "money_freeze", id=freeze, merchant=merchant, kind="court", reference="(2026) 114", reason="裁定",
        amount=1_000, expires_on=soon, frozen_by="lin", frozen_at=now,
    )  # fmt: skip
    await house.insert(
        "adjustment", id=voucher, purpose="freeze", template="T4", amount=600, business_date=TODAY, of=freeze,
        said=json.dumps({"template": "T4", "amount": 600, "subjects": {"merchant": merchant}}), legs="[]",
        made_by="lin", made_at=now, result="exceeds_credits", ended_at=now,
    )  # fmt: skip
    await house.insert(
        "register_entry", id=entry, kind="court", reference="C-7", merchant=merchant, due_on=soon, note="查询账户",
        files=[], opened_by="lin and wang", opened_at=now,
    )  # fmt: skip
    return prefixed("frz", freeze), prefixed("reg", entry)


async def audit(house: House, *, ok: bool = True, age: float = 10) -> None:
    """Have the auditor say so, `age` seconds ago."""
    figures = dict.fromkeys(TERMS["figure"], 0) | {"bank_gap_fen": 0 if ok else -1}
    at = house.clock.now() - timedelta(seconds=age)
    await house.insert("audit_result", at=at, ok=ok, figures=json.dumps(figures))


def _on(day: date, hour: int, minute: int = 0, second: int = 0) -> datetime:
    return datetime.combine(day, time(hour, minute, second), CHINA)


async def _merchants(house: House) -> None:
    for n, name in enumerate(MERCHANTS):
        id_ = f"mer_{n:026}"
        house.merchants.append(id_)
        state = "frozen" if n == 4 else "active"
        await house.insert(
            "merchant", id=id_, external_ref=f"M{n + 1:03}", name=name, state=state, auto_payout=n % 2 == 0,
            settlement_days=1, created_at=house.clock.now(),
        )  # fmt: skip
        for kind, rate, fixed in (("purchase", 6000, 0), ("collection", 3000, 0), ("payout", 0, 100)):
            await house.insert(
                "fee_rule", merchant=id_, kind=kind, effective_from=date(2000, 1, 1), rate_ppm=rate, fixed_fen=fixed,
                min_fen=1,
            )  # fmt: skip
        if n != 5:
            await house.insert(
                "settlement_account", id=f"sac_{n:026}", merchant=id_, token="v1.sealed", tail=f"{4417 + n}",
                name_masked=name[0] + "**", bank="招商银行", medium="corporate", fingerprint=f"f{n}",
                bound_at=house.clock.now(),
            )  # fmt: skip
            await bound(house.pool, id_)


async def intent(house: House, kind: str, state: str, amount: int, merchant: int = 0, **more: Any) -> UUID:
    """Store an intent as it stands at the clock's moment; what is not given is derived from its state."""
    now, id_ = house.clock.now(), new_id(house.clock)
    house.number += 1
    final = state in ("SUCCESS", "FAILED", "REFUSED", "CLOSED")
    settled = state == "SUCCESS" and kind != "payout"
    row: dict[str, Any] = {
        "id": id_, "kind": kind, "merchant": house.merchants[merchant], "order_no": f"rent-2609-{house.number:05}",
        "idempotency_key": f"key-{house.number:05}", "request_digest": id_.bytes * 2, "amount": amount,
        "fee": amount * 3 // 1000 if kind in ("purchase", "collection") else 0,
        "description": "" if kind == "payout" else f"云庭 3-{1700 + house.number} 九月租金",
        "account_tail": "4417" if kind != "purchase" else "", "channel": "cmb" if kind == "payout" else "unionpay",
        "channel_order_no": id_.hex, "requested_at": now, "business_date": now.astimezone(CHINA).date(),
        "template": {"purchase": "P1", "collection": "P2", "payout": "O1"}.get(kind, "R1"),
        "voucher": new_id(house.clock), "undo_voucher": new_id(house.clock), "state": state,
        "channel_ref": f"2326{house.number:017}" if state == "SUCCESS" else None,
        "settle_date": now.astimezone(CHINA).date() if settled else None,
        "decided_at": now + timedelta(seconds=2) if final else None,
        "next_action_at": None if final else now + timedelta(minutes=1),
        "created_at": now, "updated_at": now,
    }  # fmt: skip
    listed = more.pop("matched_on", None)
    await house.insert("intent", **(row | more))
    if listed:
        await house.insert("intent_match", intent=id_, matched_on=listed)
    house.by_state.setdefault(state, id_)
    await house.step(id_, "received", state="CREATED", message=f"Idempotency-Key {row['idempotency_key']}")
    return id_


async def paid(house: House, kind: str, amount: int, merchant: int, day: date, **more: Any) -> UUID:
    """Store a pay-in that succeeded at once, with its steps and its voucher (P1)."""
    id_ = await intent(house, kind, "SUCCESS", amount, merchant, **more)
    await house.step(id_, "sent", 7, state="SENDING", message=id_.hex)
    await house.step(
        id_, "answer", 640, verdict="success", state="SUCCESS", code="00", raw="respCode=00&origRespCode=00"
    )
    fee, name = amount * 3 // 1000, house.merchants[merchant]
    await house.post(day, id_, [(3011, "unionpay", 2321, name, amount), (2321, name, 2361, "platform", fee)])
    await house.step(id_, "ledger", 9, message=f"seq {house.seq}")
    return id_


async def _yesterday(house: House) -> None:
    paid_in: list[tuple[UUID, int]] = []
    for hour, count in enumerate((*HOURS, 9, 8, 6, 4, 2, 1, 1, 0, 0)):
        for n in range(count):
            house.at(_on(YESTERDAY, hour, 3 + n * 3, n))
            amount, merchant = AT_RANDOM.randrange(60_000, 600_000, 100), AT_RANDOM.randrange(4)
            kind = "collection" if n % 3 else "purchase"
            id_ = await paid(house, kind, amount, merchant, YESTERDAY, matched_on=YESTERDAY)
            paid_in.append((id_, amount))
    house.at(_on(YESTERDAY, 21))
    differing, late = paid_in[3], paid_in[5]
    file = {"channel": "unionpay", "settle_date": YESTERDAY}
    for n, (id_, amount) in enumerate(one for one in paid_in if one != late):
        ref = await house.pool.fetchval("SELECT channel_ref FROM intent WHERE id = $1", id_)
        listed, status = (amount + 1, "break") if (id_, amount) == differing else (amount, "matched")
        await house.insert(
            "file_line", **file, line_no=n + 1, order_no=id_.hex, channel_ref=ref, operation="collection",
            amount=listed, credit=True, fee=listed * 3 // 1000, adjustment=False, original_order_no="", note="消费成功",
            raw="", intent=id_, status=status,
        )  # fmt: skip
    total = sum(amount for _, amount in paid_in) - late[1] + 1
    fees = total * 3 // 1000
    house.at(_on(TODAY, 9, 0, 41))
    await house.insert(
        "channel_file", **file, name="INN26083188ZM_777290058110097", digest="4be0" + "a7" * 28 + "91d7",
        lines=len(paid_in) - 1, received_at=house.clock.now(), pay_in_voucher=new_id(house.clock),
        refund_voucher=new_id(house.clock), fee_voucher=new_id(house.clock), arrival_voucher=new_id(house.clock),
        void_voucher=new_id(house.clock), placed_at=house.clock.now(),
        pay_in_fen=total, refund_fen=0, fee_fen=fees, net_fen=total - fees, matched_at=house.clock.now(),
        arrived_at=_on(TODAY, 9, 30, 5), arrived_seq="S000017",
    )  # fmt: skip
    await _breaks(house, differing, late)
    await house.post(
        YESTERDAY,
        None,
        [(3012, "unionpay", 3011, "unionpay", total - 1), (3012, "unionpay", 2351, "unionpay", 1)],
    )
    for id_, _ in paid_in[:3]:
        await house.step(id_, "file", verdict="success", message="ZM 2026-08-31")
    house.by_state["MATCHED"], house.by_state["DIFFERING"] = paid_in[0][0], differing[0]


async def _breaks(house: House, differing: tuple[UUID, int], late: tuple[UUID, int]) -> None:
    ref = await house.pool.fetchval("SELECT channel_ref FROM intent WHERE id = $1", differing[0])
    base = {"channel": "unionpay", "settle_date": YESTERDAY, "opened_at": house.clock.now()}
    await house.insert(
        "break", **base, id=new_id(house.clock), **{"class": "amount_differs"}, key=ref, intent=differing[0],
        ours=differing[1], theirs=differing[1] + 1, difference=1, note="", template="B1",
        voucher=new_id(house.clock), cure_voucher=new_id(house.clock), proposed_cure="B8", proposed_by="lin",
    )  # fmt: skip
    await house.insert(
        "break", **base, id=new_id(house.clock), **{"class": "missing_there"}, key=late[0].hex, intent=late[0],
        ours=late[1], theirs=None, difference=-late[1], note="", template="B4", voucher=new_id(house.clock),
        cure="B5", cure_voucher=new_id(house.clock), cleared_at=_on(TODAY, 10), cleared_by="file 2026-09-01",
    )  # fmt: skip


async def _overnight(house: House) -> None:
    """Let yesterday's money arrive, settle it to the merchants, and pay two of them out."""
    file = await house.pool.fetchrow("SELECT * FROM channel_file")
    house.at(_on(TODAY, 9, 30, 5))
    arrival = await house.post(TODAY, None, [
        (1003, "cmb", 3012, "unionpay", file["net_fen"]), (1241, "platform", 3012, "unionpay", file["fee_fen"]),
    ])  # fmt: skip
    await bank_line(house, "S000017", file["net_fen"], True, "银联商户清算 20260831", voucher=arrival)
    house.at(_on(TODAY, 10))
    for merchant in range(4):
        name = house.merchants[merchant]
        pending = -house.balances[account_id(Book.CUSTOMERS, 2321, name)]
        voucher = await house.post(TODAY, None, [(2321, name, 2322, name, pending)])
        lines = await house.pool.fetch("SELECT id FROM intent WHERE merchant = $1", name)
        batch = new_id(house.clock)
        await house.insert(
            "settlement", id=batch, merchant=name, run_date=TODAY, number=1, voucher=voucher, amount=pending,
            lines=len(lines), posted_at=house.clock.now(), created_at=house.clock.now(),
        )  # fmt: skip
        await house.pool.execute("UPDATE intent SET settlement = $1 WHERE merchant = $2", batch, name)
    await house.step(house.by_state["MATCHED"], "settled", message="T+1")
    await _payout(house, 0, 800_000, "SUCCESS", 11)
    await _payout(house, 1, 482_000, "SUCCESS", 12, returned=True)
    await _payout(house, 2, 120_000, "UNKNOWN", 13)


async def bank_line(house: House, sequence: str, amount: int, credit: bool, text: str, **more: Any) -> None:
    """Store a line of the bank's statement."""
    row = {
        "account": "cmb", "sequence": sequence, "booked_at": house.clock.now(), "business_date": TODAY,
        "amount": amount, "credit": credit, "balance": 0, "reference": "", "request_no": "",
        "counterparty": "银联商务", "text": text, "reversal": False, "raw": "", "posted_at": house.clock.now(),
    }  # fmt: skip
    await house.insert("bank_line", **(row | more))
    await house.pool.execute(
        "INSERT INTO statement_cursor VALUES ('cmb', $1, $2) ON CONFLICT (account) DO UPDATE SET read_at = $2",
        sequence, house.clock.now(),
    )  # fmt: skip


async def _payout(
    house: House, merchant: int, amount: int, state: str, hour: int, returned: bool = False
) -> None:
    name = house.merchants[merchant]
    start = house.at(_on(TODAY, hour, 14))
    back = start + timedelta(minutes=50)
    id_ = await intent(
        house, "payout", state, amount, merchant, returned_at=back if returned else None,
        unknown_since=start + timedelta(seconds=6) if state == "UNKNOWN" else None,
        code="BNK" if state == "UNKNOWN" else "FIN/S", message="银行处理中" if state == "UNKNOWN" else None,
        queries=4 if state == "UNKNOWN" else 1, arrived_seq="S000018" if state == "SUCCESS" else None,
        channel_ref=f"REQ{hour:07}" if state == "SUCCESS" else None,
        next_action_at=NOW + timedelta(minutes=4) if state == "UNKNOWN" else None,
    )  # fmt: skip
    await house.post(TODAY, id_, [(2322, name, 3014, "cmb", amount), (2322, name, 2361, "platform", 100)])
    await house.step(id_, "ledger", message=f"seq {house.seq}")
    await house.step(id_, "sent", 12, state="SENDING", message=id_.hex)
    if state == "UNKNOWN":
        await house.step(
            id_, "answer", 5000, verdict="unknown", state="UNKNOWN", message="connection lost, 0 bytes"
        )
        for wait in (2000, 4000, 8000):
            await house.step(id_, "query", wait, verdict="not_found", code="NOTFOUND")
        await house.step(id_, "query", 20000, verdict="accepted", state="UNKNOWN", code="BNK")
    else:
        await house.step(id_, "answer", 900, verdict="accepted", state="ACCEPTED", code="BNK")
        await house.step(
            id_, "query", 5000, verdict="success", state="SUCCESS", code="FIN/S", message="交易成功"
        )
        paid_out = await house.post(TODAY, id_, [(3014, "cmb", 1003, "cmb", amount)])
        await bank_line(
            house, f"S{hour:06}", amount, False, "商户出款", voucher=paid_out, intent=id_, reference=f"YUR{hour:022}",
            request_no=f"REQ{hour:07}",
        )  # fmt: skip
    if returned:
        house.at(back)
        voucher = await house.post(
            TODAY, id_, [(3015, "cmb", 2322, name, amount), (1003, "cmb", 3015, "cmb", amount)]
        )
        await bank_line(
            house, f"S{hour:06}R", amount, True, "退票", voucher=voucher, intent=id_, reversal=True
        )
        await house.step(id_, "bank", verdict="returned", message="退票 收款户已销")
        house.by_state["RETURNED"] = id_


async def _today(house: House) -> None:
    for hour, count in enumerate(HOURS):
        for n in range(count):
            house.at(_on(TODAY, hour, 1 + n * (2 if hour == 14 else 3), n))
            amount, merchant = AT_RANDOM.randrange(60_000, 600_000, 100), AT_RANDOM.randrange(4)
            await paid(house, "collection" if n % 3 else "purchase", amount, merchant, TODAY)
    await _doubtful(house)
    house.at(_on(TODAY, 14, 38, 20))
    failed = await intent(house, "collection", "FAILED", 500_000, 1, code="51", message="余额不足")
    await house.step(failed, "sent", state="SENDING")
    await house.step(failed, "answer", 420, verdict="failed", state="FAILED", code="51", message="余额不足")
    refused = await intent(house, "collection", "REFUSED", 66_000, 4, code="ACCOUNT_FROZEN")
    await house.step(refused, "ledger", verdict="refused", state="REFUSED", code="ACCOUNT_FROZEN")
    await intent(house, "purchase", "CLOSED", 80_000, 2)
    await _undone(house)
    house.at(_on(TODAY, 14, 38, 57))
    await intent(house, "collection", "CREATED", 99_000, 2)
    accepted = await intent(house, "collection", "ACCEPTED", 415_000, 2, queries=1)
    await house.step(accepted, "sent", state="SENDING")
    await house.step(accepted, "answer", 300, verdict="accepted", state="ACCEPTED", code="05")
    await intent(house, "collection", "SENDING", 295_000, 0)
    await intent(house, "purchase", "REDIRECTED", 1_200_000, 1)
    await house.insert(
        "channel_stop", channel="unionpay", operation="void", reason="银联通知 15:00 前系统维护", stopped_by="operator",
        stopped_at=_on(TODAY, 14, 5),
    )  # fmt: skip


async def _doubtful(house: House) -> None:
    started = house.at(_on(TODAY, 14, 38, 1))
    unknown = await intent(
        house, "collection", "UNKNOWN", 328_000, 0, unknown_since=started + timedelta(seconds=30), queries=5,
        code="05", message="交易已受理",
        next_action_at=NOW + timedelta(seconds=22),
    )  # fmt: skip
    await house.step(unknown, "sent", 7, state="SENDING", message=unknown.hex)
    await house.step(
        unknown, "answer", 30_000, verdict="unknown", state="UNKNOWN", message="connection lost, 0 bytes"
    )
    for wait in (2000, 2000):
        await house.step(unknown, "query", wait, verdict="not_found", state="UNKNOWN", code="34")
    for wait in (4000, 4000, 8000):
        await house.step(
            unknown, "query", wait, verdict="accepted", state="UNKNOWN", code="05", raw="origRespCode=05"
        )
    house.by_state["UNKNOWN"] = unknown
    started = house.at(_on(TODAY, 12, 33))
    manual = await intent(
        house,
        "collection",
        "MANUAL",
        728_000,
        3,
        unknown_since=started,
        queries=12,
        next_action_at=NOW + timedelta(minutes=9),
    )
    await house.step(manual, "sent", state="SENDING")
    await house.step(
        manual, "answer", 900, verdict="manual", state="MANUAL", code="03", message="交易结果未知"
    )
    await _cured(house)


async def _cured(house: House) -> None:
    started, name = house.at(_on(TODAY, 13, 2)), house.merchants[0]
    since = started + timedelta(seconds=30)
    cured = await intent(
        house, "collection", "SUCCESS", 216_000, unknown_since=since, decided_at=since + timedelta(seconds=63), queries=6
    )  # fmt: skip
    await house.step(cured, "sent", 7, state="SENDING", message=cured.hex)
    house.at(since)
    await house.step(cured, "answer", verdict="unknown", state="UNKNOWN", message="connection lost, 0 bytes")
    for wait in (1000, 2000):
        await house.step(cured, "query", wait, verdict="not_found", state="UNKNOWN", code="34")
    for wait in (4000, 8000, 16_000):
        await house.step(cured, "query", wait, verdict="accepted", state="UNKNOWN", code="05")
    await house.step(
        cured, "query", 32_000, verdict="success", state="SUCCESS", code="00", raw="origRespCode=00"
    )
    await house.post(
        TODAY, cured, [(3011, "unionpay", 2321, name, 216_000), (2321, name, 2361, "platform", 648)]
    )
    await house.step(cured, "ledger", 9, message=f"seq {house.seq}")
    await house.step(cured, "told", 300, code="200", message="payment.succeeded")
    for wait in (61_000, 60_000):
        await house.step(cured, "notification", wait, verdict="success", code="00")
    await house.told(name, cured, attempts=1, last_status=200, delivered_at=house.clock.now())
    house.by_state["CURED"] = cured


async def _undone(house: House) -> None:
    house.at(_on(TODAY, 13, 40))
    part = await paid(house, "purchase", 239_900, 2, TODAY, refunded=60_000)
    whole = await paid(house, "purchase", 86_000, 3, TODAY, refunded=86_000)
    voided = await paid(house, "purchase", 40_000, 3, TODAY, refunded=40_000, voided=True)
    for kind, original, amount, merchant in (
        ("refund", part, 60_000, 2),
        ("refund", whole, 86_000, 3),
        ("void", voided, 40_000, 3),
    ):
        name = house.merchants[merchant]
        id_ = await intent(house, kind, "SUCCESS", amount, merchant, original=original)
        await house.post(TODAY, id_, [(2321, name, 3013, "unionpay", amount)])
        await house.step(id_, "ledger", message=f"seq {house.seq}")
        await house.step(id_, "answer", 500, verdict="success", state="SUCCESS", code="00")
    house.by_state |= {"PART_REFUNDED": part, "REFUNDED": whole, "VOIDED": voided, "REFUND": id_}
    await house.told(house.merchants[2], part, attempts=10, last_status=503)


@dataclass(frozen=True)
class Seeded:
    """A filled database that tests may only read: its URL, and the intents by what is special about them."""

    url: str
    by_state: dict[str, UUID]


def make_seeded(postgres_url: str) -> Seeded:
    """Make a database of its own on the server, migrated and filled, with a fresh audit that is good."""
    return asyncio.run(_make_seeded(postgres_url))


async def _make_seeded(postgres_url: str) -> Seeded:
    name = f"console_{uuid4().hex}"
    connection = await asyncpg.connect(postgres_url)
    try:
        await connection.execute(f"CREATE DATABASE {name}")
    finally:
        await connection.close()
    url = postgres_url.replace("/zhangfang?", f"/{name}?")
    await migrate(url)
    await employ(url)
    async with asyncpg.create_pool(url, min_size=1, max_size=2) as pool:
        house = await seed(pool, SetClock())
        await audit(house)
    return Seeded(url, house.by_state)


def at_now() -> SetClock:
    """Return a clock that stands at `NOW`."""
    clock = SetClock()
    clock.set(NOW)
    return clock
