"""Lakala (拉卡拉) open platform 3.0: Alipay by APP with Huabei instalments, refund, void, query, notification and file.

Written from public descriptions of the protocol and never tried against the real platform. Every fact that is not read in
public carries its mark: C sources conflict, K general knowledge, G a convention with the sandbox bank.
"""

from zhangfang.channels.certificates import make_merchant_certificate
from zhangfang.channels.lakala.client import Lakala
from zhangfang.channels.lakala.config import LakalaConfig

__all__ = ["Lakala", "LakalaConfig", "make_merchant_certificate"]
