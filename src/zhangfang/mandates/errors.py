"""What can be wrong with a mandate, or with a collection under it."""

from zhangfang.kernel.errors import ZhangfangError


class MandateError(ZhangfangError):
    """Something of a mandate is not as it was asked for.

    MandateError
    ├── MandateRefused
    │   ├── NoMandate
    │   ├── MandateEnded
    │   └── MandateLimit
    ├── UnknownMandate
    ├── MandateKeyReused
    ├── MandateNumberTaken
    ├── NotSigning
    └── SigningStopped
    """


class MandateRefused(MandateError):
    """The payer's consent does not cover this collection, so nothing was stored and nothing is sent."""


class NoMandate(MandateRefused):
    """No signed mandate of this merchant covers the payer's account."""


class MandateEnded(MandateRefused):
    """The mandate is not in force on this day: not begun, over, or revoked."""


class MandateLimit(MandateRefused):
    """The amount is above what the mandate allows; the text names the limit, what is used and what is left."""


class UnknownMandate(MandateError):
    """There is no such mandate, or it is another merchant's, which is the same."""


class MandateKeyReused(MandateError):
    """The Idempotency-Key was used before, for another mandate."""


class MandateNumberTaken(MandateError):
    """The merchant's own mandate number was used before, for another mandate."""


class NotSigning(MandateError):
    """The mandate does not wait for the payer's code; the text says how it stands."""


class SigningStopped(MandateError):
    """The channel signs no mandates just now; nothing was stored."""
