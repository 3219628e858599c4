"""Start the bank: `python -m zhangfang_sandbox.genericbank --data DIR --port P --control-port C`."""

import asyncio
import sys
from pathlib import Path

from zhangfang_sandbox.common.process import Parts, arguments, run
from zhangfang_sandbox.genericbank.bank import Bank
from zhangfang_sandbox.genericbank.control import control
from zhangfang_sandbox.genericbank.wire import wire


async def build(folder: Path) -> Parts:
    """Put the bank together."""
    bank = Bank(folder)

    async def watch() -> None:
        """Do what is due also while there are no requests, so that no answer has to wait for much work."""
        while True:
            bank.now()
            await bank.store.committed()
            await asyncio.sleep(0.05)

    async def close() -> None:
        bank.store.close()

    await bank.store.committed()
    return Parts(wire(bank), control(bank), [watch()], close)


def main() -> int:
    """Run until a signal. The exit code is 2 if a port or the folder cannot be used."""
    options = arguments("genericbank").parse_args()
    return run(options, lambda: build(options.data))


if __name__ == "__main__":
    sys.exit(main())
