"""The life of a mandate: requested, signed at a channel or on paper, revoked. Each step is stored before it is done."""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import asyncpg
import msgspec

from zhangfang.channels.abilities import Signing, SigningChannel, order_number
from zhangfang.channels.port import Answer, ChannelError, Channels, PartyAccount, Verdict
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.driver import Job
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import new_id, order_no
from zhangfang.kernel.text.masking import masked_name
from zhangfang.mandates import rules, store
from zhangfang.mandates.errors import (
    MandateKeyReused,
    MandateNumberTaken,
    NotSigning,
    SigningStopped,
    UnknownMandate,
)
from zhangfang.mandates.model import Mandate, MandateState, MandateStep, NewMandate
from zhangfang.mandates.store import queries
from zhangfang.vault import InvalidToken, Vault

TELL_AGAIN = timedelta(minutes=5)  # a revocation that the channel has not confirmed


@dataclass(frozen=True, slots=True)
class Mandates:
    """What the functions here need: database, vault, clock, and the channels, some of which sign mandates."""

    pool: asyncpg.Pool
    vault: Vault
    clock: Clock
    channels: Channels

    async def create(self, merchant: str, new: NewMandate) -> tuple[Mandate, bool]:
        """Store a mandate, have the channel send the payer a code, and return the mandate and whether it is new.

        A mandate on paper is in force at once. The same request again returns the first one and sends nothing.
        Raises `InvalidInput`, `MandateKeyReused`, `MandateNumberTaken`, `SigningStopped`.
        """
        rules.check_new(new, self.clock.now())
        self._check_channel(new.channel)
        mandate = self._build(merchant, new)
        if not await self._stored(mandate):
            return await self._existing(mandate), False
        if mandate.state is MandateState.SIGNING:
            await self._ask_for_code(mandate, new.account)
        return await self.get(merchant, mandate.id), True

    async def send_code(self, merchant: str, id_: UUID) -> Mandate:
        """Have the channel send the payer another code, under the same ids. Raises `UnknownMandate`, `NotSigning`."""
        mandate = await self._waiting(merchant, id_)
        await self._ask_for_code(mandate, self._account(mandate))
        return await self.get(merchant, id_)

    async def confirm(self, merchant: str, id_: UUID, code: str) -> Mandate:
        """Sign with the payer's code. If the channel's answer proves nothing, the mandate stays SIGNING: confirm
        again.

        A signed mandate is returned unchanged. Raises `InvalidInput`, `UnknownMandate`, `NotSigning`.
        """
        rules.check_code(code)
        if (await self.get(merchant, id_)).state is MandateState.ACTIVE:
            return await self.get(merchant, id_)
        mandate = await self._waiting(merchant, id_)
        await self._note(mandate, "sign", Answer(Verdict.UNKNOWN, message="the code goes to the channel"))
        signed = await self._channel(mandate).sign(self._signing(mandate, self._account(mandate)), code)
        done = signed.answer.verdict is Verdict.SUCCESS and bool(signed.agreement)
        await self._note(mandate, "sign", signed.answer, MandateState.ACTIVE if done else "")
        if done:
            await self._signed(mandate, signed.agreement, signed.answer)
        else:
            await self.pool.execute(queries.answered, id_, signed.answer.code, signed.answer.message, None)
        return await self.get(merchant, id_)

    async def revoke(self, merchant: str, id_: UUID) -> Mandate:
        """End a mandate: nothing more is collected under it, and the channel is told again until it confirms.

        A collection that was sent before goes on. Raises `UnknownMandate`.
        """
        await self.get(merchant, id_)
        revoked = await store.one(self.pool, queries.revoke, id_, self.clock.now())
        if revoked is not None:
            await self._note(revoked, "revoked", Answer(Verdict.SUCCESS), MandateState.REVOKED)
            if revoked.agreement:
                await self._end(revoked)
        return await self.get(merchant, id_)

    async def get(self, merchant: str, id_: UUID) -> Mandate:
        """Return the merchant's mandate, or raise `UnknownMandate`."""
        found = await store.one(self.pool, queries.by_id, merchant, id_)
        if found is None:
            raise UnknownMandate("id: there is no mandate of yours under it")
        return found

    async def page(self, merchant: str, before: UUID, limit: int) -> list[Mandate]:
        """Return up to `limit` of the merchant's mandates older than `before`, newest first."""
        rows = await self.pool.fetch(queries.page, merchant, before, limit)
        return [Mandate.of(row) for row in rows]

    async def steps(self, merchant: str, id_: UUID) -> list[MandateStep]:
        """Return what happened to the merchant's mandate, oldest first. Raises `UnknownMandate`."""
        await self.get(merchant, id_)
        return [MandateStep(**row) for row in await self.pool.fetch(queries.steps, id_)]

    def job(self) -> Job:
        """Return the driver's job: tell channels again of revocations that they have not confirmed."""

        async def step(row: asyncpg.Record) -> None:
            await self._end(Mandate.of(row))

        return Job("mandate", ("id",), step)

    def _check_channel(self, channel: str) -> None:
        keepers = sorted(name for name, one in self.channels.items() if isinstance(one, SigningChannel))
        if channel and channel not in keepers:
            allowed = " or ".join(keepers) or "none here"
            raise InvalidInput(
                "channel", "a channel that keeps no mandates", f"{allowed}, or evidence without a channel"
            )

    def _build(self, merchant: str, new: NewMandate) -> Mandate:
        id_, now, account = new_id(self.clock), self.clock.now(), new.account
        return Mandate(
            id=id_,
            merchant=merchant,
            mandate_no=new.mandate_no,
            idempotency_key=new.idempotency_key,
            request_digest=_digest(self.vault, new),
            account_token=self.vault.seal(msgspec.json.encode(account).decode(), _purpose(merchant, id_)),
            account_tail=account.number[-4:],
            name_masked=masked_name(account.name),
            fingerprint=fingerprint(self.vault, account.number),
            limit_each=new.limit_each,
            limit_day=new.limit_day,
            limit_month=new.limit_month,
            valid_from=new.valid_from,
            valid_until=new.valid_until,
            channel=new.channel,
            evidence=new.evidence,
            order_no=self._number(new.channel, id_),
            requested_at=now.replace(microsecond=0),
            state=MandateState.SIGNING if new.channel else MandateState.ACTIVE,
            created_at=now,
            signed_at=None if new.channel else now,
        )

    def _number(self, channel: str, id_: UUID) -> str:
        if not channel:
            return order_no(id_)
        try:
            return order_number(self.channels[channel], id_, self.clock.now())
        except ChannelError as error:
            raise SigningStopped(f"{channel} signs no mandates now ({error}); try again later") from None

    async def _stored(self, mandate: Mandate) -> bool:
        async with self.pool.acquire() as db, db.transaction():
            if not await store.insert(db, mandate):
                return False
            await store.add_step(db, self._step(mandate, "received", Answer(Verdict.SUCCESS), mandate.state))
            return True

    async def _existing(self, asked: Mandate) -> Mandate:
        by_key = await store.one(self.pool, queries.by_key, asked.merchant, asked.idempotency_key)
        if by_key is not None and by_key.request_digest != asked.request_digest:
            raise MandateKeyReused(
                "Idempotency-Key: used before with another body; allowed: the same body, or a new key"
            )
        found = by_key or await store.one(self.pool, queries.by_number, asked.merchant, asked.mandate_no)
        assert found is not None, "an insert met a conflict that cannot be found"
        if found.request_digest != asked.request_digest:
            raise MandateNumberTaken(
                "mandate_no: used before for another mandate; allowed: the same request, or a number never used"
            )
        return found

    async def _waiting(self, merchant: str, id_: UUID) -> Mandate:
        mandate = await self.get(merchant, id_)
        state = mandate.state_at(self.clock.now())
        if state is not MandateState.SIGNING:
            raise NotSigning(f"the mandate is {state}; allowed: one that waits for its payer's code")
        return mandate

    async def _ask_for_code(self, mandate: Mandate, account: PartyAccount) -> None:
        answer = await self._channel(mandate).request_code(self._signing(mandate, account))
        await self._note(mandate, "code", answer)
        sent = self.clock.now() if answer.verdict is Verdict.SUCCESS else None
        await self.pool.execute(queries.answered, mandate.id, answer.code, answer.message, sent)

    async def _signed(self, mandate: Mandate, agreement: str, answer: Answer) -> None:
        now = self.clock.now()
        await store.one(self.pool, queries.signed, mandate.id, agreement, now, answer.code, answer.message)

    async def _end(self, mandate: Mandate) -> None:
        """Tell the channel that the mandate has ended; if it does not confirm, it is told again later."""
        signing = self._signing(mandate, self._account(mandate))
        answer = await self._channel(mandate).revoke(signing, mandate.agreement)
        await self._note(mandate, "ended", answer)
        now = self.clock.now()
        if answer.verdict is Verdict.SUCCESS:
            await self.pool.execute(queries.ended, mandate.id, now, answer.code, answer.message)
        else:
            again = now + TELL_AGAIN
            await self.pool.execute(queries.not_ended, mandate.id, again, answer.code, answer.message)

    def _channel(self, mandate: Mandate) -> SigningChannel:
        channel = self.channels[mandate.channel]
        assert isinstance(channel, SigningChannel), f"{mandate.channel} kept mandates when this one was made"
        return channel

    def _account(self, mandate: Mandate) -> PartyAccount:
        """Return its account. Raises `InvalidToken` if the token is another row's; `mandate/<merchant>` is an older form."""
        purpose, older = _purpose(mandate.merchant, mandate.id), f"mandate/{mandate.merchant}"
        plain = self.vault.open(mandate.account_token, purpose, older)
        account = msgspec.json.decode(plain, type=PartyAccount)
        if fingerprint(self.vault, account.number) != mandate.fingerprint:
            raise InvalidToken(f"mandate {mandate.id}: its token is of another account")
        return account

    def _signing(self, mandate: Mandate, account: PartyAccount) -> Signing:
        return Signing(mandate.order_no, mandate.requested_at, account)

    def _step(self, mandate: Mandate, kind: str, answer: Answer, state: str = "") -> MandateStep:
        return MandateStep(
            new_id(self.clock), mandate.id, self.clock.now(), kind, answer.verdict.value, state,
            answer.code, answer.message, answer.raw,
        )  # fmt: skip

    async def _note(self, mandate: Mandate, kind: str, answer: Answer, state: str = "") -> None:
        await store.add_step(self.pool, self._step(mandate, kind, answer, state))


def fingerprint(vault: Vault, number: str) -> str:
    """Return the keyed hash by which an account is found; settlement accounts use the same."""
    return vault.fingerprint(number, "account_number")


def _purpose(merchant: str, id_: UUID) -> str:
    return f"mandate/{merchant}/{id_}"


def _digest(vault: Vault, new: NewMandate) -> bytes:
    party = vault.fingerprint(msgspec.json.encode(new.account).decode(), "account")
    parts = [new.mandate_no, party, new.limit_each, new.limit_day, new.limit_month]
    dates = [new.valid_from.isoformat(), new.valid_until.isoformat()]
    return hashlib.sha256(msgspec.json.encode([*parts, *dates, new.channel, new.evidence])).digest()
