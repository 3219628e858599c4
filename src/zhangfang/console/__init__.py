"""The operators' console: server-rendered pages over read models of its own."""

from zhangfang.console.actions import Actions
from zhangfang.console.app import console_app
from zhangfang.console.visit import Console

__all__ = ["Actions", "Console", "console_app"]
