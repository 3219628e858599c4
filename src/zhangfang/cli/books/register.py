"""The register on the command line: two people open an entry, two close it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from zhangfang.cli.aligned import aligned
from zhangfang.cli.money.adjust import bytes_of
from zhangfang.cli.running import a_day, with_person, with_pool
from zhangfang.kernel.ids import parse, prefixed
from zhangfang.kernel.money import fen_to_yuan, yuan_to_fen

if TYPE_CHECKING:
    from zhangfang.approvals import Person
    from zhangfang.kernel.clock import Clock

app = typer.Typer(
    help="The register (登记簿): chargebacks, courts, taxes, interest, complaints, invoices.",
    no_args_is_help=True,
)
COLUMNS = ("id", "kind", "reference", "merchant", "due", "amount", "outcome")
Note = Annotated[str, typer.Option(help="what it is about, or how you know")]
Files = Annotated[list[Path] | None, typer.Option(help="evidence, up to 5 MB; repeat it")]


@app.command("list")
def list_(
    every: Annotated[bool, typer.Option("--all", help="closed ones too")] = False,
    kind: Annotated[str | None, typer.Option(help="of one kind, such as chargeback")] = None,
) -> None:
    """List the open entries, those that are due first; amounts in yuan."""
    from zhangfang.adjustments import entries

    found = with_pool(lambda pool, _: entries(pool, every=every, kind=kind))
    for line in aligned([COLUMNS, *map(_cells, found)], (5,)):
        typer.echo(line)


@app.command()
def add(
    kind: Annotated[str, typer.Argument(help="chargeback, court, tax, interest, complaint or invoice")],
    reference: Annotated[str, typer.Argument(help="the number of whoever asks")],
    note: Note,
    merchant: Annotated[str, typer.Option(help="mer_…")] = "",
    payment: Annotated[str, typer.Option(help="pay_…; its merchant is the entry's")] = "",
    amount: Annotated[str | None, typer.Option(help="in yuan")] = None,
    due: Annotated[str | None, typer.Option(help="YYYY-MM-DD: when it has to be closed")] = None,
    file: Files = None,
) -> None:
    """Propose a new entry. Another person has to approve it."""
    from zhangfang.adjustments import Written, propose_entry

    fen, day = yuan_to_fen(amount) if amount else None, a_day(due, "--due") if due else None

    async def work(pool: Any, clock: "Clock", by: "Person") -> UUID:
        files = await _kept(pool, clock, file, by)
        said = Written(kind, reference, merchant, payment, fen, day, note, files)
        return await propose_entry(pool, clock, said, by)

    _say(with_person(work))


@app.command()
def close(
    entry: Annotated[str, typer.Argument(metavar="ID", help="reg_…, as `list` shows it")],
    outcome: Annotated[str, typer.Argument(help="how it ended, such as lost, won, done")],
    note: Note,
    file: Files = None,
) -> None:
    """Propose how an entry ended, with the voucher that this books. Another person has to approve it."""
    from zhangfang.adjustments import ENTRY, propose_outcome

    id_ = parse(ENTRY, entry)

    async def work(pool: Any, clock: "Clock", by: "Person") -> UUID:
        return await propose_outcome(pool, clock, id_, outcome, note, by, await _kept(pool, clock, file, by))

    _say(with_person(work))


async def _kept(pool: Any, clock: "Clock", paths: list[Path] | None, by: "Person") -> tuple[str, ...]:
    from zhangfang.adjustments import keep

    return tuple([await keep(pool, clock, path.name, bytes_of(path), by) for path in paths or ()])


def _say(proposal: UUID) -> None:
    from zhangfang.approvals import PREFIX

    typer.echo(f"proposed as {prefixed(PREFIX, proposal)}; another person has to approve it")


def _cells(one: Any) -> tuple[str, ...]:
    amount = fen_to_yuan(one.amount) if one.amount else ""
    return (
        one.shown_id,
        one.kind,
        one.reference,
        one.merchant or "",
        str(one.due_on or ""),
        amount,
        one.outcome or "open",
    )
