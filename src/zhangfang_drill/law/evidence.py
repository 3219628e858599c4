"""The evidence at a drill's end: what the auditor, started as a separate program, reports."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from zhangfang.kernel.clock import set_clock
from zhangfang_drill.world.world import World


async def ledger_evidence(world: World) -> dict[str, Any]:
    """Run the auditor's two checks: balances from the ledger's history, and all books against the banks'."""
    set_clock(world.house.home / "clock.json", world.clock.now(), 0)  # the auditor checks what is overdue
    books = ("books", "--home", str(world.house.home))
    return {"ledger_verify": await verified(world), "books_audit": await _audit(world, *books)}


async def sealed(world: World) -> None:
    """Let the auditor check all books as it does every day, and keep its result, good or not."""
    set_clock(world.house.home / "clock.json", world.clock.now(), 0)
    await _audit(world, "books", "--home", str(world.house.home), "--record")


async def verified(world: World) -> dict[str, Any]:
    """Let the auditor derive every balance from the ledger's history; return whether it passed, and its last lines."""
    return await _audit(world, "verify", "--database", world.house.database_url)


async def _audit(world: World, *options: str) -> dict[str, Any]:
    out = Path(world.house.home) / f"{options[0]}.json"
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "zhangfang_audit", *options, "--json", str(out),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await program.communicate()
    found: dict[str, Any] = json.loads(out.read_text()) if out.exists() else {}
    last = said.decode(errors="replace").splitlines()[-3:]
    return {"ok": program.returncode == 0, "said": last, "details": found.get("details", {})}
