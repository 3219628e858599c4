"""Does a process hang? One that lives and answers nothing is as bad as one that died, and nobody restarts it."""

import socket
import struct
from pathlib import Path

SECONDS = 1.0  # between two looks
LOOKS = 60  # in a row without a sign of life. They are counted, so that a machine that slept kills nobody
_SSL_REQUEST = struct.pack("!ii", 8, 80877103)  # PostgreSQL answers it before anything else, with one byte
_ANSWER_SECONDS = 2.0


class Pulse:
    """The file that a process touches while its event loop turns (`kernel.pulse`). None: it is not looked at."""

    def __init__(self, path: Path) -> None:
        """Take the file's place."""
        self.path = path
        self._seen, self._still = 0, 0

    def begin(self) -> None:
        """Forget the process before. A process is judged from its first touch on."""
        self.path.parent.mkdir(exist_ok=True)
        self.path.unlink(missing_ok=True)
        self._seen, self._still = 0, 0

    def stopped(self) -> bool:
        """Look once; return whether the process has not touched its file for so many looks."""
        try:
            touched = self.path.stat().st_mtime_ns
        except FileNotFoundError:
            return False
        self._still = self._still + 1 if touched == self._seen else 0
        self._seen = touched
        return self._still >= LOOKS


def postgres_answers(path: Path) -> bool:
    """Whether the server on a socket takes connections, be it to say that it is not ready."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(_ANSWER_SECONDS)
        try:
            probe.connect(str(path))
            probe.sendall(_SSL_REQUEST)
            return len(probe.recv(1)) == 1
        except OSError:
            return False
