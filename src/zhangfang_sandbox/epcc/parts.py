"""How the network is put together from what its folder remembers."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from zhangfang_sandbox.acquirer.acquiring import Acquirer, Dialect
from zhangfang_sandbox.acquirer.parts import Merchants, assemble
from zhangfang_sandbox.acquirer.settling import Days
from zhangfang_sandbox.common.clock import BankClock
from zhangfang_sandbox.common.process import Served, Wire
from zhangfang_sandbox.common.store import Store
from zhangfang_sandbox.epcc.control import Control, Drills
from zhangfang_sandbox.epcc.dialect import Ways
from zhangfang_sandbox.epcc.doors import Door, serve
from zhangfang_sandbox.epcc.gateway import Gateway
from zhangfang_sandbox.epcc.keys import SITES, Identity, create, load, server_context
from zhangfang_sandbox.epcc.mandates import SCHEMA, Mandates
from zhangfang_sandbox.epcc.seal import Seal
from zhangfang_sandbox.epcc.sites import Sites


class _Network:
    """Makes the network's own parts in two steps: first the keys, then what needs the book."""

    identities: Mapping[str, Identity]
    seal: Seal
    ways: Ways
    acquirer: Acquirer
    sites: Sites
    mandates: Mandates
    gateway: Gateway

    def dialect_of(self, store: Store, clock: BankClock, merchants: Merchants) -> Dialect:
        """The first step."""
        self.identities = _identities(store)
        self.seal = Seal(self.identities, merchants)
        self.ways = Ways(self.identities, self.seal, clock, merchants)
        return self.ways.dialect()

    def wire_of(self, acquirer: Acquirer, days: Days) -> Wire:
        """The second step. The doors have the wire each with its site's name; here it is the first one's."""
        self.acquirer, self.sites, self.mandates = acquirer, Sites(acquirer.store), Mandates(acquirer.store)
        self.gateway = Gateway(acquirer, days, self.seal, self.sites, self.mandates)
        return lambda request: self.gateway.handle(request, next(iter(SITES)))

    def doors(self, ports: tuple[int, int]) -> dict[str, Door]:
        """A door for each site, still shut."""
        authority = self.identities["ca"]
        return {
            site: Door(
                self.gateway,
                site,
                server_context(self.identities[site], authority),
                self.sites.port(site, port),
            )
            for site, port in zip(SITES, ports, strict=True)
        }


async def start(folder: Path, port: int, second_port: int, control_port: int) -> Served:
    """Open the folder, make what it lacks, and listen. Raises `PortTaken`, `StoreInUse`."""
    network = _Network()
    parts = await assemble(folder, network.dialect_of, network.wire_of, SCHEMA)
    doors = network.doors((port, second_port))
    parts.control.add_routes(Control(network.acquirer, network.sites, network.mandates, doors).routes())
    parts.background = [*parts.background, Drills(network.acquirer, network.sites, network.ways).tell()]
    parts.close = _closing(doors, parts.close)
    return await serve(parts, doors, network.sites, control_port)


def _closing(
    doors: Mapping[str, Door], inner: Callable[[], Awaitable[None]]
) -> Callable[[], Awaitable[None]]:
    async def close() -> None:
        for door in doors.values():
            await door.shut()
        await inner()

    return close


def _identities(store: Store) -> Mapping[str, Identity]:
    pems = store.get("keys", None)
    if pems is None:
        pems = create()
        store.put("keys", pems)
    return load(pems)
