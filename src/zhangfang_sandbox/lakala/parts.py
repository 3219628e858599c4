"""How the bank is put together from what its folder remembers."""

from pathlib import Path

from zhangfang_sandbox.acquirer.acquiring import Acquirer, Dialect
from zhangfang_sandbox.acquirer.parts import Merchants, assemble
from zhangfang_sandbox.acquirer.settling import Days
from zhangfang_sandbox.common.clock import BankClock
from zhangfang_sandbox.common.process import Parts, Wire
from zhangfang_sandbox.common.store import Store
from zhangfang_sandbox.lakala import keys
from zhangfang_sandbox.lakala.dialect import dialect
from zhangfang_sandbox.lakala.gateway import Gateway
from zhangfang_sandbox.lakala.seal import Seal


async def build(folder: Path) -> Parts:
    """Open the folder, make what it lacks, and return the bank ready to be served."""

    def dialect_of(store: Store, clock: BankClock, merchants: Merchants) -> Dialect:
        identities = keys.load(_pems(store))
        return dialect(Seal(identities), identities["platform"].certificate, clock, merchants)

    def wire_of(acquirer: Acquirer, days: Days) -> Wire:
        return Gateway(acquirer, days, Seal(keys.load(_pems(acquirer.store)))).handle

    return await assemble(folder, dialect_of, wire_of)


def _pems(store: Store) -> dict[str, str]:
    pems: dict[str, str] | None = store.get("keys", None)
    if pems is None:
        pems = keys.create()
        store.put("keys", pems)
    return pems
