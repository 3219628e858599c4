"""China Merchants Bank by enterprise direct connect (CDC): payouts, their returns, and the account's statement."""

from zhangfang.channels.cmb.client import Cmb
from zhangfang.channels.cmb.config import CmbConfig, make_enterprise_key
from zhangfang.channels.cmb.envelope import NoAnswer, Refused

__all__ = ["Cmb", "CmbConfig", "NoAnswer", "Refused", "make_enterprise_key"]
