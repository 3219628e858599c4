"""The base of all errors. A subclass's docstring says what happened; its message says where."""


class ZhangfangError(Exception):
    """Something that the platform refuses or could not do, with a message for people."""


class Busy(ZhangfangError, TimeoutError):
    """Too much is waiting in this process, and this request was not taken. Ask again a little later.

    It is a time-out as well, so that whoever waits for a database that is away waits for this too.
    """


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
