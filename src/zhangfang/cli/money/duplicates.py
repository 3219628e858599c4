"""Double payments on the command line: find them, say which are, and see their money back to the payers."""

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from zhangfang.cli.aligned import aligned
from zhangfang.cli.running import by_person, with_desk, with_person, with_pool
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import parse, prefixed
from zhangfang.kernel.money import fen_to_yuan

if TYPE_CHECKING:
    from zhangfang.approvals import Person

app = typer.Typer(help="Payments of which the payer was debited twice.", no_args_is_help=True)

COLUMNS = ("id", "state", "merchant", "", "", "amount", "order", "note")
Ids = Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="dup_…, as `list` shows them")]
Id = Annotated[str, typer.Argument(metavar="ID", help="dup_…, as `list` shows it")]
Reason = Annotated[str, typer.Option(help="why, in 3 to 200 characters; it is kept for ever")]
_MOST = 1000


@app.command("find")
def find_(
    days: Annotated[int, typer.Option(help="look at payments of so many days")] = 3,
) -> None:
    """Open a case for every suspected double payment. The platform does this by itself; twice finds nothing more."""
    from zhangfang.duplicates import find

    if not 1 <= days <= 366:
        raise InvalidInput("--days", f"{days}", "1 to 366")
    new = with_desk(lambda desk: find(desk.pool, desk.clock, desk.clock.now() - timedelta(days=days)))
    typer.echo(f"{new} new")


@app.command("list")
def list_(
    every: Annotated[bool, typer.Option("--all", help="those that are over as well")] = False,
) -> None:
    """List the cases, newest first, and their sums; amounts in yuan."""
    rows, totals = with_pool(lambda pool, _: _listed(pool, every))
    for line in aligned([COLUMNS, *map(cells, rows)]):
        typer.echo(line)
    for state, (count, fen) in sorted(totals.items()):
        typer.echo(f"{state}: {count}, {fen_to_yuan(fen)}")


@app.command()
def show(case_id: Id) -> None:
    """Show a case: both payments, and every step with its person, reason and voucher."""
    id_ = parse("dup", case_id)
    case, steps, masked = with_pool(lambda pool, _: _shown(pool, id_))
    back = prefixed("pay", case.intent) if case.intent else f"line of the channel, break {case.break_}"
    typer.echo(f"{case_id}  {case.state}  {fen_to_yuan(case.amount)}  {case.note}")
    typer.echo(
        f"stays {prefixed('pay', case.keep)}, goes back {back}; order {case.order_no} of {case.merchant}"
    )
    for step in steps:
        voucher = f"  voucher {step.voucher}" if step.voucher else ""
        typer.echo(f"{step.at:%Y-%m-%d %H:%M:%S%z}  {step.act}  by {step.by}: {step.note}{voucher}")
    for one in masked:
        typer.echo(
            f"left out of the merchant's statement: voucher {one.voucher}, {one.lines} lines, {one.business_date}"
        )


@app.command()
def confirm(
    reason: Reason,
    case_ids: Ids = None,
    every: Annotated[bool, typer.Option("--all", help="every case that is only suspected")] = False,
) -> None:
    """Say that these are double payments: the platform gives the money back. What was settled waits for a second person."""
    if bool(case_ids) == every:
        raise InvalidInput("ID", "ids and --all" if every else "nothing", "ids, or --all")
    ids = [parse("dup", one) for one in case_ids or ()]
    done, refused = by_person(lambda desk, by: _confirm(desk, ids, by, reason), 8)
    for id_, why in refused.items():
        typer.echo(f"{prefixed('dup', id_)}: {why}", err=True)
    typer.echo(f"{done - len(refused)} of {done} confirmed")
    if refused:
        raise typer.Exit(1)


@app.command()
def dismiss(case_id: Id, reason: Reason) -> None:
    """Say that a case is no double payment, or was settled otherwise."""
    from zhangfang.duplicates import dismiss as work

    id_ = parse("dup", case_id)
    with_person(lambda pool, clock, by: work(pool, clock, id_, by, reason))
    typer.echo("dismissed")


def cells(case: Any) -> tuple[str, ...]:
    """Return a case as texts under `COLUMNS`; the two columns without a name keep the amount in its place."""
    return (
        prefixed("dup", case.id), case.state.value, case.merchant, "", "", fen_to_yuan(case.amount), case.order_no,
        case.note,
    )  # fmt: skip


async def _listed(pool: Any, every: bool) -> tuple[Sequence[Any], dict[Any, tuple[int, int]]]:
    from zhangfang.duplicates import CaseState, cases, counts

    over = (CaseState.DONE, CaseState.DISMISSED)
    states = None if every else [state for state in CaseState if state not in over]
    return await cases(pool, states, limit=_MOST), await counts(pool)


async def _shown(pool: Any, id_: UUID) -> tuple[Any, Sequence[Any], Sequence[Any]]:
    from zhangfang.duplicates import get, masked, steps

    return await get(pool, id_), await steps(pool, id_), await masked(pool, id_)


async def _confirm(desk: Any, ids: list[UUID], by: "Person", reason: str) -> tuple[int, dict[Any, str]]:
    from zhangfang.duplicates import confirm_all, to_confirm

    wanted = ids or await to_confirm(desk.pool)
    with typer.progressbar(length=len(wanted), label="confirming") as bar:
        refused = await confirm_all(
            desk.pool, desk.clock, wanted, by, reason, lambda _done, _of: bar.update(1)
        )
    return len(wanted), refused
