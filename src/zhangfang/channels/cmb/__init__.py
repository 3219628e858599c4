"""China Merchants Bank by enterprise direct connect (CDC): payouts alone and in batches, returns, notices, statement."""

from zhangfang.channels.cmb.client import Cmb
from zhangfang.channels.cmb.config import CmbConfig, make_enterprise_key, public_key_of
from zhangfang.channels.cmb.envelope import Refused

__all__ = ["Cmb", "CmbConfig", "Refused", "make_enterprise_key", "public_key_of"]
