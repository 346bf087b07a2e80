"""The evaluator that workflows are tested with, by cases of GitHub's documentation."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.expressions import ExpressionError, evaluate, fill, holds

CONTEXTS: dict[str, Any] = {
    "github": {"event_name": "push", "event": {"number": 5}},
    "secrets": {"TOKEN": "t"},
    "vars": {},
}


def functions(*, worked: bool = True) -> dict[str, Any]:
    return {"success": lambda: worked, "always": lambda: True, "failure": lambda: not worked}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("github.event_name", "push"),
        ("github.event_name == 'PUSH'", True),
        ("github.event_name != 'push'", False),
        ("github.event.number == 5", True),
        ("github.event.pull_request.base.sha", ""),
        ("github.event_name == 'push' && secrets.TOKEN || ''", "t"),
        ("github.event_name == 'x' && secrets.TOKEN || ''", ""),
        ("vars.A || secrets.TOKEN", "t"),
        ("!vars.A", True),
        ("(true && false) || 'it''s'", "it's"),
    ],
)
def test_values(expression: str, value: Any) -> None:
    assert evaluate(expression, CONTEXTS, functions()) == value


@pytest.mark.parametrize(
    "expression", ["matrix.python", "toJSON(github)", "1 < 2", "github.a github.b", "(true", ""]
)
def test_what_is_not_known_is_an_error(expression: str) -> None:
    with pytest.raises(ExpressionError):
        evaluate(expression, CONTEXTS, functions())


def test_text_is_filled() -> None:
    assert fill("a ${{ github.event_name }} b ${{ true }}", CONTEXTS, functions()) == "a push b true"


@pytest.mark.parametrize(
    ("condition", "worked", "runs"),
    [
        ("", True, True),
        ("", False, False),
        ("github.event_name == 'push'", False, False),
        ("${{ always() && github.event_name == 'push' }}", False, True),
        ("failure()", True, False),
        ("vars.A != ''", True, False),
    ],
)
def test_conditions(condition: str, worked: bool, runs: bool) -> None:
    assert holds(condition, CONTEXTS, functions(worked=worked)) == runs
