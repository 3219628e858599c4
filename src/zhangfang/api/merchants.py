"""The calls about merchants: the administrator creates them and makes their keys."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import date

import msgspec

from zhangfang import approvals
from zhangfang.api.calls import Call, Spec
from zhangfang.api.shapes import ApiKeyShown, MerchantShown, NewMerchantBody
from zhangfang.kernel.calendar import china_day
from zhangfang.ledger import open_accounts
from zhangfang.merchants import (
    BankAccount,
    FeeKind,
    FeeRule,
    Merchant,
    NewMerchant,
    create_api_key,
    create_merchant,
    get_merchant,
    terms_on,
)
from zhangfang.payments import Desk

OWN_CODES = (2321, 2322, 2323, 2324)


async def admit(desk: Desk, new: NewMerchant) -> Merchant:
    """Create a merchant and open its accounts in the ledger. Safe to repeat."""
    merchant = await create_merchant(desk.pool, desk.vault, desk.clock, new)
    await open_accounts(desk.ledger, dict.fromkeys(OWN_CODES, merchant.id))
    return merchant


def _recorded(desk: Desk, act: str, target: str) -> AbstractAsyncContextManager[None]:
    return approvals.recorded(desk.pool, desk.clock, approvals.ADMIN, act, target)


async def create(call: Call) -> tuple[int, MerchantShown]:
    """Create a merchant."""
    body: NewMerchantBody = call.body
    account = body.settlement_account
    rules = (FeeRule(FeeKind(r.kind), r.rate_ppm, r.fixed_fen, r.min_fen, r.max_fen) for r in body.fee_rules)
    bank = BankAccount(account.number, account.name, account.medium, account.bank) if account else None
    own = {"fee_rules": tuple(rules), "settlement_account": bank}
    new = NewMerchant(**msgspec.structs.asdict(body) | own)
    async with _recorded(call.desk, "create merchant", new.external_ref or new.name):
        made = await admit(call.desk, new)
    return 201, shown(made, china_day(call.desk.clock.now()))


def shown(m: Merchant, today: date) -> MerchantShown:
    """Return the merchant as the API shows it, with the terms of today."""
    terms = terms_on(m, today)
    return MerchantShown(
        m.id, m.name, m.state.value, m.external_ref, terms.auto_payout, terms.settlement_days, m.created_at
    )


async def get(call: Call) -> tuple[int, MerchantShown]:
    """Show a merchant."""
    found = await get_merchant(call.desk.pool, call.path["id"])
    return 200, shown(found, china_day(call.desk.clock.now()))


async def new_key(call: Call) -> tuple[int, ApiKeyShown]:
    """Make an API key."""
    merchant = await get_merchant(call.desk.pool, call.path["id"])
    async with _recorded(call.desk, "make API key", merchant.id):
        key, secret = await create_api_key(call.desk.pool, call.desk.clock, merchant.id)
    return 201, ApiKeyShown(key.id, secret)


CALLS: Sequence[Spec] = (
    Spec("POST", "/v1/merchants", "Create a merchant", create, NewMerchantBody, MerchantShown, who="admin"),
    Spec("GET", "/v1/merchants/{id}", "Show a merchant", get, gives=MerchantShown, who="admin", prefix="mer"),
    Spec("POST", "/v1/merchants/{id}/keys", "Make an API key", new_key, gives=ApiKeyShown, who="admin", prefix="mer"),
)  # fmt: skip
