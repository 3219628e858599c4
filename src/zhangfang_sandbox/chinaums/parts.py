"""How the bank is put together from what its folder remembers."""

from pathlib import Path

from zhangfang_sandbox.acquirer.parts import assemble
from zhangfang_sandbox.chinaums.dialect import dialect
from zhangfang_sandbox.chinaums.gateway import Gateway
from zhangfang_sandbox.common.process import Parts


async def build(folder: Path) -> Parts:
    """Open the folder, make what it lacks, and return the bank ready to be served."""
    return await assemble(folder, dialect, lambda acquirer, days: Gateway(acquirer, days).handle)
