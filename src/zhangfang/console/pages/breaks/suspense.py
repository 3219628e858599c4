"""What lies in suspense, how old is it, and is any of it too old?"""

from starlette.responses import Response

from zhangfang import reconciliation as work
from zhangfang.console import sentences
from zhangfang.console.reading import books
from zhangfang.console.visit import Visit


async def page(visit: Visit) -> Response:
    """Draw each account of suspense by age, beside its balance; every figure opens into its breaks."""
    aged = await work.aging(visit.pool, visit.now)
    passed = work.too_much(aged)
    standing = await books.standing(visit.pool)
    codes = sorted({one.code for one in aged})
    return await visit.page(
        "suspense.html",
        here="breaks",
        say=sentences.suspense(visit.words, aged, passed),
        codes=codes,
        buckets=work.BUCKETS,
        cells={(one.code, one.days): one for one in aged},
        sums={code: sum(one.fen for one in aged if one.code == code) for code in codes},
        balances={code: abs(standing.get((1, code), 0)) for code in codes},
        limits=work.LIMITS,
        passed={(one.limit.code, one.limit.days): one.fen for one in passed},
    )
