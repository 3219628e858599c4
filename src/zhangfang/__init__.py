"""Zhangfang (账房): a payment platform for companies that hold other people's money.

Contexts, from the ground up: kernel; vault and schema; ledger, channels and merchants; payments; settlement and
reconciliation; operations; api and portal; cli. Each imports only what lies below it.
"""
