"""`python -m zhangfang_sandbox.chinaums`: start the bank."""

import sys

from zhangfang_sandbox.chinaums.parts import build
from zhangfang_sandbox.common.process import arguments, run


def main() -> int:
    """Serve until told to stop; returns the exit code."""
    options = arguments("chinaums").parse_args()
    return run(options, lambda: build(options.data))


if __name__ == "__main__":
    sys.exit(main())
