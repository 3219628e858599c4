"""Accounts are stored as vault tokens and are decrypted only for the length of a call.

A token opens in one row only: its merchant and id are part of its purpose. Tokens made before that open in any row. So the
opened account is also compared with what else the row says about it: its tail, and the keyed digest of the whole request.
Whoever can write to the database, but has no key, cannot point a payment at another account.
"""

import hashlib
from dataclasses import replace

import msgspec

from zhangfang.channels.port import Operation, PartyAccount
from zhangfang.payments.model import HeldBack, Intent, Request
from zhangfang.vault import InvalidToken, Vault

_OLD = "account"  # the purpose of tokens that are bound to no row


class WrongAccount(HeldBack):
    """A row's account is not the one that was asked for. Nothing may be sent: a person has to look at the row."""

    field = "account"


def seal(vault: Vault, account: PartyAccount, merchant: str, row: object) -> str:
    """Return the vault token of an account, which opens in this row only: an intent's id, or a batch's line."""
    return vault.seal(msgspec.json.encode(account).decode(), _purpose(merchant, row))


def unseal(vault: Vault, token: str, merchant: str, row: object) -> PartyAccount:
    """Return the account behind a token of this row, or raise `WrongAccount`."""
    try:
        plain = vault.open(token, _purpose(merchant, row), _OLD)
    except InvalidToken as error:
        raise WrongAccount(f"the account of {row} does not open: {error}") from None
    return msgspec.json.decode(plain, type=PartyAccount)


def account_of(vault: Vault, intent: Intent) -> PartyAccount | None:
    """Return the account that an intent was asked for with, if there is one. Raises `WrongAccount`."""
    if intent.account_token is None:
        return None
    account = unseal(vault, intent.account_token, intent.merchant, intent.id)
    asked = Request(
        intent.kind, intent.order_no, intent.amount, "", intent.description, account, intent.original,
        intent.return_url, intent.product, intent.instalments, intent.fee_by,
    )  # fmt: skip
    # A purchase that named no product was stored as one at the cashier.
    could_be = [asked, replace(asked, product="")] if intent.kind is Operation.PURCHASE else [asked]
    if account.number[-4:] != intent.account_tail or intent.request_digest not in [
        fingerprint(vault, one) for one in could_be
    ]:
        raise WrongAccount(f"the account of {intent.id} is not the one of its request")
    return account


def fingerprint(vault: Vault, request: Request) -> bytes:
    """Return a digest that is the same for the same request only; the account enters it as the vault's keyed hash."""
    account = request.account
    party = vault.fingerprint(msgspec.json.encode(account).decode(), "account") if account else ""
    parts = [request.kind.value, request.order_no, request.amount, request.description, party]
    parts += [request.product, request.instalments, request.fee_by]
    split = [request.split] if request.split else []
    return hashlib.sha256(
        msgspec.json.encode([*parts, request.original, request.return_url, *split])
    ).digest()


def _purpose(merchant: str, row: object) -> str:
    return f"account/{merchant}/{row}"
