"""Errors about a merchant, its contract or its keys."""

from datetime import date

from zhangfang.kernel.errors import ZhangfangError


class MerchantError(ZhangfangError):
    """A request about a merchant cannot be done.

    MerchantError
    ├── UnknownMerchant
    ├── MerchantDiffers
    ├── NoFeeRule
    ├── NoSettlementAccount
    ├── NotFromHere
    └── UnknownApiKey
    """


class UnknownMerchant(MerchantError):
    """There is no merchant of this id."""

    def __init__(self, merchant: str) -> None:
        """Name the id."""
        super().__init__(f"merchant {merchant}: there is none of this id")


class MerchantDiffers(MerchantError):
    """A merchant with the same external_ref exists, with other data; `field` is the first that differs."""

    def __init__(self, external_ref: str, field: str) -> None:
        """Name the field, not its values: they may be an account number."""
        super().__init__(f"external_ref {external_ref}: this merchant exists, and its {field} differs")
        self.external_ref = external_ref
        self.field = field


class NoFeeRule(MerchantError):
    """The merchant's contract has no fee for this kind of payment on this day, so it cannot be charged."""

    def __init__(self, kind: str, day: date) -> None:
        """Name the kind and the day."""
        super().__init__(f"no {kind} fee rule is in force on {day}: set one for the merchant first")


class NoSettlementAccount(MerchantError):
    """The merchant has no settlement account that two people have agreed on."""

    def __init__(self, merchant: str) -> None:
        """Name the merchant."""
        super().__init__(f"merchant {merchant}: no settlement account that two people have agreed on")


class NotFromHere(MerchantError):
    """The merchant's state cannot be changed like this; the text says what is in the way."""


class UnknownApiKey(MerchantError):
    """The merchant has no API key of this id."""

    def __init__(self, merchant: str, key: str) -> None:
        """Name the merchant and the key's id (not its secret)."""
        super().__init__(f"merchant {merchant}: there is no API key {key}")
