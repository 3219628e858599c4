"""One exchange with the bank: sealed, posted, unsealed. Enquiries wait for their turn, to keep the bank's pace."""

import asyncio
import secrets
from collections.abc import Mapping

from zhangfang.channels.cmb import envelope
from zhangfang.channels.cmb.config import CmbConfig
from zhangfang.channels.cmb.envelope import Json, Keys, Reply
from zhangfang.channels.cmb.pacing import Pace
from zhangfang.channels.encoded import form_body
from zhangfang.channels.transport import Https
from zhangfang.kernel.clock import Clock, in_china

_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_AT_ONCE = 20  # connections the bank allows an enterprise
_MAX_ANSWER_BYTES = 16 * 1024 * 1024  # a page of 1,000 details is far below


class Exchange:
    """Everything that is sent to the bank goes through here. Raises a `ChannelError`."""

    def __init__(self, config: CmbConfig, keys: Keys, clock: Clock) -> None:
        """Nothing is sent yet."""
        self._config = config
        self._keys = keys
        self._clock = clock
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._enquiries = Pace(config.query_gap_seconds)
        self._statements = {config.account: Pace(config.statement_gap_seconds)}
        self._http = Https(reuse=False)  # a connection that dies as we write would leave a payment in doubt

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    async def ask(self, function: str, body: Json, patience: float) -> Reply:
        """Do one exchange of an enquiry, when its turn comes."""
        async with self._enquiries.turn(patience):
            return await self.call(function, body)

    async def ask_of_account(self, account: str, function: str, body: Json, patience: float) -> Reply:
        """Do one exchange about an account's statement, which has a pace of its own beside that of all enquiries."""
        pace = self._statements.setdefault(account, Pace(self._config.statement_gap_seconds))
        async with pace.turn(patience):
            return await self.ask(function, body, patience)

    async def call(self, function: str, body: Json) -> Reply:
        """Do one exchange at once. `reqid` and `sigtim` are of this moment; everything else comes from the caller."""
        async with self._places:
            now = in_china(self._clock.now())
            reqid = f"{now:%Y%m%d%H%M%S}{now.microsecond // 1000:03d}{secrets.randbelow(10**12):012d}"
            head = {"funcode": function, "userid": self._config.uid, "reqid": reqid}
            data = envelope.seal("request", head, body, f"{now:%Y%m%d%H%M%S}", self._keys)
            form = {"UID": self._config.uid, "FUNCODE": function, "ALG": "SM", "DATA": data}
            return envelope.unseal(await self._post(form), head, self._keys)

    async def _post(self, form: Mapping[str, str]) -> bytes:
        """Return the body of the answer whatever its status: the gateway explains itself beside 4xx and 5xx too."""
        config, body = self._config, form_body(form)
        received = await self._http.exchange(
            config.url, body, _FORM, config.timeout_seconds, _MAX_ANSWER_BYTES, any_status=True
        )
        return received.body
