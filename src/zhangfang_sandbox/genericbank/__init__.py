"""A sandbox bank for the generic bank-direct connector. No real bank speaks like this: the protocol is invented [G].

It stands for banks whose own specification is not public. Its shape (transaction code, client serial number, payee's
account type, acknowledgement, query by serial, statement) is that of the trade; every name and code in it is ours.
"""
