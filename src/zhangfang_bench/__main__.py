"""`python -m zhangfang_bench` is `zhangfang bench`."""

from pathlib import Path
from typing import Annotated

import typer

from zhangfang.assembly.program import run as run_program

app = typer.Typer(
    help="Measure, beside floors taken in the same run.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)


@app.command("payments")
def payments(
    json: Annotated[Path | None, typer.Option(help="write the figures as JSON to this file")] = None,
    payments: Annotated[int, typer.Option(help="how many payments each of the two runs makes")] = 10_000,
    payers: Annotated[int, typer.Option(help="how many payers pay at once")] = 128,
    floor_seconds: Annotated[float, typer.Option(help="how long each floor is measured")] = 3.0,
) -> None:
    """Measure collections through the whole platform, with RSA and without, beside floors taken in the same run."""
    from zhangfang_bench.payments.bench import run

    run(json, payments, payers, floor_seconds)


@app.command("channels")
def channels(
    json: Annotated[Path | None, typer.Option(help="write the figures as JSON to this file")] = None,
    orders: Annotated[int, typer.Option(help="how many unknown collections are healed")] = 11_744,
    items: Annotated[int, typer.Option(help="how many items the batch file has")] = 100_000,
    exchanges: Annotated[int, typer.Option(help="how many orders and queries each channel does")] = 300,
    paced: Annotated[int, typer.Option(help="how many payouts are asked about at CMB's pace")] = 10,
) -> None:
    """Measure messages, healing and batch files, beside bare operations and the banks' own most."""
    from zhangfang_bench.channels.bench import run

    run(json, orders, items, exchanges, paced)


@app.command("ledger")
def ledger(
    json: Annotated[Path | None, typer.Option(help="write the figures as JSON to this file")] = None,
    transfers: Annotated[int, typer.Option(help="how many transfers each workload asks for")] = 1_000_000,
    only: Annotated[
        str | None, typer.Option(help="workloads and floors, with commas between; none: all")
    ] = None,
    behind: Annotated[
        int | None,
        typer.Option(help="transfers behind the last ones; none: 20 M if a workload has a million, else 0"),
    ] = None,
    rounds: Annotated[int, typer.Option(help="how often everything with a ratio is measured")] = 3,
) -> None:
    """Measure the ledger alone, every answer checked by an oracle, beside floors taken in the same run."""
    from zhangfang_bench.ledger.bench import run

    run(json, transfers, only, behind, rounds)


@app.command("queries")
def queries(
    json: Annotated[Path | None, typer.Option(help="write the figures as JSON to this file")] = None,
    intents: Annotated[int, typer.Option(help="how many intents the database has")] = 1_000_000,
    days: Annotated[int, typer.Option(help="over how many business dates they lie")] = 400,
    before: Annotated[
        Path | None, typer.Option(help="JSON of an earlier run, to stand beside this one")
    ] = None,
) -> None:
    """Run every statement of every .sql file in a database with a year of history, and fail if one reads too much of it."""
    from zhangfang_bench.queries.bench import run

    run(json, intents, days, before)


@app.command("closing")
def closing(
    json: Annotated[Path | None, typer.Option(help="write the figures as JSON to this file")] = None,
    entries: Annotated[
        str, typer.Option(help="how many entries lie behind, with commas between")
    ] = "1000000,20000000",
    day: Annotated[int, typer.Option(help="how many entries each business date has")] = 50_000,
    merchants: Annotated[int, typer.Option(help="among how many merchants")] = 1_000,
) -> None:
    """Read the trial balance and one merchant's statement with a short and a long history behind, beside plain SQL."""
    from zhangfang_bench.closing.bench import run

    run(json, entries, day, merchants)


@app.command("reconcile")
def reconcile(
    json: Annotated[Path | None, typer.Option(help="write the figures as JSON to this file")] = None,
    lines: Annotated[
        str, typer.Option(help="how many lines a side has, with commas between")
    ] = "1000000,10000000",
) -> None:
    """Take a file with planted breaks from disk into the books, beside a bare join and pandas on the same files."""
    from zhangfang_bench.reconcile.bench import run

    raise typer.Exit(run(json, lines))


@app.command("settlement")
def settlement(
    json: Annotated[Path | None, typer.Option(help="write the figures as JSON to this file")] = None,
    merchants: Annotated[int, typer.Option(help="how many merchants are settled")] = 100_000,
    payments: Annotated[int, typer.Option(help="how many payments they have")] = 1_000_000,
) -> None:
    """Settle many merchants in one run, beside an SQL aggregate of the same and the bare marks."""
    from zhangfang_bench.settlement.bench import run

    run(json, merchants, payments)


@app.command("statements")
def statements(
    json: Annotated[Path | None, typer.Option(help="write the figures as JSON to this file")] = None,
    merchants: Annotated[int, typer.Option(help="how many merchants get a statement")] = 10_000,
    payments: Annotated[int, typer.Option(help="how many payments they have on its date")] = 100_000,
) -> None:
    """Release the statements of many merchants for one date, beside an SQL aggregate of the same, and draw each as PDF."""
    from zhangfang_bench.statements.bench import run

    run(json, merchants, payments)


@app.command("soak")
def soak(
    json: Annotated[Path | None, typer.Option(help="write the figures as JSON to this file")] = None,
    seconds: Annotated[float, typer.Option(help="how long each kind of hostile clients stays")] = 20.0,
    share: Annotated[
        float, typer.Option(help="which part of the hostile clients comes, above 0 up to 1")
    ] = 1.0,
) -> None:
    """Measure what hostile clients (huge, slow, many, silent) cost the others, and how soon /health tells of a full disk."""
    from zhangfang_bench.soak.bench import run

    raise typer.Exit(run(json, seconds, share))


if __name__ == "__main__":
    run_program(app, "zhangfang bench")
