"""The root of every error. A subclass's docstring says what happened; its message says where."""


class ZhangfangError(Exception):
    """Something the platform refuses or could not do, said in words for the person who meets it."""


class InvalidInput(ZhangfangError):
    """A value from outside is not allowed.

    `field` names it, `shape` describes what came (never the value itself where it may be personal), `allowed` says
    what would be accepted.
    """

    def __init__(self, field: str, shape: str, allowed: str) -> None:
        """Build the sentence that the user reads."""
        super().__init__(f"{field}: got {shape}; allowed: {allowed}")
        self.field = field
        self.shape = shape
        self.allowed = allowed
