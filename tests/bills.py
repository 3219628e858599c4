"""Bills for tests, made in code: lines of a day, written in each layout as the channels write them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from zhangfang.kernel.money import fen_to_yuan

DAY = date(2026, 9, 1)
ALIPAY_HEAD = (
    "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,订单金额（元）,商家实收（元）,"
    "支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,券名称,商家红包消费金额（元）,卡消费金额（元）,"
    "退款批次号/请求号,服务费（元）,分润（元）,备注"
)
WECHAT_HEAD = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,"
    "代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注"
)
WECHAT_FOOT = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"


@dataclass(frozen=True)
class Trade:
    """A payment, or (with `refund_no`) a refund of it; amounts in fen. `fee` is what the channel takes."""

    order_no: str
    amount: int
    fee: int = 0
    refund_no: str = ""
    ref: str = "4200001"
    note: str = ""
    at: str = f"{DAY} 10:00:00"


def ins(trades: Sequence[Trade]) -> list[Trade]:
    return [one for one in trades if not one.refund_no]


def outs(trades: Sequence[Trade]) -> list[Trade]:
    return [one for one in trades if one.refund_no]


def total(trades: Sequence[Trade]) -> int:
    return sum(one.amount for one in trades)


def alipay(trades: Sequence[Trade]) -> str:
    """Write the bill of trades of Alipay, as text."""
    rows = [_alipay_row(one) for one in trades]
    got, back = ins(trades), outs(trades)
    return "\r\n".join([
        "#支付宝业务明细查询",
        "#账号：[20880000000000000156]",
        f"#起始日期：[{DAY:%Y年%m月%d日} 00:00:00]   终止日期：[{DAY:%Y年%m月%d日} 24:00:00]",
        "#-----------------------------------------业务明细列表----------------------------------------",
        ALIPAY_HEAD,
        *rows,
        "#-----------------------------------------业务明细列表结束------------------------------------",
        f"#交易合计：{len(got)}笔，商家实收共{fen_to_yuan(total(got))}元，商家优惠共0.00元",
        f"#退款合计：{len(back)}笔，商家实收退款共{fen_to_yuan(-total(back))}元，商家优惠退款共0.00元",
        "#导出时间：[2026年09月02日 06:27:10]",
        "",
    ])  # fmt: skip


def _alipay_row(one: Trade) -> str:
    amount = fen_to_yuan(-one.amount if one.refund_no else one.amount)
    kind, number = ("退款", f"{one.refund_no}\t") if one.refund_no else ("交易", "")
    return (
        f"{one.ref}\t,{one.order_no}\t,{kind}\t,租金,{DAY} 00:00:01,{one.at},\t,\t,\t,\t,*三(182****01)\t,{amount},{amount},"
        f"0.00,0.00,0.00,0.00,0.00,,0.00\t,0.00,{number},{fen_to_yuan(-one.fee)},0.00,{one.note}"
    )


def wechat(trades: Sequence[Trade]) -> str:
    """Write the bill of trades of WeChat Pay, as text."""
    got, back = fen_to_yuan(total(ins(trades))), fen_to_yuan(total(outs(trades)))
    fee = fen_to_yuan(sum(one.fee for one in trades))
    foot = [str(len(trades)), got, back, "0.00", f"{fee}000", got, back]
    return "\r\n".join([
        WECHAT_HEAD, *(_wechat_row(one) for one in trades), WECHAT_FOOT, ",".join(f"`{cell}" for cell in foot), "",
    ])  # fmt: skip


def _wechat_row(one: Trade) -> str:
    amount = fen_to_yuan(one.amount)
    got, back = ("0.00", amount) if one.refund_no else (amount, "0.00")
    cells = [
        one.at, "wx0", "1900000001", "0", "", one.ref, one.order_no, "openid", "JSAPI",
        "REFUND" if one.refund_no else "SUCCESS", "OTHERS", "CNY", got, "0.00",
        "5000" if one.refund_no else "0", one.refund_no or "0", back, "0.00", "ORIGINAL" if one.refund_no else "", "",
        '5" 水管', one.note, f"{fen_to_yuan(one.fee)}000", "0.60%", got, back, "",
    ]  # fmt: skip
    return ",".join(f"`{cell}" for cell in cells)


@dataclass(frozen=True)
class Move:
    """A movement of a bank account: fen, below zero for a debit."""

    signed: int
    ref: str
    reference: str = ""
    text: str = ""
    reversal: bool = False
    day: date = DAY


def camt(
    opening: int, moves: Sequence[Move], number: str = "S-1", closing: int | None = None, extra: str = ""
) -> str:
    """Write a statement in camt.053.001.08."""
    end = opening + sum(one.signed for one in moves) if closing is None else closing
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><GrpHdr><MsgId>M</MsgId></GrpHdr>'
        f"<Stmt><Id>{number}</Id>{extra}<Acct><Id><Othr><Id>7559000000000001</Id></Othr></Id><Ccy>CNY</Ccy></Acct>"
        f"{_camt_balance('OPBD', opening)}{_camt_balance('CLBD', end)}{''.join(map(_camt_entry, moves))}</Stmt>"
        "</BkToCstmrStmt></Document>"
    )


def _camt_balance(code: str, fen: int) -> str:
    return f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>{_camt_amount(fen)}<Dt><Dt>{DAY}</Dt></Dt></Bal>"


def _camt_amount(fen: int) -> str:
    way = "CRDT" if fen >= 0 else "DBIT"
    return f'<Amt Ccy="CNY">{fen_to_yuan(abs(fen))}</Amt><CdtDbtInd>{way}</CdtDbtInd>'


def _camt_entry(one: Move) -> str:
    return (
        f"<Ntry>{_camt_amount(one.signed)}<RvslInd>{str(one.reversal).lower()}</RvslInd><Sts><Cd>BOOK</Cd></Sts>"
        f"<BookgDt><Dt>{one.day}</Dt></BookgDt><AcctSvcrRef>{one.ref}</AcctSvcrRef><NtryDtls><TxDtls><Refs>"
        f"<EndToEndId>{one.reference or 'NOTPROVIDED'}</EndToEndId></Refs><RmtInf><Ustrd>{one.text}</Ustrd></RmtInf>"
        "</TxDtls></NtryDtls></Ntry>"
    )


def mt940(
    opening: int, moves: Sequence[Move], number: str = "00042", pages: int = 1, closing: int | None = None
) -> str:
    """Write a statement in MT940, on so many pages."""
    per = -(-len(moves) // pages) or 1
    said, balance = [], opening
    for page in range(pages):
        part = moves[page * per : (page + 1) * per]
        before, balance = balance, balance + sum(one.signed for one in part)
        first, last = page == 0, page == pages - 1
        end = balance if closing is None or not last else closing
        said += [
            ":20:REF1", ":25:755900/7559000000000001", f":28C:{number}/{page + 1:03}",
            f":60{'F' if first else 'M'}:{_mt_balance(before)}", *(line for one in part for line in _mt_lines(one)),
            f":62{'F' if last else 'M'}:{_mt_balance(end)}", "-",
        ]  # fmt: skip
    return "\r\n".join([*said, ""])


def _mt_balance(fen: int) -> str:
    return f"{'C' if fen >= 0 else 'D'}{DAY:%y%m%d}CNY{fen_to_yuan(abs(fen)).replace('.', ',')}"


def _mt_lines(one: Move) -> list[str]:
    credit = one.signed > 0
    mark = ("RD" if credit else "RC") if one.reversal else ("C" if credit else "D")
    amount = fen_to_yuan(abs(one.signed)).replace(".", ",")
    return [
        f":61:{one.day:%y%m%d}{one.day:%m%d}{mark}{amount}NTRF{one.reference or 'NONREF'}//{one.ref}",
        f":86:{one.text}",
    ]
