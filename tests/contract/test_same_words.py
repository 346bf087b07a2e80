"""Whatever is wrong with a request, the double says it as the real service does, word for word."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from churn_client import Response
from churn_client.testing import FakeChurnService
from churn_core.schemas import IbmTelcoCustomer
from tests.contract.conftest import Send, make_request

GOOD = IbmTelcoCustomer.spec.example()
ONE = json.dumps(GOOD).encode()
MANY = b'{"customers": [' + ONE + b"]}"

BODIES: dict[str, tuple[str, bytes]] = {
    "nothing": ("/predict", b""),
    "no JSON": ("/predict", b"{"),
    "no UTF-8": ("/predict", b'{"gender": "\xff"}'),
    "a mark of order": ("/predict", b"\xef\xbb\xbf" + ONE),
    "two values": ("/predict", ONE + ONE),
    "a list": ("/predict", b"[]"),
    "null": ("/predict", b"null"),
    "a number": ("/predict", b"1"),
    "twice": ("/predict", ONE[:-1] + b', "gender": "Male"}'),
    "half a character": ("/predict", ONE.replace(b"C-0001", b"\\ud800")),
    "a strange name": ("/predict", ONE[:-1] + b', "\\ud800": 1}'),
    "a long name": ("/predict", ONE[:-1] + b', "' + b"n" * 100 + b'": 1}'),
    "endless digits": ("/predict", ONE.replace(b'"tenure_months": ', b'"tenure_months": ' + b"9" * 5000)),
    "infinite": ("/predict", ONE.replace(b'"tenure_months": ', b'"tenure_months": 1e999, "x": ')),
    "NaN": ("/predict", ONE.replace(b'"monthly_charges": ', b'"monthly_charges": NaN, "x": ')),
    "too long": ("/predict", b" " * 65_537),
    "no batch": ("/predict/batch", ONE),
    "no batch at all": ("/predict/batch", b"{}"),
    "a list for a batch": ("/predict/batch", b"[]"),
    "no list": ("/predict/batch", b'{"customers": 1}'),
    "more than a batch": ("/predict/batch", MANY[:-1] + b', "more": 1}'),
    "two batches": ("/predict/batch", MANY[:-1] + b', "customers": []}'),
    "broken batch": ("/predict/batch", MANY[:-1]),
    "batch too long": ("/predict/batch", b" " * 6_291_457),
    "a row twice": ("/predict/batch", MANY.replace(b'{"customer_id"', b'{"gender": "Male", "customer_id"')),
    "a row's half character": ("/predict/batch", MANY.replace(b"C-0001", b"\\udfff")),
    "a row's digits": (
        "/predict/batch",
        MANY.replace(b'"tenure_months": ', b'"tenure_months": 1' + b"0" * 5000),
    ),
}
QUERIES = [
    "explain=perhaps",
    "explain=",
    "explain",
    "interval=true&interval=true",
    "language=de",
    "language=en&language=es",
    "intervals=true",
    "%C3%A9=1",
    "action=tru%65",
    "&&explain=1&",
    "x" * 100 + "=1",
]
HEADERS = [
    {"content_type": ""},
    {"content_type": "text/plain"},
    {"content_type": "application/x-www-form-urlencoded"},
    {"content_type": "application/json; charset=latin-1"},
    {"content_type": 'application/json; charset="UTF-8"'},
    {"content_type": "application/problem+json"},
    {"content_type": "APPLICATION/JSON ;x=y"},
    {"content_encoding": "gzip"},
    {"content_encoding": "identity"},
    {"x_request_id": "y" * 129},
]
ROUTES = [
    ("GET", "/"),
    ("GET", "/predict"),
    ("DELETE", "/predict/batch"),
    ("POST", "/model"),
    ("POST", "/health/ready"),
    ("GET", "/model/"),
    ("GET", "/Schema"),
    ("PUT", "/" + "n" * 100),
]
TOLD = ("content-type", "www-authenticate", "accept", "accept-encoding", "allow", "retry-after")


def said(response: Response) -> tuple[int, Mapping[str, str], object]:
    """What a caller can go by; of an answer, that there is one."""
    headers = {name: response.headers[name] for name in TOLD if name in response.headers}
    content: Any = json.loads(response.content) if response.content else None
    if response.status >= 400:
        assert content.pop("request_id") == response.headers["x-request-id"]
    elif "errors" in content:
        content = content["errors"]
    else:
        content = None
    return response.status, headers, content


@pytest.mark.parametrize("name", BODIES)
def test_bodies(real: Send, fake: FakeChurnService, name: str) -> None:
    request = make_request(*BODIES[name])
    assert said(fake.handle(request)) == said(real(request))


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize(("path", "body"), [("/predict", ONE), ("/predict/batch", MANY)])
def test_queries(real: Send, fake: FakeChurnService, path: str, body: bytes, query: str) -> None:
    request = make_request(f"{path}?{query}", body)
    assert said(fake.handle(request)) == said(real(request))


@pytest.mark.parametrize("headers", HEADERS, ids=str)
def test_headers(real: Send, fake: FakeChurnService, headers: dict[str, str]) -> None:
    request = make_request("/predict", ONE, headers=headers)
    assert said(fake.handle(request)) == said(real(request))


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_routes(real: Send, fake: FakeChurnService, method: str, path: str) -> None:
    request = make_request(path, None, method)
    assert said(fake.handle(request)) == said(real(request))


VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-10, 10_000)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | st.sampled_from(["Yes", "No", "Male", "Two year", "No phone service", "No internet service"])
    | st.lists(st.integers(), max_size=1)
    | st.dictionaries(st.text(max_size=2), st.integers(), max_size=1)
)
CHANGES = st.dictionaries(st.sampled_from([*GOOD, "more"]), VALUES, max_size=3)


@given(CHANGES, st.lists(st.sampled_from(list(GOOD)), max_size=2))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_customers(real: Send, fake: FakeChurnService, changes: dict[str, Any], missing: list[str]) -> None:
    customer = {name: value for name, value in {**GOOD, **changes}.items() if name not in missing}
    for path, body in (("/predict", customer), ("/predict/batch", {"customers": [customer, GOOD]})):
        request = make_request(path, body)
        assert said(fake.handle(request)) == said(real(request))
