"""Fees on the command line: the rules of a merchant or a channel, a new one for two people to agree, and why."""

from typing import Annotated

import typer

from zhangfang.cli.running import a_day, by_person, with_pool
from zhangfang.kernel.ids import parse, prefixed
from zhangfang.kernel.money import fen_to_yuan

app = typer.Typer(help="Fee rules, and why a payment was charged what it was.", no_args_is_help=True)

Subject = Annotated[
    str, typer.Argument(metavar="SUBJECT", help="mer_…, or a channel's name: its charges are our cost")
]
_SHOWN = (100_00, 10_000_00)  # fen that a proposed rule is tried on


@app.command("list")
def list_(subject: Subject) -> None:
    """List the rules of a merchant or a channel, those to come too, in words."""
    from zhangfang.fees import rule_in_words, rules_of

    for rule in with_pool(lambda pool, _: rules_of(pool, subject)):
        typer.echo(rule_in_words(rule, "en"))


@app.command()
def propose(
    subject: Subject,
    kind: Annotated[str, typer.Argument(help="purchase, collection or payout")],
    from_: Annotated[str, typer.Option("--from", help="the first day, YYYY-MM-DD: tomorrow at the earliest")],
    rate_ppm: Annotated[int, typer.Option(help="parts per million: 6000 is 0.6 %")],
    reason: Annotated[str, typer.Option(help="why; it is kept")],
    fixed_fen: Annotated[int, typer.Option(help="fen added for each payment")] = 0,
    min_fen: Annotated[int, typer.Option(help="at least so many fen")] = 0,
    max_fen: Annotated[int | None, typer.Option(help="at most so many fen")] = None,
    until: Annotated[str | None, typer.Option(help="the last day: of a discount")] = None,
    channel: Annotated[str, typer.Option(help="only by this channel")] = "",
    product: Annotated[str, typer.Option(help="only cashier, or only alipay_app")] = "",
    instalments: Annotated[
        int | None, typer.Option(help="only in so many instalments; 0: paid at once")
    ] = None,
    account_type: Annotated[str, typer.Option(help="only credit, say, or personal/I/credit")] = "",
    fee_by: Annotated[str, typer.Option(help="only if payer, or merchant, bears the instalments")] = "",
    tier: Annotated[list[str] | None, typer.Option(help="OVER_FEN:PPM, once for each tier, rising")] = None,
    tiers_by: Annotated[str, typer.Option(help="amount, or month: by the month's volume")] = "amount",
    tiers_how: Annotated[
        str, typer.Option(help="marginal: each part at its rate; whole: all at one")
    ] = "marginal",
    taken: Annotated[str, typer.Option(help="success, settlement, month or available")] = "success",
    on_refund: Annotated[str, typer.Option(help="share, kept or whole; nothing: by the terms")] = "",
) -> None:
    """Propose a rule. Nothing changes before another person approves it, and nothing before its first day."""
    from zhangfang.approvals import PREFIX
    from zhangfang.fees import propose_rule, rule_in_words, sum_in_words
    from zhangfang.fees.reading import rule_of

    given = {
        "kind": kind, "rate_ppm": rate_ppm, "fixed_fen": fixed_fen, "min_fen": min_fen, "max_fen": max_fen,
        "effective_from": a_day(from_, "--from"), "until": a_day(until, "--until") if until else None,
        "channel": channel, "product": product, "instalments": instalments, "account_type": account_type,
        "fee_by": fee_by, "tiers_by": tiers_by, "tiers_how": tiers_how, "taken": taken, "on_refund": on_refund,
    }  # fmt: skip
    rule = rule_of(given, tier or [])
    id_ = by_person(
        lambda desk, by: propose_rule(desk.pool, desk.clock, desk.channels, subject, rule, by, reason)
    )
    typer.echo(rule_in_words(rule, "en"))
    if rule.tiers_by == "amount":
        for amount in _SHOWN:
            typer.echo(f"  {fen_to_yuan(amount)} would cost: {sum_in_words(rule, amount, 'en')}")
    typer.echo(f"proposed as {prefixed(PREFIX, id_)}; another person has to approve it")


@app.command()
def why(
    id_: Annotated[str, typer.Argument(metavar="ID", help="pay_…, ref_… or pot_…")],
    zh: Annotated[bool, typer.Option("--zh", help="in Chinese")] = False,
) -> None:
    """Explain the fee of a payment, a refund or a payout: by which rule, and how it was worked out."""
    from zhangfang.fees import why as work

    found = with_pool(lambda pool, _: work(pool, parse(id_.partition("_")[0], id_)))
    lang = "zh" if zh else "en"
    typer.echo(f"{found.kind} {fen_to_yuan(found.amount)}, fee {fen_to_yuan(found.fee)}")
    by = "named by the payment" if found.stored else "by the rules of its date"
    typer.echo(f"  rule: {found.rule_words[lang]} ({by})" + (f", id {found.rule}" if found.rule else ""))
    typer.echo(f"  {found.words[lang]}")
