"""Every error that churn_core raises on purpose.

```text
ChurnError
├── SchemaError        a schema is declared wrongly, or is not the one expected
├── InvalidCustomer    a customer does not fit its schema (carries `problems`)
├── DataError          a data file or data set cannot be used
├── ParamsError        params.yaml, or a `--set` override, is wrong
├── PluginError        a plugin is missing, broken or breaks its protocol
├── FeatureError       a feature cannot be computed as the bundle asks
├── BundleError        a bundle is missing, damaged or of an unknown kind
├── TrainingError      no model could be fitted
│   └── ExportError    a fitted model has no exact ONNX form
├── GateRefused        promotion or deployment without a passing verdict
├── RegistryError      the model registry has not what was asked of it
│   └── NoSuchVersion  it answers, and has no such version
└── StageError         a pipeline step did not finish
```

A message is one sentence a user can act on. It names fields and kinds of values, never
the values of a customer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from churn_core.schemas.problems import FieldProblem

__all__ = [
    "BundleError",
    "ChurnError",
    "DataError",
    "ExportError",
    "FeatureError",
    "GateRefused",
    "InvalidCustomer",
    "NoSuchVersion",
    "ParamsError",
    "PluginError",
    "RegistryError",
    "SchemaError",
    "StageError",
    "TrainingError",
]


class ChurnError(Exception):
    """Root of all expected failures."""


class SchemaError(ChurnError):
    """A schema is declared wrongly, or is not the one expected."""


class InvalidCustomer(ChurnError, ValueError):
    """A customer does not fit its schema."""

    def __init__(self, problems: Sequence[FieldProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(str(problem) for problem in self.problems))

    def __reduce__(self) -> tuple[type[InvalidCustomer], tuple[tuple[FieldProblem, ...]]]:
        return type(self), (self.problems,)


class DataError(ChurnError):
    """A data file or data set cannot be used."""


class ParamsError(ChurnError):
    """`params.yaml`, or an override of it, is wrong."""


class PluginError(ChurnError):
    """A plugin is missing, broken, or breaks its protocol."""


class FeatureError(ChurnError):
    """A feature cannot be computed as the bundle asks."""


class BundleError(ChurnError):
    """A bundle is missing, damaged, or of a kind that this version does not know."""


class TrainingError(ChurnError):
    """No model could be fitted."""


class ExportError(TrainingError):
    """A fitted model has no exact ONNX form."""


class GateRefused(ChurnError):
    """Promotion or deployment was asked for without a passing verdict."""


class RegistryError(ChurnError):
    """The model registry does not hold what was asked of it, or cannot be reached."""


class NoSuchVersion(RegistryError):
    """The registry answers, and has no such version."""


class StageError(ChurnError):
    """A step of the pipeline did not finish."""
