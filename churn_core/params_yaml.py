"""YAML as `params.yaml` and overrides are written in."""

from __future__ import annotations

from typing import Any

from churn_core.errors import ParamsError

__all__ = ["parse_yaml"]


def parse_yaml(text: str, name: str) -> Any:
    """Read YAML in which no key is given twice: of two, YAML would silently take the last.

    Args:
        name: What to call it in errors.

    Raises:
        ParamsError: It is not YAML, or gives a key twice.
    """
    import yaml

    try:
        node = yaml.compose(text, yaml.SafeLoader)
        if node is not None:
            _refuse_repeated(node, name)
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark: Any = getattr(error, "problem_mark", None)
        where = f" near line {mark.line + 1}" if mark else ""
        raise ParamsError(f"{name} is not valid YAML{where}") from None


def _refuse_repeated(root: Any, name: str) -> None:
    import yaml

    nodes: list[Any] = [root]
    seen: set[int] = set()  # a node with an anchor stands in several places
    while nodes:
        node = nodes.pop()
        if id(node) in seen or isinstance(node, yaml.ScalarNode):
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            nodes += node.value
            continue
        keys: set[str] = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in keys:
                raise ParamsError(f"{name}: line {key.start_mark.line + 1} gives {key.value!r} a second time")
            keys.add(str(key.value))
            nodes.append(value)
