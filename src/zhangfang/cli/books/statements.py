"""Merchants' statements: list what is released, write it as files, release it again after a correction."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zhangfang.cli.running import a_day, with_person, with_pool
from zhangfang.kernel.errors import ZhangfangError
from zhangfang.kernel.money import fen_to_yuan

if TYPE_CHECKING:
    from zhangfang.approvals import Person
    from zhangfang.kernel.clock import Clock

app = typer.Typer(
    help="Merchants' statements: list, write as files, release again after a correction.",
    no_args_is_help=True,
)
_MOST = 100_000  # versions of one date
Day = Annotated[str, typer.Option("--date", help="business date, YYYY-MM-DD")]
Merchant = Annotated[str | None, typer.Option(help="the merchant's id; none: every merchant")]


class Kind(StrEnum):
    """Which statement."""

    TRANSACTIONS = "transactions"
    ACCOUNT = "account"
    FEES = "fees"
    COMBINED = "combined"


class Form(StrEnum):
    """In which form."""

    CSV = "csv"
    XLSX = "xlsx"
    PDF = "pdf"
    JSON = "json"


@app.command("list")
def list_(day: Day, merchant: Merchant = None) -> None:
    """List the statements that are released for a business date, every version."""
    from zhangfang import statements

    asked = a_day(day, "--date")
    found = with_pool(lambda pool, _: statements.of_day(pool, asked, _MOST, merchant=merchant))
    for one in found:
        sums = f"{fen_to_yuan(one.opening)} → {fen_to_yuan(one.closing)}"
        why = f"  {one.reason}" if one.reason else ""
        typer.echo(f"{one.merchant}  v{one.version}  {sums}  {one.payments} payments, {one.lines} lines{why}")
    typer.echo(f"{len(found)} statements of {asked}")


@app.command("get")
def get_(
    day: Day,
    out: Annotated[Path, typer.Option(help="folder to write into; it is made")],
    kind: Annotated[Kind, typer.Option(help="which statement")] = Kind.COMBINED,
    form: Annotated[Form, typer.Option("--format", help="in which form")] = Form.PDF,
    merchant: Merchant = None,
    version: Annotated[int | None, typer.Option(help="an older version; none: the newest")] = None,
) -> None:
    """Write released statements of a business date as files, one for each merchant."""
    from zhangfang.kernel.errors import InvalidInput

    asked = a_day(day, "--date")
    if version is not None and merchant is None:
        raise InvalidInput("--version", "no merchant", "--merchant with --version")
    out.mkdir(parents=True, exist_ok=True)

    async def work(pool: Any, _clock: "Clock") -> int:
        from zhangfang.statements.batch import write_all

        return await write_all(pool, asked, kind.value, form.value, out, merchant, version)

    count = with_pool(work)
    typer.echo(f"{count} files in {out}")
    if not count:
        raise typer.Exit(1)


@app.command("release")
def release_(
    day: Day,
    reason: Annotated[
        str, typer.Option(help="why, in 3 to 200 characters; merchants read it on the statement")
    ],
    merchant: Merchant = None,
) -> None:
    """Release a business date again after a correction: a new version where something differs now."""
    from zhangfang.closing import certified
    from zhangfang.statements import release_again

    asked = a_day(day, "--date")

    async def work(pool: Any, clock: "Clock", by: "Person") -> int:
        found = await certified(pool, asked)
        if found.missing:
            raise ZhangfangError(found.missing)
        return await release_again(pool, clock, asked, by, reason, found.numbers, merchant)

    typer.echo(f"{with_person(work)} statements of {asked} are released in a new version")
