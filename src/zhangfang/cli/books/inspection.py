"""Inspection on the command line: the signed package of a period, and the key that signs it."""

from pathlib import Path
from typing import Annotated, Any

import typer

from zhangfang.cli.running import a_day, with_person
from zhangfang.kernel.settings import Settings

app = typer.Typer(
    help="One signed package of a period for an inspector, checked without this program.",
    no_args_is_help=True,
)


@app.command()
def export(
    first: Annotated[str, typer.Option("--from", help="the first business date, YYYY-MM-DD")],
    last: Annotated[str, typer.Option("--to", help="the last business date, YYYY-MM-DD")],
    out: Annotated[Path, typer.Option(help="an empty or new folder for the package")],
) -> None:
    """Write books, certificates, acts, releases and breaks of a period, signed; personal data is masked."""
    from zhangfang.approvals import recorded
    from zhangfang.cli.machine.progress import counting
    from zhangfang.inspection import export as work
    from zhangfang.inspection import key_of, public_digest
    from zhangfang.inspection.package import PARTS

    begin, end = a_day(first, "--from"), a_day(last, "--to")
    key = key_of(Settings().home)

    async def packed(pool: Any, clock: Any, by: Any) -> Any:
        async with recorded(pool, clock, by, "export", f"inspection/{begin}/{end}"):
            with counting("inspection", len(PARTS)) as tell:
                return await work(pool, key, begin, end, out, tell)

    made = with_person(packed)
    typer.echo(
        f"{made.files} files, {made.size:,} bytes in {out}; check them: python3 -I {out / 'verify.py'}"
    )
    typer.echo(f"key sha256 {public_digest(key)}; give the inspector these digits on another way")


@app.command()
def key() -> None:
    """Print the public key that signs packages and its digest, for the inspector; it is made if there is none yet."""
    from zhangfang.inspection import key_of, public_digest, public_pem

    held = key_of(Settings().home)
    typer.echo(public_pem(held).decode().strip())
    typer.echo(f"sha256 {public_digest(held)}")
