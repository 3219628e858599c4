"""A released version as a file: which kind of statement, in which form."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec

from zhangfang import papers
from zhangfang.kernel import elsewhere
from zhangfang.kernel.clock import in_china
from zhangfang.kernel.money import fen_to_yuan
from zhangfang.papers import Paper, Table
from zhangfang.statements import tables
from zhangfang.statements.changes import Changes, compared
from zhangfang.statements.model import Statement
from zhangfang.statements.store import Version


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of statement: its title, and the tables that it has."""

    title: str
    tables: Callable[[Statement], Sequence[Table]]


KINDS: Mapping[str, Kind] = {
    "transactions": Kind("交易对账单 Transaction statement", lambda said: [tables.payments(said)]),
    "account": Kind("账户对账单 Account statement", lambda said: [tables.entries(said)]),
    "fees": Kind("手续费对账单 Fee statement", lambda said: [tables.fees(said), tables.rules(said)]),
    "combined": Kind(
        "二合一对账单 Combined statement", lambda said: [tables.payments(said), tables.tied(said)]
    ),
}
FORMS = (*papers.FORMS, "json")  # JSON is the content itself: what the digest is of


def media(form: str) -> str:
    """Return the media type of a form."""
    return "application/json" if form == "json" else papers.MEDIA[form]


def paper(version: Version, kind: str, before: Version | None) -> Paper:
    """Return a version as a paper of a kind; `before` is the version that it replaced, of which it says what changed."""
    said = version.said
    shown, facts = list(KINDS[kind].tables(said)), _facts(version, said)
    if before is not None:
        changes = compared(before.said, said)
        facts.append(("更正 Correction", _cover(version, changes)))
        shown.append(tables.changed(changes))
    foot = [f"SHA-256 {version.digest}  第 {version.version} 版 version {version.version}"]
    if version.certificates:
        foot.insert(0, f"凭日终证书 On certificates {version.certificates}")
    return Paper(KINDS[kind].title, version.released_at, shown, facts, foot)


def _facts(version: Version, said: Statement) -> list[tuple[str, str]]:
    return [
        ("商户 Merchant", said.name),
        ("商户号 Merchant no.", said.merchant),
        ("业务日 Business date", said.day.isoformat()),
        ("单位 Unit", "人民币元 CNY"),
        ("期初余额 Opening", fen_to_yuan(version.opening)),
        ("期末余额 Closing", fen_to_yuan(version.closing)),
        ("发布 Released", f"{in_china(version.released_at):%Y-%m-%d %H:%M:%S}"),
        ("版本 Version", str(version.version)),
    ]


def _cover(version: Version, changes: Changes) -> str:
    every = (*changes.payments, *changes.entries)
    counts = {what: sum(one.what == what for one in every) for what in ("added", "removed", "changed")}
    old, new = map(fen_to_yuan, changes.closing)
    return (
        f"第 {version.version} 版取代第 {version.version - 1} 版 replaces version {version.version - 1}："
        f"新增 added {counts['added']}，删除 removed {counts['removed']}，更改 changed {counts['changed']}；"
        f"期末 closing {old} → {new}。原因 Reason: {version.reason}"
    )


def as_bytes(version: Version, kind: str, form: str, before: Version | None = None) -> bytes:
    """Return a version as a file."""
    return version.body if form == "json" else papers.as_bytes(form, paper(version, kind, before))


def made(
    version: Version, kind: str, form: str, before: Version | None = None
) -> AsyncGenerator[bytes, None]:
    """Yield a version as a file that a process of its own makes; for a process that answers others meanwhile."""
    return elsewhere.made("zhangfang.statements", kind, form, given=_given(version, before))


async def _given(*versions: Version | None) -> AsyncIterator[bytes]:
    """Yield each version as a line: its columns; its content, which has no line breaks; an empty line for none."""
    for version in versions:
        if version is None:
            yield b"\n\n"
        else:
            yield msgspec.json.encode(replace(version, body=b"")) + b"\n" + version.body + b"\n"
