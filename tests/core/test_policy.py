"""The decision policy: break-even, own values through every door, changes without training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import churn_core
from churn_core.bundle import (
    Bundle,
    Manifest,
    Scorer,
    decision_policy,
    open_bundle,
    read_bundle,
    with_policy,
    write_bundle,
)
from churn_core.bundle.manifest import canonical_json
from churn_core.errors import BundleError, ParamsError
from churn_core.features import read_columns
from churn_core.gate import CheckResult, Evidence, contender
from churn_core.gate.bootstrap import bootstrap
from churn_core.gate.checks.champion import NotWorseThanChampion
from churn_core.gate.checks.floors import Floors
from churn_core.gate.metrics import METRICS, decision_metrics
from churn_core.params import CostParams, GateParams, changed_costs
from churn_core.schemas import IbmTelcoCustomer
from churn_core.testing import customers
from churn_core.tracking.client import connect
from churn_core.tracking.pyfunc import ChurnModel
from churn_core.train import run
from churn_core.train.evaluation import evaluate
from tests.support.bundles import logistic_bundle
from tests.support.evaluations import ready
from tests.support.gate import evaluation
from tests.support.projects import run_churn
from tests.support.reasons import member, phone_bundle
from tests.support.tracking import MODEL
from tests.support.tracking import Project as Registry
from tests.support.training import prepared_project

EXAMPLE = IbmTelcoCustomer.spec.example()
BY_BILL = CostParams(value_field="monthly_charges", value_months=12)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return logistic_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="module")
def by_bill(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    changed = with_policy(bundle, BY_BILL)
    return Scorer(write_bundle(tmp_path_factory.mktemp("by-bill"), changed.manifest, changed.graph))


def billed(charges: float, **changes: Any) -> dict[str, Any]:
    return {**EXAMPLE, "monthly_charges": charges, **changes}


def test_break_even_is_each_customers_own(by_bill: Scorer) -> None:
    answers = by_bill.predict_many([billed(charges) for charges in (0.0, 1.0, 20.0, 85.5, 10_000.0)])
    assert [answer.threshold for answer in answers] == pytest.approx(
        [1.0, 1.0, *(11 / (0.3 * (12 * charges - 10) + 10) for charges in (20.0, 85.5, 10_000.0))]
    )
    p = answers[0].churn_probability
    for answer, charges in zip(answers, (0.0, 1.0, 20.0, 85.5, 10_000.0), strict=True):
        assert answer.churn_probability == p  # bills have no weight in this model
        expected = p * (0.3 * (12 * charges - 10) - 1) - (1 - p) * 11
        assert answer.expected_profit == pytest.approx(expected)
        assert answer.churn_prediction == (answer.expected_profit >= 0)


@given(charges=st.floats(0, 10_000), p=st.floats(0, 1))
def test_contact_pays_from_break_even_on(charges: float, p: float) -> None:
    policy = decision_policy(CostParams())
    own = policy.model_copy(update={"costs": BY_BILL})
    threshold, value = float(own.threshold_of(12 * charges)), 12 * charges
    assert 0 < threshold <= 1
    profit = own.expected_profit(p, value)
    if abs(p - threshold) > 1e-9 and threshold < 1:
        assert (p >= threshold) == (profit > 0)
    if threshold == 1:
        assert own.expected_profit(1.0, value) <= 1e-9
    assert policy.expected_profit(p) == pytest.approx(own.expected_profit(p, 200.0), abs=1e-9)
    assert own.expected_cost(p) == pytest.approx(0.3 * p * value - profit, rel=1e-9, abs=1e-9)


@given(rows=st.lists(customers(IbmTelcoCustomer), min_size=1, max_size=8))
def test_every_door_gives_the_same_bits(by_bill: Scorer, rows: list[Any]) -> None:
    single = [by_bill.predict(row, explain=False) for row in rows]
    assert by_bill.predict_many(rows) == single
    arrow = by_bill.score_arrow(pa.Table.from_pylist([row.model_dump() for row in rows]))
    assert arrow["expected_profit"].to_pylist() == [answer.expected_profit for answer in single]
    assert arrow["churn_prediction"].to_pylist() == [answer.churn_prediction for answer in single]
    thresholds = by_bill.bundle.decision.threshold_of(
        np.array([row.monthly_charges for row in rows]) * BY_BILL.value_months
    )
    assert [answer.threshold for answer in single] == thresholds.tolist()
    assert arrow["threshold"].to_pylist() == thresholds.tolist()


def test_the_logged_model_decides_alike(bundle: Bundle, tmp_path: Path) -> None:
    changed = with_policy(bundle, BY_BILL)
    write_bundle(tmp_path, changed.manifest, changed.graph)
    rows = [billed(charges) for charges in (5.0, 60.0, 300.0)]
    frame = ChurnModel(tmp_path).predict(pd.DataFrame(rows))
    single = Scorer(read_bundle(tmp_path)).predict_many(rows)
    assert frame["expected_profit"].tolist() == [answer.expected_profit for answer in single]
    assert frame["churn_prediction"].tolist() == [answer.churn_prediction for answer in single]


def test_a_threshold_set_by_hand_holds_for_all(bundle: Bundle) -> None:
    scorer = Scorer(with_policy(bundle, BY_BILL.model_copy(update={"threshold": 0.4})))
    answers = scorer.predict_many([billed(charges) for charges in (1.0, 500.0)])
    assert [answer.threshold for answer in answers] == [0.4, 0.4]
    assert answers[0].expected_profit < 0 < answers[1].expected_profit


def test_a_typical_customer_stands_for_all(bundle: Bundle) -> None:
    decision = with_policy(bundle, BY_BILL).manifest.decision
    assert decision.typical_value == pytest.approx(12 * 85.5)  # every training customer of this bundle
    assert decision.gain == pytest.approx(0.3 * (12 * 85.5 - 10) - 1)
    assert decision.threshold == pytest.approx(11 / (decision.gain + 11))
    assert decision_policy(CostParams()).typical_value == 200


def test_a_field_that_the_schema_lacks_is_refused(bundle: Bundle, tmp_path: Path) -> None:
    for field in ("fee", "contract", "senior_citizen"):
        costs = CostParams(value_field=field)
        message = f"costs.value_field '{field}' is not a numeric field of the schema: tenure_months, monthly"
        with pytest.raises(ParamsError, match=message):
            with_policy(bundle, costs)
        with pytest.raises(ParamsError, match=f"'{field}' is not a numeric field"):
            decision_policy(costs, bundle.manifest.reference)
        decision = bundle.manifest.decision.model_copy(update={"costs": costs})
        manifest = bundle.manifest.model_copy(update={"decision": decision})
        with pytest.raises(BundleError, match="the bundle's policy does not fit its schema"):
            Scorer(write_bundle(tmp_path / field, manifest, bundle.graph))


def test_training_refuses_such_a_field_before_it_begins(tmp_path: Path) -> None:
    project = prepared_project(tmp_path)
    costs = project.params.costs.model_copy(update={"value_field": "fee"})
    with pytest.raises(ParamsError, match="'fee' is not a numeric field of the schema: age, tenure_months"):
        run(project.params.model_copy(update={"costs": costs}), project.root)
    assert not (tmp_path / "models").exists()
    costs = CostParams(moves={"contract": {"One year": 20}})  # the schema calls it contract_type
    with pytest.raises(ParamsError, match="field 'contract' has no move to 'One year'"):
        run(project.params.model_copy(update={"costs": costs}), project.root)


def test_training_takes_values_from_the_data(tmp_path: Path) -> None:
    project = prepared_project(tmp_path, rows=300)
    costs = project.params.costs.model_copy(update={"value_field": "monthly_charges"})
    trained = run(project.params.model_copy(update={"costs": costs}), project.root).manifest
    charges = _part(project.prepared, "train")["monthly_charges"].to_numpy()
    typical = np.quantile(charges, 0.5, method="lower")
    assert trained.decision.typical_value == pytest.approx(12 * typical)
    assert trained.decision.version == 1


def test_a_changed_policy_is_another_bundle_of_the_same_model(bundle: Bundle, tmp_path: Path) -> None:
    new = with_policy(bundle, CostParams(offer_cost=40))
    old = bundle.manifest
    assert new.graph == bundle.graph
    assert new.manifest.digest != old.digest
    assert (new.manifest.lineage.parent, new.manifest.decision.version) == (old.digest, 2)
    assert (old.lineage.parent, old.decision.version) == ("", 1)
    kept = set(Manifest.model_fields) - {"decision", "lineage", "digest"}
    assert all(getattr(new.manifest, name) == getattr(old, name) for name in kept)
    assert new.manifest.lineage.model_copy(update={"parent": ""}) == old.lineage
    assert write_bundle(tmp_path, new.manifest, new.graph).manifest == new.manifest
    assert read_bundle(tmp_path).manifest == new.manifest
    before, after = (Scorer(one).predict(EXAMPLE, explain=False) for one in (bundle, new))
    assert before.churn_probability == after.churn_probability
    assert before.threshold < after.threshold


def test_versions_and_parents_make_a_chain(bundle: Bundle) -> None:
    second = with_policy(bundle, CostParams(offer_cost=40))
    third = with_policy(second, CostParams())
    assert third.manifest.decision.version == 3
    assert third.manifest.lineage.parent == second.manifest.digest
    assert third.manifest.decision.digest == bundle.manifest.decision.digest  # the same rule again
    assert third.manifest.digest != bundle.manifest.digest
    assert with_policy(third, CostParams()) is third


def test_bundles_written_before_policies_had_versions_keep_their_digests(bundle: Bundle) -> None:
    content = json.loads(bundle.manifest.to_bytes())
    assert "version" not in content["decision"]
    assert "parent" not in content["lineage"]
    assert not {"value_field", "value_months"} & set(content["decision"]["costs"])
    assert Manifest.from_bytes(canonical_json(content)) == bundle.manifest
    changed = json.loads(with_policy(bundle, BY_BILL).manifest.to_bytes())
    assert (changed["decision"]["version"], changed["lineage"]["parent"]) == (2, bundle.manifest.digest)
    assert changed["decision"]["costs"]["value_field"] == "monthly_charges"
    assert "value_months" not in changed["decision"]["costs"]  # 12 is what is meant where nothing is said


def test_costs_are_changed_by_name() -> None:
    costs = changed_costs(CostParams(), ["offer_cost=15", "threshold=0.3", "value_field=monthly_charges"])
    assert costs == CostParams(offer_cost=15, threshold=0.3, value_field="monthly_charges")
    for change, message in (
        ("offer_cots=1", "the policy: unknown key 'costs.offer_cots'; did you mean 'offer_cost'"),
        ("offer_cost", r"must look like section\.key=value"),
        ("offer_cost=-1", "the policy: costs.offer_cost: must be at least 0"),
        ("customer_value=5", "together must be less than customer_value"),
    ):
        with pytest.raises(ParamsError, match=message):
            changed_costs(CostParams(), [change])


def test_the_gate_sees_the_policy_and_nothing_else_moves(bundle: Bundle) -> None:
    old = Scorer(bundle)
    new = Scorer(with_policy(bundle, CostParams(customer_value=60, offer_cost=15)))
    data = evaluation(old, rows=800)
    found: list[dict[str, float]] = []
    for scorer in (old, new):
        p = scorer.probabilities(read_columns(scorer.bundle.schema_spec, data.columns).raw)
        metrics = {**METRICS, **decision_metrics(scorer.bundle.decision)}
        found.append({n: one.value for n, one in bootstrap(data.labels, p, metrics, 1).items()})
    moved = {name for name in found[0] if found[0][name] != found[1][name]}
    assert moved == set(decision_metrics(old.bundle.decision))
    floor = {"profit": found[0]["profit"] - 3.0}
    verdicts = [_asked(Floors.model_validate(floor), scorer, data).status for scorer in (old, new)]
    assert verdicts == ["pass", "fail"]


def test_the_champion_is_compared_under_the_candidates_costs(bundle: Bundle, tmp_path: Path) -> None:
    old, data = Scorer(bundle), evaluation(Scorer(bundle), rows=800)
    new = Scorer(with_policy(logistic_bundle(tmp_path, intercept=-2.0), BY_BILL))
    check = NotWorseThanChampion(margins={"empc": 9.0, "profit": 9.0}, superiority=())
    for candidate, champion in ((old, new), (new, old)):
        policy, raw = candidate.bundle.decision, read_columns(bundle.manifest.schema_spec, data.columns).raw
        values = policy.values(raw)
        result = _asked(check, candidate, data, champion)
        for name in check.margins:
            metric = decision_metrics(policy)[name]
            first, second = (
                metric(data.labels, one.probabilities(raw), values=values) for one in (candidate, champion)
            )
            assert result.intervals[name].value == pytest.approx(first - second)


def _asked(check: Any, candidate: Scorer, data: Any, champion: Scorer | None = None) -> CheckResult:
    rival = contender(champion) if champion else None
    return check.check(Evidence(contender(candidate), rival, data, GateParams()))


def test_evaluation_says_which_policy_it_was(tmp_path: Path) -> None:
    project = ready(tmp_path, rows=600)
    folder = project.root / "models/candidate"
    plain = evaluate(project.params, project.root).numbers.metrics
    new = with_policy(read_bundle(folder), BY_BILL)
    write_bundle(folder, new.manifest, new.graph)
    done = evaluate(project.params, project.root)
    found = done.numbers.metrics
    assert (plain["policy_version"], found["policy_version"]) == (1, 2)
    assert found["policy"] == new.manifest.decision.digest != plain["policy"]
    moved = {"bundle", "policy", "policy_version", "threshold", "contacted", "profit_all"}
    moved |= set(decision_metrics(new.manifest.decision)) | {f"{s}_{c}" for s in _SIGNS for c in _CELLS}
    assert {name for name in found if found[name] != plain[name]} <= moved
    table = read_columns(new.manifest.schema_spec, _part(project.prepared, "holdout")).raw
    policy, labels = new.manifest.decision, _part(project.prepared, "holdout")["churn"].to_numpy().astype(int)
    p = Scorer(new).probabilities(table).astype(float)
    values = 12 * table.number("monthly_charges")
    realised = np.where(labels == 1, policy.gain_of(values), -11.0)
    chosen = policy.expected_profit(p, values) >= 0
    assert found["profit"]["value"] == pytest.approx(np.mean(realised * chosen), abs=1e-5)
    assert found["contacted"]["value"] == pytest.approx(chosen.mean(), abs=1e-6)
    profit = [row["profit"] for row in done.numbers.tables["profit"]]
    assert profit[-1] == pytest.approx(found["profit_all"]["value"], abs=1e-5)
    assert max(profit) <= found["mpc"]["value"] + 1e-6
    tenths = done.numbers.tables["deciles"]
    assert sum(r["customers"] * r["profit_per_contact"] for r in tenths) == pytest.approx(
        realised.sum(), abs=0.1
    )
    levels = [row for row in done.numbers.tables["risk"] if row["customers"]]
    assert sum(r["customers"] * r["profit_per_contact"] for r in levels) == pytest.approx(
        realised.sum(), abs=0.1
    )
    assert "Each customer is worth monthly_charges times 12" in done.report.with_suffix(".md").read_text()


_SIGNS, _CELLS = ("true", "false"), ("positives", "negatives")


def _part(prepared: pa.Table, name: str) -> pa.Table:
    return prepared.filter(pa.array([side == name for side in prepared["split"].to_pylist()]))


def test_the_command_shows_a_policy(bundle: Bundle) -> None:
    shown = run_churn("policy", "show", bundle.folder)
    assert shown.exit_code == 0
    lines = dict(line.split(maxsplit=1) for line in shown.stdout.splitlines() if len(line.split()) > 1)
    assert lines["bundle"] == bundle.manifest.digest
    assert (lines["version"], lines["offer_cost"], lines["currency"]) == ("1", "10", "EUR")
    content = json.loads(run_churn("policy", "show", bundle.folder, "--json").stdout)
    assert content["decides_from"] == bundle.manifest.decision.threshold
    assert set(CostParams.model_fields) < set(content)


def test_the_command_changes_a_policy(bundle: Bundle, tmp_path: Path) -> None:
    out = tmp_path / "new"
    done = run_churn(
        "policy", "set", bundle.folder, "--out", out, "offer_cost=15", "value_months=24", "--json"
    )
    assert (done.exit_code, done.stderr) == (0, "")
    found = read_bundle(out).manifest
    assert json.loads(done.stdout)["bundle"] == found.digest
    assert (found.decision.costs.offer_cost, found.decision.costs.value_months) == (15, 24)
    assert found.lineage.parent == bundle.manifest.digest
    again = run_churn("policy", "set", out, "--out", out, "offer_cost=16")  # in its place
    assert again.exit_code == 0
    assert read_bundle(out).manifest.lineage.parent == found.digest


def test_tables_of_reasons_are_kept(tmp_path: Path) -> None:
    old = phone_bundle(tmp_path / "old", [member("lr")])
    done = run_churn("policy", "set", old.folder, "--out", tmp_path / "new", "offer_cost=15")
    assert done.exit_code == 0, done.output
    new = read_bundle(tmp_path / "new")
    assert old.reasons
    assert (new.graph, new.reasons) == (old.graph, old.reasons)
    assert new.manifest.reasons == old.manifest.reasons


def test_the_command_takes_the_candidate_where_none_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logistic_bundle(tmp_path / "models/candidate")
    monkeypatch.chdir(tmp_path)
    assert run_churn("policy", "set", "--out", "new", "contact_cost=2").exit_code == 0
    assert open_bundle("new").manifest.decision.costs.contact_cost == 2


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        (["offer_cost=10"], 1, "is so already: nothing would change"),
        (["offer_cots=10"], 1, "did you mean 'offer_cost'?"),
        (["value_field=fee"], 1, "is not a numeric field of the schema"),
        ([], 2, "say what to change"),
    ],
)
def test_the_command_refuses_in_a_sentence(
    bundle: Bundle, tmp_path: Path, changes: list[str], code: int, message: str
) -> None:
    done = run_churn("policy", "set", bundle.folder, "--out", tmp_path / "new", *changes)
    assert done.exit_code == code
    assert message in done.stderr
    assert not (tmp_path / "new").exists()


def test_the_command_replaces_nothing_but_bundles(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "letters.txt").write_text("dear")
    done = run_churn("policy", "set", bundle.folder, "--out", tmp_path, "offer_cost=15")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "is in the way" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["letters.txt"]


def test_a_registered_model_gets_another_policy(project: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    first = project.register()
    monkeypatch.chdir(project.root)
    project.write("outputs/report.html", "of the trained candidate")
    project.write("params.yaml", "schema: ibm-telco\n")
    done = run_churn("policy", "set", f"models:/{MODEL}@candidate", "offer_cost=15")
    assert (done.exit_code, done.stderr) == (0, "")
    made = open_bundle("models/policy").manifest
    assert made.lineage.parent == first.digest
    said = run_churn("register", "--bundle", "models/policy", "--json")
    assert said.exit_code == 0, said.output
    second = json.loads(said.stdout)
    assert (second["created"], second["version"], second["digest"]) == (True, "2", made.digest)
    with connect(project.where) as client:
        run = client.get_run(second["run_id"])
        assert run.data.metrics == {}
        assert run.data.params["costs.offer_cost"] == "15.0"
        assert {file.path for file in client.list_artifacts(run.info.run_id)} == {"model", "params.json"}
    assert json.loads(run_churn("register", "--bundle", "models/policy", "--json").stdout)["created"] is False
    scorer = churn_core.load(f"models:/{MODEL}@candidate")
    assert scorer.bundle.decision.costs.offer_cost == 15


def test_a_bundle_that_training_would_put_back_is_said_to_be_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logistic_bundle(tmp_path / "models/candidate")
    monkeypatch.chdir(tmp_path)
    done = run_churn("policy", "set", "--out", "models/candidate", "offer_cost=15")
    assert (done.exit_code, open_bundle("models/candidate").manifest.decision.version) == (0, 2)
    assert done.stderr.startswith("note: models/candidate belongs to `churn train`")
