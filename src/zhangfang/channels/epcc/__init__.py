"""EPCC-style: agreement payment (协议支付) as NetsUnion's members speak it, pieced together from public facts.

The network's specification is for members only. What is here is an approximation: plausible on the wire, not fit to be
certified against. Where nothing public was found, the place that uses it says convention [G] or unverified [K].
"""

from zhangfang.channels.epcc.certificates import make_key_and_request
from zhangfang.channels.epcc.client import Epcc
from zhangfang.channels.epcc.config import EpccConfig

__all__ = ["Epcc", "EpccConfig", "make_key_and_request"]
