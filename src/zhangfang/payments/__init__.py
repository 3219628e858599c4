"""Payments: acquiring, collection, refund, void and payout as intents whose steps are safe to repeat."""

from zhangfang.payments.accept.requests import MOST_INSTALMENTS, check, draft
from zhangfang.payments.accept.single import accept, quote
from zhangfang.payments.accept.splitting import SplitOrder, finish_splits, split_payment
from zhangfang.payments.course.evidence import weigh
from zhangfang.payments.course.notify import notified
from zhangfang.payments.course.posting import PLATFORM, book, refusal
from zhangfang.payments.course.steps import advance, ask, order_of
from zhangfang.payments.course.steps import job as intent_job
from zhangfang.payments.course.strays import line_of, return_to_payer
from zhangfang.payments.course.told import note_told
from zhangfang.payments.desk import Desk
from zhangfang.payments.model import (
    FINAL,
    OPEN,
    Intent,
    KeyReused,
    NotAllowed,
    NotFound,
    OperationStopped,
    OrderNumberTaken,
    Request,
    State,
    StepKind,
)
from zhangfang.payments.people.fillin import fill_in
from zhangfang.payments.people.merchants import close_merchant
from zhangfang.payments.people.outcomes import (
    ENDED_BY_TWO,
    OUTCOME,
    Outcome,
    approve_outcome,
    outcomes,
    propose_outcome,
)
from zhangfang.payments.people.own_money import (
    OWN_ACCOUNT,
    WITHDRAWAL,
    NoOwnAccount,
    OwnAccount,
    approve_own_account,
    approve_withdrawal,
    may_leave,
    own_account,
    propose_own_account,
    propose_withdrawal,
    withdrawals,
)
from zhangfang.payments.people.parked import REFUSAL, approve_refusal, parked, refuse_parked
from zhangfang.payments.people.refunds import REFUND, Refund, approve_refund, refund_by
from zhangfang.payments.people.sent_back import seal_payee, send_back
from zhangfang.payments.people.stops import OPENING, Opening, approve_opening, open_again, stop
from zhangfang.payments.sealing import WrongAccount
from zhangfang.payments.shares import MOST as MOST_PARTS
from zhangfang.payments.shares import NewShare, Split
from zhangfang.payments.telling import PREFIX

__all__ = [
    "ENDED_BY_TWO",
    "FINAL",
    "MOST_INSTALMENTS",
    "MOST_PARTS",
    "OPEN",
    "OPENING",
    "OUTCOME",
    "OWN_ACCOUNT",
    "PLATFORM",
    "PREFIX",
    "REFUND",
    "REFUSAL",
    "WITHDRAWAL",
    "Desk",
    "Intent",
    "KeyReused",
    "NewShare",
    "NoOwnAccount",
    "NotAllowed",
    "NotFound",
    "Opening",
    "OperationStopped",
    "OrderNumberTaken",
    "Outcome",
    "OwnAccount",
    "Refund",
    "Request",
    "Split",
    "SplitOrder",
    "State",
    "StepKind",
    "WrongAccount",
    "accept",
    "advance",
    "approve_opening",
    "approve_outcome",
    "approve_own_account",
    "approve_refund",
    "approve_refusal",
    "approve_withdrawal",
    "ask",
    "book",
    "check",
    "close_merchant",
    "draft",
    "fill_in",
    "finish_splits",
    "intent_job",
    "line_of",
    "may_leave",
    "note_told",
    "notified",
    "open_again",
    "order_of",
    "outcomes",
    "own_account",
    "parked",
    "propose_outcome",
    "propose_own_account",
    "propose_withdrawal",
    "quote",
    "refund_by",
    "refusal",
    "refuse_parked",
    "return_to_payer",
    "seal_payee",
    "send_back",
    "split_payment",
    "stop",
    "weigh",
    "withdrawals",
]
