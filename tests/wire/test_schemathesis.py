"""Schemathesis against the API's own document: no server error, and every answer is one that the document has."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.api import ADMIN
from tests.clock import SetClock
from tests.conftest import _database
from tests.desk import PAYER, Shop, open_shop
from tests.mandates import sign
from tests.people import LIN, token_of
from zhangfang import webhooks
from zhangfang.api import build_app
from zhangfang.api.app import CALLS
from zhangfang.api.document import document
from zhangfang.batches import Upload, load
from zhangfang.channels.port import Operation
from zhangfang.kernel.ids import new_id, prefixed
from zhangfang.kernel.settings import Settings
from zhangfang.merchants import create_api_key
from zhangfang.payments import Desk, notified

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
    allow_header_conformance,
]
EXAMPLES = 40  # a call
PHASES = (Phase.explicit, Phase.generate)


TEXTS = frozenset({"description", "name", "evidence", "reason"})
SELDOM_BY_CHANCE = (
    "/v1/webhooks",
    "/v1/webhooks/{id}",
    "/v1/webhooks/{id}/redeliveries",
    "/v1/mandates",
    "/v1/batches",
    "/v1/payments/{id}/splits",
    "/v1/statements/{day}/{kind}.{form}",
)  # an address, dates in order, a file with its sums, another merchant's id, a day that has a statement


async def _file() -> AsyncIterator[bytes]:
    yield f"order_no,amount,number,name\nB1,1,{PAYER.number},{PAYER.name}\n".encode()


class Site:
    """The API on a real socket in a thread of its own, with a merchant that has a payment, a refund and a payout."""

    def __init__(self, url: str, folder: Path) -> None:
        """Start nothing yet."""
        self._url = url
        self._folder = folder
        self.key = ""
        self.ids: dict[str, str] = {}

    @asynccontextmanager
    async def _open_desk(self) -> AsyncIterator[Desk]:
        async with open_shop(self._url, self._folder, SetClock()) as shop:
            await self._furnish(shop)
            yield shop.desk

    async def _furnish(self, shop: Shop) -> None:
        merchant = await shop.merchant(1_000_000)
        _, self.key = await create_api_key(shop.desk.pool, shop.clock, merchant.id)
        paid = await shop.ask(merchant, Operation.COLLECTION, "P1", 100_000)
        whole = await shop.ask(merchant, Operation.COLLECTION, "P2", 100_000)
        for one in (paid, whole):
            await notified(shop.desk, shop.unionpay, {}, shop.unionpay.message(one.channel_order_no))
        refund = await shop.ask(merchant, Operation.REFUND, "R1", 10, original=paid.id)
        payout = await shop.ask(merchant, Operation.PAYOUT, "O1", 10)
        paper = await sign(shop.desk, merchant.id, PAYER)
        batch, _ = await load(
            shop.desk.pool, shop.desk.vault, shop.desk.clock, merchant, Upload("B1", "csv", 1, 1), _file()
        )
        desk = shop.desk
        self.token = await token_of(desk.pool, LIN)
        hook = await webhooks.add(desk.pool, desk.vault, desk.clock, merchant.id, "https://shop.example/")
        self.ids["whe"] = prefixed("whe", hook.endpoint.id)
        self.ids |= {"man": prefixed("man", paper.id), "bat": prefixed("bat", batch.id)}
        for prefix, id_ in (("pay", paid.id), ("ref", refund.id), ("pot", payout.id)):
            self.ids[prefix] = prefixed(prefix, id_)
        self.ids["mer"] = merchant.id
        self.ids["dup"] = await self._suspect(shop, merchant.id, paid.id, whole.id)
        self.ids["void"] = prefixed("pay", whole.id)

    async def _suspect(self, shop: Shop, merchant: str, keep: UUID, goes: UUID) -> str:
        id_ = new_id(shop.clock)
        await shop.desk.pool.execute(
            "INSERT INTO duplicate (id, merchant, order_no, amount, keep, intent, state, found_at)"
            " VALUES ($1, $2, 'P1', 100000, $3, $4, 'SUSPECTED', $5)", id_, merchant, keep, goes, shop.clock.now(),
        )  # fmt: skip
        return prefixed("dup", id_)

    @contextmanager
    def serve(self) -> Iterator[str]:
        """Serve on a free port; give the address."""
        home = self._folder / "home"
        home.mkdir()
        (home / "admin-key").write_text(ADMIN)
        app = build_app(Settings(home=home), self._open_desk, lambda _: [])
        listening = socket.create_server(("127.0.0.1", 0))
        config = uvicorn.Config(app, log_level="warning", ws="none", lifespan="on")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listening])))
        thread.start()
        try:
            while not server.started:
                assert thread.is_alive(), "the server did not start"
                thread.join(0.05)
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
            listening.close()


@pytest.fixture(scope="module")
def site(
    postgres_url: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Site, str]]:
    async def make() -> str:
        return await anext(databases)

    databases = _database(postgres_url, template)
    with asyncio.Runner() as runner:
        made = Site(runner.run(make()), tmp_path_factory.mktemp("site"))
        with made.serve() as url:
            yield made, url
        runner.run(databases.aclose())  # type: ignore[attr-defined]


@pytest.mark.parametrize("spec", CALLS, ids=lambda spec: f"{spec.method} {spec.path}")
def test_no_request_makes_a_server_error_or_an_answer_that_the_document_has_not(
    spec: Any, site: tuple[Site, str]
) -> None:
    opened, url = site
    secret = {"admin": ADMIN, "merchant": opened.key, "operator": opened.token}[spec.who]
    headers = {"Authorization": f"Bearer {secret}"}
    seen: set[int] = set()

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        phases=PHASES,
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(case=cases(spec, url, opened.ids["void" if spec.path.endswith("void") else spec.prefix]))
    def calls(case: tuple[Any, list[Any]]) -> None:
        request, checks = case
        seen.add(request.call_and_validate(headers=headers, checks=checks).status_code)

    calls()
    assert 401 not in seen
    if spec.path not in SELDOM_BY_CHANCE:
        assert seen & {200, 201, 409}, "some requests were good, whatever the state allows"
    if spec.takes:
        assert seen & {400, 422}, "and some were not"


def plain(case: Any) -> Any:
    """Return a request whose texts are ordinary ones: a text drawn from all of Unicode is hardly ever good."""
    case.body = _plain(case.body)
    return case


def _plain(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {
        key: "goods" if key in TEXTS and isinstance(held, str) else _plain(held)
        for key, held in value.items()
    }


def cases(spec: Any, url: str, id_: str) -> st.SearchStrategy[tuple[Any, list[Any]]]:
    """Return requests of a call and their checks: as the document says, with an id of ours or any, and bodies that are
    not as it says and must be refused.
    """
    described = document(CALLS)
    described["paths"][spec.path][spec.method.lower()].pop("security")  # the key is ours, not one made up
    schema = schemathesis.openapi.from_dict(described)
    schema.config.base_url = url
    operation = schema[spec.path][spec.method]
    ours: dict[str, Any] = {"path_parameters": {"id": id_}} if "{id}" in spec.path else {}
    any_of_it = st.one_of(
        operation.as_strategy(), operation.as_strategy(**ours), operation.as_strategy(**ours).map(plain)
    )
    good = any_of_it.map(lambda case: (case, CHECKS))
    if not spec.takes:
        return good
    held = ours | {"headers": {"Idempotency-Key": "bad"}}
    bad = operation.as_strategy(GenerationMode.NEGATIVE, **held)
    return st.one_of(good, bad.map(lambda case: (case, [*CHECKS, negative_data_rejection])))
