"""The sandbox bank as a process of its own, to be killed and started again."""

import json
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass
class BankProcess:
    """A running bank and its two addresses."""

    process: subprocess.Popen[str]
    wire: str
    control: str

    def kill(self) -> None:
        """kill -9."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.close()

    def stop(self) -> int:
        """Ask it to end; return its exit code."""
        self.process.terminate()
        code = self.process.wait(20)
        self.close()
        return code

    def close(self) -> None:
        assert self.process.stdout is not None
        self.process.stdout.close()


def start(folder: Path) -> BankProcess:
    """Start the bank on `folder` and wait until it is ready."""
    command = [
        sys.executable,
        "-m",
        "zhangfang_sandbox.cmb",
        "--data",
        str(folder),
        "--port",
        "0",
        "--control-port",
        "0",
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    ready = json.loads(process.stdout.readline())
    wire = f"http://127.0.0.1:{ready['port']}/cdcserver/api/v2"
    return BankProcess(process, wire, f"http://127.0.0.1:{ready['control_port']}")
