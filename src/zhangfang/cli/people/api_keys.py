"""Merchants' API keys on the command line: who has which, when each was used last, and a new one that overlaps the old."""

from datetime import timedelta
from typing import Annotated, Any

import typer

from zhangfang.cli.aligned import aligned
from zhangfang.cli.running import with_person, with_pool

app = typer.Typer(help="The keys with which merchants call the API.", no_args_is_help=True)
COLUMNS = ("id", "ends with", "since (UTC)", "last used", "until", "revoked")
Merchant = Annotated[str, typer.Argument(metavar="MERCHANT", help="mer_…")]
Reason = Annotated[str, typer.Option(help="why; it is kept")]


@app.command("list")
def list_(merchant: Merchant) -> None:
    """List a merchant's keys, those that are over too, oldest first."""
    from zhangfang.merchants import list_api_keys

    found = with_pool(lambda pool, _: list_api_keys(pool, merchant))
    for line in aligned([COLUMNS, *map(_cells, found)], ()):
        typer.echo(line)


@app.command()
def add(
    merchant: Merchant,
    reason: Reason,
    days: Annotated[int, typer.Option(help="for how long it is good, 1 to 3660; 0: without an end")] = 0,
) -> None:
    """Make a key and print it; it is kept nowhere. To rotate: make one, let the merchant use it, then end the old one."""
    from zhangfang.merchants import make_key_as

    key, secret = with_person(lambda pool, clock, by: make_key_as(pool, clock, merchant, by, reason, days))
    typer.echo(f"{key.id} {secret}")


@app.command()
def end(
    merchant: Merchant,
    key: Annotated[str, typer.Argument(metavar="KEY", help="key_…, as `list` shows it")],
    reason: Reason,
    hours: Annotated[int, typer.Option(help="it is good for so long yet, up to 8784; 0: it ends now")] = 0,
) -> None:
    """End a key, at once (all processes refuse it after five seconds) or after an overlap with the next one."""
    from zhangfang.merchants import end_key_as

    left = timedelta(hours=hours)
    with_person(lambda pool, clock, by: end_key_as(pool, clock, merchant, key, by, reason, left))
    typer.echo(f"{key} ends {f'in {hours} hours' if hours else 'now'}")


def _cells(one: Any) -> tuple[str, ...]:
    times = (one.created_at, one.last_used_at, one.expires_at, one.revoked_at)
    return one.id, one.tail, *(f"{at:%Y-%m-%d %H:%M}" if at else "" for at in times)
