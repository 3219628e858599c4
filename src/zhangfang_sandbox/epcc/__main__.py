"""`python -m zhangfang_sandbox.epcc`: start the network."""

import sys

from zhangfang_sandbox.common.process import arguments, port_number, run_served
from zhangfang_sandbox.epcc.parts import start


def main() -> int:
    """Serve until told to stop; returns the exit code."""
    parser = arguments("epcc")
    parser.add_argument(
        "--second-port",
        type=port_number,
        default=0,
        help="the wire of the second site; 0 (the default) for the one it had before, or any free port",
    )
    options = parser.parse_args()
    return run_served(
        options.data, lambda: start(options.data, options.port, options.second_port, options.control_port)
    )


if __name__ == "__main__":
    sys.exit(main())
