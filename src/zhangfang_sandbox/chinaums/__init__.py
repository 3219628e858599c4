"""A sandbox ChinaUMS (银联商务): Alipay by APP with Huabei instalments, as far as its open platform is known in public.

Simulated. Where nothing is public, this bank has its own convention: DUP_ORDER, the retry list of notifications, the
daily file and how it is fetched, fees, and a cut-off at 23:00.
"""
