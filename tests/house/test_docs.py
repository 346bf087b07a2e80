"""The pages, and the script that checks them."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def checker(root: Path) -> dict[str, Any]:
    return runpy.run_path(str(root / "scripts/check_docs.py"))


def test_all_pages_are_in_order(root: Path, checker: dict[str, Any]) -> None:
    pages = checker["pages"](root)
    assert root / "README.md" in pages
    assert root / "docs/adr/0001-bundle-is-data.md" in pages
    assert [problem for page in pages for problem in checker["problems"](page, root)] == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[a](missing.md)", "the link missing.md leads to nothing"),
        ("[a](other.md#no-such)", "the link other.md#no-such names no heading of that page"),
        ("[a](#nowhere)", "the link #nowhere names no heading of that page"),
        ("```python\nprint(\n```", "a python example does not compile"),
        ('```json\n{"a": }\n```', "a json example does not parse"),
    ],
)
def test_a_fault_is_named(tmp_path: Path, checker: dict[str, Any], text: str, fault: str) -> None:
    (tmp_path / "other.md").write_text("# Other page, `really`\n")
    page = tmp_path / "page.md"
    page.write_text(f"# Title\n\n{text}\n")
    found = list(checker["problems"](page, tmp_path))
    assert len(found) == 1
    assert found[0].startswith(f"page.md: {fault}")


def test_what_is_right_passes(tmp_path: Path, checker: dict[str, Any]) -> None:
    (tmp_path / "other.md").write_text("# Other page, `really`\n")
    page = tmp_path / "page.md"
    page.write_text(
        "# Title\n\n[a](other.md#other-page-really) [b](#title) [c](https://example.org/x) `[d](no.md)`\n\n"
        "```python\nprint(1)\n```\n\n```sh\n# [e](no.md)\n```\n"
    )
    assert list(checker["problems"](page, tmp_path)) == []


def test_every_decision_is_listed(root: Path) -> None:
    folder = root / "docs/adr"
    index = (folder / "README.md").read_text()
    decisions = sorted(folder.glob("[0-9]*.md"))
    assert [path.name[:4] for path in decisions] == [f"{n:04}" for n in range(1, len(decisions) + 1)]
    for path in decisions:
        assert f"]({path.name})" in index
        number, title = path.read_text().splitlines()[0].removeprefix("# ").split(". ", 1)
        assert (int(number), f"| {title} |" in index) == (int(path.name[:4]), True)
