"""Which files of churn_core a module reaches by its imports, lazy ones included."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

__all__ = ["ROOT", "reached"]

ROOT = Path(__file__).parents[2]


def reached(modules: Iterable[str]) -> set[str]:
    """Paths of all reached files, relative to the repository.

    A package that only passes names on is looked through: importing a name from it reaches
    the file that defines the name, not all the package's files.
    """
    found: set[Path] = set()
    waiting = [path for module in modules if (path := _file(module))]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting.extend(_imports(path))
    return {path.relative_to(ROOT).as_posix() for path in found}


def _imports(path: Path) -> Iterator[Path]:
    for node in _nodes(path):
        if isinstance(node, ast.Import):
            yield from (found for alias in node.names if (found := _file(alias.name)))
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (found for alias in node.names if (found := _source(node.module, alias.name)))


def _source(module: str, name: str) -> Path | None:
    """The file that defines `name`, as it is imported from `module`."""
    submodule, path = _file(f"{module}.{name}"), _file(module)
    if not submodule and module == "churn_core":
        return None  # the version
    if submodule or path is None or path.name != "__init__.py":
        return submodule or path
    for node in _nodes(path):
        if isinstance(node, ast.ImportFrom) and node.module and name in {alias.name for alias in node.names}:
            return _source(node.module, name)
    return path


@cache
def _nodes(path: Path) -> tuple[ast.AST, ...]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    tree.body = [node for node in tree.body if not _is_for_types_only(node)]
    return tuple(ast.walk(tree))


def _is_for_types_only(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)


def _file(module: str) -> Path | None:
    if not module.startswith("churn_core"):
        return None
    place = ROOT.joinpath(*module.split("."))
    return next((path for path in (place.with_suffix(".py"), place / "__init__.py") if path.exists()), None)
