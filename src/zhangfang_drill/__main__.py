"""`python -m zhangfang_drill simulate …` and `python -m zhangfang_drill run 4|5 …`; `zhangfang` starts it as a process."""

import argparse
import logging
import sys
from pathlib import Path

import structlog


def main() -> int:
    """Run what the options say; return the exit code."""
    options = _options().parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.getLogger("uvicorn").addHandler(logging.NullHandler())
    logging.getLogger("uvicorn").propagate = False
    code: int = options.run(options)
    return code


def _simulate(options: argparse.Namespace) -> int:
    from zhangfang_drill.adapters import ADAPTERS
    from zhangfang_drill.simulate import simulate

    channels = tuple(filter(None, options.channels.split(","))) or tuple(ADAPTERS)
    if unknown := set(channels) - set(ADAPTERS):
        print(
            f"--channels: got {', '.join(sorted(unknown))}; allowed: {', '.join(ADAPTERS)}", file=sys.stderr
        )
        return 2
    if absent := {ADAPTERS[name].pays_into for name in channels} - {"", *channels}:
        wanted = f"{', '.join(sorted(absent))} too, where the money of the others arrives"
        print(f"--channels: got {', '.join(channels)}; needed: {wanted}", file=sys.stderr)
        return 2
    channels = tuple(name for name in ADAPTERS if name in channels)
    return simulate(options.days, options.seed, channels, options.json)


def _drill(options: argparse.Namespace) -> int:
    from zhangfang_drill.drills import run

    return run(options.number, guard=options.guard == "on", out=options.json)


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="zhangfang_drill")
    commands = parser.add_subparsers(required=True)
    days = commands.add_parser("simulate")
    days.set_defaults(run=_simulate)
    days.add_argument("--days", type=int, required=True)
    days.add_argument("--seed", type=int, required=True)
    days.add_argument("--channels", default="")
    days.add_argument("--json", type=Path)
    drill = commands.add_parser("run")
    drill.set_defaults(run=_drill)
    drill.add_argument("number", type=int, choices=(4, 5))
    drill.add_argument("--guard", choices=("on", "off"), required=True)
    drill.add_argument("--json", type=Path)
    return parser


if __name__ == "__main__":
    sys.exit(main())
