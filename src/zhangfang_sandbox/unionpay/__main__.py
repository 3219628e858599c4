"""`python -m zhangfang_sandbox.unionpay`: start the bank."""

import sys

from zhangfang_sandbox.common.process import arguments, run
from zhangfang_sandbox.unionpay.parts import build


def main() -> int:
    """Serve until told to stop; returns the exit code."""
    parser = arguments("unionpay")
    parser.add_argument(
        "--null-signatures",
        action="store_true",
        help="for benchmarks: sign with a constant, believe everything",
    )
    options = parser.parse_args()
    if options.null_signatures:
        print(
            "warning: --null-signatures: nothing is signed and every signature is believed", file=sys.stderr
        )
    return run(options, lambda: build(options.data, options.null_signatures))


if __name__ == "__main__":
    sys.exit(main())
