"""What a merchant of UnionPay has to know to speak to the gateway."""

from dataclasses import dataclass, field

from zhangfang.channels.checks import host_of, refuse_production
from zhangfang.kernel.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class UnionPayConfig:
    """One merchant's access to the gateway; certificates and keys are PEM text.

    `base_url` is the gateway without a path, `file_url` the download host, `back_url` where notifications arrive
    (at most 256 characters). `root_pem` and `middle_pem` are the only trusted chain; `encrypt_cert_pem` is
    UnionPay's certificate for account numbers. `timeout_seconds` covers one whole exchange.
    """

    mer_id: str
    base_url: str
    file_url: str
    back_url: str
    sign_key_pem: str = field(repr=False)
    sign_cert_pem: str = field(repr=False)
    root_pem: str = field(repr=False)
    middle_pem: str = field(repr=False)
    encrypt_cert_pem: str = field(repr=False)
    timeout_seconds: float = 5.0
    allow_production: bool = False

    def __post_init__(self) -> None:
        """Refuse a merchant number or host of a wrong form, and the real bank unless it is allowed."""
        if not (self.mer_id.isascii() and self.mer_id.isalnum() and len(self.mer_id) == 15):
            raise InvalidInput("mer_id", f"{len(self.mer_id)} characters", "15 letters or digits")
        for name, url in (("base_url", self.base_url), ("file_url", self.file_url)):
            host = host_of(name, url)
            is_production = host.endswith(".95516.com") and not host.endswith(".test.95516.com")
            if is_production and not self.allow_production:
                refuse_production(name, "UnionPay's")
