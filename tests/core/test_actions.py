"""Moves of schemas, what they cost, and what is said of the cheapest change."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import ValidationError

import churn_core
from churn_core.bundle import Bundle, Scorer, decision_policy, with_policy, write_bundle
from churn_core.bundle.manifest import Manifest
from churn_core.bundle.moves import MOST_CHANGES, MoveSets
from churn_core.bundle.sentences import Sentences
from churn_core.errors import BundleError, ParamsError, SchemaError
from churn_core.features import RawReader
from churn_core.params import CostParams, Params, changed_costs, read_params
from churn_core.schemas import (
    Action,
    Category,
    Customer,
    FieldSpec,
    Flag,
    IbmTelcoCustomer,
    Move,
    Numeric,
    SchemaSpec,
    TelcoVisionCustomer,
    Wording,
    customer_class,
)
from churn_core.schemas.checks import check_spec
from churn_core.schemas.moves import value_name
from churn_core.testing import conformance
from tests.support.actions import HomeCustomer
from tests.support.bundles import logistic_bundle
from tests.support.projects import run_churn
from tests.support.reasons import PhoneCustomer

SPEC = IbmTelcoCustomer.spec
EXAMPLE = SPEC.example()
NOTES = {
    "en": "This is an association in past data, not proof that the change causes customers to stay; "
    "an experiment (A/B test) would show.",
    "es": "Es una asociación en datos pasados, no una prueba de que el cambio haga que los clientes se "
    "queden; un experimento (prueba A/B) lo mostraría.",
}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return logistic_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="module")
def scorer(bundle: Bundle) -> Scorer:
    return Scorer(bundle)


def under(bundle: Bundle, folder: Path, **costs: Any) -> Scorer:
    changed = with_policy(bundle, CostParams(**costs))
    return Scorer(write_bundle(folder, changed.manifest, changed.graph))


def changed(action: Action) -> dict[str, Any]:
    return {change.feature: change.becomes for change in action.changes}


# Moves of a schema


def flawed(*moves: Move, role: str = "category", **more: Any) -> SchemaSpec:
    about: dict[str, Any] = {
        "category": {"values": ("a", "b", "c"), "example": "a"},
        "flag": {"example": True},
    }
    about["numeric"] = {"ge": 0, "le": 9, "example": 1}
    field = FieldSpec(name="plan", role=role, description="Plan", moves=moves, **about[role], **more)  # type: ignore[arg-type]
    return SchemaSpec(name="x", version=1, description="X", fields=(field,), label=SPEC.label)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (flawed(Move(to="d")), "field 'plan' has a move to 'd' that speaks of values it does not have"),
        (flawed(Move(to="a", origins=("d",))), "has a move to 'a' that speaks of values it does not have"),
        (flawed(Move(to="a", origins=("b", "a"))), "has a move from 'a' to itself"),
        (flawed(Move(to="a", cost=-0.01)), "has a move to 'a' whose cost is not a number from 0"),
        (flawed(Move(to="a", cost=float("nan"))), "has a move to 'a' whose cost is not a number from 0"),
        (flawed(Move(to="a", cost=float("inf"))), "has a move to 'a' whose cost is not a number from 0"),
        (flawed(Move(to="a"), Move(to="a", origins=("b",))), "has two moves to 'a' from the same value"),
        (flawed(Move(to="true"), role="flag"), "has a move to 'true' that speaks of values"),
        (flawed(Move(to=2), role="numeric"), "field 'plan' is numeric and cannot have moves"),
        (flawed(texts={"en": Wording(moves={"a": " "})}), "has an empty text in 'en'"),
        (
            flawed(texts={"en": Wording(moves={"d": "to d"})}),
            "has a text in 'en' for 'd', which it cannot be",
        ),
    ],
)
def test_moves_that_make_no_sense_are_refused(spec: SchemaSpec, message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        check_spec(spec)


def test_a_class_names_its_flawed_moves() -> None:
    with pytest.raises(SchemaError, match="schema 'odd': field 'months' is numeric and cannot have moves"):

        class Odd(Customer, schema="odd"):
            months: Annotated[int, Numeric("Months", ge=0, le=9, example=1, moves=(Move(to=2),))]


def test_more_moves_than_can_be_tried_are_refused() -> None:
    values = tuple(f"v{place}" for place in range(42))
    moves = tuple(Move(to=value) for value in values[:41])
    field = FieldSpec(
        name="plan", role="category", description="Plan", values=values, example="v0", moves=moves
    )
    spec = SchemaSpec(name="x", version=1, description="X", fields=(field,), label=SPEC.label)
    with pytest.raises(SchemaError, match="there are more than 40 moves"):
        customer_class(spec)


def test_different_origins_of_one_value_are_different_moves() -> None:
    spec = flawed(Move(to="a", origins=("b",), cost=1), Move(to="a", origins=("c",), cost=2))
    assert customer_class(spec).spec == spec


def without_moves(spec: SchemaSpec) -> SchemaSpec:
    plain = [{**field.model_dump(), "moves": ()} for field in spec.fields]
    for field in plain:
        for wording in field.get("texts", {}).values():
            wording.pop("moves", None)
    return SchemaSpec.model_validate({**spec.model_dump(), "fields": plain})


@pytest.mark.parametrize("cls", [IbmTelcoCustomer, TelcoVisionCustomer, HomeCustomer])
def test_moves_travel_but_are_no_part_of_what_a_customer_is(cls: type[Customer]) -> None:
    spec = cls.spec
    assert any(field.moves for field in spec.fields)
    made = customer_class(SchemaSpec.model_validate_json(spec.model_dump_json()))
    assert made.spec == spec
    plain = without_moves(spec)
    assert not any(field.moves for field in plain.fields)
    assert plain.fingerprint == spec.fingerprint


def test_manifests_from_before_there_were_moves_keep_their_bytes(tmp_path: Path) -> None:
    text = logistic_bundle(tmp_path, without_moves(SPEC)).manifest.to_bytes()
    assert b'"moves"' not in text
    assert Manifest.from_bytes(text).to_bytes() == text


def test_the_ibm_schema_moves_where_a_company_can(scorer: Scorer) -> None:
    fields = {field.name: field.moves for field in SPEC.fields if field.moves}
    services = {"online_security", "online_backup", "device_protection", "tech_support", "streaming_tv"}
    services |= {"streaming_movies"}
    assert set(fields) == services | {"contract", "payment_method", "paperless_billing"}
    terms = SPEC.field("contract").values
    longer = {(old, new) for old, new in combinations(terms, 2)}
    assert longer == {(old, m.to) for m in fields["contract"] for old in terms if m.starts_from(old)}
    ways = {(old, m.to) for m in fields["payment_method"] for old in m.origins}
    assert ways == {
        (f"{old} check", f"{new} (automatic)")
        for old in ("Electronic", "Mailed")
        for new in ("Bank transfer", "Credit card")
    }
    assert all([(m.origins, m.to) for m in fields[name]] == [(("No",), "Yes")] for name in services)


@pytest.mark.parametrize("spec", [SPEC, TelcoVisionCustomer.spec])
def test_built_in_moves_have_texts(spec: SchemaSpec) -> None:
    for field in spec.fields:
        for move in field.moves:
            for language in ("en", "es"):
                assert field.texts[language].moves[value_name(move.to)]


def test_a_customer_without_internet_gets_no_services_that_need_it() -> None:
    offline = {**EXAMPLE, "internet_service": "No"}
    offline |= {
        name: "No internet service"
        for name, v in EXAMPLE.items()
        if "No internet service" in (SPEC.field(name).values if name != "customer_id" else ())
    }
    raw = RawReader(SPEC).read([IbmTelcoCustomer.parse(offline)])
    found = MoveSets(SPEC, CostParams())(raw.values[0])
    different = (found.raw.values != raw.values[0]).any(axis=0)
    moved = {name for name, differs in zip(SPEC.names, different, strict=True) if differs}
    assert moved == {"contract", "payment_method"}
    assert len(found.costs) == 3 * 3 - 1


def test_all_sets_of_three_are_tried() -> None:
    bare = {**EXAMPLE, "online_backup": "No", "streaming_tv": "No"}
    raw = RawReader(SPEC).read([IbmTelcoCustomer.parse(bare)])
    found = MoveSets(SPEC, CostParams())(raw.values[0])
    ways = (2, 2, *[1] * 6)  # contract, payment, six services; bills come without paper already
    expected = sum(_product(chosen) for size in (1, 2, 3) for chosen in combinations(ways, size))
    assert MOST_CHANGES == 3
    assert len(found.costs) == expected == len({row.tobytes() for row in found.raw.values})


def _product(numbers: tuple[int, ...]) -> int:
    return numbers[0] * _product(numbers[1:]) if numbers else 1


def test_rules_are_kept_by_sets_that_are_only_good_together() -> None:
    spec = HomeCustomer.spec
    raw = RawReader(spec).read([HomeCustomer.parse({**spec.example(), "line": False, "support": "No line"})])
    found = MoveSets(spec, CostParams())(raw.values[0])
    place = spec.positions
    lined = found.raw.values[:, place["line"]] == 1
    supported = found.raw.values[:, place["support"]] == 1
    premium = found.raw.values[:, place["plan"]] == 2
    assert lined.any()
    assert (lined == supported).all()  # never a line alone: "No line" would contradict it
    assert (premium <= supported).all()
    assert premium.any()


# What is proposed


def test_the_answer_holds_the_cheapest_change(scorer: Scorer) -> None:
    customer = {**EXAMPLE, "tenure_months": 70}
    answer = scorer.predict(customer, action=True)
    action = answer.action
    assert action == scorer.action(customer)
    assert action is not None
    assert answer.churn_probability > answer.threshold > action.churn_probability
    assert changed(action) == {"contract": "One year"}
    assert (action.changes[0].value, action.cost, action.reaches_threshold) == ("Month-to-month", 10.0, True)
    p, after = answer.churn_probability, action.churn_probability
    assert action.expected_profit == pytest.approx(0.3 * (p - after) * 200 - (1 - p + 0.3 * p) * 10 - 1)
    assert (
        action.text == "Cheapest change: moving from a month-to-month contract to a one-year contract. "
        "For customers like that the model gives a churn probability of 14.2 %, below the threshold of "
        "16.4 %; proposing it is expected to bring 4.23 EUR."
    )
    assert action.note == NOTES["en"]


def test_actions_are_only_there_when_asked_for(scorer: Scorer) -> None:
    plain = scorer.predict(EXAMPLE)
    assert plain.action is None
    assert "action" not in json.loads(plain.model_dump_json())
    assert scorer.predict(EXAMPLE, action=True).model_copy(update={"action": None}) == plain


def test_spanish(scorer: Scorer) -> None:
    action = scorer.action({**EXAMPLE, "tenure_months": 20}, "es")
    assert (
        action.text == "Cambio más barato: pasar de un contrato mes a mes a un contrato de dos años y pagar "
        "por transferencia bancaria. A clientes así, el modelo les da una probabilidad de baja del 14,2 %, "
        "por debajo del umbral del 16,4 %; se espera que proponerlo aporte 20,59 EUR."
    )
    assert action.note == NOTES["es"]


def test_a_language_without_texts_is_refused(scorer: Scorer) -> None:
    with pytest.raises(SchemaError, match="there are no sentences in 'fr'; choose en or es"):
        scorer.action(EXAMPLE, "fr")  # type: ignore[arg-type]


def test_who_stays_anyway_needs_no_change(scorer: Scorer) -> None:
    loyal = {**EXAMPLE, "contract": "Two year", "tenure_months": 60}
    action, answer = scorer.action(loyal), scorer.predict(loyal)
    assert (action.changes, action.reaches_threshold, action.cost, action.expected_profit) == ((), True, 0, 0)
    assert action.churn_probability == answer.churn_probability < answer.threshold
    assert action.text.startswith("Nothing has to change: the churn probability of ")
    assert scorer.action(loyal, "es").text.startswith("No hace falta cambiar nada: ")


def test_where_nothing_reaches_the_threshold_the_best_change_is_named(bundle: Bundle, tmp_path: Path) -> None:
    strict = under(bundle, tmp_path, threshold=0.02)
    action = strict.action(EXAMPLE)
    assert not action.reaches_threshold
    assert action.expected_profit > 0
    assert action.text.startswith(
        "No allowed change leads below the threshold of 2.0 %. Most profitable change: "
    )
    assert "below the threshold" not in action.text.partition("Most profitable")[2]
    others = [strict.predict({**EXAMPLE, "contract": term}) for term in ("One year", "Two year")]
    p = strict.predict(EXAMPLE).churn_probability
    policy = strict.bundle.decision
    for other, cost in zip(others, (10, 20), strict=True):
        assert policy.profit_of_change(p, other.churn_probability, cost) <= action.expected_profit


def test_where_nothing_pays_nothing_is_proposed(bundle: Bundle, tmp_path: Path) -> None:
    poor = under(bundle, tmp_path, threshold=0.02, customer_value=12)
    action = poor.action(EXAMPLE)
    assert (action.changes, action.reaches_threshold, action.expected_profit) == ((), False, 0)
    assert action.churn_probability == poor.predict(EXAMPLE).churn_probability
    assert action.text == (
        "No allowed change of up to 3 fields leads below the threshold of 2.0 %, and none pays."
    )
    assert poor.action(EXAMPLE, "es").text.startswith(
        "Ningún cambio permitido de hasta 3 campos baja del umbral"
    )


def test_a_change_that_helps_at_a_loss_says_so(bundle: Bundle, tmp_path: Path) -> None:
    dear = under(bundle, tmp_path, moves={"contract": {"One year": 90, "Two year": 90}})
    action = dear.action({**EXAMPLE, "tenure_months": 60, "payment_method": "Credit card (automatic)"})
    assert action.reaches_threshold
    assert action.expected_profit < 0
    lost = f"{-action.expected_profit:.2f} EUR"
    assert action.text.endswith(f"; proposing it is expected to cost {lost} more than it brings.")


def test_every_customer_has_his_own_threshold(bundle: Bundle, tmp_path: Path) -> None:
    scorer = under(bundle, tmp_path, value_field="monthly_charges", value_months=12)
    small, large = (
        scorer.predict({**EXAMPLE, "tenure_months": 40, "monthly_charges": bill}, action=True)
        for bill in (12.0, 120.0)
    )
    assert small.churn_probability == large.churn_probability
    assert small.threshold > large.threshold
    assert small.action
    assert large.action
    assert small.action.cost < large.action.cost
    p, after = large.churn_probability, large.action.churn_probability
    worth = 0.3 * (p - after) * 1440 - (1 - 0.7 * p) * large.action.cost - 1
    assert large.action.expected_profit == pytest.approx(worth)


def test_an_offer_is_the_change_that_keeps_everybody() -> None:
    policy = decision_policy(CostParams(offer_cost=17, contact_cost=3, customer_value=300))
    for p in (0.0, 0.1, 0.5, 1.0):
        assert policy.profit_of_change(p, 0.0, 17.0) == pytest.approx(policy.expected_profit(p))
    assert policy.profit_of_change(0.5, 0.5, 0.0) == pytest.approx(-3)
    assert policy.profit_of_change(0.5, 0.2, 4.0, 1000.0) == pytest.approx(0.3 * 0.3 * 1000 - 0.65 * 4 - 3)


def test_schemas_without_words_for_moves_get_sentences_that_name_them(tmp_path: Path) -> None:
    scorer = Scorer(logistic_bundle(tmp_path, HomeCustomer.spec, {"autopay": -2.0, "plan=Plus": -2.0}, 2.2))
    assert scorer.action(HomeCustomer.spec.example()).text.startswith(
        "Cheapest change: “Tariff: Plus” instead of “Basic” and “Pays by standing order: yes” "
        "instead of “no”. "
    )
    assert scorer.action(HomeCustomer.spec.example(), "es").text.startswith(
        "Cambio más barato: «Tariff: Plus» en lugar de «Basic» y «Pays by standing order: sí» "
        "en lugar de «no». "
    )


def test_a_schema_without_moves_says_so(tmp_path: Path) -> None:
    scorer = Scorer(logistic_bundle(tmp_path, PhoneCustomer.spec, {}, 3.0))
    action = scorer.action(PhoneCustomer.spec.example())
    assert (action.changes, action.reaches_threshold) == ((), False)
    assert action.text == "There are no changes to propose: the schema names no moves on offer."
    assert action.note == NOTES["en"]
    assert scorer.action(PhoneCustomer.spec.example(), "es").text.startswith("No hay cambios que proponer")


def test_words_of_moves() -> None:
    class DslCustomer(Customer, schema="dsl"):
        access: Annotated[
            Literal["DSL", "LTE", "None"],
            Category(
                "Access",
                example="DSL",
                texts={
                    "en": Wording(
                        subjects={"DSL": "DSL at home", "None": "No access, and so no mail,"},
                        moves={"LTE": "going from {} to LTE"},
                    ),
                    "es": Wording(moves={"LTE": "instalar LTE"}),
                },
                moves=(Move(to="LTE"),),
            ),
        ]
        mail: Annotated[bool, Flag("Has mail", example=False)]

    english, spanish = (Sentences(DslCustomer.spec, language, "EUR") for language in ("en", "es"))
    assert english.change(0, "DSL", "LTE") == "going from DSL at home to LTE"
    assert english.change(0, "None", "LTE") == "going from no access, and so no mail to LTE"
    assert english.change(0, "LTE", "DSL") == "“Access: DSL” instead of “LTE”"
    assert spanish.change(0, "DSL", "LTE") == "instalar LTE"
    assert spanish.change(1, False, True) == "«Has mail: sí» en lugar de «no»"


# What moves cost


def test_costs_of_params_win(bundle: Bundle, tmp_path: Path) -> None:
    customer = {**EXAMPLE, "tenure_months": 70}
    own = under(bundle, tmp_path / "own", moves={"contract": {"One year": 18.5}})
    assert own.action(customer).cost == 18.5
    cheap = under(bundle, tmp_path / "cheap", moves={"contract": {"Two year": 0}})
    assert changed(cheap.action(customer)) == {"contract": "Two year"}
    none = under(bundle, tmp_path / "none", moves={"contract": {"Two year": None, "One year": None}})
    assert "contract" not in changed(none.action(customer))


def test_moves_that_are_all_off_the_list_are_no_moves(tmp_path: Path) -> None:
    bundle = logistic_bundle(tmp_path / "old", TelcoVisionCustomer.spec, {}, 3.0)
    off = {"contract_type": {"One year": None, "Two year": None}}
    off["payment_method"] = {"Bank transfer": None, "Credit card": None}
    scorer = under(bundle, tmp_path / "new", moves=off)
    assert "names no moves on offer" in scorer.action(TelcoVisionCustomer.spec.example()).text


@pytest.mark.parametrize(
    ("moves", "message"),
    [
        (
            {"contract": {"Three year": 1}},
            "field 'contract' has no move to 'Three year', but to 'One year', 'Two",
        ),
        ({"gender": {"Male": 1}}, "costs.moves: field 'gender' has no move to 'Male', but to none"),
        (
            {"kontract": {"One year": 1}},
            "costs.moves: field 'kontract' has no move to 'One year', but to none",
        ),
        ({"tech_support": {True: 1}}, "no move to 'true', but to 'Yes'; put texts such as 'Yes' in quotes"),
    ],
)
def test_costs_of_moves_that_a_schema_lacks_are_refused(
    bundle: Bundle, tmp_path: Path, moves: Any, message: str
) -> None:
    costs = CostParams(moves=moves)
    with pytest.raises(ParamsError, match=message):
        with_policy(bundle, costs)
    with pytest.raises(BundleError, match="the bundle's policy does not fit its schema"):
        Scorer(logistic_bundle(tmp_path, decision=decision_policy(costs)))


def test_params_give_costs_by_field_and_value(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(
        "costs: {moves: {contract: {One year: 20, Two year: null}, paperless_billing: {true: 3}, "
        "klass: {1: 2}}}"
    )
    assert read_params(path).costs.moves == {
        "contract": {"One year": 20.0, "Two year": None},
        "paperless_billing": {"true": 3.0},
        "klass": {"1": 2.0},
    }
    for text, message in (
        ("{contract: {One year: -1}}", "costs.moves.contract.One year: must be at least 0"),
        ("{contract: {One year: .nan}}", "costs.moves.contract.One year: must be a finite number"),
        ("{contract: {One year: much}}", "costs.moves.contract.One year: must be a number"),
        ("{contract: 20}", "costs.moves.contract: must be a mapping of keys"),
        ("[contract]", "costs.moves: must be a mapping of keys"),
    ):
        path.write_text(f"costs: {{moves: {text}}}")
        with pytest.raises(ParamsError, match=message):
            read_params(path)
    with pytest.raises(ValidationError):
        CostParams(moves={"contract": {"One year": float("inf")}})


def test_costs_without_moves_are_written_as_ever() -> None:
    assert "moves" not in CostParams().model_dump_json()
    assert Params(costs=CostParams(moves={})).digest() == Params().digest()
    assert decision_policy(CostParams(moves={"contract": {"One year": 1}})).digest != (
        decision_policy(CostParams()).digest
    )


def test_a_policy_is_changed_by_the_path_of_a_move(bundle: Bundle, tmp_path: Path) -> None:
    costs = changed_costs(CostParams(moves={"contract": {"One year": 5}}), ["moves.contract.Two year=30"])
    assert costs.moves == {"contract": {"One year": 5.0, "Two year": 30.0}}
    done = run_churn("policy", "set", bundle.folder, "--out", tmp_path, "moves.contract.One year=13")
    assert (done.exit_code, done.stderr) == (0, "")
    assert churn_core.load(str(tmp_path)).action({**EXAMPLE, "tenure_months": 70}).cost == 13
    refused = run_churn("policy", "set", bundle.folder, "--out", tmp_path, "moves.gender.Male=1")
    assert refused.exit_code == 1


# Tools


def test_the_command_shows_moves() -> None:
    shown = run_churn("schema", "ibm-telco").stdout
    moves = shown.partition("moves:\n")[2].splitlines()
    assert "  contract: Two year from Month-to-month or One year, at 20" in moves
    assert "  paperless_billing: true from any other, at 1" in moves


def test_plugins_must_not_name_moves_that_nobody_can_make() -> None:
    conformance._moves(HomeCustomer.spec)
    spec = HomeCustomer.spec
    rules = [rule.model_dump() for rule in spec.rules]
    rules.append(
        {
            "kind": "implies",
            "when": {"field": "line", "values": (True,)},
            "then": {"field": "support", "values": ("No",)},
        }
    )
    impossible = SchemaSpec.model_validate({**spec.model_dump(), "rules": rules})
    with pytest.raises(
        AssertionError, match="no valid customer can make the move of 'plan': Premium from Basic, at 0.4"
    ):
        conformance._moves(impossible)
