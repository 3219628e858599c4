"""Payments: acquiring, collection, refund, void and payout as intents whose steps are safe to repeat."""

from zhangfang.payments import bulk
from zhangfang.payments.accept import accept, placed
from zhangfang.payments.desk import NOUN, PREFIX, Desk
from zhangfang.payments.evidence import give_back, weigh
from zhangfang.payments.fillin import fill_in
from zhangfang.payments.model import (
    FINAL,
    OPEN,
    Intent,
    KeyReused,
    NotAllowed,
    NotFound,
    OperationStopped,
    OrderNumberTaken,
    PaymentError,
    Request,
    State,
    StepKind,
)
from zhangfang.payments.notify import notified
from zhangfang.payments.posting import PLATFORM, book, must_post
from zhangfang.payments.requests import MOST_INSTALMENTS, check, draft
from zhangfang.payments.steps import advance, ask, order_of
from zhangfang.payments.steps import job as intent_job
from zhangfang.payments.store import Step
from zhangfang.payments.webhooks import job as webhook_job

__all__ = [
    "FINAL",
    "MOST_INSTALMENTS",
    "NOUN",
    "OPEN",
    "PLATFORM",
    "PREFIX",
    "Desk",
    "Intent",
    "KeyReused",
    "NotAllowed",
    "NotFound",
    "OperationStopped",
    "OrderNumberTaken",
    "PaymentError",
    "Request",
    "State",
    "Step",
    "StepKind",
    "accept",
    "advance",
    "ask",
    "book",
    "bulk",
    "check",
    "draft",
    "fill_in",
    "give_back",
    "intent_job",
    "must_post",
    "notified",
    "order_of",
    "placed",
    "webhook_job",
    "weigh",
]
