"""The vault's keys on the command line: a new one, sealing again with it, and taking an old one away."""

from typing import Annotated, Any

import typer

from zhangfang.cli.aligned import aligned
from zhangfang.cli.running import with_pool
from zhangfang.kernel.settings import Settings

app = typer.Typer(help="The keys that account numbers and secrets are sealed with.", no_args_is_help=True)

COLUMNS = ("version", "sealed with it")


@app.command("list")
def list_() -> None:
    """List the versions of the key, and how much is sealed with each."""
    from zhangfang.assembly.resealing import versions
    from zhangfang.vault import key_versions

    current, held = key_versions(Settings().key_file)
    found = with_pool(lambda pool, _: versions(pool))
    rows = [(f"{n}{' (seals now)' if n == current else ''}", str(found.get(n, 0))) for n in held]
    for line in aligned([COLUMNS, *rows], ()):
        typer.echo(line)


@app.command()
def rotate() -> None:
    """Add a version of the key: it seals from now on, in every process. Back the file up again."""
    from zhangfang.vault import rotate as work

    typer.echo(f"version {work(Settings().key_file)} seals from now on; next: 'zhangfang keys reseal'")


@app.command()
def reseal() -> None:
    """Seal again, with the current version, what an older one has sealed. It may be stopped and started again."""
    with_pool(lambda pool, _: _reseal(pool))


async def _reseal(pool: Any) -> None:
    from zhangfang.assembly.resealing import reseal as work
    from zhangfang.vault import Vault

    done: dict[str, int] = {}
    async for table, tokens in work(pool, Vault(Settings().key_file)):
        done[table] = done.get(table, 0) + tokens
    for table, tokens in done.items():
        typer.echo(f"{table}: {tokens}")


@app.command()
def retire(version: Annotated[int, typer.Argument(metavar="VERSION", help="as `list` shows it")]) -> None:
    """Take an old version out of the key file. Refused while anything is sealed with it."""
    from zhangfang.assembly.resealing import retire_key

    with_pool(lambda pool, _: retire_key(pool, Settings().key_file, version))
    typer.echo(
        f"version {version} is gone from the key file; backups of the database from before still need it"
    )
