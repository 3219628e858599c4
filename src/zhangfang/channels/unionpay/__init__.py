"""UnionPay's online gateway, ACP 5.1.0: cashier, instalments, collection, payout, refund, void, batches, status query,
notification and file.

Written from public descriptions of the protocol and never tried against the real gateway. Where a fact comes from
one source or from memory, the place that uses it says *unverified*.
"""

from zhangfang.channels.certificates import make_merchant_certificate
from zhangfang.channels.unionpay.client import UnionPay
from zhangfang.channels.unionpay.config import UnionPayConfig
from zhangfang.channels.unionpay.signature import KeyedSigner, RsaSigner, Signer

__all__ = ["KeyedSigner", "RsaSigner", "Signer", "UnionPay", "UnionPayConfig", "make_merchant_certificate"]
