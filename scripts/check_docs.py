"""Checks the Markdown pages: links lead somewhere, examples parse.

A relative link must name a file of the repository, and its `#anchor` a heading of that file. A fenced
block marked `python` must compile, one marked `json` must parse. Standard library only.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parent.parent
FENCE = re.compile(r"^```(?P<language>\w*)[^\n]*\n(?P<text>.*?)^```\s*$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)(?:\s+\"[^\"]*\")?\)")
HEADING = re.compile(r"^#{1,6}\s+(?P<text>.+?)\s*#*\s*$", re.MULTILINE)
PLACES = ("*.md", "docs/**/*.md", "churn_*/**/*.md", "benchmarks/**/*.md")


def pages(root: Path = ROOT) -> list[Path]:
    """Every Markdown page of the repository."""
    return sorted({page for place in PLACES for page in root.glob(place)})


def anchors(text: str) -> set[str]:
    """The anchors that a page's headings make, spelled as GitHub does."""
    prose = FENCE.sub("", text)
    words = (re.sub(r"[^\w\- ]", "", match["text"].lower()) for match in HEADING.finditer(prose))
    return {word.replace(" ", "-") for word in words}


def problems(page: Path, root: Path = ROOT) -> Iterator[str]:
    """What is wrong with a page, one sentence each."""
    text = page.read_text(encoding="utf-8")
    name = page.relative_to(root)
    for match in FENCE.finditer(text):
        if fault := _example_fault(match["language"], match["text"]):
            yield f"{name}: {fault}"
    for match in LINK.finditer(re.sub(r"`[^`\n]*`", "", FENCE.sub("", text))):
        if fault := _link_fault(page, match["target"]):
            yield f"{name}: {fault}"


def _example_fault(language: str, text: str) -> str:
    try:
        if language == "python":
            ast.parse(text)
        if language == "json":
            json.loads(text)
    except ValueError as error:
        return f"a {language} example does not parse: {error}"
    except SyntaxError as error:
        return f"a {language} example does not compile: {error.msg} in {error.text!r}"
    return ""


def _link_fault(page: Path, target: str) -> str:
    if re.match(r"[a-z]+:", target):
        return ""
    path, _, anchor = unquote(target).partition("#")
    file = page.parent / path if path else page
    if not file.exists():
        return f"the link {target} leads to nothing"
    if anchor and file.suffix == ".md" and anchor not in anchors(file.read_text(encoding="utf-8")):
        return f"the link {target} names no heading of that page"
    return ""


def main() -> int:
    """Print every problem; 1 if there is one."""
    found = [problem for page in pages() for problem in problems(page)]
    for problem in found:
        print(f"error: {problem}", file=sys.stderr)
    print(f"{len(pages())} pages, {len(found)} problems")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
