"""Asks a published version about customers, before any caller does, and compares with the bundle."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from churn_core.bundle import Scorer
from churn_core.errors import InvalidCustomer
from churn_core.schemas import BatchAnswer, Customer, SchemaSpec
from churn_serve.deploy.aws import Aws
from churn_serve.deploy.errors import DeployError

__all__ = ["smoke_test", "typical_customers"]

# The graph answers the same on any machine, but for the last bits of float32.
_TOLERANCE = 1e-6
_MOST = 50


def typical_customers(scorer: Scorer) -> list[Customer]:
    """The schema's example, and customers that differ from it in one field each."""
    customers = list[Customer]()
    for values in _variants(scorer.bundle.schema_spec):
        try:
            customers.append(scorer.customer_class.parse(values))
        except InvalidCustomer:  # a rule across fields forbids it
            continue
    return customers[:_MOST]


def smoke_test(
    aws: Aws, function: str, version: str, scorer: Scorer, customers: Sequence[Customer], key: str = ""
) -> int:
    """How many customers the version answered exactly as the bundle does.

    Args:
        key: An API key of the service, where it asks for one.

    Raises:
        DeployError: It fails, answers otherwise, or has another model.
    """
    ready = _invoke(aws, function, version, "GET", "/health/ready", "", key)
    found = json.loads(ready)["model"]["digest"]
    if found != scorer.model.digest:
        raise DeployError(
            f"version {version} answers with model {found[:12]}, not {scorer.model.digest[:12]}"
        )
    body = json.dumps({"customers": [customer.model_dump() for customer in customers]})
    path = "/predict/batch?explain=false"
    answers = BatchAnswer.model_validate_json(_invoke(aws, function, version, "POST", path, body, key))
    wanted = scorer.predict_many(customers, explain=False)
    for place, (answer, expected) in enumerate(zip(answers.predictions, wanted, strict=True)):
        if answer is None or abs(answer.churn_probability - expected.churn_probability) > _TOLERANCE:
            raise DeployError(f"version {version} does not answer customer {place} as the bundle does")
    return len(wanted)


def _variants(spec: SchemaSpec) -> Iterator[dict[str, Any]]:
    example = spec.example()
    yield example
    for field in spec.fields:
        others: tuple[Any, ...] = field.values or (field.ge, field.le)
        for value in others:
            if value is not None and value != example[field.name]:
                yield {**example, field.name: int(value) if field.integer else value}


def _invoke(aws: Aws, function: str, version: str, method: str, path: str, body: str, key: str) -> str:
    payload = json.dumps(_event(method, path, body, {"x-api-key": key} if key else {}))
    done = aws.call("invoke", FunctionName=function, Qualifier=version, Payload=payload)
    content = done["Payload"].read()
    if done.get("FunctionError"):
        raise DeployError(f"version {version} fails: {done['FunctionError']}; its log says why")
    try:
        answer = json.loads(content)
        status, text = int(answer["statusCode"]), str(answer["body"])
    except (ValueError, TypeError, KeyError):
        raise DeployError(f"version {version} does not answer as the service does") from None
    if status == 401:
        raise DeployError("the service asks for a key: CHURN_API_KEY has to be one of those that it accepts")
    if status != 200:
        raise DeployError(f"version {version} answers {method} {path} with status {status}")
    return text


def _event(method: str, path: str, body: str, headers: Mapping[str, str]) -> dict[str, Any]:
    """A request as an API of API Gateway hands it over (payload format 2.0)."""
    place, _, query = path.partition("?")
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": place,
        "rawQueryString": query,
        "headers": {"content-type": "application/json", "host": "smoke-test", **headers},
        "requestContext": {
            "http": {"method": method, "path": place, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1"},
            "stage": "$default",
        },
        "body": body,
        "isBase64Encoded": False,
    }
