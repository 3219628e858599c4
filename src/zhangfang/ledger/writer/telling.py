"""What the writer answers from memory: accounts, their balances and pendings of one moment, and its own status."""

import numpy as np

from zhangfang.ledger import wire
from zhangfang.ledger.engine.state import State
from zhangfang.ledger.wire import NO_MOMENT, Op, Records
from zhangfang.ledger.writer.flight import Request


def told(state: State, epoch: int, request: Request) -> Records:
    """Return the answer to a question about memory: accounts, their balances, the writer's status."""
    accounts = state.accounts
    found = accounts.numbers(np.array(request.ids, "V16"))
    numbers = found[found > 0].tolist()
    held = zip(numbers, accounts.lend(numbers), strict=True)
    match request.op:
        case Op.LOOKUP_ACCOUNTS:
            fields = [(one.book, accounts.named[n][0], accounts.named[n][1].encode(), one.flags, one.limit, state.shard)
                      for n, one in held]  # fmt: skip
            return np.array(fields, wire.ACCOUNT)
        case Op.ACCOUNT_BALANCES:
            balances = [(accounts.id[n].tobytes(), *one.figures(), state.seq) for n, one in held]
            return np.array(balances, wire.BALANCE)
        case _:
            closed = state.closed_through or NO_MOMENT
            status = (state.shard, epoch, state.seq, state.at, len(accounts), len(state.holds.open), closed)
            return np.array([status], wire.STATUS)
