"""Match rules on the command line: which files a bank line may pay together. One person proposes, another approves."""

from typing import Annotated

import typer

from zhangfang.cli.aligned import aligned
from zhangfang.cli.running import by_person, with_pool
from zhangfang.kernel.ids import prefixed

app = typer.Typer(help="Which channels' files a bank line may pay together.", no_args_is_help=True)

COLUMNS = ("id", "account", "says", "channels", "days", "made by")
Reason = Annotated[str, typer.Option(help="why, for the person who approves it")]


@app.command("list")
def list_() -> None:
    """List the rules that are in force, oldest first."""
    from zhangfang.reconciliation import list_rules

    rows = with_pool(lambda pool, _: list_rules(pool))
    cells = [
        (
            str(row["id"]),
            row["account"],
            row["says"],
            ",".join(row["channels"]),
            str(row["days"]),
            row["made_by"],
        )
        for row in rows
    ]
    for line in aligned([COLUMNS, *cells], right=(4,)):
        typer.echo(line)


@app.command()
def propose(
    account: Annotated[str, typer.Option(help="our account, by the name that it has in the ledger")],
    says: Annotated[str, typer.Option(help="what stands in the line's counterparty or text")],
    channel: Annotated[list[str], typer.Option(help="a channel whose files it may pay; may be given again")],
    reason: Reason,
    days: Annotated[int, typer.Option(help="how many days before the line a file's date may lie")] = 3,
) -> None:
    """Propose a rule. A line pays the files whose net amounts come to its own, if there is one such set and no other."""
    from zhangfang.approvals import PREFIX
    from zhangfang.reconciliation import MatchRule, propose_rule

    wanted = MatchRule(account, tuple(channel), says, days)
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
