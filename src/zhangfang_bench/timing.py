"""The seconds of one step of a benchmark, said while the others run."""

import time
from collections.abc import Awaitable
from typing import Any

from rich.console import Console


async def timed(what: str, work: Awaitable[Any]) -> float:
    """Wait for `work`, say on stderr how many seconds it took, and return them."""
    began = time.perf_counter()
    await work
    took = time.perf_counter() - began
    Console(stderr=True).print(f"{what}: {took:.1f} s", markup=False)
    return took
