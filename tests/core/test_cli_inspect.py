"""The commands that show schemas, plugins and the state of the installation."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner, Result

from churn_core import registry
from churn_core.cli.main import churn
from churn_core.errors import PluginError
from churn_core.schemas import IbmTelcoCustomer


def run(*arguments: str) -> Result:
    return CliRunner().invoke(churn, list(arguments))


def test_a_schema_is_shown_for_people() -> None:
    result = run("schema", "ibm-telco")
    assert result.exit_code == 0
    for said in (
        "ibm-telco, version 1: A residential customer",
        "tenure_months",
        "Month-to-month | One year | Two year",
        "multiple_lines is 'No phone service' exactly where phone_service is false",
        IbmTelcoCustomer.spec.fingerprint,
    ):
        assert said in result.stdout


def test_a_schema_is_shown_for_machines() -> None:
    document, example = (
        json.loads(run("schema", "telcovision", f"--{f}").stdout) for f in ("json-schema", "example")
    )
    jsonschema.Draft202012Validator(document).validate(example)
    with closing(sqlite3.connect(":memory:")) as database:
        database.executescript(run("schema", "telcovision", "--sql").stdout)


def test_an_unknown_schema_is_one_line_and_exit_1() -> None:
    result = run("schema", "ibm-telko")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: no plugin 'ibm-telko' in group 'schemas'")
    assert result.stderr.count("\n") == 1
    assert run("schema").exit_code == 2


def test_plugins_are_listed() -> None:
    result = run("plugins")
    assert result.exit_code == 0
    assert ["schemas", "ibm-telco", "churn-core"] in [line.split()[:3] for line in result.stdout.splitlines()]
    listed = json.loads(run("plugins", "--json").stdout)
    assert {"group", "name", "target", "distribution", "version"} == set(listed[0])
    assert len(listed) == sum(len(registry.names(group)) for group in registry.GROUPS)


def test_broken_plugins_are_shown_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def get(group: str, name: str) -> object:
        if name == "telcovision":
            raise PluginError("it is broken")
        return object()

    monkeypatch.setattr(registry, "get", get)
    assert run("plugins").exit_code == 0
    result = run("plugins", "--check")
    assert result.exit_code == 1
    states = {tuple(line.split()[:2]): line.rsplit("  ")[-1] for line in result.stdout.splitlines()}
    assert states["schemas", "telcovision"] == "it is broken"
    assert states["schemas", "ibm-telco"] == "ok"
    errors = {info["name"]: info["error"] for info in json.loads(run("plugins", "--check", "--json").stdout)}
    assert errors["telcovision"] == "it is broken"
    assert errors["native"] == ""


def test_the_doctor_answers_people_and_machines(tmp_path: Path) -> None:
    result = run("doctor", "--root", str(tmp_path))
    assert result.exit_code == 0
    assert "there is no candidate bundle yet" in result.stdout
    assert "-> `churn train` makes one" in result.stdout
    answer = json.loads(run("doctor", "--json", "--root", str(tmp_path)).stdout)
    assert answer["healthy"] is True
    (tmp_path / "params.yaml").write_text("no such key: 1\n")
    sick = run("doctor", "--json", "--root", str(tmp_path))
    assert sick.exit_code == 1
    assert json.loads(sick.stdout)["healthy"] is False
    assert "Traceback" not in sick.output
