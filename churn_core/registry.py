"""Plugins: named parts that any installed distribution can add.

A plugin is an entry point in one of the groups of `GROUPS`. Names are listed without
importing anything; `get` imports one plugin and checks it against its group's protocol.
A broken plugin fails loudly when it is asked for and harms no other.

```toml
[project.entry-points."churn_core.checks"]
max-price = "acme_churn.checks:MaxPrice"
```
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from churn_core.errors import PluginError

__all__ = ["GROUPS", "PluginInfo", "get", "names", "plugins"]

# Group -> the attributes that its protocol (see `churn_core.protocols`) asks of a plugin.
GROUPS: dict[str, tuple[str, ...]] = {
    "schemas": ("spec", "model_validate_json"),
    "datasets": ("schema", "fetch"),
    "features": ("version", "columns", "compute"),
    "trainers": ("train",),
    "checks": ("check",),
    "stores": ("scheme", "fetch"),
    "sinks": ("write",),
    "engines": ("score",),
}


@dataclass(frozen=True)
class PluginInfo:
    """Where a plugin comes from, known without importing it."""

    group: str
    name: str
    target: str
    distribution: str
    version: str


def plugins(group: str) -> Iterator[PluginInfo]:
    """The plugins of a group, by name, without importing them.

    Raises:
        PluginError: There is no such group.
    """
    for name, points in sorted(_points(group).items()):
        for point in points:
            yield PluginInfo(group, name, point.value, *_origin(point))


def names(group: str) -> tuple[str, ...]:
    """The names of a group's plugins."""
    return tuple(sorted(_points(group)))


def get(group: str, name: str) -> Any:
    """Import one plugin.

    Returns:
        The object that the entry point names: a class for every group.

    Raises:
        PluginError: It is unknown, named twice, cannot be imported, or lacks what its
            protocol asks for. The message names the distribution that it comes from.
    """
    points = _points(group).get(name, ())
    if not points:
        raise PluginError(_unknown(group, name))
    if len(points) > 1:
        owners = " and ".join(_origin(point)[0] for point in points)
        raise PluginError(f"plugin {name!r} of group {group!r} is provided by {owners}: remove one")
    return _load(group, points[0])


def _load(group: str, point: EntryPoint) -> Any:
    owner = "{} {}".format(*_origin(point))
    try:
        plugin = point.load()
    except Exception as error:
        raise PluginError(
            f"plugin {point.name!r} of group {group!r} from {owner} cannot be imported "
            f"({point.value}): {type(error).__name__}: {error}"
        ) from error
    missing = [name for name in GROUPS[group] if not hasattr(plugin, name)]
    if missing:
        raise PluginError(f"plugin {point.name!r} of group {group!r} from {owner} lacks {', '.join(missing)}")
    return plugin


def _points(group: str) -> dict[str, list[EntryPoint]]:
    if group not in GROUPS:
        raise PluginError(f"there is no plugin group {group!r}; groups: {', '.join(GROUPS)}")
    return _scan(group)


@cache
def _scan(group: str) -> dict[str, list[EntryPoint]]:
    found: dict[str, list[EntryPoint]] = {}
    # A distribution that is reachable by two paths lists the same entry point twice.
    for point in sorted(set(entry_points(group=f"churn_core.{group}")), key=lambda p: p.value):
        found.setdefault(point.name, []).append(point)
    return found


def _origin(point: EntryPoint) -> tuple[str, str]:
    return (point.dist.name, point.dist.version) if point.dist else ("an unknown distribution", "")


def _unknown(group: str, name: str) -> str:
    known = names(group)
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"no plugin {name!r} in group {group!r} (installed: {', '.join(known) or 'none'}){hint}"
