"""A sandbox Lakala (拉卡拉) 3.0: Alipay by APP with Huabei instalments, as far as its open platform is known in public.

Simulated. Where nothing is public, this bank has its own convention: every code that begins with SBX, that a pre-order
sent again is the same one, the notifications' schedule (that of counter orders), the daily file and how it is fetched,
fees, and a cut-off at 23:00.
"""
