"""That a merchant was told stands on the payment's timeline."""

from uuid import UUID

from zhangfang.payments.desk import Desk
from zhangfang.payments.model import StepKind
from zhangfang.payments.store import new_step


async def note_told(desk: Desk, intent: UUID, event: str, status: int) -> None:
    """Note that an endpoint of the merchant took an event, with the HTTP status of its answer."""
    await desk.journal.note(new_step(desk.clock, intent, StepKind.TOLD, code=str(status), message=event))
