"""A generic bank-direct connector, for banks without a public specification. The protocol is invented: see `messages`."""

from zhangfang.channels.genericbank.client import GenericBank
from zhangfang.channels.genericbank.config import GenericBankConfig
from zhangfang.channels.genericbank.signature import make_client_key, public_pem_of

__all__ = ["GenericBank", "GenericBankConfig", "make_client_key", "public_pem_of"]
