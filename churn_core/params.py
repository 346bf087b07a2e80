"""`params.yaml`: every setting of a training run, typed.

The file is read with `read_params`; unknown keys are refused with the nearest known one.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from pydantic import ConfigDict, Field, ValidationError, model_validator

from churn_core.errors import ParamsError
from churn_core.params_yaml import parse_yaml
from churn_core.schemas.moves import MoveCosts
from churn_core.schemas.rules import Frozen, added

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

__all__ = [
    "CheckParams",
    "CostParams",
    "DatasetParams",
    "FeatureParams",
    "GateParams",
    "MlflowParams",
    "Params",
    "SplitParams",
    "TrainParams",
    "changed_costs",
    "read_params",
]

_SEED, _MOST = 2**32 - 1, 1e9  # the largest seed of NumPy and scikit-learn; the most money for one customer
_CHECKS = (
    "bundle-intact", "schema-compatible", "floors", "sample-size", "champion", "calibration",
    "slices", "fairness", "leakage", "overfit", "drift", "behaviour", "budgets", "holdout-reuse",
)  # fmt: skip


class _Section(Frozen):
    model_config = ConfigDict(allow_inf_nan=False)


class DatasetParams(_Section):
    """Which data set, and its own options.

    Attributes:
        name: A plugin of group `datasets`.
        options: What that data set takes, such as `path` for `csv`.
        max_rejects: Largest share of rows that may be refused before `prepare` fails.
    """

    name: str = "ibm-telco"
    options: dict[str, Any] = {}
    max_rejects: float = Field(default=0.01, ge=0, lt=1)


class SplitParams(_Section):
    """The share of customers that no fit ever sees, drawn by `seed` within each class."""

    seed: int = Field(default=0, ge=0, le=_SEED)
    holdout: float = Field(default=0.2, gt=0, lt=1)


class TrainParams(_Section):
    """How a model is found.

    Attributes:
        trainer: A plugin of group `trainers`.
        models: Ids of the models to compare; the trainer refuses those it does not know.
        folds: Folds of the cross-validation that compares, tunes and calibrates.
        budget_seconds: After it, no further model is started; what stands is used.
        tune: Candidates of the hyper-parameter search for each of the best models; 0 for none.
        blend: How many of the best models are averaged; 1 for the best alone.
        calibration: `platt`, `beta` or `none`; `auto` for the one that cross-validation prefers.
        interval: For what share of customers the interval around a probability is to hold the
            churn rate of those who score alike.
        seed: Seed of everything random in training.
    """

    trainer: str = "pycaret"
    models: tuple[str, ...] = ("lr", "lightgbm", "xgboost", "catboost")
    folds: int = Field(default=5, ge=2, le=20)
    budget_seconds: float = Field(default=900, gt=0)
    tune: int = Field(default=6, ge=0)
    blend: int = Field(default=3, ge=1)
    calibration: Literal["auto", "beta", "platt", "none"] = "auto"
    interval: float = added(0.9, ge=0.5, le=0.99)
    seed: int = Field(default=0, ge=0, le=_SEED)


class FeatureParams(_Section):
    """Derived features, by name, in the order of their columns."""

    derived: tuple[str, ...] = ()


class CostParams(_Section):
    """What contacting a customer is worth (Verbraken, Verbeke and Baesens 2013).

    Attributes:
        customer_value: Lifetime value of a customer who stays (CLV), in `currency`.
        value_field: A numeric field of the schema, such as `monthly_charges`: each customer is
            worth `value_field` x `value_months`, and `customer_value` is not used.
        value_months: For how many months a customer who is kept pays, times the margin.
        offer_cost: Cost of the incentive when it is taken.
        contact_cost: Cost of contacting.
        acceptance_alpha: With `acceptance_beta`, the Beta distribution of the share of
            would-be churners that accept; its mean is alpha / (alpha + beta).
        threshold: `profit` for the probability at which contact breaks even, or a fixed one.
        medium_risk, high_risk: Probabilities from which the risk is called MEDIUM and HIGH.
        moves: What moves cost instead of what the schema says, by field and the value moved to.
    """

    customer_value: float = Field(default=200, gt=0, le=_MOST)
    value_field: str = added("")
    value_months: float = added(12.0, gt=0, le=_MOST)
    offer_cost: float = Field(default=10, ge=0, le=_MOST)
    contact_cost: float = Field(default=1, ge=0, le=_MOST)
    acceptance_alpha: float = Field(default=6, ge=1e-3, le=1e6)
    acceptance_beta: float = Field(default=14, ge=1e-3, le=1e6)
    currency: str = "EUR"
    threshold: Literal["profit"] | float = "profit"
    medium_risk: float = Field(default=0.3, ge=0, le=1)
    high_risk: float = Field(default=0.6, ge=0, le=1)
    moves: MoveCosts = added({})

    @model_validator(mode="after")
    def _consistent(self) -> CostParams:
        if not self.value_field and self.offer_cost + self.contact_cost >= self.customer_value:
            raise ValueError("offer_cost and contact_cost together must be less than customer_value")
        if self.medium_risk > self.high_risk:
            raise ValueError("medium_risk must not exceed high_risk")
        if self.threshold != "profit" and not 0 <= self.threshold <= 1:
            raise ValueError("threshold must be 'profit' or a number from 0 to 1")
        return self


class CheckParams(_Section):
    """One check of the gate, and its own options."""

    name: str
    options: dict[str, Any] = {}


class GateParams(_Section):
    """The checks, in order, and what a verdict is worth.

    Attributes:
        valid_days: How long after it was given a verdict allows a promotion.
        signers: Public keys one of which must have signed it; none asks for no signature.
    """

    valid_days: int = Field(default=14, ge=1, le=3650)
    signers: tuple[Annotated[str, Field(pattern=r"^ed25519:[A-Za-z0-9+/]{43}=$")], ...] = ()
    checks: tuple[CheckParams, ...] = tuple(CheckParams(name=name) for name in _CHECKS)


class MlflowParams(_Section):
    """Where runs and models are kept.

    `MLFLOW_TRACKING_URI` in the environment wins over `tracking_uri`; empty means the
    project's own `mlflow.db`.
    """

    tracking_uri: str = ""
    experiment: str = Field(default="telco-churn-prediction", min_length=1)
    model: str = Field(default="telco-churn-prediction", pattern=r"^[^/:\s.][^/:]*$")


class Params(_Section):
    """The whole of `params.yaml`."""

    schema_name: str = Field(default="ibm-telco", alias="schema")
    dataset: DatasetParams = DatasetParams()
    split: SplitParams = SplitParams()
    train: TrainParams = TrainParams()
    features: FeatureParams = FeatureParams()
    costs: CostParams = CostParams()
    gate: GateParams = GateParams()
    mlflow: MlflowParams = MlflowParams()

    def digest(self, *sections: str) -> str:
        """SHA-256 of the named sections, or of all."""
        chosen = set(sections) or None
        return hashlib.sha256(self.model_dump_json(include=chosen).encode()).hexdigest()


def read_params(path: str | Path = "params.yaml", overrides: Sequence[str] = ()) -> Params:
    """Read and check `params.yaml`.

    Args:
        overrides: `section.key=value` strings, the value read as YAML.

    Raises:
        ParamsError: The file is missing or not YAML, a key is unknown, or a value not allowed.
    """
    data = _load_yaml(Path(path))
    for override in overrides:
        _override(data, override)
    return _validated(data, str(path))


def changed_costs(costs: CostParams, changes: Sequence[str]) -> CostParams:
    """Costs with some of them set anew.

    Args:
        changes: `key=value` strings, the value read as YAML.

    Raises:
        ParamsError: A key is unknown, or a value not allowed.
    """
    data: dict[str, Any] = {"costs": costs.model_dump()}
    for change in changes:
        _override(data, f"costs.{change}")
    return _validated(data, "the policy").costs


def _validated(data: dict[str, Any], source: str) -> Params:
    try:
        return Params.model_validate(data)
    except ValidationError as error:
        raise ParamsError(_sentence(source, error)) from None


def _load_yaml(path: Path) -> dict[str, Any]:
    try:
        data = parse_yaml(path.read_text(encoding="utf-8"), str(path))
    except FileNotFoundError:
        raise ParamsError(f"{path} does not exist; run from the project's folder") from None
    except IsADirectoryError:
        raise ParamsError(f"{path} is a directory, not a file") from None
    except UnicodeDecodeError:
        raise ParamsError(f"{path} is not in UTF-8") from None
    except OSError as error:
        raise ParamsError(f"{path} cannot be read: {error.strerror}") from None
    if not isinstance(data, dict | None):
        raise ParamsError(f"{path} must be a mapping of sections")
    return cast("dict[str, Any]", data or {})


def _override(data: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    *sections, last = key.strip().split(".")
    if not equals or not last:
        raise ParamsError(f"override {override!r} must look like section.key=value")
    for section in sections:
        inner: Any = data.setdefault(section, {})
        if not isinstance(inner, dict):
            raise ParamsError(f"override {override!r}: {section!r} is not a section")
        data = cast("dict[str, Any]", inner)
    data[last] = parse_yaml(text, f"override {override!r}: the value")


def _sentence(source: str, error: ValidationError) -> str:
    detail = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in detail["loc"]) or "the file"
    if detail["type"] == "extra_forbidden":
        key = str(detail["loc"][-1])
        near = difflib.get_close_matches(key, _known_keys(detail["loc"][:-1]), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        return f"{source}: unknown key {place!r}{hint}"
    if detail["loc"][:2] == ("gate", "signers") and detail["type"] == "string_pattern_mismatch":
        return f"{source}: {place}: must be a public key as `churn gate --new-key FILE` prints it"
    if place == "mlflow.model" and detail["type"] == "string_pattern_mismatch":
        return f"{source}: {place}: must be a name without '/' and ':', and begin with no dot or blank"
    if detail["loc"][:2] == ("costs", "threshold"):
        return f"{source}: costs.threshold: must be 'profit' or a number from 0 to 1"
    return f"{source}: {place}: {_plain(detail)}"


def _plain(detail: ErrorDetails) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    words = _WORDS.get(kind)
    return words.format_map(context) if words else detail["msg"]


def _known_keys(location: Sequence[str | int]) -> list[str]:
    if not location:
        return [info.alias or name for name, info in Params.model_fields.items()]
    model = CheckParams if len(location) > 1 else _SECTIONS[str(location[0])]
    return list(model.model_fields)


_WORDS = {
    "missing": "is missing",
    "tuple_type": "must be a list",
    "model_type": "must be a mapping of keys",
    "model_attributes_type": "must be a mapping of keys",
    "dict_type": "must be a mapping of keys",
    "string_type": "must be a text",
    "string_too_short": "must not be empty",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "is too large",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
    "string_unicode": "is not valid Unicode text",
}

_SECTIONS: dict[str, type[Frozen]] = {
    "dataset": DatasetParams,
    "split": SplitParams,
    "train": TrainParams,
    "features": FeatureParams,
    "costs": CostParams,
    "gate": GateParams,
    "mlflow": MlflowParams,
}
