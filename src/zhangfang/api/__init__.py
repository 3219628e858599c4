"""The HTTP API: one table of calls, problem details, and the way in for channels' notifications."""

from zhangfang.api.app import build_app
from zhangfang.api.merchants import admit

__all__ = ["admit", "build_app"]
