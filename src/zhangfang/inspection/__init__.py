"""Inspection (迎检): one signed package of a period's books, acts and releases, checked with Python's standard library."""

from zhangfang.inspection.keys import KEY_FILE, key_of, public_digest, public_pem
from zhangfang.inspection.package import Packed, export

__all__ = ["KEY_FILE", "Packed", "export", "key_of", "public_digest", "public_pem"]
