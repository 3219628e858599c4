"""Starts sandbox banks quickly: modules are imported once, and each bank is a forked process that is killed on its own.

Each JSON line on standard input, `{"bank", "data", "ports", "log"}`, starts one bank; the answer has its process id.
"""

import contextlib
import importlib
import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from zhangfang.kernel.postgres import die_with_parent

PORTS = ("--port", "--control-port", "--second-port")


def main() -> int:
    """Serve until standard input ends; every bank ends with this process."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the system removes ended children
    leash = die_with_parent() or (lambda: None)
    for line in sys.stdin:
        asked = json.loads(line)
        bank = importlib.import_module(f"zhangfang_sandbox.{asked['bank']}.__main__")
        child = os.fork()
        if child == 0:
            _become(bank, asked, leash)
        print(json.dumps({"pid": child}), flush=True)
    return 0


def _become(bank: Any, asked: dict[str, Any], leash: Callable[[], None]) -> None:
    code = 1
    with contextlib.suppress(BaseException):
        leash()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        out = os.open(asked["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for here, there in ((nothing, 0), (out, 1), (out, 2)):
            os.dup2(here, there)
        sys.argv = [asked["bank"], "--data", asked["data"]]
        for option, port in zip(PORTS, asked["ports"], strict=False):
            sys.argv += [option, str(port)]
        code = bank.main()
    os._exit(code)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):  # the simulator was interrupted
        sys.exit(main())
