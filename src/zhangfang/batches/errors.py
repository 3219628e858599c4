"""What can be wrong with a batch."""

from collections.abc import Sequence
from dataclasses import dataclass

from zhangfang.kernel.errors import ZhangfangError

SHOWN = 100


@dataclass(frozen=True, slots=True)
class Problem:
    """A fault in a line of the file: the column, the shape of what came (never the value), and what is allowed."""

    line: int
    column: str
    shape: str
    allowed: str

    def __str__(self) -> str:
        """Return the problem as a sentence."""
        return f"{self.column}: got {self.shape}; allowed: {self.allowed}"


class BatchError(ZhangfangError):
    """The platform refuses a request about a batch.

    BatchError
    ├── BatchInvalid
    ├── BatchNumberTaken
    └── UnknownBatch
    """


class BatchInvalid(BatchError):
    """The file has faults, so nothing of it was accepted. `problems` are the first 100, `bad` is the number of all."""

    def __init__(self, problems: Sequence[Problem], bad: int) -> None:
        """Build the message from the first problem and the number of the others."""
        self.problems = list(problems[:SHOWN])
        self.bad = bad
        more = f"; and {bad - 1} more" if bad > 1 else ""
        super().__init__(f"file: nothing of it was accepted; line {problems[0].line}: {problems[0]}{more}")


class BatchNumberTaken(BatchError):
    """The merchant's batch number was used before, with another file."""


class UnknownBatch(BatchError):
    """There is no such batch, or it belongs to another merchant; the caller cannot tell which."""
