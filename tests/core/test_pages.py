"""The examples of pages that have some run, and give what the pages say."""

from __future__ import annotations

import doctest
import re
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"^```(python|pycon)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(
    ("page", "shows_tests"),
    [
        ("schemas.md", True),
        ("plugins.md", True),
        ("decisions.md", False),
        ("reasons.md", True),
        ("actions.md", True),
    ],
)
def test_examples_run(page: str, *, shows_tests: bool) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    names: dict[str, Any] = {"__name__": f"example_of_{page.partition('.')[0]}"}
    blocks = [(match[1], match[2], text[: match.start()].count("\n")) for match in BLOCK.finditer(text)]
    assert len(blocks) >= 4
    for kind, code, line in blocks:
        if kind == "python":
            exec(compile(code, f"{page}:{line}", "exec", dont_inherit=True), names)
        else:
            _compare(page, code, line, names)
    tests = [name for name in names if name.startswith("test_")]
    assert bool(tests) == shows_tests
    for name in tests:
        names[name]()


def _compare(page: str, code: str, line: int, names: dict[str, Any]) -> None:
    flags = doctest.NORMALIZE_WHITESPACE
    example = doctest.DocTestParser().get_doctest(code, names, page, page, line)
    example.globs = names  # what one block defines, the next ones use
    runner = doctest.DocTestRunner(verbose=False, optionflags=flags)
    said: list[str] = []
    runner.run(example, out=said.append, clear_globs=False)
    assert runner.failures == 0, "".join(said)
