"""The base of all errors. A subclass's docstring says what happened; its message says where."""


class ZhangfangError(Exception):
    """Something that the platform refuses or could not do, with a message for people."""


class InvalidInput(ZhangfangError):
    """A value from outside is not allowed.

    `field` names it, `shape` describes what came (never the value itself if it may be personal), `allowed` says what
    would be accepted.
    """

    def __init__(self, field: str, shape: str, allowed: str) -> None:
        """Build the message from the three parts."""
        super().__init__(f"{field}: got {shape}; allowed: {allowed}")
        self.field = field
        self.shape = shape
        self.allowed = allowed
