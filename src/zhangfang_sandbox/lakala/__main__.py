"""`python -m zhangfang_sandbox.lakala`: start the bank."""

import sys

from zhangfang_sandbox.common.process import arguments, run
from zhangfang_sandbox.lakala.parts import build


def main() -> int:
    """Serve until told to stop; returns the exit code."""
    options = arguments("lakala").parse_args()
    return run(options, lambda: build(options.data))


if __name__ == "__main__":
    sys.exit(main())
