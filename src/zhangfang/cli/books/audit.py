"""The auditor's command: the auditor is a program of its own, and this only starts it."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from zhangfang.kernel.settings import Settings

app = typer.Typer(help="Check the books from outside: banks' own books and plain SQL.", no_args_is_help=True)


@app.command("books")
def books(
    home: Annotated[Path | None, typer.Option(help="home folder of a running platform")] = None,
    json: Annotated[Path | None, typer.Option(help="write the figures as JSON to this file")] = None,
) -> None:
    """Compare every account with the banks' own books. It is a program of its own; this only starts it."""
    command = [sys.executable, "-m", "zhangfang_audit", "books", "--home", str(home or Settings().home)]
    command += ["--json", str(json)] if json else []
    sys.exit(subprocess.run(command, check=False).returncode)
