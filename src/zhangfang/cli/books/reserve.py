"""The reserve on the command line: what lies at the bank beside what customers own."""

from typing import Annotated

import typer

from zhangfang.cli.aligned import aligned
from zhangfang.cli.running import a_day, with_pool
from zhangfang.kernel.money import fen_to_yuan


def reserve(
    date: Annotated[str | None, typer.Option(help="business date, YYYY-MM-DD; without it, today's")] = None,
) -> None:
    """Compare the reserve (备付金) with what customers own at the end of a business date; exit code 1 if it is not even."""
    from zhangfang import adjustments
    from zhangfang.adjustments import reserve as parts
    from zhangfang.kernel.calendar import settlement_day

    asked = a_day(date, "--date") if date else None
    found = with_pool(lambda pool, clock: adjustments.reserve_of(pool, asked or settlement_day(clock.now())))
    rows = [
        ("at the bank, by the books", found.total(parts.CASH)),
        ("on its way to the bank", found.total(parts.COMING)),
        ("owed by own funds", found.total(parts.DUE)),
        ("customers' claims", found.total(parts.CLAIMS)),
        ("on its way to customers", found.total(parts.GOING)),
        ("our own money", found.total(parts.OWN)),
        ("the bank and the books differ by", found.gap),
        ("missing, to be topped up", found.short),
        ("own money that may leave at most", found.free),
    ]
    for line in aligned([(str(found.day), "yuan"), *((name, fen_to_yuan(fen)) for name, fen in rows)], (1,)):
        typer.echo(line)
    if found.gap or found.short or not found.even:
        raise typer.Exit(1)
