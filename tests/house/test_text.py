"""What a reviewer would otherwise say every time."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGES = ("churn_core", "churn_serve", "churn_client")
TEXT = {".py", ".md", ".toml", ".txt", ".in", ".yaml", ".yml", ".sh", ".html", ".json", ".cfg", ".sql", ""}
# An index or mirror, a person's folder, a key. Spelled so that this file does not find itself.
FORBIDDEN = {
    "a package index": re.compile(r"pypi\.(?:org|io)|pythonhosted|/simple[/ ]|registry\.npmjs"),
    "a machine's path": re.compile(r"/(?:root|work)/|/home/\w+/|/Users/\w+/"),
    "a secret": re.compile(r"AKIA[0-9A-Z]{16}|-----BEGIN [A-Z ]*PRIVATE KEY|gh[ps]_[A-Za-z0-9]{36}"),
}


def tracked(root: Path) -> list[Path]:
    """The files in git; all files where this is no git checkout."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return [root / name for name in done.stdout.split("\0") if name and (root / name).is_file()]
    return [path for path in root.rglob("*") if path.is_file() and ".venv" not in path.parts]


def modules(root: Path) -> Iterator[Path]:
    for package in PACKAGES:
        yield from (root / package).rglob("*.py")


def test_no_text_names_an_index_a_machine_or_a_secret(root: Path) -> None:
    here = Path(__file__)
    found = [
        f"{path.relative_to(root)}:{number}: {what}"
        for path in tracked(root)
        if path.suffix in TEXT and path != here
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        for what, pattern in FORBIDDEN.items()
        if pattern.search(line)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("a package index", "https://pypi.org/project/x"),
        ("a machine's path", "/home/anna/churn"),
        ("a secret", "AKIA" + "A" * 16),
    ],
)
def test_the_patterns_find_what_they_are_for(what: str, text: str) -> None:
    assert FORBIDDEN[what].search(text)


def test_no_module_is_longer_than_350_lines(root: Path) -> None:
    lengths = {str(path.relative_to(root)): len(path.read_text().splitlines()) for path in modules(root)}
    assert lengths
    assert {name: length for name, length in lengths.items() if length > 350} == {}


def test_no_function_is_longer_than_sixty_lines(root: Path) -> None:
    long = [
        f"{path.relative_to(root)}:{node.lineno} {node.name}"
        for path in modules(root)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _length(node) > 60
    ]
    assert long == []


def _length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of the body, without the docstring."""
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_nothing_is_pickled(root: Path) -> None:
    pickling = {"pickle", "cloudpickle", "joblib", "dill", "marshal", "shelve"}
    found = [
        f"{path.relative_to(root)}: {name}"
        for path in modules(root)
        for name in _imported(ast.parse(path.read_text()))
        if name.split(".")[0] in pickling
    ]
    assert found == []


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def test_no_file_is_too_large_for_git(root: Path) -> None:
    large = [str(path.relative_to(root)) for path in tracked(root) if path.stat().st_size > 500_000]
    assert large == []


def test_nothing_is_left_for_later(root: Path) -> None:
    mark = re.compile(r"#\s*(TODO|FIXME|XXX|HACK)\b")
    found = [str(path.relative_to(root)) for path in modules(root) if mark.search(path.read_text())]
    assert found == []
