"""What can be wrong with a request about a merchant's endpoints."""

from zhangfang.kernel.errors import ZhangfangError


class UnknownEndpoint(ZhangfangError):
    """The merchant has no endpoint of this id."""


class UnknownEvent(ZhangfangError):
    """No such event was to be delivered to this endpoint."""


class TooManyEndpoints(ZhangfangError):
    """The merchant has as many endpoints as it may have."""


class EndpointTaken(ZhangfangError):
    """Another endpoint of the merchant has this address."""
