"""Does a plugin keep the promises of its group? To be called in the tests of whoever wrote it."""

# pyright: basic
# What is looked at is whatever a plugin gives.

from __future__ import annotations

import contextlib
import inspect
import tempfile
from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from churn_core import registry
from churn_core.errors import BundleError, ChurnError, PluginError, RegistryError
from churn_core.schemas import Customer, SchemaSpec, customer_class
from churn_core.schemas.spelling import Reader

__all__ = ["check_plugin"]

_ROWS = 2_000


def check_plugin(group: str, name: str, **options: Any) -> None:
    """Check an installed plugin against all that its group promises.

    Datasets, checks and trainers are made with `options`, as `params.yaml` would give them;
    for trainers, these are the keys of the section `train`. A feature that no installed schema has a
    use for is tried on `schema=`, a class.

    ```python
    def test_our_plugins() -> None:
        check_plugin("schemas", "acme")
        check_plugin("datasets", "acme", rows=500)
        check_plugin("checks", "max-price", limit=100)
    ```

    Raises:
        AssertionError: A promise is broken; the message says which.
    """
    try:
        plugin = registry.get(group, name)
    except PluginError as error:
        raise AssertionError(str(error)) from error
    try:
        _check(group, name, plugin, options)
    except AssertionError as error:
        raise AssertionError(f"plugin {name!r} of group {group!r}: {error}") from error
    except Exception as error:
        sentence = f"plugin {name!r} of group {group!r} failed: {type(error).__name__}: {error}"
        raise AssertionError(sentence) from error


def _check(group: str, name: str, plugin: Any, options: Mapping[str, Any]) -> None:
    if group == "schemas":
        _schema(plugin, name)
    elif group == "trainers":
        from churn_core.testing.training import check_trainer

        check_trainer(plugin(), dict(options))
    elif group == "features":
        _feature(plugin(), **options)
    else:
        _PROMISES[group](plugin(**options))


def _must(holds: object, sentence: str) -> None:
    if not holds:
        raise AssertionError(sentence)


def _takes(method: Callable[..., Any], *arguments: str) -> None:
    try:
        inspect.signature(method).bind(*arguments)
    except TypeError:
        sentence = f"{method.__qualname__} must take ({', '.join(arguments)})"
        raise AssertionError(sentence) from None


def _schema(plugin: Any, name: str) -> None:
    from hypothesis import Phase, given, settings

    from churn_core.testing.customers import customer_dicts, invalid_customers
    from churn_core.testing.files import file_rows

    _must(issubclass(plugin, Customer), "a schema must be a subclass of churn_core.schemas.Customer")
    spec: SchemaSpec = plugin.spec
    _must(spec.name == name, f"the schema is named {spec.name!r}, so the entry point must be too")
    _must(spec.description, "the class needs a docstring: it is the schema's description")
    undescribed = [field.name for field in spec.fields if not field.description]
    _must(not undescribed, f"fields without a description: {', '.join(undescribed)}")
    made = customer_class(SchemaSpec.model_validate_json(spec.model_dump_json()))
    _must(made.spec == spec, "the schema changes when it travels in a bundle")
    _moves(spec)
    quick = settings(max_examples=25, phases=[Phase.generate], database=None, derandomize=True, deadline=None)

    @quick
    @given(customer_dicts(spec), invalid_customers(spec), file_rows(spec, max_rows=2))
    def holds(customer: Any, faulty: Any, file: Any) -> None:
        _must(plugin.parse(customer).model_dump() == customer, "a valid customer is changed by parsing")
        for kind in (plugin, made):
            try:
                kind.parse(faulty.data)
            except ChurnError:
                continue
            raise AssertionError(f"an invalid customer is accepted: {faulty.problems[0]}")
        reader = Reader(spec, file.header, label=True)
        for row, expected in zip(file.rows, file.customers, strict=True):
            _must(reader.read(row).customer == expected, "a known spelling in a file is not understood")

    holds()


def _moves(spec: SchemaSpec) -> None:
    from churn_core.testing.solver import Choices

    choices = Choices(spec, {})
    for field in spec.fields:
        possible = choices.possible(field.name) if field.name in choices.names else None
        for move in field.moves:
            ends = (move.to, *move.origins)
            lost = [value for value in ends if possible is not None and value not in possible]
            _must(not lost, f"no valid customer can make the move of {field.name!r}: {move}")


