"""Schemas: how they are declared, what they accept, and what they say when they refuse."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from types import MappingProxyType
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError, field_validator

from churn_core.errors import InvalidCustomer, SchemaError
from churn_core.schemas import (
    BlankMeans,
    Category,
    Condition,
    Customer,
    FieldSpec,
    FileColumn,
    Flag,
    IbmTelcoCustomer,
    Implies,
    LabelSpec,
    Numeric,
    SchemaSpec,
    SliceSpec,
    TelcoVisionCustomer,
    customer_class,
)
from churn_core.testing import Faulty, customer_dicts, customers, invalid_customers
from tests.support.schemas import RailCustomer

SCHEMAS: list[type[Customer]] = [IbmTelcoCustomer, TelcoVisionCustomer, RailCustomer]
every_schema = pytest.mark.parametrize("cls", SCHEMAS, ids=lambda cls: cls.spec.name)
one_of_the_schemas = st.sampled_from(SCHEMAS)
IBM: dict[str, Any] = IbmTelcoCustomer.spec.example()


def problems(cls: type[Customer], data: Any) -> list[tuple[str, str]]:
    with pytest.raises(InvalidCustomer) as caught:
        cls.parse(data)
    return [(problem.field, problem.message) for problem in caught.value.problems]


# What is accepted


@given(st.data(), one_of_the_schemas)
def test_valid_customers_are_accepted_as_they_are(data: st.DataObject, cls: type[Customer]) -> None:
    values = data.draw(customer_dicts(cls))
    assert cls.parse(values).model_dump() == values
    assert cls.parse(MappingProxyType(values)) == cls.parse(values)
    assert (
        cls.parse_json(json.dumps(values)) == cls.parse_json(json.dumps(values).encode()) == cls.parse(values)
    )


@given(st.data(), one_of_the_schemas)
def test_a_class_made_from_data_validates_like_the_class_the_data_came_from(
    data: st.DataObject, cls: type[Customer]
) -> None:
    made = customer_class(SchemaSpec.model_validate_json(cls.spec.model_dump_json()))
    assert made.spec == cls.spec
    assert made.spec.fingerprint == cls.spec.fingerprint
    customer, faulty = data.draw(customers(cls)), data.draw(invalid_customers(cls))
    assert made.parse(customer).model_dump() == customer.model_dump()
    assert cls.parse(made.parse(customer)) == customer
    assert problems(made, faulty.data) == problems(cls, faulty.data)


@given(st.data(), one_of_the_schemas)
def test_a_fault_is_named_exactly_and_its_value_is_not_repeated(
    data: st.DataObject, cls: type[Customer]
) -> None:
    faulty: Faulty = data.draw(invalid_customers(cls))
    with pytest.raises(InvalidCustomer) as caught:
        cls.parse(faulty.data)
    assert caught.value.problems == faulty.problems
    assert pickle.loads(pickle.dumps(caught.value)).problems == faulty.problems


def test_a_customer_of_the_class_is_passed_on_and_of_another_refused() -> None:
    customer = IbmTelcoCustomer.parse(IBM)
    assert IbmTelcoCustomer.parse(customer) is customer
    with pytest.raises(SchemaError, match="'telcovision', got 'ibm-telco'"):
        TelcoVisionCustomer.parse(customer)


@every_schema
def test_customers_cannot_be_changed_and_survive_copying_and_pickling(cls: type[Customer]) -> None:
    for kind in (cls, customer_class(cls.spec)):
        customer = kind.parse(cls.spec.example())
        with pytest.raises(ValidationError):
            customer.customer_id = "other"
        assert copy.deepcopy(customer) == customer
        assert pickle.loads(pickle.dumps(customer)) == customer


# What is refused


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("monthly_charges", float("nan"), "is not a finite number"),
        ("monthly_charges", float("inf"), "is not a finite number"),
        ("monthly_charges", 10**400, "is out of range"),
        ("monthly_charges", "12", "has the wrong type: a text"),
        ("monthly_charges", True, "has the wrong type: a boolean"),
        ("tenure_months", 10**400, "is out of range"),
        ("tenure_months", -1, "is out of range"),
        ("tenure_months", 5.5, "is not a whole number"),
        ("tenure_months", -1.0, "is out of range"),
        ("tenure_months", 1e300, "is out of range"),
        ("tenure_months", True, "has the wrong type: a boolean"),
        ("senior_citizen", 1, "has the wrong type: a whole number"),
        ("senior_citizen", "yes", "has the wrong type: a text"),
        ("gender", "female", "is not in the vocabulary"),
        ("gender", "\ud800", "is not valid Unicode text"),
        ("gender", None, "has the wrong type: null"),
        ("gender", ["Female"], "has the wrong type: a list"),
        ("gender", {"value": "Female"}, "has the wrong type: an object"),
        ("gender", object(), "has the wrong type: a value of another kind"),
        ("customer_id", "", "is too short"),
        ("customer_id", "x" * 129, "is too long"),
        ("customer_id", "C-1\n", "has control characters"),
        ("customer_id", "\x00", "has control characters"),
        ("customer_id", "\udcff", "is not valid Unicode text"),
        ("customer_id", 17, "has the wrong type: a whole number"),
        ("phone", True, "is not a field of this schema"),
        ("", True, "is not a field of this schema"),
    ],
)
def test_each_kind_of_fault_has_its_words(field: str, value: object, message: str) -> None:
    assert problems(IbmTelcoCustomer, {**IBM, field: value}) == [(field, message)]


def test_a_whole_number_may_be_written_with_a_point() -> None:
    """JSON knows one kind of number."""
    customer = IbmTelcoCustomer.parse({**IBM, "tenure_months": 5})
    text = json.dumps({**IBM, "tenure_months": 5.0})
    for found in (IbmTelcoCustomer.parse({**IBM, "tenure_months": 5.0}), IbmTelcoCustomer.parse_json(text)):
        assert found == customer
        assert type(found.tenure_months) is int
    with pytest.raises(InvalidCustomer, match="tenure_months: is given twice"):
        IbmTelcoCustomer.parse_json(text[:-1] + ', "tenure_months": 5.0}')
    assert problems(IbmTelcoCustomer, {**IBM, "tenure_months": 5.0, "gender": 1}) == [
        ("gender", "has the wrong type: a whole number")
    ]


def test_every_problem_is_named_at_once() -> None:
    wrong = {**IBM, "gender": "x", "tenure_months": -1, "monthly_charges": None}
    assert [field for field, _ in problems(IbmTelcoCustomer, wrong)] == [
        "gender",
        "tenure_months",
        "monthly_charges",
    ]


def test_every_broken_rule_is_named_at_once() -> None:
    wrong = {**IBM, "phone_service": False, "internet_service": "No"}
    found = problems(IbmTelcoCustomer, wrong)
    assert ("multiple_lines", "contradicts another field") in found
    assert len(found) == 7
    with pytest.raises(ValidationError, match="exactly where phone_service is false"):
        IbmTelcoCustomer(**wrong)


def test_messages_say_what_is_allowed_in_plain_numbers() -> None:
    with pytest.raises(InvalidCustomer, match=r"allowed: a number from 0 to 1000000\)"):
        IbmTelcoCustomer.parse({**IBM, "total_charges": -1})
    with pytest.raises(InvalidCustomer, match=r"allowed: a number from -0\.5 to 1000000\)"):
        RailCustomer.parse({**RailCustomer.spec.example(), "spent": -1})


def test_a_long_unknown_name_is_cut_and_a_name_that_is_no_text_is_refused() -> None:
    ((field, _),) = problems(IbmTelcoCustomer, {**IBM, "n" * 100_000: 1})
    assert field == "n" * 64
    for name in (5, "\ud800"):
        assert problems(IbmTelcoCustomer, {**IBM, name: 1}) == [("", "the name of a field is not a text")]


@pytest.mark.parametrize("data", [None, 5, "text", [IBM], [("customer_id", "C-1")]])
def test_a_customer_is_an_object(data: object) -> None:
    assert problems(IbmTelcoCustomer, data) == [("", "the customer is not an object")]


def parse_json_problems(text: str | bytes) -> list[tuple[str, str]]:
    with pytest.raises(InvalidCustomer) as caught:
        IbmTelcoCustomer.parse_json(text)
    return [(problem.field, problem.message) for problem in caught.value.problems]


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"\xff",
        b'{"customer_id": "\xff"}',
        b"[" * 100_000,
        '{"customer_id": "\\ud800"}',
        b"\xef\xbb\xbf{}",
    ],
)
def test_text_that_is_not_json_is_refused_with_its_place(text: str | bytes) -> None:
    ((field, message),) = parse_json_problems(text)
    assert field == ""
    assert message.startswith("the customer is not valid JSON (line 1 column ")


@pytest.mark.parametrize("text", [b"[]", b"5", b"null", b'"text"'])
def test_json_that_is_no_object_is_refused(text: bytes) -> None:
    assert parse_json_problems(text) == [("", "the customer is not an object")]


def test_json_numbers_keep_their_meaning() -> None:
    text = json.dumps(IBM)
    whole = text.replace("85.5", "85")
    assert IbmTelcoCustomer.parse_json(whole).model_dump()["monthly_charges"] == 85.0
    for number in ("NaN", "Infinity", "1e999"):
        said = [("monthly_charges", "is not a finite number")]
        assert parse_json_problems(text.replace("85.5", number)) == said


def test_a_field_that_is_given_twice_is_refused() -> None:
    text = json.dumps({**IBM, "customer_id": "a:b"})
    assert IbmTelcoCustomer.parse_json(text).customer_id == "a:b"
    repeated = text[:-1] + ', "partner" : true, "gender": "Male"}'
    assert parse_json_problems(repeated) == [("gender", "is given twice"), ("partner", "is given twice")]
    assert parse_json_problems(repeated.encode()) == [
        ("gender", "is given twice"),
        ("partner", "is given twice"),
    ]


# How schemas are declared


def declare(
    *, field: Any = None, name: str = "plan", schema: str = "acme", **arguments: Any
) -> type[Customer]:
    """A small schema with one field replaced and other class arguments."""
    annotations: dict[str, Any] = {
        "tenure_months": Annotated[int, Numeric("Months", ge=0, le=600, example=12)],
        "plan": Annotated[Literal["Basic", "Plus"], Category("Tariff", example="Plus")],
    }
    if field is not None:
        annotations[name] = field
    body = {"__annotations__": annotations, "__module__": __name__, "__doc__": "A customer."}
    return type(Customer)("AcmeCustomer", (Customer,), body, schema=schema, **arguments)  # type: ignore[return-value]


def numeric(kind: Any = int, **bounds: Any) -> Any:
    return Annotated[kind, Numeric("Number", **{"ge": 0, "le": 9, "example": 1, **bounds})]


def category(values: Any = Literal["a", "b"], **options: Any) -> Any:
    return Annotated[values, Category("Choice", **{"example": "a", **options})]


def when(field: str, *values: Any) -> Condition:
    return Condition(field=field, values=values)


WRONG: dict[str, tuple[Callable[[], object], str]] = {
    "no name": (lambda: declare(schema=""), "needs a name"),
    "bad name": (lambda: declare(schema="Acme Mobile"), "lower-case words joined by hyphens"),
    "bad version": (lambda: declare(version=0), "the version must be 1 or more"),
    "no role": (lambda: declare(field=int), "'plan' needs exactly one role"),
    "two roles": (
        lambda: declare(field=Annotated[bool, Flag("A", example=True), Flag("B", example=True)]),
        "'plan' needs exactly one role",
    ),
    "numeric text": (lambda: declare(field=numeric(str)), "its type must be int or float"),
    "optional": (lambda: declare(field=numeric(int | None)), "its type must be int or float"),
    "open category": (lambda: declare(field=category(str)), "its type must be a Literal of strings"),
    "category of numbers": (lambda: declare(field=category(Literal[1, 2])), "must be a Literal of strings"),
    "flag of text": (lambda: declare(field=Annotated[str, Flag("F", example=True)]), "its type must be bool"),
    "more constraints": (lambda: declare(field=Annotated[numeric(), Field(gt=3)]), "by its role alone"),
    "alias": (lambda: declare(field=Annotated[numeric(), Field(alias="p")]), "by its role alone"),
    "default": (lambda: declare(field=Annotated[numeric(), Field(default=3)]), "has a default"),
    "upside down": (lambda: declare(field=numeric(ge=9, le=0)), "a ge that is less than its le"),
    "endless": (lambda: declare(field=numeric(float, le=float("inf"))), "needs finite bounds"),
    "example too large": (lambda: declare(field=numeric(example=10)), "an example that is not a whole"),
    "example of another type": (
        lambda: declare(field=Annotated[int, Numeric("Truth", ge=0, le=9, example=True)]),
        "an example that is not",
    ),
    "example unknown": (lambda: declare(field=category(example="c")), "an example that is not one of"),
    "padded value": (lambda: declare(field=category(Literal["a", " b"])), "blanks around it"),
    "line break": (lambda: declare(field=category(Literal["a", "b\nc"])), "cannot be printed"),
    "spelling of nothing": (lambda: declare(field=category(spellings={"x": "c"})), "spellings that lead to"),
    "column of nothing": (
        lambda: declare(field=category(columns=(FileColumn(name="is_a", values={"1": "c"}),))),
        "column 'is_a' whose values lead to",
    ),
    "field of the base": (lambda: declare(field=numeric(), name="spec"), "'spec' is reserved"),
    "split": (lambda: declare(field=numeric(), name="split"), "'split' is reserved"),
    "capitals": (lambda: declare(field=numeric(), name="Plan"), "must be lower-case letters"),
    "keyword": (lambda: declare(field=numeric(), name="class"), "must be lower-case letters"),
    "label as field": (lambda: declare(label=LabelSpec(name="plan")), "'plan' must not be a field"),
    "label name": (lambda: declare(label=LabelSpec(name="customer_id")), "cannot be named 'customer_id'"),
    "label without no": (lambda: declare(label=LabelSpec(negative=())), "values that mean no"),
    "label both": (lambda: declare(label=LabelSpec(positive=("1",), negative=(1,))), "both yes and no"),
    "one column for two": (
        lambda: declare(field=category(columns=("Tenure Months",))),
        "'Tenure Months' would hold both 'tenure_months' and 'plan'",
    ),
    "label column": (lambda: declare(label=LabelSpec(columns=("Plan",))), "hold both 'churn' and 'plan'"),
    "nameless column": (lambda: declare(id_columns=("#",)), "without letters or digits"),
    "slice of nothing": (lambda: declare(slices=(SliceSpec(field="age"),)), "'age', which is not a field"),
    "slice without edges": (lambda: declare(slices=(SliceSpec(field="tenure_months"),)), "increasing edges"),
    "slice beyond": (
        lambda: declare(slices=(SliceSpec(field="tenure_months", edges=(12, 600)),)),
        "need increasing edges within its bounds",
    ),
    "slice with edges": (lambda: declare(slices=(SliceSpec(field="plan", edges=(1,)),)), "need no edges"),
    "slice twice": (lambda: declare(slices=(SliceSpec(field="plan"),) * 2), "sliced twice"),
    "protected number without slices": (
        lambda: declare(
            name="age", field=Annotated[int, Numeric("Age", ge=0, le=120, example=40, protected=True)]
        ),
        "the number 'age' is protected, so it needs slices",
    ),
    "rule of nothing": (
        lambda: declare(rules=(Implies(when=when("age", 1), then=when("plan", "Plus")),)),
        "'age', which is not a field",
    ),
    "rule without values": (
        lambda: declare(rules=(Implies(when=when("plan"), then=when("tenure_months", 1)),)),
        "'plan' names no values",
    ),
    "rule of strange values": (
        lambda: declare(rules=(BlankMeans(field="tenure_months", value=601, when=when("plan", "Plus")),)),
        "values that 'tenure_months' cannot have",
    ),
    "rule of one field": (
        lambda: declare(rules=(Implies(when=when("plan", "Plus"), then=when("plan", "Basic")),)),
        "must depend on another field",
    ),
    "rule against the example": (
        lambda: declare(rules=(Implies(when=when("plan", "Plus"), then=when("tenure_months", 0)),)),
        "the examples together break the rule that tenure_months is 0 where plan is 'Plus'",
    ),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:Field name")
@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_declaration_is_refused(case: str) -> None:
    build, message = WRONG[case]
    with pytest.raises(SchemaError, match=message):
        build()


def test_code_that_a_bundle_could_not_carry_is_refused() -> None:
    with pytest.raises(SchemaError, match="even_only cannot travel in a bundle"):

        class WithValidator(Customer, schema="acme"):
            months: Annotated[int, Numeric("Months", ge=0, le=9, example=2)]

            @field_validator("months")
            @classmethod
            def even_only(cls, value: int) -> int:
                return value

    with pytest.raises(SchemaError, match="must not change model_config: extra"):

        class Open(Customer, schema="acme"):
            model_config = {"extra": "allow"}
            months: Annotated[int, Numeric("Months", ge=0, le=9, example=2)]


def test_a_schema_can_be_declared_inside_a_function() -> None:
    Plan = Literal["Basic", "Plus"]  # noqa: N806

    class Local(Customer, schema="local"):
        plan: Annotated[Plan, Category("Tariff", example="Plus")]  # pyright: ignore[reportInvalidTypeForm]

    assert Local.spec.field("plan").values == ("Basic", "Plus")
    assert Local.spec.version == 1


def test_a_type_that_cannot_be_found_is_named() -> None:
    field = 'Annotated[Literal["a"], NoSuchRole("Tariff", example="a")]'
    with pytest.raises(SchemaError, match="field 'plan': not all names of its type can be found: Annotated"):
        declare(field=field)


def test_a_schema_without_fields_and_hostile_data_are_refused() -> None:
    with pytest.raises(SchemaError, match="there are no fields"):
        customer_class(IbmTelcoCustomer.spec.model_copy(update={"fields": ()}))
    field = FieldSpec(name="__init__", role="flag", description="", example=True)
    with pytest.raises(SchemaError, match="'__init__' must be lower-case"):
        customer_class(IbmTelcoCustomer.spec.model_copy(update={"fields": (field,)}))
    with pytest.raises(SchemaError, match="'tenure_months' takes whole numbers, so its bounds must be whole"):
        customer_class(changed(IbmTelcoCustomer.spec, "tenure_months", ge=0.5))
    fields = IbmTelcoCustomer.spec.fields
    with pytest.raises(SchemaError, match="'gender' is declared twice"):
        customer_class(IbmTelcoCustomer.spec.model_copy(update={"fields": (*fields, fields[0])}))


# Fingerprints


def changed(spec: SchemaSpec, name: str, /, **update: Any) -> SchemaSpec:
    fields = [f.model_copy(update=update) if f.name == name else f for f in spec.fields]
    return spec.model_copy(update={"fields": tuple(fields)})


@every_schema
def test_words_files_and_slices_do_not_change_the_fingerprint(cls: type[Customer]) -> None:
    spec = cls.spec
    reworded = [
        changed(spec, spec.names[0], description="Other words"),
        changed(spec, spec.names[0], unit="other", columns=(FileColumn(name="another"),)),
        changed(spec, spec.names[0], spellings={"other": "value"}),
        spec.model_copy(update={"description": "Other words", "id_columns": ("other",), "slices": ()}),
        spec.model_copy(update={"label": spec.label.model_copy(update={"columns": ("other",)})}),
        spec.model_copy(update={"rules": tuple(reversed(spec.rules))}),
    ]
    for other in reworded:
        assert other != spec
        assert other.fingerprint == spec.fingerprint


def test_protecting_a_field_changes_neither_fingerprints_nor_the_bytes_of_others() -> None:
    for spec in (IbmTelcoCustomer.spec, TelcoVisionCustomer.spec):
        marked = {field.name for field in spec.fields if field.protected}
        assert marked in ({"gender", "senior_citizen"}, {"gender", "age"})
        before = spec.model_copy(
            update={"fields": tuple(f.model_copy(update={"protected": False}) for f in spec.fields)}
        )
        assert before.fingerprint == spec.fingerprint
        assert "protected" not in before.model_dump_json()
        assert SchemaSpec.model_validate_json(spec.model_dump_json()) == spec
        assert customer_class(spec).spec == spec


def test_whatever_changes_the_meaning_changes_the_fingerprint() -> None:
    spec = TelcoVisionCustomer.spec
    others = [
        spec.model_copy(update={"name": "other"}),
        spec.model_copy(update={"version": 2}),
        spec.model_copy(update={"rules": spec.rules[1:]}),
        spec.model_copy(update={"rules": spec.rules[:1]}),
        spec.model_copy(update={"fields": spec.fields[1:]}),
        spec.model_copy(update={"label": LabelSpec(positive=("0",), negative=("1",))}),
        changed(spec, "age", le=121.0),
        changed(spec, "age", ge=17.0),
        changed(spec, "age", integer=False),
        changed(spec, "gender", values=("Female", "Male", "Other")),
        changed(spec, "gender", name="sex"),
    ]
    assert len({spec.fingerprint, *(other.fingerprint for other in others)}) == len(others) + 1


def test_zero_and_zero_point_zero_are_one_value_in_a_rule() -> None:
    whole, fraction = (
        declare(rules=(BlankMeans(field="tenure_months", value=0, when=when("plan", "Plus")),)).spec,
        declare(
            field=numeric(float),
            name="price",
            rules=(BlankMeans(field="price", value=0.0, when=when("plan", "Plus")),),
        ).spec,
    )
    assert whole.fingerprint != fraction.fingerprint
    other = fraction.model_copy(
        update={"rules": (BlankMeans(field="price", value=0, when=when("plan", "Plus")),)}
    )
    assert other.fingerprint == fraction.fingerprint


def test_the_fingerprints_of_released_schemas_stay() -> None:
    """A change here makes every existing bundle of the schema incompatible: raise its version."""
    assert {cls.spec.name: cls.spec.fingerprint[:16] for cls in SCHEMAS[:2]} == RELEASED


RELEASED = {"ibm-telco": "4543e43ef141f00a", "telcovision": "13c9ecd97588e816"}
