"""The column maps that ship with the platform, one file each in the folder `maps`."""

import tomllib
from collections.abc import Mapping
from importlib.resources import files

import msgspec

from zhangfang.bills.check import checked
from zhangfang.bills.model import ColumnMap


def _shipped() -> dict[str, ColumnMap]:
    texts = sorted(
        one.name for one in files(__package__).joinpath("maps").iterdir() if one.name.endswith(".toml")
    )
    held = [tomllib.loads(files(__package__).joinpath("maps", name).read_text("utf-8")) for name in texts]
    return {one["name"]: checked(msgspec.convert(one, ColumnMap)) for one in held}


SHIPPED: Mapping[str, ColumnMap] = _shipped()
