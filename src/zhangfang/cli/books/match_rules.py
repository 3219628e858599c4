"""Match rules on the command line: which files bank lines may pay together. One person proposes, another approves."""

from typing import Annotated

import typer

from zhangfang.cli.aligned import aligned
from zhangfang.cli.running import by_person, with_pool
from zhangfang.kernel.ids import prefixed

app = typer.Typer(help="Which channels' files bank lines may pay together.", no_args_is_help=True)

COLUMNS = (
    "id", "account", "says", "version", "channels", "days", "lines", "apart", "same text", "made by", "ended by",
)  # fmt: skip
Reason = Annotated[str, typer.Option(help="why, for the person who approves it")]


@app.command("list")
def list_(
    every: Annotated[bool, typer.Option("--all", help="list those that ended too")] = False,
) -> None:
    """List the rules in force, by account and text."""
    from zhangfang.reconciliation import list_rules

    rows = with_pool(lambda pool, _: list_rules(pool, every=every))
    cells = [
        (
            str(row["id"]), row["account"], row["says"], str(row["version"]), ",".join(row["channels"]),
            *(str(row[name]) for name in ("days", "lines", "apart")), "yes" if row["same_text"] else "no",
            row["made_by"], row["ended_by"] or "",
        )
        for row in rows
    ]  # fmt: skip
    for line in aligned([COLUMNS, *cells], right=(3, 5, 6, 7)):
        typer.echo(line)


@app.command()
def propose(
    account: Annotated[str, typer.Option(help="our account, by the name that it has in the ledger")],
    says: Annotated[str, typer.Option(help="what stands in the line's counterparty or text")],
    channel: Annotated[list[str], typer.Option(help="a channel whose files it may pay; may be given again")],
    reason: Reason,
    days: Annotated[int, typer.Option(help="how many days before the line a file's date may lie")] = 3,
    lines: Annotated[int, typer.Option(help="how many lines may pay together, at most 5")] = 1,
    apart: Annotated[int, typer.Option(help="how many days after the first of them the last may come")] = 0,
    same_text: Annotated[
        bool, typer.Option("--same-text", help="only lines with the first one's text")
    ] = False,
    replaces: Annotated[str, typer.Option(help="the id of the rule of which this is a new version")] = "",
) -> None:
    """Propose a rule. Lines pay the files whose net amounts come to theirs, if there is one such set and no other."""
    from zhangfang.approvals import PREFIX
    from zhangfang.reconciliation import MatchRule, propose_rule

    wanted = MatchRule(account, tuple(channel), says, days, replaces, lines, apart, same_text)
    made = by_person(
        lambda desk, by: propose_rule(desk.pool, desk.clock, wanted, tuple(desk.acquirers), by, reason)
    )
    typer.echo(f"the rule is proposed as {prefixed(PREFIX, made)}; another person has to approve it")


@app.command()
def end(
    rule: Annotated[str, typer.Argument(metavar="ID", help="the rule's id, as `list` shows it")],
    reason: Reason,
) -> None:
    """Propose that a rule ends. What it has matched stays."""
    from zhangfang.approvals import PREFIX
    from zhangfang.reconciliation import MatchRule, propose_rule

    made = by_person(
        lambda desk, by: propose_rule(desk.pool, desk.clock, MatchRule(ends=rule), (), by, reason)
    )
    typer.echo(f"its end is proposed as {prefixed(PREFIX, made)}; another person has to approve it")
