"""The stop switches on the command line: they work where the console does not, and need the database alone."""

from collections.abc import Callable
from typing import Annotated, Any

import typer

from zhangfang.cli.running import with_pool
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.settings import Settings

Channel = Annotated[str, typer.Argument(metavar="CHANNEL", help="such as unionpay")]
Operation = Annotated[
    str, typer.Argument(metavar="OPERATION", help="purchase, collection, refund, void or payout")
]
Reason = Annotated[str, typer.Option(help="why; it is kept")]


def add_to(app: typer.Typer) -> None:
    """Add the two commands."""
    app.command()(stop)
    app.command("open")(open_)


def stop(channel: Channel, operation: Operation, reason: Reason) -> None:
    """Stop one operation of one channel for new requests, at once. What is under way goes on."""
    from zhangfang.payments import stop as work

    _act(work, channel, operation, reason)
    typer.echo(f"{channel} {operation} is stopped; 'zhangfang open' ends it")


def open_(channel: Channel, operation: Operation, reason: Reason) -> None:
    """End a stop."""
    from zhangfang.payments import open_again as work

    _act(work, channel, operation, reason)
    typer.echo(f"{channel} {operation} is open")


def _act(work: Callable[..., Any], channel: str, operation: str, reason: str) -> None:
    """Do it as the person who is at the shell of this machine."""
    from getpass import getuser

    by = f"{getuser()} (shell)"
    with_pool(lambda pool, clock: _checked(work, pool, clock, channel, operation, reason, by))


async def _checked(
    work: Callable[..., Any], pool: Any, clock: Any, channel: str, operation: str, *more: str
) -> None:
    """Do it, if there is such an operation: a stop with a slip of the pen would stop nothing."""
    from zhangfang.channels import open_channels

    channels = open_channels(Settings(), clock)
    known = {name: sorted(map(str, one.rules)) for name, one in channels.items()}
    for one in channels.values():
        await one.close()
    if channel not in known:
        raise InvalidInput("CHANNEL", f"{channel:.40}", f"one that is set up: {', '.join(known) or 'none'}")
    if operation not in known[channel]:
        raise InvalidInput("OPERATION", f"{operation:.40}", f"of {channel}: {', '.join(known[channel])}")
    await work(pool, clock, channel, operation, *more)
