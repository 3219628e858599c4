"""Errors as problem details (RFC 9457): a stable code, one sentence, and the field where there is one."""

from typing import Any

import asyncpg
import msgspec
import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from zhangfang.approvals import NoRight
from zhangfang.batches import BatchNumberTaken, UnknownBatch
from zhangfang.channels.port import ForgedMessage, MalformedMessage
from zhangfang.kernel.errors import Busy, InvalidInput, ZhangfangError
from zhangfang.ledger import LedgerUnavailable
from zhangfang.mandates import (
    MandateEnded,
    MandateKeyReused,
    MandateLimit,
    MandateNumberTaken,
    NoMandate,
    NotSigning,
    SigningStopped,
    UnknownMandate,
)
from zhangfang.merchants import (
    MerchantDiffers,
    MerchantError,
    NoFeeRule,
    NoSettlementAccount,
    UnknownMerchant,
)
from zhangfang.payments import (
    KeyReused,
    NotAllowed,
    NotFound,
    OperationStopped,
    OrderNumberTaken,
    WrongAccount,
)
from zhangfang.statements import NoStatement
from zhangfang.vault import InvalidToken
from zhangfang.webhooks import EndpointTaken, TooManyEndpoints, UnknownEndpoint, UnknownEvent

log = structlog.get_logger()


class ApiError(ZhangfangError):
    """A request that the API itself refuses."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        """Take the HTTP status, the stable code and the sentence."""
        super().__init__(detail)
        self.status = status
        self.code = code


TABLE: tuple[tuple[type[Exception], int, str], ...] = (  # the first that fits
    (ClientDisconnect, 400, "client_gone"),  # nobody reads this answer
    (InvalidInput, 422, "invalid_input"),
    (NoRight, 403, "no_right"),
    (KeyReused, 422, "idempotency_key_reused"),
    (OrderNumberTaken, 409, "order_number_taken"),
    (NotFound, 404, "not_found"),
    (UnknownMerchant, 404, "not_found"),
    (NoStatement, 404, "not_found"),
    (NotAllowed, 409, "not_allowed"),
    (OperationStopped, 503, "operation_stopped"),
    (NoMandate, 409, "no_mandate"),
    (MandateEnded, 409, "mandate_ended"),
    (MandateLimit, 409, "mandate_limit"),
    (UnknownMandate, 404, "not_found"),
    (MandateKeyReused, 422, "idempotency_key_reused"),
    (MandateNumberTaken, 409, "mandate_number_taken"),
    (NotSigning, 409, "not_signing"),
    (SigningStopped, 503, "operation_stopped"),
    (UnknownBatch, 404, "not_found"),
    (BatchNumberTaken, 409, "batch_number_taken"),
    (UnknownEndpoint, 404, "not_found"),
    (UnknownEvent, 404, "not_found"),
    (TooManyEndpoints, 409, "too_many_endpoints"),
    (EndpointTaken, 409, "endpoint_taken"),
    (MerchantDiffers, 409, "merchant_differs"),
    (NoFeeRule, 409, "no_fee_rule"),
    (WrongAccount, 409, "account_damaged"),
    (InvalidToken, 409, "account_damaged"),
    (NoSettlementAccount, 409, "no_settlement_account"),
    (MerchantError, 409, "merchant_error"),
    (ForgedMessage, 400, "signature_invalid"),
    (MalformedMessage, 400, "malformed_message"),
    (Busy, 503, "busy"),
    (LedgerUnavailable, 503, "ledger_unavailable"),
    (asyncpg.PostgresConnectionError, 503, "database_unavailable"),
    (asyncpg.InsufficientResourcesError, 503, "database_unavailable"),
    (asyncpg.TransactionRollbackError, 503, "busy"),  # after some repeats
    (asyncpg.CannotConnectNowError, 503, "database_unavailable"),
    (asyncpg.ReadOnlySQLTransactionError, 503, "database_unavailable"),
    (asyncpg.AdminShutdownError, 503, "database_unavailable"),
    (asyncpg.InterfaceError, 503, "database_unavailable"),
    # the server died in the middle of a statement
    (asyncpg.InternalClientError, 503, "database_unavailable"),
    (OSError, 503, "database_unavailable"),
)
_SOON = {"Retry-After": "1"}
HEADERS = {503: _SOON, 429: _SOON, 401: {"WWW-Authenticate": "Bearer"}}
AWAY = "a part of the platform is away for a moment; repeat the request with the same Idempotency-Key"


def problem(status: int, code: str, detail: str, **more: Any) -> Response:
    """Return a problem+json answer."""
    body = {"type": f"urn:zhangfang:{code}", "title": code.replace("_", " "), "status": status, "code": code}
    return Response(
        msgspec.json.encode(body | {"detail": detail} | more),
        status,
        headers=HEADERS.get(status, {}),
        media_type="application/problem+json",
    )


def answer(error: Exception) -> Response:
    """Return the answer to an exception: ours by the table, anything else as a bare 500 that tells nothing."""
    if isinstance(error, ApiError):
        return problem(error.status, error.code, str(error))
    for kind, status, code in TABLE:
        if isinstance(error, kind):
            detail = (
                AWAY
                if code.endswith("unavailable") or isinstance(error, asyncpg.PostgresError)
                else str(error)
            )
            more = {"field": error.field} if isinstance(error, InvalidInput) else {}
            return problem(status, code, detail, **more)
    log.error("an unexpected error", exc_info=error)
    return problem(500, "internal_error", "something went wrong here; nothing was half-done; try again")


async def handle(_request: Request, error: Exception) -> Response:
    """Answer an exception that reached the application."""
    return answer(error)
