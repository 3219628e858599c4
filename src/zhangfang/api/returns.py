"""The payer's way back from the cashier. The address holds a token that only we can make: it proves whose return it is."""

import hmac
import time
from uuid import UUID

import structlog
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from zhangfang.api.problems import answer
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import parse, prefixed
from zhangfang.payments import Desk, Intent, State, ask
from zhangfang.vault import Vault

log = structlog.get_logger()
SECONDS = 5.0  # between two queries of one payment, however often its payer comes back


def back(vault: Vault, base_url: str, id_: UUID) -> str:
    """Return the address to which the cashier sends the payer of a purchase back."""
    name = prefixed("pay", id_)
    return f"{base_url}/return/{name}.{_token(vault, name)}"


def _token(vault: Vault, name: str) -> str:
    return vault.fingerprint(name, "return address")[:32]


class Returns:
    """Takes payers back. A return proves nothing about the payment; it only makes us query the channel."""

    def __init__(self, desk: Desk) -> None:
        """Have asked nothing yet."""
        self._desk = desk
        self._asked: dict[UUID, float] = {}

    async def page(self, http: Request) -> Response:
        """Send the payer on to the shop. Whoever comes without the token is told nothing, and nothing is looked up."""
        try:
            name, _, token = http.path_params["id"].partition(".")
            intent = await self._intent(name, token)
            if intent is not None and intent.state is State.REDIRECTED:
                await self._ask(intent)
            if intent is not None and intent.return_url:
                joint = "&" if "?" in intent.return_url else "?"
                return RedirectResponse(f"{intent.return_url}{joint}payment={name}", 303)
            return PlainTextResponse("返回商户查看结果 / Go back to the merchant to see the result.\n")
        except Exception as error:
            return answer(error)

    async def _intent(self, name: str, token: str) -> Intent | None:
        try:
            id_ = parse("pay", name)
        except InvalidInput:
            return None
        if not hmac.compare_digest(token.encode(), _token(self._desk.vault, name).encode()):
            return None
        return await self._desk.journal.by_id(id_)

    async def _ask(self, intent: Intent) -> None:
        now = time.monotonic()
        self._asked = {id_: at for id_, at in self._asked.items() if now - at < SECONDS}
        if intent.id in self._asked:
            return
        self._asked[intent.id] = now
        try:
            await ask(self._desk, intent)
        except Exception as error:  # the payer goes back to the shop in any case; the driver queries again
            log.warning("a returning payer's payment could not be queried", error=type(error).__name__)