def _dataset(dataset: Any) -> None:
    from churn_core.batch.rows import SUFFIXES, open_rows

    _must(isinstance(dataset.schema, str), "schema must be the name of a schema, or empty")
    _takes(dataset.fetch, "folder", "root")
    with tempfile.TemporaryDirectory() as folder:
        path = dataset.fetch(Path(folder), Path.cwd())
        _must(list(Path(folder).iterdir()) == [path], "fetch must write one file and return its path")
        _must(path.suffix in SUFFIXES, f"the file must be one of {', '.join(SUFFIXES)}")
        rows = open_rows(path)
        if not dataset.schema:
            return
        reader = Reader(registry.get("schemas", dataset.schema).spec, rows.header, label=True)
        read = [reader.read(row) for row in islice(rows, _ROWS)]
    refused = [row.problems[0] for row in read if row.problems]
    _must(len(refused) <= len(read) / 10, f"{len(refused)} of {len(read)} rows are refused: {refused[:1]}")
    _must({row.label for row in read} >= {True, False}, "the first rows must hold both outcomes")


def _feature(feature: Any, schema: type[Customer] | None = None) -> None:
    _must(isinstance(feature.version, int) and feature.version >= 1, "version must be a whole number from 1")
    _takes(feature.columns, "spec")
    _takes(feature.compute, "raw")
    specs = [registry.get("schemas", name).spec for name in registry.names("schemas")]
    specs += [schema.spec] if schema else []
    used = [spec for spec in specs if feature.columns(spec)]
    _must(used, "no installed schema has a use for this feature: columns is empty for all of them")
    for spec in used:
        _feature_for(feature, spec)


def _feature_for(feature: Any, spec: SchemaSpec) -> None:
    import numpy as np

    from churn_core.features import RawTable, read_columns
    from churn_core.train.synth import draw

    names = feature.columns(spec)
    where = f"for schema {spec.name!r}"
    _must(len(set(names)) == len(names), f"columns must have different names {where}")
    raw = read_columns(spec, draw(spec, 200, 0)).raw
    columns = feature.compute(raw)
    _must(len(columns) == len(names), f"compute must give {len(names)} columns {where}")
    for column in columns:
        fits = column.dtype == np.float64 and column.shape == (len(raw),)
        _must(fits, f"compute must give float64 columns of shape [rows] {where}")
        _must(np.isfinite(column).all(), f"compute must give finite numbers {where}")
    singly = [feature.compute(RawTable(spec, raw.values[row : row + 1])) for row in range(len(raw))]
    for index, column in enumerate(columns):
        alone = np.concatenate([parts[index] for parts in singly])
        same = alone.tobytes() == column.tobytes()
        _must(same, f"column {names[index]!r} must have the same bits for one customer and for many {where}")


def _gate_check(check: Any) -> None:
    from churn_core.gate.verdict import CheckResult
    from churn_core.testing.evidence import example_evidence

    for champion in (False, True):
        results = [check.check(example_evidence(champion=champion)) for _ in range(2)]
        _must(isinstance(results[0], CheckResult), "check must give a churn_core.gate.CheckResult")
        sentence = results[0].sentence.strip()
        _must(
            len(sentence) > 10 and sentence.endswith("."), "the answer needs a sentence that a manager reads"
        )
        _must(results[0] == results[1], "the same evidence must give the same answer")


def _store(store: Any) -> None:
    _must(isinstance(store.scheme, str), "scheme must be what references start with, such as 'models:/'")
    _takes(store.fetch, "ref")
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        try:
            store.fetch(f"{store.scheme}no-such-bundle/1")
        except (BundleError, RegistryError):
            return
    raise AssertionError("fetch must raise BundleError or RegistryError for what it does not hold")


def _sink(sink: Any) -> None:
    _takes(sink.write, "records")
    sink.write([])


def _engine(engine: Any) -> None:
    _takes(engine.score, "scorer", "source", "target", "options")


_PROMISES: dict[str, Callable[[Any], None]] = {
    "datasets": _dataset,
    "checks": _gate_check,
    "stores": _store,
    "sinks": _sink,
    "engines": _engine,
}
