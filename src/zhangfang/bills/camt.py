"""Reads bank statements in ISO 20022 `camt.053.001.08` (BankToCustomerStatement): docs/reference/bills.md has the sources.

Only booked entries of accounts in CNY are read. A document with a DTD or entities is refused before anything is expanded.
"""

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

from defusedxml import DefusedXmlException
from defusedxml import ElementTree as Safe

from zhangfang.bills.model import BillRefused, Statement
from zhangfang.bills.movements import Entry, content, fen, whole

_SPACE = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"
_NS = {"c": _SPACE}
_MOST_STATEMENTS = 1000
_NOTHING = ("", "NOTPROVIDED", "NONREF")
_WAYS = {"CRDT": True, "DBIT": False}


def read_camt(source: Path) -> list[Statement]:
    """Return the statements of a document, in its order. Raises `BillRefused`."""
    try:
        top = Safe.fromstring(content(source), forbid_dtd=True)
    except DefusedXmlException as error:
        raise BillRefused(
            f"the document declares a DTD or entities ({type(error).__name__}); allowed: none"
        ) from None
    except (ET.ParseError, ValueError, LookupError) as error:
        raise BillRefused(f"the document is no XML, or not whole: {error}") from None
    if top.tag != f"{{{_SPACE}}}Document":
        space = str(top.tag).partition("}")[0].removeprefix("{")[-40:]
        raise BillRefused(f"the document is of {space or 'no namespace'}; allowed: camt.053.001.08")
    found = top.findall("c:BkToCstmrStmt/c:Stmt", _NS)
    if not 1 <= len(found) <= _MOST_STATEMENTS:
        raise BillRefused(f"the document has {len(found)} statements; allowed: 1 to {_MOST_STATEMENTS}")
    for pages in (*top.iter(f"{{{_SPACE}}}MsgPgntn"), *top.iter(f"{{{_SPACE}}}StmtPgntn")):
        if (_text(pages, "PgNb"), _text(pages, "LastPgInd")) != ("1", "true"):
            raise BillRefused(
                f"the document is page {_text(pages, 'PgNb')} of several; allowed: a whole statement"
            )
    return [_statement(one) for one in found]


def _statement(one: ET.Element) -> Statement:
    number = _needed(one, "Id", "statement")
    account = _text(one, "Acct/c:Id/c:IBAN") or _needed(
        one, "Acct/c:Id/c:Othr/c:Id", f"statement {number}: account"
    )
    opening = _balance(one, number, "OPBD", "PRCD")
    entries = [
        entry for n, found in enumerate(one.findall("c:Ntry", _NS), 1) for entry in _entries(found, number, n)
    ]
    _check_summary(one, number, entries)
    return whole(number, account, opening, _balance(one, number, "CLBD"), entries)


def _balance(one: ET.Element, number: str, *codes: str) -> int:
    """Return a balance in fen: of the first code that the statement has."""
    for code in codes:
        found = [bal for bal in one.findall("c:Bal", _NS) if _text(bal, "Tp/c:CdOrPrtry/c:Cd") == code]
        if len(found) == 1:
            place = f"statement {number}: balance {code}"
            return _amount(found[0], place) * (1 if _credit(found[0], place) else -1)
        if found:
            raise BillRefused(f"statement {number}: the balance {code} is there {len(found)} times, not once")
    raise BillRefused(f"statement {number}: no balance {' or '.join(codes)}; the statement is not complete")


def _entries(one: ET.Element, number: str, n: int) -> Iterator[Entry]:
    place = f"statement {number}, entry {n}"
    status = _text(one, "Sts/c:Cd") or _text(one, "Sts")
    if status != "BOOK":
        if status not in ("PDNG", "INFO", "FUTR"):
            raise BillRefused(f"{place}: status of {len(status)} characters; allowed: BOOK, PDNG, INFO, FUTR")
        return  # what is not booked moves no balance
    details = one.findall("c:NtryDtls/c:TxDtls", _NS)
    detail = details[0] if len(details) == 1 else None  # an entry of several payments names none of them
    credit = _credit(one, place)
    yield Entry(
        place=place,
        sequence=_text(one, "AcctSvcrRef") or _text(one, "NtryRef") or f"{number}-{n}",
        booked=_booked(one, place),
        amount=_amount(one, place),
        credit=credit,
        reference=_known(detail, "Refs/c:EndToEndId"),
        request_no=_known(detail, "Refs/c:InstrId"),
        counterparty=_known(detail, f"RltdPties/c:{'Dbtr' if credit else 'Cdtr'}/c:Pty/c:Nm"),
        text=_remittance(one, detail),
        reversal=_text(one, "RvslInd") in ("true", "1"),
    )


def _remittance(one: ET.Element, detail: ET.Element | None) -> str:
    told = detail.findall("c:RmtInf/c:Ustrd", _NS) if detail is not None else []
    return " ".join(found.text or "" for found in told).strip() or _text(one, "AddtlNtryInf")


def _check_summary(one: ET.Element, number: str, entries: list[Entry]) -> None:
    """Compare the statement's own counts and sums of entries, where it has them."""
    for name, ways in (("TtlNtries", (True, False)), ("TtlCdtNtries", (True,)), ("TtlDbtNtries", (False,))):
        counted = [entry.amount for entry in entries if entry.credit in ways]
        said = _text(one, f"TxsSummry/c:{name}/c:NbOfNtries"), _text(one, f"TxsSummry/c:{name}/c:Sum")
        place = f"statement {number}: {name}"
        if said[0] and said[0] != str(len(counted)):
            raise BillRefused(f"{place} says {said[0][:15]} entries, and {len(counted)} are booked")
        if said[1] and fen(said[1], place) != sum(counted):
            raise BillRefused(f"{place} says {fen(said[1], place)} fen, and the entries are {sum(counted)}")


def _amount(one: ET.Element, place: str) -> int:
    found = one.find("c:Amt", _NS)
    if found is None or found.get("Ccy") != "CNY":
        raise BillRefused(f"{place}: amount missing, or not in CNY")
    return fen((found.text or "").strip(), f"{place}: amount")


def _credit(one: ET.Element, place: str) -> bool:
    found = _text(one, "CdtDbtInd")
    if found not in _WAYS:
        raise BillRefused(f"{place}: CdtDbtInd of {len(found)} characters; allowed: CRDT, DBIT")
    return _WAYS[found]


def _booked(one: ET.Element, place: str) -> date:
    day, moment = _text(one, "BookgDt/c:Dt"), _text(one, "BookgDt/c:DtTm")
    try:
        return datetime.fromisoformat(moment) if moment else date.fromisoformat(day)
    except ValueError:
        raise BillRefused(f"{place}: BookgDt missing, or no date of ISO 8601") from None


def _known(one: ET.Element | None, path: str) -> str:
    found = _text(one, path) if one is not None else ""
    return "" if found in _NOTHING else found


def _needed(one: ET.Element, path: str, place: str) -> str:
    if not (found := _text(one, path)):
        raise BillRefused(f"{place}: no {path.replace('c:', '')}")
    return found[:64]


def _text(one: ET.Element, path: str) -> str:
    return (one.findtext(f"c:{path}", "", _NS) or "").strip()
