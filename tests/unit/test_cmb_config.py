"""What a configuration may be, and that it keeps its secrets."""

import re
from typing import Any

import pytest

from zhangfang.channels.cmb import CmbConfig, make_enterprise_key
from zhangfang.kernel.errors import InvalidInput


def fields(**changes: Any) -> dict[str, Any]:
    private, _ = make_enterprise_key()
    good = {
        "uid": "U003736239",
        "base_url": "http://127.0.0.1:8080",
        "account": "755900000010101",
        "private_key": private,
        "bank_public_key": make_enterprise_key()[1],
        "sm4_key": "00112233445566778899aabbccddeeff",
    }
    return good | changes


def test_the_address_is_the_host_and_the_protocols_path() -> None:
    assert CmbConfig(**fields()).url == "http://127.0.0.1:8080/cdcserver/api/v2"
    assert CmbConfig(**fields(base_url="http://[::1]:80/")).url == "http://[::1]:80/cdcserver/api/v2"


@pytest.mark.parametrize(
    "url", ["https://cdc.cmbchina.com", "https://CDC.CMBCHINA.COM:443/", "https://cdc.cmbchina.com."]
)
def test_the_production_host_is_refused_unless_allowed(url: str) -> None:
    with pytest.raises(InvalidInput, match="production"):
        CmbConfig(**fields(base_url=url))
    assert CmbConfig(**fields(base_url=url, allow_production=True)).url.endswith("/cdcserver/api/v2")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("uid", ""),
        ("uid", "U" * 17),
        ("uid", "用户"),
        ("base_url", "ftp://127.0.0.1"),
        ("base_url", "http://127.0.0.1/elsewhere"),
        ("base_url", "http://user:secret@127.0.0.1"),
        ("base_url", "http://127.0.0.1:99999"),
        ("base_url", "http://:80"),
        ("base_url", "http://[::1"),
        ("account", "7559 0000"),
        ("private_key", "00" * 31),
        ("private_key", "00" * 32),
        ("private_key", "ff" * 32),
        ("private_key", "0x" * 32),
        ("bank_public_key", "11" * 64),
        ("bank_public_key", "11" * 33),
        ("sm4_key", "00" * 15),
        ("bus_mod", "1"),
        ("timeout_seconds", 0.0),
    ],
)
def test_a_field_that_cannot_work_is_named_and_its_value_is_not_shown(name: str, value: Any) -> None:
    with pytest.raises(InvalidInput, match=re.escape(f"cmb.{name}")) as raised:
        CmbConfig(**fields(**{name: value}))
    assert not (isinstance(value, str) and len(value) > 4 and value in str(raised.value))


def test_neither_configuration_nor_keys_show_a_secret() -> None:
    config = CmbConfig(**fields())
    shown = repr(config) + repr(config.keys())
    for secret in (config.private_key, config.sm4_key, config.account):
        assert secret not in shown
    for raw in (config.keys().private, config.keys().sm4):
        assert repr(raw) not in shown
