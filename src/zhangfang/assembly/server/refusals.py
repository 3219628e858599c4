"""Answers of the server itself, to what never becomes a request."""

from functools import cache

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from zhangfang.api.problems import problem

FULL = "as many requests are at work as may be; repeat this one with the same Idempotency-Key after a moment"

OFTEN = "your address asks too often; repeat this request with the same Idempotency-Key after a moment"


@cache
def refusal(status: int, code: str, detail: str) -> bytes:
    """Return a problem as bytes of HTTP/1.1, after which the connection is closed."""
    made = problem(status, code, detail)
    made.headers["connection"] = "close"
    head = b"".join(b"%s: %s\r\n" % pair for pair in made.raw_headers)
    return STATUS_LINE[status] + head + b"\r\n" + bytes(made.body)
