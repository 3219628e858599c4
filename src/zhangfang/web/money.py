"""Fen as people read them, written here and nowhere else. Integers only; what is not known is a dash, never a zero."""

from markupsafe import Markup

from zhangfang.kernel.money import fen_to_yuan

MINUS = "−"
UNREAD = "—"


def money(fen: int | None, symbol: bool = False) -> Markup:
    """Return `<span class="amt">1,234.56</span>` for 123456, with ¥ before it if `symbol`; — for None."""
    if fen is None:
        return Markup('<span class="amt none">{}</span>').format(UNREAD)
    yuan, _, cents = fen_to_yuan(abs(fen)).partition(".")
    return Markup('<span class="amt">{}{}{:,}<span class="f">.{}</span></span>').format(
        MINUS if fen < 0 else "", Markup('<span class="y">¥</span>') if symbol else "", int(yuan), cents
    )
