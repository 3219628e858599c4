"""Masks the accounts and names in a bank's message before it is stored."""

from zhangfang.kernel.text.masking import masked_account, masked_name, masked_text

# Fields whose value is an account number.
_ACCOUNTS = {
    "accNbr",
    "accnbr",
    "m_accnbr",
    "acctNbr",
    "queryAcctNbr",
    "cardNbr",
    "transCardNbr",
    "dbtAcc",
    "crtAcc",
    "ctpAcctNbr",
    "fatOrSonAccount",
    "sndEac",
    "rcvEac",
}
# Fields whose value is a person's or company's name, mailbox or telephone.
_NAMES = {
    "accnam",
    "c_relnbr",
    "dbtNam",
    "crtNam",
    "ctpAcctName",
    "fatOrSonCompanyName",
    "sndEan",
    "rcvEan",
    "lgnNam",
    "usrNam",
    "usrLgn",
    "ntfCh1",
    "ntfCh2",
}
# Fields whose long digits are numbers of messages or amounts. They are evidence and no account, so they stay.
_EVIDENCE = {
    "yurRef",
    "reqNbr",
    "requestNbr",
    "transSequenceIdn",
    "reqid",
    "rspid",
    "evtIst",
    "bakAppNbr",
    "busNar",
    "sigtim",
    "sigdat",
    "trsAmt",
    "transAmount",
    "acctOnlineBal",
    "debitAmount",
    "creditAmount",
}


def masked(value: object, field: str = "") -> object:
    """Return a copy of a JSON value in which the personal data of the bank's fields is masked."""
    if isinstance(value, dict):
        return {name: masked(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [masked(inner, field) for inner in value]
    if field in _EVIDENCE or value is None or isinstance(value, bool):
        return value
    if field in _ACCOUNTS:
        return masked_account(str(value)) if value else value
    if field in _NAMES:
        return masked_name(str(value)) if value else value
    return masked_text(value) if isinstance(value, str) else value
