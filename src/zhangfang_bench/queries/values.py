"""Values for the parameters of statements: by type, and by name where a statement would do nothing with them."""

import re
from collections.abc import Mapping, Sequence

from zhangfang.reconciliation.placing import parameters

_PLAIN: Mapping[str, str] = {
    "uuid": "{intent}", "uuid[]": "{{{intent},{other}}}", "text": "{merchant}", "text[]": "{{{merchant}}}",
    "date": "{today}", "date[]": "{{{today}}}", "timestamp with time zone": "{today} 00:00+08", "bigint": "100",
    "integer": "100", "smallint": "0", "boolean": "false", "bytea": "\\x00", "interval": "1 hour", "jsonb": "{{}}",
}  # fmt: skip
_NEAR = "zhangfang/"


def _array(values: Sequence[object]) -> str:
    """Return an array's text, in which braces are doubled: it is formatted with the facts."""
    text = ",".join('"' + str(one) + '"' for one in values)
    return "{{" + text.replace("{", "{{").replace("}", "}}") + "}}"


_GIVEN: Mapping[str, tuple[str, ...]] = {
    "settlement/store.sql:eligible": ("{{T+0,T+1,T+2}}", "{{{today},{yesterday},{before}}}", "{today}"),
    "settlement/store.sql:waiting": ("{{T+0,T+1,T+2}}", "{{{today},{yesterday},{before}}}", "{{}}"),
    "settlement/store.sql:unmark_lines": ("{settlement}",),
    "settlement/store.sql:unmark_undos": ("{settlement}",),
    "statements/statements.sql:openings": ("{today}", "{none}"),
    "reconciliation/placing.sql:lock_returned": ("unionpay", "{yesterday}"),
    "reconciliation/placing.sql:chunk_end": ("unionpay", "{yesterday}", "0", "20"),
    "reconciliation/placing.sql:place_lines": (
        "unionpay",
        "{yesterday}",
        "0",
        "20",
        "{today} 12:00+08",
        *(_array(column) for column in parameters()),
    ),
    "reconciliation/placing.sql:returned_lines": ("unionpay", "{yesterday}", "0", "20"),
    "reconciliation/placing.sql:place_unlisted": ("unionpay", "{yesterday}", "{today} 12:00+08"),
    "reconciliation/store.sql:open_listed": ("unionpay", "{yesterday}"),
    "reconciliation/store.sql:returns_listed": ("unionpay", "{yesterday}"),
    "reconciliation/store.sql:breaks_of_date": ("unionpay", "{yesterday}", "{last}", "100"),
    "reconciliation/store.sql:mark_absent": ("unionpay", "{today}", "{today} 12:00+08"),
    "reconciliation/store.sql:line_of_break": ("unionpay", "{yesterday}", "ref/2026-08-31/1"),
    "reconciliation/store.sql:void_sum": ("unionpay", "{yesterday}"),
    "duplicates/store.sql:pairs": ("{before} 00:00+08", "{before}"),
    "closing/roll.sql:count": ("0", "{rolled}", "{paged}"),
    "console/reading/reconciliation.sql:files": ("{yesterday}", "{{unionpay,chinaums}}"),
    "console/reading/reconciliation.sql:our_side": ("unionpay", "{yesterday}", "false", "50", "0"),
    "console/reading/reconciliation.sql:file_lines": ("unionpay", "{before}", "false", "50", "0"),
    "console/reading/reconciliation.sql:breaks": ("{yesterday}", "{none}", "100"),
    "console/reading/merchants.sql:settlement": ("{settlement}",),
    "console/reading/merchants.sql:settlement_lines": ("{settlement}", "200"),
    "console/reading/search.sql:by_number": ("no such number", "no such number"),
    "console/reading/today.sql:figures": ("{yesterday} 00:00+08", "{today} 00:00+08"),
    "console/reading/today.sql:hours": ("{yesterday} 00:00+08", "{today} 00:00+08", "{today} 12:00+08"),
    "console/reading/channels.sql:health": (
        "{{unionpay}}",
        "{{collection}}",
        "{today} 00:00+08",
        "{today} 09:00+08",
    ),
    "console/reading/books.sql:history": ("{account}", "{none}", "50"),
    "ledger/writer/writer.sql:tail": ("0", "{paged}", "{head}"),
    "ledger/writer/writer.sql:open_pendings": ("0", "{paged}"),
    "payments/store.sql:list_of_merchant": ("{rare}", "{{purchase,collection}}", "{last}", "101"),
    "payments/store.sql:used_of_mandates": ("{{{mandate}}}", "{before} 00:00+08"),
    "mandates/store.sql:page": ("{rare}", "{last}", "101"),
    "console/reading/payments.sql:* payments": ("{{purchase,collection}}", "{limit}"),
    "console/reading/payments.sql:* refunds": ("{{refund,void}}", "{limit}"),
    "console/reading/payments.sql:* payouts": ("{{payout}}", "{limit}"),
    "console/reading/payments.sql:* unknown": ("{{purchase,collection}}", "{{UNKNOWN}}", "{limit}"),
    "console/reading/payments.sql:* merchant": ("{{purchase,collection}}", "{rare}", "{limit}"),
    "console/reading/payments.sql:* day": (
        "{{purchase,collection}}",
        "{{SUCCESS}}",
        "{before} 00:00+08",
        "{yesterday} 00:00+08",
        "{limit}",
    ),
    "console/reading/payments.sql:* voided": ("{{purchase,collection}}", "{limit}"),
    "console/reading/payments.sql:* refunded": ("{{purchase,collection}}", "{limit}"),
    "console/reading/payments.sql:* returned": ("{{payout}}", "{limit}"),
    "console/reading/payments.sql:* number": ("{{purchase,collection}}", "no such number", "{limit}"),
    "batches/store.sql:progress": ("{batch}",),
    "batches/store.sql:is_open": ("{batch}",),
    "batches/store.sql:items": ("{batch}", "0", "100"),
}


def value(name: str, n: int, type_: str, facts: Mapping[str, str]) -> str:
    """Return the SQL of the parameter number `n`, from 0, of a statement."""
    facts = {**facts, "limit": "50" if ":list " in name else facts["most"]}
    given = _GIVEN.get(re.sub(":(list|sum|count) ", ":* ", name.removeprefix(_NEAR)))
    text = (given[n] if given else _PLAIN.get(type_, "{{}}" if type_.endswith("[]") else "1")).format(**facts)
    return f"NULL::{type_}" if text == "NULL" else f"'{text}'::{type_}"
