"""The repository is tidy: sizes, docstrings, imports, links, named files; and nothing in it is specific to one machine."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from pkgutil import resolve_name

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"
LONGEST = 350
# Files that may be longer, by path, each with its reason.
LONGER: dict[str, str] = {}

_NOT_OURS = {".git", ".venv", ".hypothesis", "__pycache__", "var", "vendor", "dist"}
_TEXT = {
    ".py",
    ".md",
    ".toml",
    ".lock",
    ".sql",
    ".html",
    ".css",
    ".js",
    ".yaml",
    ".yml",
    ".sh",
    ".csv",
    ".json",
    "",
}
_PACKAGE_HOSTS = "pypi.org|pythonhosted|npmjs|tsinghua|aliyun|ustc|huaweicloud|artifactory|nexus"
_MACHINE_BOUND = {
    "a host of a package registry or mirror": re.compile(rf"https?://[^\s\"')]*({_PACKAGE_HOSTS})"),
    "a place to look for packages": re.compile(
        r"--?(extra-)?(index-url|find-links)\b|PIP_(EXTRA_)?INDEX|UV_INDEX"
    ),
    "a folder of one machine": re.compile(r"(?<![\w.])/(work|root|home/\w+)/[\w.]"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+\w"),
}


def _files(top: Path = ROOT) -> Iterator[Path]:
    for path in sorted(top.iterdir()):
        if path.is_symlink() or path.name in _NOT_OURS or path.name.endswith(("_cache", ".egg-info")):
            continue
        if path.is_dir():
            yield from _files(path)
        elif path.suffix in _TEXT:
            yield path


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _modules(package: str) -> list[Path]:
    return sorted((SOURCE / package).rglob("*.py"))


MARKDOWN = [path for path in _files() if path.suffix == ".md"]


def test_the_import_contracts_hold() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr


def test_no_file_is_longer_than_a_reader_can_hold_without_a_listed_reason() -> None:
    long = {
        _name(path): lines
        for path in SOURCE.rglob("*.py")
        if (lines := len(path.read_text("utf-8").splitlines())) > LONGEST
    }
    assert {name: lines for name, lines in long.items() if name not in LONGER} == {}
    assert set(LONGER) <= set(long), "a listed file is short enough, or does not exist"


def _undocumented(tree: ast.Module) -> Iterator[str]:
    """Yield the public names of a module, and of its public classes, that have no docstring."""
    if ast.get_docstring(tree) is None:
        yield "the module"
    places: list[tuple[str, ast.Module | ast.ClassDef]] = [("", tree)]
    while places:
        prefix, place = places.pop()
        for node in place.body:
            if (
                not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
                or node.name[0] == "_"
            ):
                continue
            if ast.get_docstring(node) is None and not _is_overload(node):
                yield f"{prefix}{node.name}"
            if isinstance(node, ast.ClassDef):
                places.append((f"{node.name}.", node))


def _is_overload(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(ast.unparse(decorator).endswith("overload") for decorator in node.decorator_list)


def test_every_public_name_says_what_it_is() -> None:
    silent = [
        f"{_name(path)}: {name}"
        for path in _modules("zhangfang")
        for name in _undocumented(ast.parse(path.read_text("utf-8")))
    ]
    assert silent == []


def test_the_check_for_docstrings_sees_what_is_missing() -> None:
    tree = ast.parse('class A:\n    def b(self): ...\n    def _c(self): ...\ndef d():\n    "Says."\n')
    assert sorted(_undocumented(tree)) == ["A", "A.b", "the module"]


@pytest.mark.parametrize("what", _MACHINE_BOUND)
def test_nothing_in_the_repository_is_bound_to_one_machine_or_secret(what: str) -> None:
    found = [
        f"{_name(path)}:{text.count(chr(10), 0, hit.start()) + 1}: {hit[0]}"
        for path in _files()
        if path != Path(__file__)
        for text in [path.read_text("utf-8")]
        for hit in _MACHINE_BOUND[what].finditer(text)
    ]
    assert found == []


def test_the_makefile_has_every_command_that_the_documents_name() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = {
        (_name(path), command)
        for path in MARKDOWN
        # only in code, because "make sure" is also English
        for code in re.findall(r"```.*?```|`[^`\n]+`", path.read_text("utf-8"), re.DOTALL)
        for command in re.findall(r"\bmake (?:[A-Z]+=\S+ )*([a-z]+)", code)
    }
    assert {(name, command) for name, command in named if command not in targets} == set()
    assert {"demo", "test", "check", "up", "lock", "clean"} <= targets


def _anchors(text: str) -> set[str]:
    """Return the anchors that a Markdown page's headings have on the usual hosts."""
    without_code = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", without_code, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", MARKDOWN, ids=_name)
def test_every_link_of_a_document_leads_somewhere(page: Path) -> None:
    lost = []
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if re.match(r"[a-z]+:", link):
            continue
        place, _, anchor = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        if not target.exists() or (anchor and anchor not in _anchors(target.read_text("utf-8"))):
            lost.append(link)
    assert lost == []


def _lost(text: str) -> list[str]:
    """Return the paths of files and the dotted names of modules in a text that do not exist."""
    paths = re.findall(r"\bsrc/[\w./-]*\w", text) + re.findall(
        r"(?<![\w./-])[a-z]\w*/[\w/]*\w\.(?:py|sql|csv)\b", text
    )
    tops = (ROOT, SOURCE, SOURCE / "zhangfang")
    missing = [p for p in paths if not p.startswith("var/") and not any((top / p).exists() for top in tops)]
    return missing + [
        name for name in re.findall(r"(?<![\w./])zhangfang\w*(?:\.\w+)+", text) if not _is_code(name)
    ]


def _is_code(name: str) -> bool:
    try:
        return bool(resolve_name(name))
    except (ImportError, AttributeError):
        return False


@pytest.mark.parametrize("page", MARKDOWN, ids=_name)
def test_every_file_and_module_that_a_document_names_exists(page: Path) -> None:
    assert _lost(page.read_text("utf-8")) == []


def test_the_check_for_files_and_modules_sees_what_is_lost() -> None:
    there = "`src/zhangfang/schema/migrations`, `kernel/clock.py`, `var/a.csv`, `zhangfang.api.calls.Spec`"
    assert _lost(there) == []
    gone = "src/zhangfang/portal/pages payments/steps.py zhangfang.operations zhangfang.api.calls.Spek"
    assert _lost(gone) == gone.split()


def test_every_file_of_sql_stands_beside_the_module_that_loads_it() -> None:
    loaded = {
        module.parent / name
        for module in SOURCE.rglob("*.py")
        for name in re.findall(r"load\(__package__, \"(\w+\.sql)\"\)", module.read_text("utf-8"))
    }
    assert len(loaded) > 20
    assert {path for path in loaded if not path.exists() and path.parent.name != "kernel"} == set()


def test_every_document_can_be_found_from_the_index() -> None:
    seen = {ROOT / "docs" / "README.md"}
    ahead = list(seen)
    while ahead:
        page = ahead.pop()
        for link in re.findall(r"\]\(([^)\s#]+\.md)", page.read_text("utf-8")):
            target = (page.parent / link).resolve()
            if target.exists() and target not in seen:
                seen.add(target)
                ahead.append(target)
    assert [_name(path) for path in sorted((ROOT / "docs").rglob("*.md")) if path not in seen] == []


def test_the_script_that_ci_runs_calls_both_commands() -> None:
    text = (ROOT / ".ci" / "run").read_text("utf-8")
    assert "make check" in text
    assert "make test" in text
    assert "set -euo pipefail" in text
