"""The newcomer's path works as it is written: what docs/start tells to type is typed, and what it shows comes out.

All pages are run in one shell, in the order in which a reader would take them, against a real `zhangfang up`. In what
a page shows, `…` stands for a part of a line, and a line of its own for any number of lines.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import httpx2
import pytest

from zhangfang_drill.world.scratch import scratch

pytestmark = pytest.mark.drill

START = Path(__file__).parents[2] / "docs" / "start"
PAGES = ("first-payment", "mandates", "cashier", "webhooks", "batches", "settlement", "your-own-day")
SHOWN = ("json", "text")
READY = "Stop with Ctrl-C."
SECONDS = 240  # far above what it takes: a page that waits for ever fails here
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Command:
    """One block that the reader types, and what the page shows after it ("" if nothing)."""

    page: str
    text: str
    shown: str


@dataclass(frozen=True)
class Walk:
    """A walk through all pages: what `zhangfang up` said, and what each command printed."""

    welcome: str
    url: str
    printed: dict[Command, str]


def fences(page: str) -> list[tuple[str, str]]:
    """Return language and text of a page's code blocks, in order."""
    return _FENCE.findall((START / f"{page}.md").read_text("utf-8"))


def commands(page: str) -> list[Command]:
    """Return a page's ```bash blocks with what is shown behind each."""
    blocks = [*fences(page), ("", "")]
    return [
        Command(page, text, after if language_after in SHOWN else "")
        for (language, text), (language_after, after) in pairwise(blocks)
        if language == "bash"
    ]


def pattern(shown: str) -> re.Pattern[str]:
    """Return what matches everything that a page's block stands for."""
    lines = []
    for line in shown.rstrip("\n").split("\n"):
        if line.strip() == "…":
            lines.append(r"(?:[^\n]*\n)*?")
        else:
            lines.append(r"[^\n]*?".join(map(re.escape, line.rstrip().split("…"))) + r"[ ]*\n")
    return re.compile("".join(lines))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def walk() -> Iterator[Walk]:
    """Start the platform in a folder that looks like the project's, and type all pages there."""
    if missing := [name for name in ("bash", "curl") if shutil.which(name) is None]:
        pytest.skip(f"the newcomer's path is typed with {' and '.join(missing)}: install it to run this")
    folder = scratch()
    folder.chmod(0o755)  # PostgreSQL does not run as root: its user has to find .venv
    (folder / ".venv").symlink_to(sys.prefix)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ZHANGFANG_")}
    environment |= {"COLUMNS": "100", "PYTHONIOENCODING": "utf-8"}
    command = [".venv/bin/python", "-m", "zhangfang", "up", "--port", "0"]
    with (folder / "up.out").open("wb") as out, (folder / "up.err").open("wb") as err:
        up = subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=err)
    try:
        welcome = _welcome(folder, up)
        url = re.search(r"http://127\.0\.0\.1:\d+", welcome)
        assert url is not None, welcome
        hosts = {
            "127.0.0.1:8200": url[0].removeprefix("http://"),
            "127.0.0.1:8300": f"127.0.0.1:{free_port()}",
        }
        yield Walk(welcome, url[0], _type_all(folder, environment, hosts))
    finally:
        up.send_signal(signal.SIGTERM)
        try:
            up.wait(60)
        finally:
            up.kill()
            shutil.rmtree(folder, ignore_errors=True)


def _welcome(folder: Path, up: "subprocess.Popen[bytes]") -> str:
    until = time.monotonic() + SECONDS
    while READY not in (said := (folder / "up.out").read_text("utf-8")):
        assert up.poll() is None, (folder / "up.err").read_text("utf-8")[-3000:]
        assert time.monotonic() < until, said + (folder / "up.err").read_text("utf-8")[-3000:]
        time.sleep(0.1)
    return said


