"""Models that must not pass: each is spoiled in one way, and the check that names it has to refuse it.

All start from one honest pipeline on the IBM Telco data (native trainer). Some spoil what is learned from,
some the bundle afterwards, as a mistake or somebody with bad intent would.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.gate.graphs import answer, calibration, double, for_group, heavy, slow, swap
from churn_core import train
from churn_core.bundle import Manifest, read_bundle, write_bundle
from churn_core.gate import Verdict, judge, open_contender
from churn_core.params import Params
from churn_core.schemas import SchemaSpec
from churn_core.tracking import holdout, training_customers
from churn_core.train.fetch import fetch
from churn_core.train.prepare import prepare
from churn_core.train.prepared import PREPARED

__all__ = ["ZOO", "Animal", "Farm"]

_CANDIDATE = Path("models/candidate")


@dataclass(frozen=True)
class Animal:
    """One kind of spoiled model.

    Attributes:
        named_by: The checks of which one has to refuse it.
        customers: Spoils the prepared customers, before training.
        models: Of `train.models`, where they matter.
        untrained: Whether the customers are spoiled after training: the judge's, not the model's.
        manifest: Spoils the manifest, which is sealed again.
        graph: Spoils the graph, which is described truthfully.
        bytes: Spoils a file of the bundle, behind the manifest's back.
        looks: How many other models were judged on this hold-out.
    """

    name: str
    named_by: tuple[str, ...]
    customers: Callable[[pa.Table, Any], pa.Table] | None = None
    models: tuple[str, ...] = ()
    untrained: bool = False
    manifest: Callable[[Manifest], Mapping[str, Any]] | None = None
    graph: Callable[[Any, Manifest], Any] | None = None
    bytes: tuple[str, Callable[[bytes], bytes]] | None = None
    looks: int = 0


class Farm:
    """An honest pipeline, and what is made of it."""

    def __init__(self, folder: Path, seed: int = 0) -> None:
        self.folder = folder
        self.seed = seed
        dataset = {"name": "ibm-telco"}
        self.params = Params.model_validate(
            {
                "schema": "ibm-telco",
                "dataset": dataset,
                "split": {"seed": seed},
                "train": {"trainer": "native", "models": ["lr", "lightgbm"], "tune": 0, "blend": 2},
            }
        )
        self.honest = folder / "honest"
        self.honest.mkdir(parents=True)
        fetch(self.params, self.honest)
        prepare(self.params, self.honest)
        train.run(self.params, self.honest)

    def judge(self, root: Path, champion: Path | None = None, looks: int = 0) -> Verdict:
        """The verdict of the default policy about the candidate in `root`."""
        rival = open_contender(champion / _CANDIDATE) if champion else None
        candidate = open_contender(root / _CANDIDATE)
        seen, known = holdout(self.params, root), training_customers(self.params, root)
        return judge(candidate, rival, seen, self.params.gate, known, looks)

    def raise_(self, animal: Animal) -> Verdict:
        """Make the animal and judge it, beside the honest model where both can be asked."""
        root = self.folder / animal.name.replace(" ", "-")
        shutil.copytree(self.honest, root)
        if animal.customers:
            table = pq.read_table(root / PREPARED)
            spoiled = animal.customers(table, np.random.default_rng(self.seed))
            pq.write_table(spoiled.replace_schema_metadata(table.schema.metadata), root / PREPARED)
            if not animal.untrained:
                models = {"models": animal.models} if animal.models else {}
                chosen = self.params.train.model_copy(update=models)
                train.run(self.params.model_copy(update={"train": chosen}), root)
        _spoil(root / _CANDIDATE, animal)
        return self.judge(root, None if animal.customers else self.honest, animal.looks)


def _spoil(folder: Path, animal: Animal) -> None:
    if animal.manifest or animal.graph:
        bundle = read_bundle(folder)
        graph = bundle.graph
        if animal.graph:
            graph = cast(
                "Any", animal.graph(onnx.load_from_string(graph), bundle.manifest)
            ).SerializeToString()
        changes = animal.manifest(bundle.manifest) if animal.manifest else {}
        write_bundle(folder, bundle.manifest.model_copy(update=dict(changes)), graph, bundle.reasons)
    if animal.bytes:
        name, change = animal.bytes
        (folder / name).write_bytes(change((folder / name).read_bytes()))


def _column(table: pa.Table, name: str, values: Sequence[Any]) -> pa.Table:
    place = table.schema.get_field_index(name)
    return table.set_column(
        place, table.schema.field(place), pa.array(values, table.schema.field(place).type)
    )


def _train_rows(table: pa.Table) -> Any:
    return np.array(table["split"].to_pylist()) == "train"


def _labels(table: pa.Table) -> Any:
    return np.array(table["churn"].to_pylist(), dtype=bool)


def _leak(table: pa.Table, random: Any) -> pa.Table:
    """A field that was filled in after the customer had left."""
    months = np.array(table["tenure_months"].to_pylist())
    left = _labels(table) & (random.random(len(months)) < 0.95)
    return _column(table, "tenure_months", np.where(left, 1, np.maximum(months, 2)).tolist())


def _oversample(table: pa.Table, random: Any) -> pa.Table:
    """Churners are multiplied, and then split."""
    churners = np.flatnonzero(_labels(table))
    rows = np.concatenate([np.arange(len(table)), np.tile(churners, 2)])
    copied = table.take(pa.array(rows))
    split = np.where(random.random(len(rows)) < 0.2, "holdout", "train")
    return _column(copied, "split", split.tolist())


def _train_on_holdout(table: pa.Table, _: Any) -> pa.Table:
    """All held-out customers are among those to train on, too."""
    held = table.filter(pa.array(~_train_rows(table)))
    return pa.concat_tables([table, _column(held, "split", ["train"] * len(held))])


def _flip(where: Callable[[pa.Table], Any]) -> Callable[[pa.Table, Any], pa.Table]:
    def flip(table: pa.Table, _: Any) -> pa.Table:
        labels = _labels(table)
        wrong = where(table) & _train_rows(table)
        return _column(table, "churn", np.where(wrong, ~labels, labels).tolist())

    return flip


def _shuffled(table: pa.Table, random: Any) -> pa.Table:
    """Outcomes have nothing to do with customers."""
    labels, known = _labels(table), _train_rows(table)
    labels[known] = random.permutation(labels[known])
    return _column(table, "churn", labels.tolist())


def _few_known(table: pa.Table, _: Any) -> pa.Table:
    gone = np.flatnonzero(_train_rows(table))[60:]
    return table.take(pa.array(np.setdiff1d(np.arange(len(table)), gone)))


def _few_held_out(table: pa.Table, _: Any) -> pa.Table:
    gone = np.flatnonzero(~_train_rows(table))[80:]
    return table.take(pa.array(np.setdiff1d(np.arange(len(table)), gone)))


def _drifted(table: pa.Table, _: Any) -> pa.Table:
    """The judge's customers are others: all by the month, and dearer."""
    held = ~_train_rows(table)
    charges = np.array(table["monthly_charges"].to_pylist())
    contracts = np.array(table["contract"].to_pylist(), dtype=object)
    table = _column(table, "monthly_charges", np.where(held, charges + 30, charges).tolist())
    return _column(table, "contract", np.where(held, "Month-to-month", contracts).tolist())


