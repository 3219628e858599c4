"""What can be wrong with a batch."""

from collections.abc import Sequence
from dataclasses import dataclass

from zhangfang.kernel.errors import ZhangfangError

SHOWN = 100


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong in a line of the file: the column, the shape of what came (never the value), and what is allowed."""

    line: int
    column: str
    shape: str
    allowed: str

    def __str__(self) -> str:
        """Return the sentence about it."""
        return f"{self.column}: got {self.shape}; allowed: {self.allowed}"


class BatchError(ZhangfangError):
    """A batch is not as it was asked for.

    BatchError
    ├── BatchInvalid
    ├── BatchNumberTaken
    └── UnknownBatch
    """


class BatchInvalid(BatchError):
    """The file is not as allowed, so nothing of it was accepted. `problems` are the first 100, `bad` counts all."""

    def __init__(self, problems: Sequence[Problem], bad: int) -> None:
        """Name the first problem in the sentence."""
        self.problems = list(problems[:SHOWN])
        self.bad = bad
        more = f"; and {bad - 1} more" if bad > 1 else ""
        super().__init__(f"file: nothing of it was accepted; line {problems[0].line}: {problems[0]}{more}")


class BatchNumberTaken(BatchError):
    """The merchant's batch number was used before, with another file."""


class UnknownBatch(BatchError):
    """There is no such batch, or it is another merchant's, which is the same."""
