"""How the bank is put together from what its folder remembers."""

from collections.abc import Mapping
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from zhangfang_sandbox.acquirer.couriers import Notifier
from zhangfang_sandbox.acquirer.transfers import Transfers
from zhangfang_sandbox.common import faults
from zhangfang_sandbox.common.clock import BankClock
from zhangfang_sandbox.common.process import Parts
from zhangfang_sandbox.common.store import Store
from zhangfang_sandbox.unionpay import book
from zhangfang_sandbox.unionpay.bank import Bank
from zhangfang_sandbox.unionpay.batches import SCHEMA as BATCHES
from zhangfang_sandbox.unionpay.batches import Batches
from zhangfang_sandbox.unionpay.control import application
from zhangfang_sandbox.unionpay.days import Days
from zhangfang_sandbox.unionpay.gateway import Gateway
from zhangfang_sandbox.unionpay.notify import notice
from zhangfang_sandbox.unionpay.wire import keys
from zhangfang_sandbox.unionpay.wire.seal import Merchant, Seal

_SETTLED_BY = (
    ("settled_in", "listed_in"),
    ("correction_settled_in", "corrected_in"),
    ("return_settled_in", "return_listed_in"),
)


async def build(folder: Path, null_signatures: bool) -> Parts:
    """Open the folder, make what it lacks, and return the bank ready to be served."""
    store = Store(folder / "bank.db", faults.SCHEMA + book.SCHEMA + BATCHES)
    clock = BankClock.load(store)
    clock.save(store)
    identities = _identities(store)
    seal, merchants = Seal(identities, null_signatures), _merchants(store)
    kept, planned = book.Book(store), faults.Faults(store)
    notifier = Notifier(store, clock, planned, kept, notice(seal, merchants))
    bank = Bank(store, clock, planned, kept, identities, seal, notifier, merchants)
    days = Days(store, clock, planned, kept, merchants)
    batches = Batches(bank)
    transfers = Transfers(store, clock, "银联商户清算", "UP", _SETTLED_BY)
    bank.resume()

    async def close() -> None:
        bank.close()
        await notifier.close()
        await transfers.close()
        store.close()

    background = [days.watch(bank.bring_back, notifier.release), transfers.work(), batches.work()]
    return Parts(Gateway(bank, days, batches).handle, application(bank, days), background, close)


def _identities(store: Store) -> Mapping[str, keys.Identity]:
    pems = store.get("keys", None)
    if pems is None:
        pems = keys.create()
        store.put("keys", pems)
    return keys.load(pems)


def _merchants(store: Store) -> dict[str, Merchant]:
    found = {
        mer_id: Merchant(mer_id, name, {}, secure_key)
        for mer_id, name, secure_key in store.read("SELECT mer_id, name, secure_key FROM merchants")
    }
    for mer_id, serial, pem in store.read("SELECT mer_id, cert_id, pem FROM certificates"):
        key = x509.load_pem_x509_certificate(pem.encode()).public_key()
        if isinstance(key, RSAPublicKey):
            found[mer_id].keys[serial] = key
    return found