def _type_all(folder: Path, environment: dict[str, str], hosts: dict[str, str]) -> dict[Command, str]:
    """Type every block into one shell; return what each printed, both streams as a reader sees them."""
    typed = [command for page in PAGES for command in commands(page)]
    script = ["set -euo pipefail"]
    for command in typed:
        script += [command.text, "printf '\\036'"]  # a mark that nothing else prints
    (folder / "var").mkdir(exist_ok=True)
    for page in PAGES:
        _save_files(folder, page)
    text = "\n".join(script).replace(
        "receiver.py 8300", f"receiver.py {hosts['127.0.0.1:8300'].split(':')[1]}"
    )
    for written, real in hosts.items():
        text = text.replace(written, real)
    done = subprocess.run(
        ["bash", "-c", text],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=SECONDS,
        check=False,
    )
    outputs = done.stdout.decode("utf-8").split("\036")
    stopped = typed[len(outputs) - 1].text if done.returncode and len(outputs) <= len(typed) else ""
    assert done.returncode == 0, f"this stopped with exit code {done.returncode}:\n{stopped}\n{outputs[-1]}"
    return dict(zip(typed, outputs, strict=False))


def _save_files(folder: Path, page: str) -> None:
    """Save what a page tells to save: a ```python block that begins with its path."""
    for language, text in fences(page):
        if language == "python":
            path = re.match(r"# (var/[\w.]+)\n", text)
            assert path is not None, f"{page}: a python block says in its first line where it belongs"
            (folder / path[1]).write_text(text, "utf-8")


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_shows_is_what_its_commands_print(walk: Walk, page: str) -> None:
    typed = commands(page)
    assert typed, "a page without a command teaches nothing"
    for command in typed:
        if command.shown:
            printed = walk.printed[command]
            assert pattern(command.shown).fullmatch(printed), (
                f"{page}: after\n{command.text}\nthe page shows\n{command.shown}\nand it prints\n{printed}"
            )


def test_the_welcome_that_the_page_shows_is_the_one_that_is_said(walk: Walk) -> None:
    shown = next(text for language, text in fences("first-payment") if language == "text")
    shown = shown.replace("http://127.0.0.1:8200", walk.url)
    assert pattern(shown).fullmatch(walk.welcome.lstrip("\n")), f"{shown}\nis not\n{walk.welcome}"


def test_the_auditor_finds_the_newcomers_books_in_order(walk: Walk) -> None:
    last = commands("first-payment")[-1]
    assert "audit books" in last.text
    assert "The books agree" in walk.printed[last]


def test_the_console_finds_the_first_payment_with_the_password_that_was_shown(walk: Walk) -> None:
    password = re.search(r"Password\s+(\S+)", walk.welcome)
    assert password is not None
    with httpx2.Client(base_url=walk.url, follow_redirects=True, timeout=30) as browser:
        assert "/console/login" in str(browser.get("/console/search?q=TEA-0001").url), "open to everybody"
        token = re.search(r'name="csrf" value="([^"]+)"', browser.get("/console/login").text)
        assert token is not None
        form = {"csrf": token[1], "name": "operator", "password": password[1], "next": "/"}
        assert browser.post("/console/login", data=form).status_code == 200
        browser.get("/console/lang/en")
        found = browser.get("/console/search?q=TEA-0001")
        assert found.status_code == 200
        assert "/console/payments/" in str(found.url)
        page = re.sub("<[^>]+>", "", found.text)  # an amount's fen stand in an element of their own
        assert "100.00" in page
        assert "30.00" in page, "the refund stands on the payment's page"


def test_a_page_that_shows_something_else_is_caught() -> None:
    assert pattern('{\n    "id": "pay_…",\n…\n}\n').fullmatch('{\n    "id": "pay_01",\n    "fee": 6\n}\n')
    assert not pattern('{\n    "id": "pay_…"\n}\n').fullmatch('{\n    "id": "ref_01"\n}\n')
    assert not pattern("303 …\nREDIRECTED\n").fullmatch("303 a\nSUCCESS\n")
    assert not pattern("a …\n").fullmatch("a b\nc\n")
