"""Every statement of every `.sql` file of the platform and the auditor, with values as a working day has them.

Beside them stand the tables: which grow with the payments, so that nothing may read them whole, and which do not; and the
statements that may read much all the same, each with the reason.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib.resources import files
from importlib.resources.abc import Traversable

from zhangfang.console.reading import payments
from zhangfang.console.reading.payments import Filter
from zhangfang.kernel.sql import Queries, load

GROWS = frozenset({
    "incident_event", "probe_minute", "request_minute", "webhook_delivery",
    "account_page", "attempt", "audit_result", "bank_line", "batch", "batch_item", "books_date", "break",
    "channel_batch", "channel_batch_step", "fee_bill_line", "file_difference", "file_line", "file_version_line",
    "intent", "intent_match", "mandate", "mandate_step", "operator_act", "refusal", "settlement", "settlement_set_off",
    "split", "split_back", "split_order", "statement", "statement_version", "step", "transfer", "webhook",
})  # fmt: skip
SMALL: Mapping[str, str] = {
    "account": "a few accounts a merchant",
    "api_key": "a few a merchant",
    "product_cycle": "a row for each decision of a person about a merchant",
    "merchant fee_rule settlement_account webhook_endpoint": "thousands at most, and pages list them all",
    "channel_file task books_day books_roll books_request ledger_month certificate": "some rows a day",
    "bank_statement": "one a statement that people bring",
    "channel_stop channel_breaker channel_batch_number account_type_unknown": "some rows a channel",
    "channel_minute ledger_hold operator_session login_try": "what is old is deleted",
    "table_release table_set column_map column_map_draft outcome proposal": "made by people, one by one",
    "duplicate duplicate_step masked_voucher": "a double payment is rare, and the page counts them all",
    "match_rule": "made by people, one by one",
    "bank_match bank_match_further": "at most one a file, and a few for what came in several lines",
    "file_version": "a corrected file is rare",
    "head ledger_checkpoint schema_migration statement_cursor write_probe": "a handful of rows",
    "break_paper bulk_cure_item": "made by people: papers of breaks, and what became of each of a bulk cure",
    "fee_bill fee_vat": "a row a month, and one for each merchant that is billed",
    "incident grade_rule weekly_report": "made by people, one by one; three rules; one a week",
    "act_head operator operator_role": "one row, one a person, and one each time that somebody's roles change",
    "advance": "made by people, one by one",
    "adjustment role_limit evidence_file money_freeze register_entry": "made by people, one by one",
    "kept_account own_account": "made by people, one by one",
    "merchant_state merchant_terms agreed_fee": "a row for each decision of a person about a merchant",
}
MAY: Mapping[str, str] = {
    "zhangfang/weekly/weekly.sql": "a person asks for a week: it reads the payments of the week and the minutes of the year",
    "zhangfang_audit/books.sql": "the auditor believes no sum: it adds up all history, in a program of its own",
    "zhangfang_audit/verify/verify.sql": "`ledger verify` derives every balance from all history, when a person asks",
    "zhangfang/console/reading/books.sql:first_unequal": "asked only if the balance is uneven, which no transfer can cause",
    "zhangfang/ledger/writer/writer.sql:tail": "read once, at the writer's start: the entries since the checkpoint",
    "zhangfang/payments/people/merchants.sql:open": "asked when a person closes a merchant: it reads what is that one's",
    "zhangfang/reconciliation/cures/cures.sql:list": "`breaks --all` lists all; the open ones have an index",
}
ONCE: Mapping[str, str] = {
    "zhangfang/ledger/writer/writer.sql:open_pendings": "read at the writer's start: by the plan for its values",
}
PIECES = {  # of statements that are put together: `_together` has them whole
    "zhangfang/console/reading/payments.sql": re.compile(
        "row|whole|of_.*|before|newest|listed|family|in_doubt|counts|by_state|sums"
    ),
    "zhangfang/assembly/resealing.sql": re.compile(
        ".*"
    ),  # of each table with tokens, by its key; for a command
}
_IN = ("purchase", "collection")
FILTERS: Mapping[str, Filter] = {  # as the console's lists are asked for
    "payments": Filter(_IN),
    "refunds": Filter(("refund", "void")),
    "payouts": Filter(("payout",)),
    "unknown": Filter(_IN, ("UNKNOWN",)),
    "merchant": Filter(_IN, merchant="x"),
    "day": Filter(
        _IN, ("SUCCESS",), since=datetime(2026, 8, 1, tzinfo=UTC), until=datetime(2026, 8, 2, tzinfo=UTC)
    ),
    "voided": Filter(_IN, fact="VOIDED"),
    "refunded": Filter(_IN, fact="REFUNDED"),
    "returned": Filter(("payout",), fact="RETURNED"),
    "number": Filter(_IN, number="x"),
}
UTILITY = frozenset({
    "zhangfang/routing/release.sql:lock", "zhangfang/bills/release.sql:lock",
    "zhangfang/ledger/writer/lease.sql:end_sessions", "zhangfang/payments/course/own.sql:lock",
})  # fmt: skip


def reason(name: str) -> str:
    """Return why a statement may read all history, or nothing."""
    return MAY.get(name) or MAY.get(name.partition(":")[0], "")


def every() -> Iterator[tuple[str, str]]:
    """Yield the name (`package/file.sql:statement`) and the text of each statement."""
    for package in ("zhangfang", "zhangfang_audit"):
        for path, file in _sql(files(package), package):
            queries = load(path.replace("/", "."), file)
            yield from _of(f"{path}/{file}", queries)
    yield from _together()


def _sql(folder: Traversable, path: str) -> Iterator[tuple[str, str]]:
    for one in sorted(folder.iterdir(), key=lambda one: one.name):
        if one.is_dir() and one.name not in ("migrations", "__pycache__"):
            yield from _sql(one, f"{path}/{one.name}")
        elif one.name.endswith(".sql"):
            yield path, one.name


def _of(source: str, queries: Queries) -> Iterator[tuple[str, str]]:
    shared = queries["shared"] if source.endswith("audit/books.sql") else ""
    for name in queries:
        if (
            name == "shared"
            or (source in PIECES and PIECES[source].fullmatch(name))
            or f"{source}:{name}" in UTILITY
        ):
            continue
        text = queries[name]
        yield f"{source}:{name}", text if text.startswith(("INSERT", "-- (alone")) else f"{shared}\n{text}"


def _together() -> Iterator[tuple[str, str]]:
    source, q = "zhangfang/console/reading/payments.sql", payments.queries
    yield f"{source}:family", payments.FAMILY
    yield f"{source}:in_doubt", payments.DOUBTFUL
    for name, wanted in FILTERS.items():
        yield f"{source}:list {name}", wanted.select(q.row, 50, tail=q.listed)[0]
        yield f"{source}:sum {name}", wanted.select(q.sums, 500)[0]
        yield f"{source}:count {name}", wanted.select(q.counts, 500, tail=q.by_state)[0]
