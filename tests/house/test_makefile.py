"""The Makefile and the script of continuous integration."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

# The tests may run under make themselves.
ENV = {name: value for name, value in os.environ.items() if not name.startswith("MAKE") and name != "MFLAGS"}
CONTRACT = {"run", "test", "serve", "bench", "lint", "docs", "clean"}


def targets(root: Path) -> dict[str, str]:
    """Documented targets with their explanation."""
    return dict(re.findall(r"^([a-z]+):[^#\n]*## (.+)$", (root / "Makefile").read_text(), re.MULTILINE))


def dry_run(root: Path, *words: str) -> str:
    done = subprocess.run(
        ["make", "-n", "-C", str(root), *words], capture_output=True, text=True, check=True, env=ENV
    )
    return done.stdout


def test_the_promised_targets_and_not_many_more(root: Path) -> None:
    assert set(targets(root)) >= CONTRACT
    assert len(targets(root)) <= 12


def test_every_target_is_explained_and_phony(root: Path) -> None:
    text = (root / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.+)$", text, re.MULTILINE)
    assert phony is not None
    assert set(phony[1].split()) == set(targets(root))
    assert set(re.findall(r"^([\w-]+):", text, re.MULTILINE)) == set(targets(root))


@pytest.mark.parametrize(
    ("target", "command"),
    [
        ("run", ".venv/bin/churn run"),
        ("serve", ".venv/bin/churn serve"),
        ("test", ".venv/bin/python -m pytest -n 2 --dist loadfile"),
        ("bench", ".venv/bin/python -m benchmarks"),
    ],
)
def test_a_target_sets_up_and_then_calls_its_command(root: Path, target: str, command: str) -> None:
    lines = dry_run(root, target, "ARGS=--given").splitlines()
    commands = [line for line in lines if not line.startswith("make")]
    assert commands == ["sh scripts/setup.sh", f"{command} --given"]


def test_lint_checks_style_types_and_imports(root: Path) -> None:
    text = dry_run(root, "lint")
    for tool in ("ruff check", "ruff format --check", "pyright", "lint-imports"):
        assert f".venv/bin/{tool}" in text


def test_clean_keeps_what_cannot_be_made_again(root: Path) -> None:
    removed = dry_run(root, "clean").split()
    assert "outputs" in removed
    assert not {".", ".venv", ".dvc", "data", "data/raw", "mlflow.db", "mlartifacts", "mlruns"} & set(removed)


def test_ci_calls_make_from_anywhere_without_input(root: Path, tmp_path: Path) -> None:
    (tmp_path / "checkout/.ci").mkdir(parents=True)
    (tmp_path / "checkout/.ci/run").write_text((root / ".ci/run").read_text())
    (tmp_path / "checkout/Makefile").write_text(
        "lint test:\n\t@echo $@ $$CI; ! read answer\nrefuse:\n\t@false\n"
    )
    done = subprocess.run(
        ["bash", str(tmp_path / "checkout/.ci/run")],
        cwd=tmp_path,
        input="yes\n",
        capture_output=True,
        text=True,
        check=False,
        env=ENV,
    )
    assert (done.returncode, done.stdout.split("\n")[:2]) == (0, ["lint true", "test true"])


def test_ci_fails_where_lint_fails(root: Path, tmp_path: Path) -> None:
    (tmp_path / ".ci").mkdir()
    (tmp_path / ".ci/run").write_text((root / ".ci/run").read_text())
    (tmp_path / "Makefile").write_text("lint:\n\t@false\ntest:\n\t@echo tested\n")
    done = subprocess.run(
        ["bash", str(tmp_path / ".ci/run")], capture_output=True, text=True, check=False, env=ENV
    )
    assert done.returncode != 0
    assert "tested" not in done.stdout
