"""Webhooks: where merchants are told of events, what was delivered there, and the sending itself."""

from zhangfang.webhooks.addresses import Networks, networks
from zhangfang.webhooks.errors import EndpointTaken, TooManyEndpoints, UnknownEndpoint, UnknownEvent
from zhangfang.webhooks.model import Delivery, Endpoint, NewEndpoint
from zhangfang.webhooks.outside import open_session
from zhangfang.webhooks.sending import Sender
from zhangfang.webhooks.service import (
    add,
    deliveries,
    endpoints,
    redeliver,
    redeliver_failed,
    remove,
    replace,
    switch,
)

__all__ = [
    "Delivery",
    "Endpoint",
    "EndpointTaken",
    "Networks",
    "NewEndpoint",
    "Sender",
    "TooManyEndpoints",
    "UnknownEndpoint",
    "UnknownEvent",
    "add",
    "deliveries",
    "endpoints",
    "networks",
    "open_session",
    "redeliver",
    "redeliver_failed",
    "remove",
    "replace",
    "switch",
]
