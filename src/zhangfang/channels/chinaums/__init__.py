"""ChinaUMS (银联商务) open platform: Alipay by APP with Huabei instalments, refund, query, notification and file.

Written from public descriptions of the protocol and never tried against the real platform. Every fact that is not read in
public carries its mark: K general knowledge, G a convention with the sandbox bank.
"""

from zhangfang.channels.chinaums.client import ChinaUms
from zhangfang.channels.chinaums.config import ChinaUmsConfig

__all__ = ["ChinaUms", "ChinaUmsConfig"]
