"""A call of the API is a line of a table: method, path, who may, what goes in, what comes out, and the function.

The same table makes the routes and the OpenAPI document, so that the two cannot disagree.
"""

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from zhangfang.api import queries
from zhangfang.api.bodies import Decode, decoder
from zhangfang.api.problems import ApiError, answer
from zhangfang.approvals import Person, demand
from zhangfang.approvals import operator as person
from zhangfang.kernel.elsewhere import AT_ONCE
from zhangfang.merchants import ApiKeys, Merchant
from zhangfang.payments import Desk
from zhangfang.web.auth import operator_of
from zhangfang.webhooks import Networks

_BEARERS = {
    "merchant": "Bearer zf_sk_…",
    "admin": "Bearer zf_admin_…",
    "operator": "Bearer and the token of an operator's sign-in",
}
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Office:
    """What the API works with."""

    desk: Desk
    keys: ApiKeys
    admin_key: str
    base_url: str
    webhook_networks: Networks = ()
    making: asyncio.Semaphore = field(
        default_factory=lambda: asyncio.Semaphore(AT_ONCE)
    )  # files, as they are sent


@dataclass(frozen=True, slots=True)
class Call:
    """One request, checked: `merchant` is whose key it carries, or `operator` who signed in, `body` is decoded.

    `query` has the values of the parameters that came, and of those that have a default.
    """

    office: Office
    desk: Desk
    merchant: Merchant | None
    key: str
    body: Any
    path: Mapping[str, str]
    query: Mapping[str, Any]
    http: HttpRequest
    operator: Person | None = None

    @property
    def by(self) -> Person:
        """Return the operator who signed in for this call."""
        assert self.operator is not None, "an operator's call without an operator"
        return self.operator

    @property
    def who(self) -> Merchant:
        """Return the merchant: everything that is read or written is read or written as this one's."""
        assert self.merchant is not None, "a merchant's call without a merchant"
        return self.merchant


@dataclass(frozen=True, slots=True)
class Spec:
    """A line of the table. `query` names the parameters, `prefix` the ids that path and cursor take.

    `idempotent` demands an Idempotency-Key. `files` says that the body is one which `run` reads as it arrives (`in`), or
    that the answer is one (`out`), of these media types. `cursor` is its pattern, "" for an id. A POST that creates
    nothing answers 200.
    """

    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    summary: str
    run: Callable[[Call], Awaitable[tuple[int, Any]]]
    takes: type | None = None
    gives: Any = None
    who: Literal["merchant", "admin", "operator"] = "merchant"
    idempotent: bool = False
    query: tuple[str, ...] = ()
    prefix: str = "pay"
    files: Mapping[Literal["in", "out"], tuple[str, ...]] = field(default_factory=dict)
    cursor: str = ""
    creates: bool = True

    @property
    def name(self) -> str:
        """Return how the table of rights names the call."""
        return f"{self.method} {self.path}"

    @property
    def parameters(self) -> dict[str, dict[str, Any]]:
        """Return the schema of each parameter that the address may have."""
        pattern = self.cursor or f"^{self.prefix}_[0-7][0-9a-hjkmnp-tv-z]{{25}}$"
        known = {**queries.SCHEMAS, "cursor": {"type": "string", "pattern": pattern}}
        return {name: known[name] for name in self.query}


def route(spec: Spec) -> Route:
    """Return the route of a line."""
    decode = decoder(spec.takes) if spec.takes else None
    parameters = spec.parameters

    async def endpoint(http: HttpRequest) -> Response:
        try:
            office: Office = http.app.state.office
            caller = await _caller(office, http.headers, spec)
            merchant = caller if isinstance(caller, Merchant) else None
            operator = caller if isinstance(caller, Person) else None
            query = queries.read(http.query_params.multi_items(), parameters)
            key = _key(http.headers) if spec.idempotent else ""
            body = _decoded(decode, await http.body()) if decode else None
            call = Call(office, office.desk, merchant, key, body, http.path_params, query, http, operator)
            status, result = await spec.run(call)
            if isinstance(result, Response):
                return result
            return Response(_encode(result), status, media_type="application/json")
        except Exception as error:
            return answer(error)

    return Route(spec.path, Direct(endpoint), methods=[spec.method])


class Direct:
    """An endpoint that answers every exception itself, so that a request needs none of Starlette's handlers around it."""

    def __init__(self, endpoint: Callable[[HttpRequest], Awaitable[Response]]) -> None:
        """Take the function that answers."""
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        await (await self._endpoint(HttpRequest(scope, receive, send)))(scope, receive, send)


def _decoded(decode: Decode, body: bytes) -> Any:
    try:
        return decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ApiError(400, "malformed_json", f"body: got {len(body)} bytes that are not JSON") from None


async def _caller(office: Office, headers: Mapping[str, str], spec: Spec) -> Merchant | Person | None:
    who = spec.who
    scheme, _, secret = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and secret:
        if who == "admin" and hmac.compare_digest(secret.encode(), office.admin_key.encode()):
            return None
        if who == "merchant" and (merchant := await office.keys.merchant(secret)) is not None:
            return merchant
        if who == "operator" and (name := await operator_of(office.desk.pool, secret)) is not None:
            await demand(office.desk.pool, office.desk.clock, person(name), "call", spec.name)
            return person(name)
    raise ApiError(401, "unauthorized", f"Authorization: got no valid key; allowed: {_BEARERS[who]}")


def _key(headers: Mapping[str, str]) -> str:
    key = headers.get("idempotency-key", "")
    if not key:
        raise ApiError(
            400, "idempotency_key_missing", "Idempotency-Key: missing; allowed: 1 to 255 characters"
        )
    return key
