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
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import Distribution, EntryPoint, distributions, entry_points
from typing import TYPE_CHECKING, Any, Literal, overload

from churn_core.errors import PluginError

if TYPE_CHECKING:
    from churn_core.schemas import Customer

__all__ = ["GROUPS", "PluginInfo", "get", "names", "plugins", "unreadable_distributions"]

# Group -> the attributes that its protocol (see `churn_core.protocols`) asks of a plugin.
GROUPS: dict[str, tuple[str, ...]] = {
    "schemas": ("spec", "parse"),
    "datasets": ("schema", "fetch"),
    "features": ("version", "columns", "compute"),
    "trainers": ("train",),
    "checks": ("check",),
    "stores": ("scheme", "fetch"),
    "sinks": ("write",),
    "engines": ("score",),
}
_PREFIX = "churn_core."


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
            yield PluginInfo(group, name, point.value, *_origin(point.dist))


def names(group: str) -> tuple[str, ...]:
    """The names of a group's plugins."""
    return tuple(sorted(_points(group)))


def unreadable_distributions() -> tuple[str, ...]:
    """Installed distributions whose list of plugins is damaged; their plugins are not found."""
    return tuple(_scan().unreadable)


@overload
def get(group: Literal["schemas"], name: str) -> type[Customer]: ...
@overload
def get(group: str, name: str) -> Any: ...
def get(group: str, name: str) -> Any:
    """Import one plugin.

    Returns:
        The class that the entry point names.

    Raises:
        PluginError: It is unknown, named twice, cannot be imported, or lacks what its
            protocol asks for. The message names the distribution that it comes from.
    """
    points = _points(group).get(name, ())
    if not points:
        raise PluginError(_unknown(group, name))
    if len(points) > 1:
        owners = " and ".join(_origin(point.dist)[0] for point in points)
        raise PluginError(f"plugin {name!r} of group {group!r} is provided by {owners}: remove one")
    return _load(group, points[0])


def _load(group: str, point: EntryPoint) -> Any:
    plugin = f"plugin {point.name!r} of group {group!r} from {' '.join(_origin(point.dist)).strip()}"
    try:
        found = point.load()
    except (Exception, SystemExit) as error:
        reason = f"{type(error).__name__}: {error}"
        raise PluginError(f"{plugin} cannot be imported ({point.value}): {reason}") from error
    if not isinstance(found, type):
        raise PluginError(f"{plugin} is not a class ({point.value})")
    missing = [name for name in GROUPS[group] if not hasattr(found, name)]
    if missing:
        raise PluginError(f"{plugin} lacks {', '.join(missing)} ({point.value})")
    return found


@dataclass
class _Scan:
    """Entry points by group and name, and the distributions whose entry points cannot be read."""

    groups: dict[str, dict[str, list[EntryPoint]]] = field(
        default_factory=lambda: {group: {} for group in GROUPS}
    )
    unreadable: list[str] = field(default_factory=list[str])


def _points(group: str) -> dict[str, list[EntryPoint]]:
    if group not in GROUPS:
        raise PluginError(f"there is no plugin group {group!r}; groups: {', '.join(GROUPS)}")
    return _scan().groups[group]


@lru_cache(maxsize=1)
def _scan() -> _Scan:
    scan = _Scan()
    for point in _all_points(scan.unreadable):
        found = scan.groups[point.group.removeprefix(_PREFIX)].setdefault(point.name, [])
        # A distribution that is reachable by two paths lists the same entry point twice.
        if point not in found:
            found.append(point)
        if len(found) > 1:
            found.sort(key=lambda point: _origin(point.dist))
    return scan


def _all_points(unreadable: list[str]) -> list[EntryPoint]:
    try:
        found = entry_points()
        return [point for group in GROUPS for point in found.select(group=_PREFIX + group)]
    except Exception:  # noqa: BLE001 - whatever the parser makes of a damaged file
        return _points_one_by_one(unreadable)


def _points_one_by_one(unreadable: list[str]) -> list[EntryPoint]:
    """The slower way, for when one damaged list of entry points hides all others."""
    found: list[EntryPoint] = []
    for distribution in distributions():
        try:
            points = distribution.entry_points
        except Exception:  # noqa: BLE001
            unreadable.append(_origin(distribution)[0])
        else:
            found += [point for group in GROUPS for point in points.select(group=_PREFIX + group)]
    return found


def _origin(distribution: Distribution | None) -> tuple[str, str]:
    if distribution is None:
        return "an unknown distribution", ""
    try:
        metadata = {key: distribution.metadata[key] for key in distribution.metadata}
    except Exception:  # noqa: BLE001 - the importlib_metadata package, once imported, raises its own errors here
        metadata = {}
    return metadata.get("Name", "a distribution without a name"), metadata.get("Version", "")


def _unknown(group: str, name: str) -> str:
    known = names(group)
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"no plugin {name!r} in group {group!r} (installed: {', '.join(known) or 'none'}){hint}"
