"""Where customers with known outcomes come from: the built-in data sets, and how one is opened."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Iterable
from typing import Any

from pydantic import ConfigDict, ValidationError
from pydantic.dataclasses import dataclass

from churn_core import registry
from churn_core.errors import ParamsError
from churn_core.params import DatasetParams
from churn_core.protocols import Dataset

__all__ = ["dataset", "open_dataset"]

# What makes a class a data set whose options are checked when it is made.
dataset = dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))


def open_dataset(params: DatasetParams) -> Dataset:
    """The data set that `params.yaml` names, with its options.

    Raises:
        ParamsError: An option is unknown, missing or has a wrong value.
        PluginError: There is no such data set, or its plugin is broken.
    """
    plugin = registry.get("datasets", params.name)
    _check_names(params, plugin)
    try:
        return plugin(**params.options)
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in detail["loc"])
        raise ParamsError(f"dataset.options.{place}: {detail['msg']}") from None


def _check_names(params: DatasetParams, plugin: Any) -> None:
    parameters = inspect.signature(plugin).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return
    known = [parameter.name for parameter in parameters]
    required = [parameter.name for parameter in parameters if parameter.default is parameter.empty]
    for name in params.options:
        if name not in known:
            raise ParamsError(_unknown(params.name, name, known))
    for name in required:
        if name not in params.options:
            raise ParamsError(f"data set {params.name!r} needs the option dataset.options.{name}")


def _unknown(dataset_name: str, name: str, known: Iterable[str]) -> str:
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    allowed = f"its options: {', '.join(known)}" if known else "it has no options"
    return f"dataset.options: data set {dataset_name!r} has no option {name!r} ({allowed}){hint}"