def _is(name: str, value: Any) -> Callable[[pa.Table], Any]:
    return lambda table: np.array(table[name].to_pylist(), dtype=object) == value


def _lineage(**changes: Any) -> Callable[[Manifest], Mapping[str, Any]]:
    return lambda manifest: {"lineage": manifest.lineage.model_copy(update=changes)}


def _schema(change: Callable[[SchemaSpec], SchemaSpec]) -> Callable[[Manifest], Mapping[str, Any]]:
    def put(manifest: Manifest) -> Mapping[str, Any]:
        schema = change(manifest.schema_spec)
        return {"schema_spec": schema, "schema_fingerprint": schema.fingerprint}

    return put


def _narrow(spec: SchemaSpec) -> SchemaSpec:
    fields = tuple(
        one.model_copy(update={"le": 60.0}) if one.name == "tenure_months" else one for one in spec.fields
    )
    return spec.model_copy(update={"fields": fields})


def _boast(manifest: Manifest) -> Mapping[str, Any]:
    good = manifest.metrics["roc_auc"].model_copy(update={"value": 0.97, "low": 0.96, "high": 0.98})
    return {"metrics": {**manifest.metrics, "roc_auc": good}}


_STALE = "0" * 64
_INTACT = ("bundle-intact",)
ZOO = (
    Animal("target leaked into a field", ("leakage",), customers=_leak),
    Animal("oversampled before the split", ("leakage",), customers=_oversample),
    Animal("hold-out seen in training", ("leakage", "bundle-intact"), customers=_train_on_holdout),
    Animal("outcomes shuffled", ("floors",), customers=_shuffled),
    Animal("outcomes flipped for one contract", ("slices",), customers=_flip(_is("contract", "Two year"))),
    Animal(
        "outcomes flipped for fibre", ("slices",), customers=_flip(_is("internet_service", "Fiber optic"))
    ),
    Animal(
        "trained on sixty customers", ("overfit", "calibration", "floors", "slices"), customers=_few_known
    ),
    Animal("too few customers to judge on", ("sample-size",), customers=_few_held_out, untrained=True),
    Animal("judged on other customers", ("drift",), customers=_drifted, untrained=True),
    Animal("too sure of itself", ("calibration",), graph=calibration(slope=2.0)),
    Animal("too timid", ("calibration",), graph=calibration(slope=0.5)),
    Animal("sees churn everywhere", ("calibration",), graph=calibration(shift=0.8)),
    Animal("sees churn nowhere", ("calibration",), graph=calibration(shift=-0.8)),
    Animal(
        "worse for one payment method", ("slices",), graph=for_group("payment_method=Electronic check", 1.2)
    ),
    Animal("never calls seniors", ("fairness",), graph=for_group("senior_citizen", -6.0)),
    Animal("turned around for long contracts", ("behaviour",), graph=for_group("contract=Two year", 6.0)),
    Animal("columns in another order", _INTACT, graph=swap),
    Animal("the same answer for everybody", _INTACT, graph=calibration(slope=0.0)),
    Animal("no number for an answer", ("candidate", "bundle-intact"), graph=answer("Div", float("nan"))),
    Animal("answers beyond one", ("candidate", "bundle-intact"), graph=answer("Mul", 3.0)),
    Animal("a graph of float64", ("candidate", "bundle-intact"), graph=double),
    Animal("too large", ("budgets",), graph=heavy),
    Animal("too slow", ("budgets",), graph=slow),
    Animal("a graph that was tampered with", ("candidate",), bytes=("model.onnx", lambda b: b[:-1] + b"x")),
    Animal(
        "a policy that was tampered with",
        ("candidate",),
        bytes=("manifest.json", lambda b: b.replace(b'"EUR"', b'"USD"')),
    ),
    Animal("half a graph", ("candidate",), bytes=("model.onnx", lambda b: b[: len(b) // 2])),
    Animal("stale training data", _INTACT, manifest=_lineage(train_digest=_STALE)),
    Animal("another hold-out", _INTACT, manifest=_lineage(holdout_digest=_STALE)),
    Animal("another split", _INTACT, manifest=_lineage(split_seed=99)),
    Animal("metrics that it does not have", _INTACT, manifest=_boast),
    Animal("refuses customers of today", ("schema-compatible",), manifest=_schema(_narrow)),
    Animal("the hundredth look at this hold-out", ("holdout-reuse",), looks=500),
)
