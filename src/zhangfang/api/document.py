"""The API's documentation, made from the table of calls: an OpenAPI 3.1 document, and an HTML page for people."""

import html
import re
from collections.abc import Sequence
from typing import Any

import msgspec

from zhangfang.api.calls import Spec
from zhangfang.api.queries import PLACES, REQUIRED

PROBLEM = {
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "field": {"type": "string"},
    },
    "required": ["type", "title", "status", "code", "detail"],
}
ERRORS = {
    "400": "not readable, or without Idempotency-Key",
    "401": "no valid key",
    "403": "the operator has no role that may do it",
    "404": "you have nothing at this address",
    "405": "the address does not take that method",
    "408": "the request did not arrive in time",
    "409": "the state does not allow it, or the order number is taken",
    "413": "the body is too large",
    "422": "a field is not allowed, or the key was used with another body",
    "429": "this address asks too often: wait as long as Retry-After says",
    "431": "the headers are too large",
    "503": "not available now, too busy, or stopped by an operator: repeat with the same key",
}
FILE = {"type": "string", "contentMediaType": "text/plain"}
INTRODUCTION = (
    "Amounts are integers of fen (1/100 yuan). Every request that moves money carries an Idempotency-Key; your "
    "order_no is unique for ever, so a repeat finds the first request. UNKNOWN is not FAILED: it ends by evidence."
)


def document(calls: Sequence[Spec]) -> dict[str, Any]:
    """Return the OpenAPI document of the calls."""
    types = [t for spec in calls for t in (spec.takes, spec.gives) if t is not None]
    _, components = msgspec.json.schema_components(
        dict.fromkeys(types), ref_template="#/components/schemas/{name}"
    )
    paths: dict[str, dict[str, Any]] = {}
    for spec in calls:
        paths.setdefault(spec.path, {})[spec.method.lower()] = _operation(spec)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Zhangfang",
            "version": "1",
            "description": INTRODUCTION,
            "license": {"name": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": dict(components) | {"Problem": PROBLEM},
            "securitySchemes": {
                "merchant": {"type": "http", "scheme": "bearer", "description": "zf_sk_…"},
                "admin": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "zf_admin_…, from the home folder",
                },
                "operator": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "the token of a sign-in, which `zhangfang sign-in` keeps in the home folder",
                },
            },
        },
    }


def _operation(spec: Spec) -> dict[str, Any]:
    made: dict[str, Any] = {
        "summary": spec.summary,
        "operationId": re.sub(r"[^a-z]+", "_", spec.summary.lower()),
        "security": [{spec.who: []}],
        "parameters": _parameters(spec),
        "responses": _responses(spec),
    }
    if spec.takes is not None:
        made["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _ref(spec.takes)}},
        }
    if "in" in spec.files:
        content = {media: {"schema": FILE} for media in spec.files["in"]}
        made["requestBody"] = {"required": True, "content": content}
    return made


def _parameters(spec: Spec) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if "{id}" in spec.path:
        found.append({"name": "id", "in": "path", "required": True, "schema": _id(spec)})
    found += [
        {"name": name, "in": "path", "required": True, "schema": schema}
        for name, schema in PLACES.items()
        if f"{{{name}}}" in spec.path
    ]
    if spec.idempotent:
        schema = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"}
        found.append({"name": "Idempotency-Key", "in": "header", "required": True, "schema": schema})
    found += [
        {"name": name, "in": "query", "required": name in REQUIRED, "schema": schema}
        for name, schema in spec.parameters.items()
    ]
    return found


def _id(spec: Spec) -> dict[str, Any]:
    return {"type": "string", "pattern": f"^{spec.prefix}_[0-7][0-9a-hjkmnp-tv-z]{{25}}$"}


def _responses(spec: Spec) -> dict[str, Any]:
    repeats = spec.idempotent or "in" in spec.files
    good = ["200", "201"] if repeats else ["201" if spec.method == "POST" and spec.creates else "200"]
    words = {"200": "as asked, or found from an earlier request", "201": "created"}
    content: dict[str, Any] = {"application/json": {"schema": _ref(spec.gives)}} if spec.gives else {}
    content |= {media: {"schema": FILE} for media in spec.files.get("out", ())}
    made: dict[str, Any] = {code: {"description": words[code], "content": content} for code in good}
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return made | {code: {"description": text, "content": problem} for code, text in ERRORS.items()}


def _ref(kind: Any) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{kind.__name__}"}


def page(calls: Sequence[Spec]) -> str:
    """Return the document as an HTML page without scripts or outside resources."""
    rows = "".join(
        f"<tr><td><code>{spec.method} {html.escape(spec.path)}</code></td><td>{html.escape(spec.summary)}</td>"
        f"<td>{spec.takes.__name__ if spec.takes else ''}</td><td>{spec.gives.__name__ if spec.gives else ''}</td></tr>"
        for spec in calls
    )
    types = dict.fromkeys(t for spec in calls for t in (spec.takes, spec.gives) if t is not None)
    shapes = "".join(_shape(kind) for kind in types)
    errors = "".join(f"<tr><td>{code}</td><td>{html.escape(text)}</td></tr>" for code, text in ERRORS.items())
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>Zhangfang API</title><h1>Zhangfang API</h1><p>{INTRODUCTION}</p>"
        "<p><a href=/openapi.json>openapi.json</a></p>"
        f"<table border=1><tr><th>Call<th>What it does<th>Takes<th>Gives</tr>{rows}</table>"
        f"<h2>Errors</h2><table border=1>{errors}</table><h2>Shapes</h2>{shapes}</html>"
    )


def _shape(kind: Any) -> str:
    doc = html.escape((kind.__doc__ or "").strip().splitlines()[0])
    fields = "".join(
        f"<li><code>{field.name}</code>{'' if field.required else ' (optional)'}</li>"
        for field in msgspec.structs.fields(kind)
    )
    return f"<h3 id={kind.__name__}>{kind.__name__}</h3><p>{doc}</p><ul>{fields}</ul>"
