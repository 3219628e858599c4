"""The ledger with a long history: the stream `hot` is very long, and then the writer is started again."""

from typing import Any

import numpy as np

from zhangfang_bench.ledger.running import Ran, checked, drive, figures, running, stopped
from zhangfang_bench.ledger.sending import Show, sender
from zhangfang_bench.ledger.server import LedgerServer, verified
from zhangfang_bench.ledger.workloads import Workload


def behind(server: LedgerServer, workload: Workload, part: int, in_flight: int, show: Show) -> dict[str, Any]:
    """Send a stream whose frames are made while sending; return the rate of each `part`, and the times of the starts
    after it.

    At the end the writer is killed and started, then stopped normally and started again.
    """
    with running(server, "behind") as writer:
        tick = show("behind", workload.transfers)
        ran = drive(writer, workload, workload.frames(), sender(in_flight), tick)
        writer.kill()
        after_kill = writer.start()
        found = figures(ran) | stopped(writer, ran)
        after_stop = writer.start()
        writer.stop()
        found |= checked(ran, show("behind: oracle", workload.transfers)) | {"verify": verified(writer.home)}
        starts = {"after_kill": round(after_kill, 2), "after_stop": round(after_stop, 2)}
        return found | {"start_seconds": starts, "parts": parts(ran, part)}


def parts(ran: Ran, part: int) -> list[dict[str, Any]]:
    """Return the rate of each part of a stream, and the writer's memory at its end."""
    sizes = np.array(ran.workload.sizes)
    done = np.concatenate(([0], np.cumsum(sizes)))
    ends = np.arange(0, done[-1] + 1, part)
    came = np.interp(ends, done, [0.0, *sorted(ran.sent.came)])
    seconds, memory = zip(*ran.memory, strict=True)
    return [
        {
            "transfers": int(end),
            "transfers_per_s": round(part / took),
            "writer_mb": round(float(np.interp(at, seconds, memory)), 1),
        }
        for end, took, at in zip(ends[1:], np.diff(came), came[1:], strict=True)
    ]
