"""A week in the form in which the department reports it: as text, as Markdown, and as a paper."""

from collections.abc import Iterator, Sequence

from zhangfang.kernel.clock import in_china
from zhangfang.kernel.money import fen_to_yuan
from zhangfang.papers import Column, Paper, Table
from zhangfang.weekly.model import Breaks, Doubled, Incident, Peak, Release, Report, Unknown, Uptime, Volume
from zhangfang.weekly.rules import DASH, available, by_volume, core, success

COLUMNS = (Column("指标 Figure", 52), Column("数值 Value", 44), Column("说明 Note", 90))
_INCIDENTS = (
    Column("时间 Time", 32), Column("级别 Grade", 14), Column("发现 Found", 46), Column("原因 Cause", 50),
    Column("影响 Effect", 46), Column("处置 Handling", 50),
)  # fmt: skip
Line = tuple[str, str, str]


def lines(report: Report) -> tuple[Line, ...]:
    """Return each figure: its name, its value or a dash, and what it is of."""
    f = report.figures
    left_out = "不计付款人、收款人或余额所致的拒绝 without what payer, payee or balance declined"
    return (
        ("入金有效成功率 Pay-in success", success(f.pay_in), f"{left_out}: {f.pay_in.declined if f.pay_in else DASH}"),
        ("出金有效成功率 Payout success", success(f.payout), _payout_note(f.payout.returned if f.payout else None)),
        ("退款有效成功率 Refund success", success(f.refund), ""),
        ("本周可用性 Availability, week", available(f.uptime), _minutes(f.uptime)),
        ("年度可用性 Availability, year", available(f.year), _minutes(f.year)),
        ("按量可用性 Availability by volume", by_volume(core(f.volume)), _volumes(f.volume)),
        (
            "事故数 Incidents",
            f"AB级 {f.graded('AB')} 次，CD级 {f.graded('CD')} 次",
            f"AB {f.graded('AB')}, CD {f.graded('CD')}; 未定级 not graded {sum(i.grade is None for i in f.incidents)}",
        ),
        ("待查明 Unknown", *_unknown(f.unknown)),
        ("重复收款 Double payments", *_doubled(f.doubled)),
        ("差错 Breaks", *_breaks(f.breaks)),
        ("峰值 Peak", *_peak(f.peak)),
    )  # fmt: skip


def _payout_note(returned: int | None) -> str:
    return f"另有退票 returned after success: {DASH if returned is None else returned}"


def _minutes(one: Uptime) -> str:
    down = f"{one.down_ms // 1000} s"
    return f"自 since {one.first}：已测 measured {one.measured} min，停 down {down}，未测 unmeasured {one.unmeasured} min"


def _unknown(one: Unknown | None) -> tuple[str, str]:
    if one is None:
        return DASH, ""
    took = f"中位 median {_seconds(one.median_ms)}，最长 longest {_seconds(one.longest_ms)}"
    return f"{one.opened}", f"已查明 healed {one.healed}；{took}"


def _volumes(several: Sequence[Volume]) -> str:
    """Say each core operation, the worst first, and the pages, which are no core operation."""
    told = [f"{one.operation} {by_volume([one])}" for one in core(several)]
    pages = [f"页面 pages {by_volume([one])}" for one in several if one.operation == "page"]
    return "；".join(["最差在前 worst first: " + "；".join(told) if told else "", *pages]).strip("；")


def _seconds(ms: int | None) -> str:
    return DASH if ms is None else f"{ms // 1000} s"


def _doubled(one: Doubled | None) -> tuple[str, str]:
    if one is None:
        return DASH, ""
    return f"{one.found}", f"金额 amount {fen_to_yuan(one.fen)}；已处理 healed {one.healed}"


def _breaks(one: Breaks | None) -> tuple[str, str]:
    if one is None:
        return DASH, ""
    age = DASH if one.oldest_days is None else f"{one.oldest_days} d"
    return (
        f"{one.opened}",
        f"已平 cleared {one.cleared}；周末未平 open at the end {one.open}，最老 oldest {age}",
    )


def _peak(one: Peak | None) -> tuple[str, str]:
    if one is None:
        return DASH, ""
    return f"{one.payments} 笔/分 a minute", f"{in_china(one.minute):%Y-%m-%d %H:%M}"


def title(report: Report) -> str:
    """Return the heading: the week's number, its dates, and whether it is over or was restated."""
    f = report.figures
    state = {0: "未结束 not over", 1: ""}.get(report.version, f"第 {report.version} 版重述 restated")
    return f"第{f.week[6:]}周 {f.first} – {f.last}" + (f"（{state}）" if state else "")


def markdown(report: Report) -> str:
    """Return the week as Markdown, in the form of the department's report."""
    return "\n".join(_parts(report)) + "\n"


def _parts(report: Report) -> Iterator[str]:
    f = report.figures
    yield f"# {title(report)}"
    yield "\n## 系统运行数据 Figures\n"
    yield "| 指标 Figure | 数值 Value | 说明 Note |\n|---|---|---|"
    yield from (f"| {' | '.join(line)} |" for line in lines(report))
    yield "\n## 生产稳定性事件 Incidents\n"
    yield from (_told(one) for one in f.incidents)
    if not f.incidents:
        yield "本周无记录 None was recorded."
    yield "\n## 投产与回退 Released and taken back\n"
    for one in f.releases:
        ended = f"；{in_china(one.ended_at):%m-%d %H:%M} 回退 taken back" if one.ended_at else ""
        yield f"- {_named(one)}: {one.reason}{ended}"
    if not f.releases:
        yield "本周无 None."
    yield f"\n截至 as of {in_china(report.as_of):%Y-%m-%d %H:%M} · SHA-256 {report.digest}"


def _named(one: Release) -> str:
    return f"{one.table} {one.version}" if one.version else f"{one.table} {one.about}"


def _told(one: Incident) -> str:
    facts = f"{in_china(one.began_at):%m/%d %H:%M} {one.found} [{_grade(one)}]"
    parts = (("原因", one.cause), ("影响", one.effect), ("处置", one.handling))
    rest = " ".join(f"{name}：{text}" for name, text in parts if text)
    return f"- {facts}\n  {rest}"


def _grade(one: Incident) -> str:
    if one.grade is None:
        return "未定级 not graded"
    return f"{one.grade}级" + ("" if one.decided else "（拟 proposed）")


def text(report: Report) -> Sequence[str]:
    """Return the week as lines for a terminal."""
    told = [f"{name}：{value}" + (f"  ({note})" if note else "") for name, value, note in lines(report)]
    return [title(report), *told, *(_told(one) for one in report.figures.incidents)]


def paper(report: Report) -> Paper:
    """Return the week as a paper."""
    f = report.figures
    tables = [Table("系统运行数据 Figures", COLUMNS, lines(report))]
    if f.incidents:
        rows = [
            (f"{in_china(one.began_at):%m-%d %H:%M}", _grade(one), one.found, one.cause, one.effect, one.handling)
            for one in f.incidents
        ]  # fmt: skip
        tables.append(Table("生产稳定性事件 Incidents", _INCIDENTS, rows))
    facts = [
        ("周 Week", f.week),
        ("日期 Dates", f"{f.first} – {f.last}"),
        ("截至 As of", f"{in_china(report.as_of):%Y-%m-%d %H:%M}"),
    ]
    return Paper(
        f"支付周报 Weekly report {title(report)}", report.as_of, tables, facts, [f"SHA-256 {report.digest}"]
    )
