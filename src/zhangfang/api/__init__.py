"""The HTTP API: a table of calls, problem details for errors, and the entry for channels' notifications."""

from zhangfang.api.app import build_app
from zhangfang.api.merchants import admit

__all__ = ["admit", "build_app"]
