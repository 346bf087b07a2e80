"""What a newer service writes is read; what a bundle or a service takes in stays as strict as it was."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from churn_core.schemas import ChurnPrediction, IbmTelcoCustomer, SchemaInfo, SchemaSpec

SPEC = IbmTelcoCustomer.spec
ANSWER: dict[str, Any] = {
    "customer_id": "C-1",
    "churn_probability": 0.9,
    "churn_prediction": 1,
    "churn_risk": "VERY_HIGH",
    "threshold": 0.5,
    "expected_profit": 0.0,
    "model": {"name": "m", "version": "1", "digest": "d"},
}


def newer() -> dict[str, Any]:
    """The schema as a newer version could write it."""
    content = SPEC.model_dump(mode="json")
    content["since"] = "2.0"
    content["label"]["unit"] = "customers"
    content["fields"][0]["texts"]["fr"] = {"description": "Un champ"}
    content["fields"][1]["sensitive"] = {"by": "law"}
    content["rules"][0]["weight"] = 1
    content["rules"].insert(0, {"kind": "excludes"})
    content["rules"].append({"kind": "requires", "when": {}})
    return content


def info(spec: Any) -> dict[str, Any]:
    own = {"name": SPEC.name, "version": SPEC.version, "fingerprint": SPEC.fingerprint}
    return {**own, "example": SPEC.example(), "json_schema": {}, "spec": spec}


def test_what_is_new_in_a_schema_is_left_out_of_answers_alone() -> None:
    content = newer()
    assert SchemaInfo.model_validate(info(content)).spec == SPEC
    assert SchemaInfo.model_validate_json(TypeAdapter(dict[str, Any]).dump_json(info(content))).spec == SPEC
    assert content == newer()
    with pytest.raises(ValidationError) as caught:
        SchemaSpec.model_validate(content)
    assert caught.value.error_count() == 7


@pytest.mark.parametrize(
    "fault",
    [
        {"version": "one"},
        {"fields": [{"name": "a", "role": "date", "description": "", "example": 1}]},
        {"rules": [{"kind": "implies"}], "more": 1},
        None,
        [],
        "text",
    ],
)
def test_what_is_wrong_stays_wrong(fault: Any) -> None:
    spec = {**newer(), **fault} if isinstance(fault, dict) else fault
    with pytest.raises(ValidationError):
        SchemaInfo.model_validate(info(spec))


def test_a_new_word_for_risk_is_kept() -> None:
    answer = ChurnPrediction.model_validate(ANSWER)
    assert answer.churn_risk == "VERY_HIGH"
    assert ChurnPrediction.model_validate_json(answer.model_dump_json()) == answer
    with pytest.raises(ValidationError):
        ChurnPrediction.model_validate({**ANSWER, "churn_risk": 5})


@pytest.mark.parametrize("mode", ["validation", "serialization"])
def test_documents_show_the_vocabulary(mode: Any) -> None:
    risk = ChurnPrediction.model_json_schema(mode=mode)["properties"]["churn_risk"]
    assert risk["enum"] == ["LOW", "MEDIUM", "HIGH"]
