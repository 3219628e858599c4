"""The HTTP server of API and console: uvicorn, with bounds of our own (decision 0032)."""

import gc
import resource
from functools import partial
from typing import Any

import uvicorn
from starlette.applications import Starlette

from zhangfang.assembly.server.guest import Guest
from zhangfang.assembly.server.hall import Bounds, Hall

__all__ = ["Bounds", "run_app", "wiring"]

BOUNDS = Bounds()


def run_app(app: Starlette, host: str, port: int, bounds: Bounds = BOUNDS) -> None:
    """Run an application the way the API runs: one process, uvloop and httptools."""
    gc.freeze()  # what was imported stays; only what requests leave behind is looked through, and less often
    gc.set_threshold(20_000, 20, 20)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a connection is a descriptor
    uvicorn.run(app, host=host, port=port, loop="uvloop", timeout_graceful_shutdown=3, **wiring(bounds))


def wiring(bounds: Bounds) -> dict[str, Any]:
    """Return what makes a server of uvicorn ours, whatever loop it runs on."""
    return {
        "http": partial(Guest, Hall(bounds)),
        "ws": "none",
        "log_level": "error",  # what callers do wrong is no line of ours
        "access_log": False,
        "proxy_headers": False,  # nobody in front of it is trusted to say who calls
        "server_header": False,
    }
