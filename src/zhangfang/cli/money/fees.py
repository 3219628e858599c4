"""Fees on the command line: the rules of a merchant or a channel, a new one for two people to agree, and why."""

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from zhangfang.cli.aligned import aligned
from zhangfang.cli.running import a_day, by_person, with_desk, with_person, with_pool
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import parse, prefixed
from zhangfang.kernel.money import fen_to_yuan

app = typer.Typer(help="Fee rules, and why a payment was charged what it was.", no_args_is_help=True)

Subject = Annotated[
    str, typer.Argument(metavar="SUBJECT", help="mer_…, or a channel's name: its charges are our cost")
]
Month = Annotated[str, typer.Option("--month", help="YYYY-MM")]
_SHOWN = (100_00, 10_000_00)  # fen that a proposed rule is tried on


def month_of(text: str, field: str) -> date:
    """Return the first day of the month that was typed, or raise `InvalidInput`."""
    from zhangfang.fees import month_of as read

    return read(text, field)


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
    borne: Annotated[str, typer.Option(help="merchant; or payer: on top of a purchase's price")] = "merchant",
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
        "borne": borne,
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


@app.command()
def bill(month: Month) -> None:
    """Make the bills of a month that is over, as the timetable does by itself. Again, it changes nothing."""
    from zhangfang.fees import bill_month
    from zhangfang.payments import book

    made = with_desk(
        lambda desk: bill_month(desk.pool, desk.ledger, desk.clock, book, month_of(month, "--month"))
    )
    typer.echo(f"{made} bills made for {month}")


@app.command()
def bills(
    merchant: Annotated[str | None, typer.Option(help="of this merchant alone: mer_…")] = None,
    month: Annotated[str | None, typer.Option(help="of this month alone, YYYY-MM")] = None,
) -> None:
    """List the newest bills; amounts in yuan."""
    from zhangfang.fees import bills as work

    asked = month_of(month, "--month") if month else None
    rows = [("bill", "merchant", "month", "lines", "amount", "state")]
    for one in with_pool(lambda pool, _: work(pool, merchant, asked)):
        rows.append(
            (
                one.shown,
                one.merchant,
                f"{one.month:%Y-%m}",
                str(one.lines),
                fen_to_yuan(one.amount),
                one.state,
            )
        )
    for line in aligned(rows, (3, 4)):
        typer.echo(line)


@app.command()
def take(
    bill_id: Annotated[str, typer.Argument(metavar="BILL", help="bil_…, as `bills` shows it")],
    reason: Annotated[str, typer.Option(help="why; it is kept")],
) -> None:
    """Propose to take a bill from the merchant's available money. Another person has to approve it."""
    from zhangfang.approvals import PREFIX
    from zhangfang.fees import BILL, propose_taking

    id_ = parse(BILL, bill_id, "BILL")
    made = with_person(lambda pool, clock, by: propose_taking(pool, clock, id_, by, reason))
    typer.echo(f"proposed as {prefixed(PREFIX, made)}; another person has to approve it")


@app.command()
def vat(month: Month) -> None:
    """Take the VAT out of a month's fee income (D6). Again, it changes nothing."""
    from zhangfang.fees import separate_vat
    from zhangfang.fees.words import percent
    from zhangfang.payments import book

    done = with_desk(
        lambda desk: separate_vat(desk.pool, desk.ledger, desk.clock, book, month_of(month, "--month"))
    )
    rate = percent(done.rate_ppm)
    typer.echo(f"{month}: income {fen_to_yuan(done.income)}, VAT at {rate} {fen_to_yuan(done.tax)}")


def _written(out: Path, month: str) -> None:
    from zhangfang import papers
    from zhangfang.fees import sheet

    form = out.suffix.removeprefix(".")
    if form not in papers.FORMS:
        raise InvalidInput("--out", f"a name that ends in {out.suffix!r}", ", ".join(papers.FORMS))
    made = with_pool(lambda pool, clock: sheet(pool, clock, month_of(month, "--month")))
    with out.open("wb") as file:
        papers.write(form, made, file)
    typer.echo(f"{len(list(made.tables[0].rows))} lines written to {out}")


@app.command()
def margin(
    month: Month,
    lines: Annotated[
        bool, typer.Option("--lines", help="each line whose charge differs from the channel's rules")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="a file to write payment by payment: .csv, .xlsx or .pdf")
    ] = None,
) -> None:
    """Show a month's income beside the channels' charges, by channel and merchant; amounts in yuan."""
    from zhangfang.fees import margin as work

    if out is not None:
        _written(out, month)
        return
    sums, differing = with_pool(lambda pool, _: work(pool, month_of(month, "--month")))
    rows: list[tuple[str, ...]] = [
        ("channel", "merchant", "lines", "amount", "income", "charged", "expected", "differ", "no rule")
    ]
    for one in sums:
        figures = map(fen_to_yuan, (one.amount, one.income, one.charged, one.expected))
        rows.append(
            (one.channel, one.merchant, str(one.lines), *figures, str(one.differing), str(one.without_rule))
        )
    for line in aligned(rows, range(2, 9)):
        typer.echo(line)
    for cost in differing if lines else ():
        said = f"charged {fen_to_yuan(cost.charged)}, expected {fen_to_yuan(cost.expected or 0)}"
        typer.echo(
            f"{cost.channel} {cost.settle_date} line {cost.line_no}: {cost.kind} {cost.order_no}: {said}"
        )
