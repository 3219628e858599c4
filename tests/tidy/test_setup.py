"""The first command on a fresh machine: if something is missing, one clear line says what to install."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"
NOBODY = 65534 if os.geteuid() == 0 else None  # as root the scripts would install what is missing


@pytest.fixture
def project() -> Iterator[Path]:
    """Yield a copy of the scripts that another user may read, so that no real environment is changed."""
    folder = Path(tempfile.mkdtemp(prefix="zf-", dir="/tmp"))
    shutil.copytree(SCRIPTS, folder / "scripts")
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def _command(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def _run(script: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(script)],
        env={"PATH": "/usr/bin:/bin"} | environment,
        user=NOBODY,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def _one_line(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def test_a_python_that_is_not_there_is_named(project: Path) -> None:
    done = _run(project / "scripts" / "setup", PYTHON="python3.99")
    assert "Python 3.11 or newer is needed and there is no python3.99" in _one_line(done)


def test_a_python_that_is_too_old_is_named_with_its_version(project: Path) -> None:
    old = _command(project, "old", '[ "$1" = --version ] && echo Python 3.9.2\n[ "$1" != -c ]')
    done = _run(project / "scripts" / "setup", PYTHON=old)
    assert "Python 3.11 or newer is needed and Python 3.9.2 is older" in _one_line(done)


def test_a_missing_venv_module_is_asked_for_by_its_package(project: Path) -> None:
    bare = _command(project, "bare", 'case "$2" in *ensurepip*) exit 1;; esac')
    done = _run(project / "scripts" / "setup", PYTHON=bare)
    assert "no venv module; as root: apt-get install python3-venv" in _one_line(done)


def test_a_missing_browser_is_asked_for_in_one_line_and_is_no_error(project: Path) -> None:
    tools = project / "tools"
    tools.mkdir()
    (tools / "id").symlink_to("/usr/bin/id")
    done = _run(project / "scripts" / "chromium", PATH=str(tools))
    assert done.returncode == 0
    assert done.stdout.count("\n") == 1
    assert "install the package chromium" in done.stdout
