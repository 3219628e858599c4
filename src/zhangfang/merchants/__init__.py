"""Merchants: their data, fees and settlement accounts, and their API keys."""

from zhangfang.merchants.errors import (
    FeeRuleInForce,
    MerchantDiffers,
    MerchantError,
    NoFeeRule,
    NoSettlementAccount,
    NotFromHere,
    UnknownApiKey,
    UnknownMerchant,
)
from zhangfang.merchants.keys import ApiKeys, create_api_key, list_api_keys, revoke_api_key
from zhangfang.merchants.model import (
    ALWAYS,
    BankAccount,
    FeeKind,
    FeeRule,
    Merchant,
    MerchantState,
    NewMerchant,
    Terms,
)
from zhangfang.merchants.people import close, freeze, give_fee, give_terms, thaw
from zhangfang.merchants.rules import fee, rule_on, terms_on
from zhangfang.merchants.service import (
    bind_settlement_account,
    create_merchant,
    find_merchant,
    get_merchant,
    list_merchants,
    set_fee_rule,
    settlement_account,
    settlement_account_of,
)

__all__ = [
    "ALWAYS",
    "ApiKeys",
    "BankAccount",
    "FeeKind",
    "FeeRule",
    "FeeRuleInForce",
    "Merchant",
    "MerchantDiffers",
    "MerchantError",
    "MerchantState",
    "NewMerchant",
    "NoFeeRule",
    "NoSettlementAccount",
    "NotFromHere",
    "Terms",
    "UnknownApiKey",
    "UnknownMerchant",
    "bind_settlement_account",
    "close",
    "create_api_key",
    "create_merchant",
    "fee",
    "find_merchant",
    "freeze",
    "get_merchant",
    "give_fee",
    "give_terms",
    "list_api_keys",
    "list_merchants",
    "revoke_api_key",
    "rule_on",
    "set_fee_rule",
    "settlement_account",
    "settlement_account_of",
    "terms_on",
    "thaw",
]
