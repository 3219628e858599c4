"""Zhangfang (账房): a payment platform for companies that hold other people's money.

Layers, lowest first: kernel; vault, schema; approvals; ledger, channels, merchants; routing, mandates; payments;
settlement, reconciliation, batches; duplicates; closing, web; api, console; assembly; cli. Imports go downwards only.
"""
