"""What can be wrong with a mandate, or with a collection under it."""

from zhangfang.kernel.errors import ZhangfangError


class MandateError(ZhangfangError):
    """A request about a mandate cannot be done.

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
    """The mandate is not in force on this day: it has not begun, has expired, or was revoked."""


class MandateLimit(MandateRefused):
    """The amount is above what the mandate allows; the text names the limit, what is used and what is left."""


class UnknownMandate(MandateError):
    """There is no such mandate of this merchant. A mandate of another merchant is reported in the same way."""


class MandateKeyReused(MandateError):
    """The Idempotency-Key was used before, for another mandate."""


class MandateNumberTaken(MandateError):
    """The merchant's own mandate number was used before, for another mandate."""


class NotSigning(MandateError):
    """The mandate does not wait for the payer's code; the text names its state."""


class SigningStopped(MandateError):
    """The channel does not sign mandates at present; nothing was stored."""
