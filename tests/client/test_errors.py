from __future__ import annotations

import copy
import pickle
import re

import pytest

import churn_client
from churn_client import _errors
from churn_client._errors import StatusError, status_error
from churn_core.errors import ChurnError
from churn_core.schemas import FieldProblem

PROBLEM = FieldProblem("gender", "is not in the vocabulary", "one of 'Female', 'Male'")
SAMPLES: list[Exception] = [
    churn_client.ChurnClientError("text"),
    churn_client.ConfigError("text"),
    churn_client.ClientClosed("text"),
    churn_client.NotCustomers("text"),
    churn_client.ConnectionFailed("text"),
    churn_client.TimedOut("text"),
    churn_client.WrongLoop("text"),
    churn_client.CircuitOpen("text"),
    churn_client.ProtocolBroken("text"),
    churn_client.UnexpectedAnswer("text"),
    churn_client.TimedOut("text").of_call("r-2", 3, 1.5),
    status_error(422, "Why.", [PROBLEM]).of_call("r-2", 1, 0.25),
    churn_client.InvalidCustomer([PROBLEM]),
    churn_client.RowError(7, [PROBLEM]),
    *(status_error(status, "Why.", [PROBLEM], "r-1") for status in (400, 401, 403, 413, 422, 429, 500, 503)),
]


@pytest.mark.parametrize("error", SAMPLES, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("clone", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy, copy.deepcopy])
def test_errors_survive_pickling(error: Exception, clone: object) -> None:
    again = clone(error)  # type: ignore[operator]
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again) == vars(error)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, churn_client.BadRequest),
        (401, churn_client.NotAuthorized),
        (403, churn_client.NotAuthorized),
        (404, churn_client.NotFound),
        (408, churn_client.RequestTooSlow),
        (413, churn_client.RequestTooLarge),
        (415, churn_client.WrongMediaType),
        (418, churn_client.RequestRefused),
        (422, churn_client.CustomerRefused),
        (429, churn_client.TooManyRequests),
        (500, churn_client.ServiceFailed),
        (503, churn_client.ServiceFailed),
    ],
)
def test_each_status_has_its_error(status: int, kind: type[StatusError]) -> None:
    error = status_error(status, "Why.", [PROBLEM], "r-1")
    assert type(error) is kind
    assert (error.status, error.detail, error.problems, error.request_id) == (
        status,
        "Why.",
        (PROBLEM,),
        "r-1",
    )
    assert str(error) == f"Why. {PROBLEM} (HTTP {status}, request r-1)"


def test_a_refused_customer_is_an_invalid_customer() -> None:
    error = status_error(422, "Why.", [PROBLEM], "r-1")
    assert isinstance(error, churn_client.InvalidCustomer)
    assert error.problems == (PROBLEM,)
    assert str(churn_client.RowError(3, [PROBLEM])) == f"customer 3: {PROBLEM}"


def test_the_tree_is_drawn_as_it_is() -> None:
    lines = re.findall(r"^([│ ├└─]*)(\w+)", (_errors.__doc__ or "").split("```")[1], re.MULTILINE)
    drawn = [(len(indent), name) for indent, name in lines if name != "text"]
    assert {name for _, name in drawn} == set(_errors.__all__) - {"status_error"} | {"ChurnError"}
    parents: list[tuple[int, str]] = []
    for depth, name in drawn:
        while parents and parents[-1][0] >= depth:
            parents.pop()
        kind = getattr(_errors, name)
        assert issubclass(kind, getattr(_errors, parents[-1][1]) if parents else ChurnError)
        parents.append((depth, name))
