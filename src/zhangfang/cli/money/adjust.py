"""Adjustments on the command line: one person proposes a voucher, another approves it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zhangfang.cli.aligned import aligned
from zhangfang.cli.running import by_person, with_pool
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import parse, prefixed
from zhangfang.kernel.money import fen_to_yuan, yuan_to_fen

if TYPE_CHECKING:
    from zhangfang.adjustments import Adjustment, Case
    from zhangfang.approvals import Person
    from zhangfang.payments import Desk

app = typer.Typer(
    help="Adjustments (人工调账): vouchers that one person proposes and another approves.",
    no_args_is_help=True,
)
COLUMNS = ("id", "voucher", "amount", "proposed by", "reason", "state")
Id = Annotated[str, typer.Argument(metavar="ID", help="adj_…, as `list` shows it")]
Reason = Annotated[str, typer.Option(help="why, in your words")]


@app.command("templates")
def templates() -> None:
    """List the vouchers that people may propose, what each of them asks for, and the kinds of reasons."""
    from zhangfang.adjustments import ALLOWED
    from zhangfang.ledger import TEMPLATES

    rows = [("template", "what", "asks for", "kinds of reasons", "evidence")]
    rows += [
        (
            name,
            TEMPLATES[name][0].en,
            " ".join(one.whose),
            " ".join(one.reasons),
            "yes" if one.evidence else "",
        )
        for name, one in ALLOWED.items()
    ]
    for line in aligned(rows, ()):
        typer.echo(line)


@app.command()
def propose(
    template: Annotated[str, typer.Argument(help="which voucher, as `templates` shows them, such as M1")],
    of: Annotated[
        list[str], typer.Option(help="whose accounts: debit=2322/mer_…, merchant=mer_…; repeat it")
    ],
    amount: Annotated[str, typer.Option(help="in yuan, such as 12.00")],
    code: Annotated[str, typer.Option(help="kind of reason, as `templates` shows them")],
    reason: Reason,
    refers: Annotated[str, typer.Option(help="the break, voucher or case that it is about")],
    file: Annotated[list[Path] | None, typer.Option(help="evidence, up to 5 MB; repeat it")] = None,
) -> None:
    """Propose an adjustment. Its voucher is shown; nothing is booked until another person approves it."""
    from zhangfang import adjustments

    subjects = dict(_pair(one) for one in of)
    fen = yuan_to_fen(amount)

    async def work(desk: "Desk", by: "Person") -> "Case":
        kept = [
            await adjustments.keep(desk.pool, desk.clock, path.name, bytes_of(path), by)
            for path in file or ()
        ]
        said = adjustments.Adjustment(template, fen, subjects, code, reason, refers, tuple(kept))
        id_ = await adjustments.propose(desk.pool, desk.clock, said, by)
        return await adjustments.get(desk.pool, id_)

    _say(by_person(work))


@app.command("list")
def list_(every: Annotated[bool, typer.Option("--all", help="those that are over as well")] = False) -> None:
    """List what waits for a second person, newest first; amounts in yuan."""
    from zhangfang.adjustments import listed

    found = with_pool(lambda pool, _: listed(pool, every=every))
    for line in aligned([COLUMNS, *map(_cells, found)], (2,)):
        typer.echo(line)


@app.command()
def show(adjustment: Id) -> None:
    """Show an adjustment: its voucher, the reason, the evidence, and what became of it."""
    from zhangfang.adjustments import PREFIX, get

    id_ = parse(PREFIX, adjustment)
    case = with_pool(lambda pool, _: get(pool, id_))
    for line in aligned([COLUMNS, _cells(case)], (2,)):
        typer.echo(line)
    _lines(case.said)
    typer.echo(f"refers to {case.said.refers}; evidence: {', '.join(case.said.files) or 'none'}")
    typer.echo(f"hash {case.proposal.seen}")


@app.command()
def reverse(adjustment: Id, reason: Reason) -> None:
    """Propose to undo an adjustment that is in the books, by its mirror. Another person has to approve it."""
    from zhangfang import adjustments

    of = parse(adjustments.PREFIX, adjustment)

    async def work(desk: "Desk", by: "Person") -> "Case":
        id_ = await adjustments.propose_reversal(desk.pool, desk.clock, of, reason, by)
        return await adjustments.get(desk.pool, id_)

    _say(by_person(work))


def _say(case: "Case") -> None:
    from zhangfang.approvals import PREFIX

    _lines(case.said)
    made = prefixed(PREFIX, case.proposal.id)
    typer.echo(
        f"{case.id} is proposed as {made}, hash {case.proposal.seen[:16]}; another person has to approve it"
    )


def _lines(said: "Adjustment") -> None:
    rows = [
        ("debit", "credit", "amount"),
        *((one.debit, one.credit, fen_to_yuan(one.fen)) for one in said.voucher),
    ]
    for line in aligned(rows, (2,)):
        typer.echo(line)


def _cells(case: Any) -> tuple[str, ...]:
    one = case.proposal
    state = "waits for a second person"
    if one.decision is not None:
        state = f"{'approved' if one.decision == 'approve' else 'withdrawn'} by {one.decided_by}"
        state += f": {one.result}" if one.result else ""
    what = f"{case.said.template}{' reversed' if case.said.reverses else ''}"
    return case.id, what, fen_to_yuan(case.said.amount), one.proposed_by, case.said.reason, state


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not value:
        raise InvalidInput("--of", f"{len(text)} characters", "NAME=VALUE, such as debit=2322/mer_…")
    return name, value


def bytes_of(path: Path) -> bytes:
    """Return what a file holds. Raises `InvalidInput`."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput(
            "--file", f"a file that cannot be read: {error.strerror}", "a readable file"
        ) from None
