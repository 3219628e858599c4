"""The stop switches on the command line: they work where the console does not, and need the database alone."""

from typing import Annotated, Any

import typer

from zhangfang.cli.running import with_person
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import prefixed
from zhangfang.kernel.settings import Settings

Channel = Annotated[str, typer.Argument(metavar="CHANNEL", help="such as unionpay")]
Operation = Annotated[
    str, typer.Argument(metavar="OPERATION", help="purchase, collection, refund, void or payout")
]
Reason = Annotated[str, typer.Option(help="why; it is kept")]


def stop(channel: Channel, operation: Operation, reason: Reason) -> None:
    """Stop one operation of one channel for new requests, at once. What is under way goes on."""
    from zhangfang.payments import stop as work

    async def act(pool: Any, clock: Any, by: Any) -> None:
        await _check(clock, channel, operation)
        await work(pool, clock, channel, operation, reason, by)

    with_person(act)
    typer.echo(f"{channel} {operation} is stopped; 'zhangfang open' ends it")


def open_(channel: Channel, operation: Operation, reason: Reason) -> None:
    """End a stop, or propose its end: one person alone only takes back a stop of one's own that is a few minutes old."""
    from zhangfang.approvals import PREFIX
    from zhangfang.payments import open_again as work

    async def act(pool: Any, clock: Any, by: Any) -> Any:
        await _check(clock, channel, operation)
        return await work(pool, clock, channel, operation, reason, by, Settings().stop_alone)

    proposal = with_person(act)
    shown = f"zhangfang proposals show {prefixed(PREFIX, proposal)}" if proposal else ""
    waits = f"waits for another person: '{shown}'" if proposal else "is open"
    typer.echo(f"{channel} {operation} {waits}")


async def _check(clock: Any, channel: str, operation: str) -> None:
    """Refuse what is no operation: a stop with a slip of the pen would stop nothing."""
    from zhangfang.channels import open_channels

    channels = open_channels(Settings(), clock)
    known = {name: sorted(map(str, one.rules)) for name, one in channels.items()}
    for one in channels.values():
        await one.close()
    if channel not in known:
        raise InvalidInput("CHANNEL", f"{channel:.40}", f"one that is set up: {', '.join(known) or 'none'}")
    if operation not in known[channel]:
        raise InvalidInput("OPERATION", f"{operation:.40}", f"of {channel}: {', '.join(known[channel])}")
