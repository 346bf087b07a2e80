"""What churn_core.testing gives: strategies that reach everything, and checks that let nothing pass."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from churn_core import registry
from churn_core.errors import SchemaError
from churn_core.gate import CheckResult, Evidence
from churn_core.params import TrainParams
from churn_core.protocols import Progress, TrainedModel, TrainingData
from churn_core.schemas import Category, Customer, IbmTelcoCustomer, LabelSpec, Numeric, SchemaSpec
from churn_core.testing import (
    check_plugin,
    customer_dicts,
    customers,
    example_evidence,
    file_rows,
    invalid_customers,
    write_example_bundle,
)
from churn_core.testing.solver import Choices
from churn_core.train.trainers.native import NativeTrainer
from tests.support.schemas import PhoneCustomer, RailCustomer

# Strategies


def draws(strategy: st.SearchStrategy[Any], wanted: Any) -> bool:
    quick = settings(max_examples=2000, phases=[Phase.generate], database=None, derandomize=True)
    return wanted(find(strategy, wanted, settings=quick))


@pytest.mark.parametrize(
    "wanted",
    [
        lambda c: c["internet_service"] == "No" and c["phone_service"] is False,
        lambda c: c["internet_service"] == "DSL" and c["tech_support"] == "Yes" and c["streaming_tv"] == "No",
        lambda c: c["tenure_months"] in (0, 1200) and c["monthly_charges"] in (0, 10_000),
        lambda c: 0 < c["tenure_months"] < 1200 and 0 < c["total_charges"] < 1_000_000,
        lambda c: not c["customer_id"].isascii(),
    ],
)
def test_customers_of_all_kinds_are_drawn(wanted: Any) -> None:
    assert draws(customer_dicts(IbmTelcoCustomer), wanted)


@pytest.mark.parametrize(
    "message",
    [
        "is missing",
        "is not a field of this schema",
        "is out of range",
        "is not a whole number",
        "is not a finite number",
        "is not in the vocabulary",
        "contradicts another field",
        "has the wrong type: null",
        "has the wrong type: a list",
    ],
)
def test_faults_of_all_kinds_are_drawn(message: str) -> None:
    assert draws(invalid_customers(RailCustomer), lambda faulty: faulty.problems[0].message == message)


def test_files_of_all_kinds_are_drawn() -> None:
    assert draws(
        file_rows(RailCustomer), lambda file: "Trips (text)" in [name.strip() for name in file.header]
    )
    assert draws(
        file_rows(IbmTelcoCustomer), lambda file: any("" in row for row in file.rows) and len(file.rows) > 1
    )


@given(customers(RailCustomer), customers(RailCustomer.spec))
def test_a_class_gives_its_instances_and_data_give_those_of_a_made_class(
    one: Customer, other: Customer
) -> None:
    assert type(one) is RailCustomer
    assert type(other).__name__ == "RailCardCustomer"


@given(st.data())
def test_choices_never_lead_into_a_dead_end(data: st.DataObject) -> None:
    choices = Choices(RailCustomer.spec, {})
    for name in data.draw(st.permutations(choices.names)):
        choices.choose(name, data.draw(st.sampled_from(choices.possible(name))))
    if choices.chosen["klass"] == "1":
        assert choices.chosen["lounge"] is True
    if choices.chosen["lounge"] is True:
        assert choices.chosen["tariff"] in ("<26", "26+")


def test_a_schema_without_rules_has_no_contradictions() -> None:
    class Plain(Customer, schema="plain"):
        """Nothing special."""

        plan: Annotated[Literal["a", "b"], Category("Plan", example="a")]

    @settings(max_examples=50)
    @given(invalid_customers(Plain))
    def drawn(faulty: Any) -> None:
        assert faulty.problems[0].message != "contradicts another field"

    drawn()


# Evidence


def test_evidence_is_ready_to_be_judged(tmp_path: Path) -> None:
    for schema in (IbmTelcoCustomer, RailCustomer.spec):
        evidence = example_evidence(schema, rows=200)
        assert evidence.champion is None
        assert set(evidence.labels.tolist()) == {0, 1}
        assert evidence.probabilities.shape == (200,)
        assert evidence.probabilities.std() > 0.05
    both = example_evidence(champion=True)
    assert np.array_equal(both.probabilities, both.champion_probabilities)
    one, other = (write_example_bundle(tmp_path / name).manifest.digest for name in "ab")
    assert one == other


# Promises of plugins

BUILT_IN: list[tuple[str, str, dict[str, Any]]] = [
    ("schemas", "ibm-telco", {}),
    ("schemas", "telcovision", {}),
    ("datasets", "synth", {"schema": "telcovision", "rows": 400}),
    ("trainers", "native", {"models": ["lr"]}),
    ("checks", "bundle-intact", {}),
    ("checks", "schema-compatible", {}),
    ("checks", "floors", {}),
    ("checks", "sample-size", {}),
    ("checks", "champion", {}),
    ("checks", "calibration", {}),
    ("checks", "slices", {}),
    ("checks", "fairness", {}),
    ("checks", "leakage", {}),
    ("checks", "overfit", {}),
    ("checks", "drift", {}),
    ("checks", "behaviour", {}),
    ("checks", "budgets", {}),
    ("checks", "holdout-reuse", {}),
    ("stores", "file", {}),
    *(("features", name, {"schema": PhoneCustomer}) for name in registry.names("features")),
]


@pytest.mark.parametrize(("group", "name", "options"), BUILT_IN)
def test_built_in_plugins_keep_their_promises(group: str, name: str, options: dict[str, Any]) -> None:
    check_plugin(group, name, **options)


class NotACustomer:
    """Not a customer."""


class OtherName(Customer, schema="other-name"):
    """A customer."""

    plan: Annotated[Literal["a"], Category("Plan", example="a")]


class Undescribed(Customer, schema="broken", label=LabelSpec()):
    """A customer."""

    months: Annotated[int, Numeric("", ge=0, le=9, example=1)]


class Changing(Customer, schema="broken"):
    """A customer."""

    months: Annotated[int, Numeric("Months", ge=0, le=9, example=1)]

    @classmethod
    def parse(cls, data: Any) -> Any:
        return super().parse({**data, "months": 1})


class Lenient(Customer, schema="broken"):
    """A customer."""

    months: Annotated[int, Numeric("Months", ge=0, le=9, example=1)]

    @classmethod
    def parse(cls, data: Any) -> Any:
        try:
            return super().parse(data)
        except ValueError:
            return cls.model_construct(**data)


HEADER = ",".join(IbmTelcoCustomer.spec.example()) + ",churn\n"
ROW = ",".join(map(str, IbmTelcoCustomer.spec.example().values()))


class Data:
    schema: ClassVar[Any] = "ibm-telco"
    text: ClassVar[str] = HEADER + "".join(f"{i}{ROW},{'yes' if i % 2 else 'no'}\n" for i in range(20))

    def fetch(self, folder: Path, root: Path) -> Any:
        (folder / "customers.csv").write_text(self.text)
        return folder / "customers.csv"


class NamelessData(Data):
    schema = None


class NoArguments(Data):
    def fetch(self) -> Any: ...  # type: ignore[override]


class TwoFiles(Data):
    def fetch(self, folder: Path, root: Path) -> Any:
        (folder / "other.csv").write_text("")
        return super().fetch(folder, root)


class OddFile(Data):
    def fetch(self, folder: Path, root: Path) -> Any:
        return super().fetch(folder, root).rename(folder / "customers.xlsx")


class LackingColumns(Data):
    text = "a,b\n1,2\n"


class BadRows(Data):
    text = HEADER + "".join(f"{i}{ROW},perhaps\n" for i in range(20))


class OneOutcome(Data):
    text = HEADER + "".join(f"{i}{ROW},no\n" for i in range(20))


class Feature:
    version: ClassVar[Any] = 1

    def columns(self, spec: SchemaSpec) -> tuple[str, ...]:
        return ("months",) if "tenure_months" in spec.names else ()

    def compute(self, raw: Any) -> list[Any]:
        return [raw.number("tenure_months") * 1.0]


class Unversioned(Feature):
    version = "1"


class Useless(Feature):
    def columns(self, spec: SchemaSpec) -> tuple[str, ...]:
        return ()


class Repeating(Feature):
    def columns(self, spec: SchemaSpec) -> tuple[str, ...]:
        return ("a", "a")


class Short(Feature):
    def columns(self, spec: SchemaSpec) -> tuple[str, ...]:
        return ("a", "b")


class Single(Feature):
    def compute(self, raw: Any) -> list[Any]:
        return [part.astype(np.float32) for part in super().compute(raw)]


class Endless(Feature):
    def compute(self, raw: Any) -> list[Any]:
        return [part + np.inf for part in super().compute(raw)]


class Centred(Feature):
    def compute(self, raw: Any) -> list[Any]:
        return [part - part.mean() for part in super().compute(raw)]


class Silent:
    def check(self, evidence: Evidence) -> Any:
        return CheckResult(status="pass", sentence="")


class Guessing:
    def check(self, evidence: Evidence) -> Any:
        return CheckResult(status="pass", sentence=f"It is {np.random.default_rng().random()}.")


class Unsure:
    def check(self, evidence: Evidence) -> Any:
        return True


class NeedsChampion:
    def check(self, evidence: Evidence) -> Any:
        assert evidence.champion is not None
        return CheckResult(status="pass", sentence="There is a champion.")


class Trainer:
    def train(self, data: TrainingData, params: TrainParams, progress: Progress) -> Any:
        options = params.model_copy(update={"models": ("lr",)})
        return self.changed(NativeTrainer().train(data, options, progress))

    def changed(self, model: TrainedModel) -> Any:
        return model


class NoModel(Trainer):
    def changed(self, model: TrainedModel) -> Any:
        return None


class NoMembers(Trainer):
    def changed(self, model: TrainedModel) -> Any:
        return replace(model, members=())


class HeavyMembers(Trainer):
    def changed(self, model: TrainedModel) -> Any:
        return replace(model, members=model.members * 2)


class LogOdds(Trainer):
    def changed(self, model: TrainedModel) -> Any:
        (member,) = model.members
        return replace(model, members=(replace(member, out_of_fold=member.out_of_fold * 9 - 4),))


class Secretive(Trainer):
    def changed(self, model: TrainedModel) -> Any:
        return replace(model, leaderboard=())


class Moody(Trainer):
    def changed(self, model: TrainedModel) -> Any:
        (member,) = model.members
        noise = np.random.default_rng().random(len(member.out_of_fold))
        return replace(model, members=(replace(member, out_of_fold=noise),))


class Store:
    scheme: ClassVar[Any] = "acme:/"

    def fetch(self, ref: str) -> Any:
        return Path(ref), "1"


class NoScheme(Store):
    scheme = None


class Sink:
    def write(self) -> None: ...


BROKEN: list[tuple[str, type, str]] = [
    ("schemas", NotACustomer, "must be a subclass of churn_core.schemas.Customer"),
    ("schemas", OtherName, "the schema is named 'other-name', so the entry point must be too"),
    ("schemas", Undescribed, "fields without a description: months"),
    ("schemas", Changing, "a valid customer is changed by parsing"),
    ("schemas", Lenient, "an invalid customer is accepted"),
    ("datasets", NamelessData, "schema must be the name of a schema"),
    ("datasets", NoArguments, r"NoArguments.fetch must take \(folder, root\)"),
    ("datasets", TwoFiles, "fetch must write one file and return its path"),
    ("datasets", OddFile, "the file must be one of .csv"),
    ("datasets", LackingColumns, "the file lacks columns"),
    ("datasets", BadRows, "20 of 20 rows are refused"),
    ("datasets", OneOutcome, "the first rows must hold both outcomes"),
    ("features", Unversioned, "version must be a whole number from 1"),
    ("features", Useless, "no installed schema has a use for this feature"),
    ("features", Repeating, "columns must have different names"),
    ("features", Short, "compute must give 2 columns"),
    ("features", Single, "compute must give float64 columns"),
    ("features", Endless, "compute must give finite numbers"),
    ("features", Centred, "'months' must have the same bits for one customer and for many"),
    ("checks", Silent, "the answer needs a sentence"),
    ("checks", Guessing, "the same evidence must give the same answer"),
    ("checks", Unsure, "check must give a churn_core.gate.CheckResult"),
    ("checks", NeedsChampion, "'broken' of group 'checks'"),
    ("trainers", NoModel, "train must give a churn_core.protocols.TrainedModel"),
    ("trainers", NoMembers, "train must give at least one member"),
    ("trainers", HeavyMembers, "weights must sum to 1"),
    ("trainers", LogOdds, "out_of_fold of 'lr' must be a probability for each row"),
    ("trainers", Secretive, "the leaderboard must mark as chosen: lr"),
    ("trainers", Moody, "member 'lr' must come out the same with the same seed"),
    ("stores", Store, "fetch must raise BundleError or RegistryError"),
    ("stores", NoScheme, "scheme must be what references start with"),
    ("sinks", Sink, r"Sink.write must take \(records\)"),
]


@pytest.mark.parametrize(
    ("group", "plugin", "sentence"), BROKEN, ids=lambda part: getattr(part, "__name__", None)
)
def test_a_broken_promise_is_named(
    group: str, plugin: type, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = registry.get
    monkeypatch.setattr(registry, "get", lambda g, n: plugin if n == "broken" else load(g, n))
    with pytest.raises(AssertionError, match=sentence) as caught:
        check_plugin(group, "broken")
    assert str(caught.value).startswith(f"plugin 'broken' of group {group!r}")


def test_a_plugin_that_is_not_installed_or_does_not_take_its_options() -> None:
    with pytest.raises(AssertionError, match="no plugin 'acme' in group 'schemas'"):
        check_plugin("schemas", "acme")
    with pytest.raises(AssertionError, match="no plugin group 'horoscopes'"):
        check_plugin("horoscopes", "acme")
    with pytest.raises(AssertionError, match="plugin 'file' of group 'stores' failed: TypeError"):
        check_plugin("stores", "file", colour="red")


def test_a_schema_that_contradicts_itself_draws_nothing() -> None:
    broken = RailCustomer.spec.model_copy(update={"fields": RailCustomer.spec.fields[:1]})
    with pytest.raises(SchemaError):
        customers(broken)
