"""The models that `params.yaml` may name: one entry a model, by PyCaret's ids.

`settings` are good values for customer tables of some thousand rows; `grid` is what tuning
draws from. A model is listed only if `churn_core.train.export` writes it exactly.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from itertools import product
from typing import Any

import numpy as np

from churn_core.errors import ExportError, ParamsError

__all__ = ["MODELS", "ModelSpec", "check_models", "draws"]


@dataclass(frozen=True)
class ModelSpec:
    """How a model is made.

    Attributes:
        title: What people call it.
        family: Models of one family err alike; a blend gives every family the same weight.
        target: Its class, `module:name`, imported when it is made.
        settings: Hyper-parameters to start from.
        grid: Values that tuning tries instead.
        fixed: Arguments that keep it quiet, single-threaded and repeatable.
        seed_name: The argument that takes the seed; empty if nothing is random.
    """

    title: str
    family: str
    target: str
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    grid: Mapping[str, Sequence[Any]] = field(default_factory=dict[str, Sequence[Any]])
    fixed: Mapping[str, Any] = field(default_factory=dict[str, Any])
    seed_name: str = "random_state"

    @property
    def package(self) -> str:
        return self.target.partition(":")[0].partition(".")[0]

    def make(self, seed: int, **changes: Any) -> Any:
        """An unfitted estimator with `settings`, or `changes` of them."""
        module, _, name = self.target.partition(":")
        seeded = {self.seed_name: seed} if self.seed_name else {}
        return getattr(import_module(module), name)(**{**self.settings, **changes, **self.fixed, **seeded})


_FOREST = {
    "min_samples_leaf": (5, 10, 20, 40),
    "max_features": (0.2, 0.3, 0.5),
}

MODELS: dict[str, ModelSpec] = {
    "lr": ModelSpec(
        "Logistic regression",
        "linear",
        "sklearn.linear_model:LogisticRegression",
        {"C": 0.3},
        {"C": (0.01, 0.03, 0.1, 0.3, 1.0)},
        {"max_iter": 5000},
    ),
    "lda": ModelSpec(
        "Linear discriminant analysis",
        "linear",
        "sklearn.discriminant_analysis:LinearDiscriminantAnalysis",
        {"shrinkage": 0.01},
        {"shrinkage": (0.001, 0.01, 0.03, 0.1)},
        {"solver": "lsqr"},
        seed_name="",
    ),
    "nb": ModelSpec(
        "Naive Bayes",
        "bayes",
        "sklearn.naive_bayes:GaussianNB",
        {"var_smoothing": 1e-2},
        {"var_smoothing": (1e-3, 1e-2, 1e-1)},
        seed_name="",
    ),
    "dt": ModelSpec(
        "Decision tree",
        "trees",
        "sklearn.tree:DecisionTreeClassifier",
        {"max_depth": 6, "min_samples_leaf": 40},
        {"max_depth": (4, 5, 6, 8), "min_samples_leaf": (20, 40, 80)},
    ),
    "rf": ModelSpec(
        "Random forest",
        "trees",
        "sklearn.ensemble:RandomForestClassifier",
        {"n_estimators": 200, "min_samples_leaf": 10, "max_features": 0.3},
        _FOREST,
        {"n_jobs": 1},
    ),
    "et": ModelSpec(
        "Extra trees",
        "trees",
        "sklearn.ensemble:ExtraTreesClassifier",
        {"n_estimators": 200, "min_samples_leaf": 10, "max_features": 0.5},
        _FOREST,
        {"n_jobs": 1},
    ),
    "gbc": ModelSpec(
        "Gradient boosting",
        "trees",
        "sklearn.ensemble:GradientBoostingClassifier",
        {
            "n_estimators": 250,
            "max_depth": 2,
            "learning_rate": 0.06,
            "subsample": 0.5,
            "min_samples_leaf": 30,
            "max_features": 0.2,
        },
        {"n_estimators": (150, 250, 350), "max_depth": (2, 3), "max_features": (0.2, 0.4)},
    ),
    "lightgbm": ModelSpec(
        "LightGBM",
        "trees",
        "lightgbm:LGBMClassifier",
        {
            "n_estimators": 250,
            "num_leaves": 4,
            "learning_rate": 0.04,
            "min_child_samples": 30,
            "subsample": 0.7,
            "subsample_freq": 1,
            "colsample_bytree": 0.25,
            "reg_lambda": 5.0,
        },
        {
            "n_estimators": (150, 250, 400),
            "num_leaves": (3, 4, 6),
            "colsample_bytree": (0.25, 0.5),
            "reg_lambda": (5.0, 10.0),
        },
        {"n_jobs": 1, "verbose": -1, "deterministic": True, "force_row_wise": True},
    ),
    "xgboost": ModelSpec(
        "XGBoost",
        "trees",
        "xgboost:XGBClassifier",
        {
            "n_estimators": 250,
            "max_depth": 2,
            "learning_rate": 0.05,
            "min_child_weight": 10,
            "subsample": 0.7,
            "colsample_bytree": 0.3,
            "reg_lambda": 5.0,
        },
        {
            "n_estimators": (150, 250, 400),
            "max_depth": (2, 3),
            "colsample_bytree": (0.3, 0.5),
            "reg_lambda": (5.0, 10.0),
        },
        {"n_jobs": 1, "verbosity": 0, "tree_method": "hist"},
    ),
    "catboost": ModelSpec(
        "CatBoost",
        "trees",
        "catboost:CatBoostClassifier",
        {"iterations": 250, "depth": 3, "learning_rate": 0.05, "l2_leaf_reg": 20.0, "rsm": 0.5},
        {
            "iterations": (150, 250, 400),
            "depth": (2, 3, 4),
            "l2_leaf_reg": (10.0, 20.0, 50.0),
            "rsm": (0.3, 0.5),
        },
        {"thread_count": 1, "verbose": False, "allow_writing_files": False},
        seed_name="random_seed",
    ),
    "mlp": ModelSpec(
        "Neural network",
        "network",
        "sklearn.neural_network:MLPClassifier",
        {"hidden_layer_sizes": (16,), "alpha": 1.0, "learning_rate_init": 0.002, "batch_size": 128},
        # PyCaret tunes a network through a class of its own, which cannot vary its layers from a grid.
        {"alpha": (0.3, 1.0, 3.0), "learning_rate_init": (0.001, 0.002, 0.005)},
        {"max_iter": 20, "n_iter_no_change": 100},
    ),
}

# PyCaret knows these too; each would answer otherwise in the service than in training.
_INEXACT: dict[str, str] = {
    "knn": "nearest neighbours change when distances are rounded",
    "svm": "it gives no probabilities",
    "ridge": "it gives no probabilities",
    "rbfsvm": "its kernel sums lose too many digits in float32",
    "gpc": "its kernel sums lose too many digits in float32",
    "qda": "its covariances are nearly singular and lose all digits in float32",
    "ada": "its votes jump where a probability is rounded",
    "dummy": "it is no model",
}


def check_models(names: Sequence[str]) -> None:
    """Refuse a list of models that cannot be trained and exported here.

    Raises:
        ExportError: A model has no exact ONNX form.
        ParamsError: The list is empty, or a model is named twice, unknown, or its package missing.
    """
    if not names:
        raise ParamsError(f"train.models is empty; choose from {', '.join(MODELS)}")
    for name in names:
        _check(name)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ParamsError(f"train.models names {twice[0]!r} twice")


def draws(name: str, count: int, seed: int) -> list[dict[str, Any]]:
    """Up to `count` different points of a model's grid, drawn at random."""
    grid = MODELS[name].grid
    points = [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
    order = np.random.default_rng(seed).permutation(len(points))[:count]
    return [points[index] for index in order]


def _check(name: str) -> None:
    if name in _INEXACT:
        raise ExportError(
            f"model {name!r} cannot be exported exactly ({_INEXACT[name]}); choose from {', '.join(MODELS)}"
        )
    if name not in MODELS:
        near = difflib.get_close_matches(name, MODELS, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ParamsError(f"train.models: there is no model {name!r} (known: {', '.join(MODELS)}){hint}")
    package = MODELS[name].package
    if find_spec(package) is None:
        raise ParamsError(
            f"train.models: model {name!r} needs {package}, which is not installed; leave it out"
        )
