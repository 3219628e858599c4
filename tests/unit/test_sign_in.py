"""Operators on the command line: made by the owner, signed in for a time, and only then a person who acts."""

import asyncio
import stat
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from typer.testing import CliRunner, Result

from zhangfang.cli import session
from zhangfang.cli.main import app
from zhangfang.kernel.postgres import as_platform
from zhangfang.kernel.settings import Settings
from zhangfang.vault.keyfile import create_key_file

ACT = ("tables", "rollback", "--kind", "routes")


@pytest.fixture
def home(database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("ZHANGFANG_OWNER_DATABASE_URL", database_url)
    monkeypatch.setenv("ZHANGFANG_DATABASE_URL", as_platform(database_url))
    monkeypatch.setenv("ZHANGFANG_HOME", str(tmp_path))
    create_key_file(tmp_path / "vault.json")
    return tmp_path


def run(*typed: str, stdin: str = "") -> Result:
    return CliRunner().invoke(app, [*typed], input=stdin)


def ask(url: str, sql: str) -> list[Any]:
    async def one() -> list[Any]:
        connection = await asyncpg.connect(url)
        try:
            return [tuple(row) for row in await connection.fetch(sql)]
        finally:
            await connection.close()

    return asyncio.run(one())


def password_of(done: Result) -> str:
    return done.output.split("password ")[1].split()[0]


def test_an_operator_is_made_signs_in_and_is_nobody_after_it(home: Path, database_url: str) -> None:
    password = password_of(run("operator", "add", "Mei  Lan", "--role", "admin"))
    taken = run("operator", "add", "ｍｅｉ lan", "--role", "admin")
    assert "one that is taken, in this or another spelling" in str(taken.exception)
    assert "nobody is signed in here" in str(run(*ACT).exception)
    for wrong in ("x" + password, ""):
        assert "a wrong name or password" in str(run("sign-in", "mei lan", stdin=wrong + "\n").exception)
    assert not (home / "signed-in").exists()
    assert run("sign-in", "MEI lan", stdin=password + "\n").exit_code == 0
    file = home / "signed-in"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert password not in file.read_text()
    assert "the table that ships is live" in run(*ACT).output, "the act itself is refused, not the person"
    assert run("sign-out").exit_code == 0
    assert not file.exists()
    assert "nobody is signed in here" in str(run(*ACT).exception)
    acts = ask(database_url, "SELECT operator, act FROM operator_act ORDER BY seq")
    assert acts == [
        ("owner", "operator add"),
        ("mei lan", "sign in refused"),
        ("mei lan", "sign in refused"),
        ("mei lan", "sign in"),
    ]


def test_an_expired_a_forged_and_a_disabled_persons_token_open_nothing(home: Path, database_url: str) -> None:
    password = password_of(run("operator", "add", "mei", "--role", "admin"))
    assert run("sign-in", "mei", stdin=password + "\n").exit_code == 0
    held = session.held(Settings(home=home))
    session.keep(Settings(home=home), held + "x")
    assert "the sign-in is over" in str(run(*ACT).exception)
    session.keep(Settings(home=home), held)
    (home / "signed-in").write_bytes(b'{"token":"' + held.encode() + b'","until":"2020-01-01T00:00:00Z"}')
    assert "the sign-in is over" in str(run(*ACT).exception)
    session.keep(Settings(home=home), held)
    ask(database_url, "UPDATE operator_session SET expires_at = now() RETURNING 1")
    assert "the sign-in is over" in str(run(*ACT).exception), "whatever the file says"
    assert run("sign-in", "mei", stdin=password + "\n").exit_code == 0
    assert run("operator", "disable", "MEI").exit_code == 0
    assert "the sign-in is over" in str(run(*ACT).exception)
    assert "a wrong name or password" in str(run("sign-in", "mei", stdin=password + "\n").exception)
    other = password_of(run("operator", "reset", "mei"))
    assert "a wrong name or password" in str(run("sign-in", "mei", stdin=password + "\n").exception)
    assert run("sign-in", "mei", stdin=other + "\n").exit_code == 0
    assert "mei" in run("operator", "list").output


def test_who_has_not_the_owners_address_makes_no_operator(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ZHANGFANG_OWNER_DATABASE_URL")
    for typed in (("add", "mei"), ("reset", "lin"), ("disable", "lin")):
        assert isinstance(run("operator", *typed).exception, asyncpg.InsufficientPrivilegeError)
    assert "mei" not in run("operator", "list").output


@pytest.mark.parametrize(
    "name", ["platform", "Platform", "owner", "key_01", "mer_1", " ", "x" * 41, "a\u200bb"]
)
def test_a_name_that_could_be_taken_for_another_thing_is_refused(home: Path, name: str) -> None:
    assert "name: " in str(run("operator", "add", name).exception)


def test_no_command_takes_the_name_of_who_acts() -> None:
    for group in ("breaks cure", "resolve propose", "close month", "duplicates confirm", "tables propose"):
        assert "--by" not in run(*group.split(), "--help").output
