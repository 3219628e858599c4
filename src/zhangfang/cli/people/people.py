"""Operators on the command line: they are made by the database's owner, and sign in with their password."""

import os
import sys
from typing import Annotated, Any

import typer

from zhangfang.cli.aligned import aligned
from zhangfang.cli.running import finish, with_person, with_pool
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.settings import Settings

app = typer.Typer(
    help="Who may sign in. Only the database's owner makes operators: who could make one would be two persons.",
    no_args_is_help=True,
)
Name = Annotated[
    str, typer.Argument(metavar="NAME", help="the operator's name; spellings that fold alike are one")
]
Roles = Annotated[
    list[str] | None,
    typer.Option(
        "--role",
        help="support, finance_maker, finance_checker, risk, admin or auditor; repeat it for several",
    ),
]
COLUMNS = ("name", "person", "roles", "since", "disabled")


@app.command()
def add(
    name: Name,
    person: Annotated[
        str | None, typer.Option(help="whose log-in it is, where somebody has several; it stays so")
    ] = None,
    role: Roles = None,
) -> None:
    """Make an operator and print the password, which is kept nowhere. Two log-ins of one person never count as two."""
    from zhangfang.approvals import add_operator

    made, password = as_owner(lambda pool, clock: add_operator(pool, clock, name, person, role or ()))
    typer.echo(f"{made.id} may sign in with the password {password}")


@app.command("list")
def list_() -> None:
    """List the operators."""
    from zhangfang.approvals import operators

    for line in aligned([COLUMNS, *map(_cells, with_pool(lambda pool, _: operators(pool)))], ()):
        typer.echo(line)


@app.command()
def roles(name: Name, role: Roles = None) -> None:
    """Give a person these roles and no others, as the database's owner; without `--role`, none at all."""
    from zhangfang.approvals import set_roles

    given = as_owner(lambda pool, clock: set_roles(pool, clock, name, role or ()))
    typer.echo(f"{name}: {', '.join(given) or 'no role'}")


@app.command("propose-roles")
def propose_roles(
    name: Name, reason: Annotated[str, typer.Option(help="why; it is kept")], role: Roles = None
) -> None:
    """Propose the roles of a person, as an administrator: another one approves them."""
    from zhangfang.approvals import PREFIX
    from zhangfang.approvals import propose_roles as work
    from zhangfang.kernel.ids import prefixed

    made = with_person(lambda pool, clock, by: work(pool, clock, name, role or (), by, reason))
    typer.echo(f"proposed as {prefixed(PREFIX, made)}; another administrator has to approve it")


@app.command()
def limits(
    role: Annotated[str | None, typer.Option(help="whose limit to set; needs the database's owner")] = None,
    what: Annotated[str | None, typer.Option(help="refund, adjustment, cure or write_off")] = None,
    most: Annotated[str | None, typer.Option(help="in yuan")] = None,
) -> None:
    """Show how much each role may refund, adjust, cure and write off, or set one of these limits."""
    from zhangfang.approvals import limits as read
    from zhangfang.approvals import set_limit
    from zhangfang.kernel.money import fen_to_yuan, yuan_to_fen

    given = [one for one in (role, what, most) if one is not None]
    if len(given) == 3:
        fen = yuan_to_fen(given[2], "--most")
        as_owner(lambda pool, clock: set_limit(pool, clock, given[0], given[1], fen))
    elif given:
        raise InvalidInput("--role, --what, --most", f"{len(given)} of them", "all three, or none")
    found = with_pool(lambda pool, _: read(pool))
    lines = [("role", "what", "most"), *((one.role, one.what, fen_to_yuan(one.most)) for one in found)]
    for line in aligned(lines, (2,)):
        typer.echo(line)


@app.command()
def disable(name: Name) -> None:
    """Let an operator in no more: sessions end, and what they proposed waits for others."""
    from zhangfang.approvals import disable_operator

    as_owner(lambda pool, clock: disable_operator(pool, clock, name))
    typer.echo(f"{name} is let in no more")


@app.command()
def reset(name: Name) -> None:
    """Give an operator a new password and print it; a disabled one is let in again."""
    from zhangfang.approvals import reset_password

    password = as_owner(lambda pool, clock: reset_password(pool, clock, name))
    typer.echo(f"{name} signs in with the password {password} from now on")


def sign_in(name: Name) -> None:
    """Sign in for 8 hours: what you do by commands is recorded under your name. Asks for the password, or reads a line of
    standard input where that is no terminal.
    """
    password = (
        typer.prompt("Password", hide_input=True) if sys.stdin.isatty() else sys.stdin.readline().strip()
    )
    who = with_pool(lambda pool, clock: _enter(pool, clock, name, password))
    typer.echo(f"signed in as {who} for 8 hours; `zhangfang sign-out` ends it")


def sign_out() -> None:
    """End the sign-in on this machine."""
    from zhangfang.cli.session import NotSignedIn, forget, held
    from zhangfang.web.auth import log_out

    settings = Settings()
    try:
        token = held(settings)
        with_pool(lambda pool, _: log_out(pool, token))
    except NotSignedIn:
        pass
    forget(settings)
    typer.echo("signed out")


async def _enter(pool: Any, clock: Any, name: str, password: str) -> str:
    from zhangfang.cli import session
    from zhangfang.web.auth import Refused
    from zhangfang.web.login import sign_in as work
    from zhangfang.web.throttle import Caller

    entered = await work(
        pool, clock, name, password, "command line", Caller(f"shell/{os.getuid()}"), session.LIFE
    )
    if isinstance(entered, Refused):
        raise InvalidInput("password", "a wrong name or password, or too many tries", "the operator's")
    session.keep(Settings(), entered)
    return name


def as_owner(work: Any) -> Any:
    """Return what `work` makes of the database, as its owner."""
    from zhangfang.kernel.database import connect

    async def one() -> Any:
        settings = Settings()
        pool = await connect(settings.owner_database, 1)
        try:
            return await work(pool, settings.clock())
        finally:
            pool.terminate()

    return finish(one())


def _cells(one: Any) -> tuple[str, ...]:
    disabled = f"{one.disabled_at:%Y-%m-%d %H:%M}" if one.disabled_at else ""
    return one.name, one.person, " ".join(one.roles), f"{one.created_at:%Y-%m-%d %H:%M}", disabled
