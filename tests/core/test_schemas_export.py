"""Schemas in the languages of others say the same as the schemas themselves."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import Any

import jsonschema
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from churn_core.schemas import Customer, IbmTelcoCustomer, TelcoVisionCustomer
from churn_core.schemas.export import field_rows, json_schema, sql_table
from churn_core.testing import Faulty, customer_dicts, invalid_customers
from tests.support.schemas import RailCustomer

SCHEMAS: list[type[Customer]] = [IbmTelcoCustomer, TelcoVisionCustomer, RailCustomer]
every_schema = pytest.mark.parametrize("cls", SCHEMAS, ids=lambda cls: cls.spec.name)
one_of_the_schemas = st.sampled_from(SCHEMAS)
VALIDATORS = {cls: jsonschema.Draft202012Validator(json_schema(cls)) for cls in SCHEMAS}


@every_schema
def test_the_json_schema_is_one_and_comes_from_class_and_data_alike(cls: type[Customer]) -> None:
    document = json_schema(cls)
    jsonschema.Draft202012Validator.check_schema(document)
    assert json.loads(json.dumps(document)) == document == json_schema(cls.spec)
    assert document["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert cls.spec.fingerprint in document["$comment"]
    assert list(document["properties"]) == ["customer_id", *cls.spec.names]
    for example in document["examples"]:
        VALIDATORS[cls].validate(example)


@every_schema
def test_the_json_schema_says_what_pydantic_says_of_each_field(cls: type[Customer]) -> None:
    ours, theirs = json_schema(cls)["properties"], cls.model_json_schema()["properties"]
    for name, said in theirs.items():
        del said["title"]
        said["description"] = ours[name]["description"]  # ours adds the unit
        assert ours[name] == said


@given(st.data(), one_of_the_schemas)
def test_the_json_schema_accepts_valid_customers(data: st.DataObject, cls: type[Customer]) -> None:
    VALIDATORS[cls].validate(data.draw(customer_dicts(cls)))


@given(st.data(), one_of_the_schemas)
def test_the_json_schema_refuses_what_the_schema_refuses(data: st.DataObject, cls: type[Customer]) -> None:
    faulty: Faulty = data.draw(invalid_customers(cls))
    assume(all(problem.message != "is not a finite number" for problem in faulty.problems))  # not JSON
    assert not VALIDATORS[cls].is_valid(faulty.data)


def test_rules_are_stated_both_ways_where_they_hold_both_ways() -> None:
    assert len(json_schema(IbmTelcoCustomer)["allOf"]) == 14
    assert len(json_schema(RailCustomer)["allOf"]) == 4
    spec = IbmTelcoCustomer.spec
    assert "allOf" not in json_schema(spec.model_copy(update={"rules": spec.rules[:1]}))


def insert(cls: type[Customer], row: dict[str, Any]) -> None:
    """Insert one row into the table of a fresh database."""
    with closing(sqlite3.connect(":memory:")) as database:
        database.executescript(sql_table(cls))
        names = ", ".join(f'"{name}"' for name in row)
        marks = ", ".join("?" for _ in row)
        table = cls.spec.name.replace("-", "_") + "_customers"
        database.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", list(row.values()))


@given(st.data(), one_of_the_schemas)
def test_the_table_takes_valid_customers(data: st.DataObject, cls: type[Customer]) -> None:
    insert(cls, data.draw(customer_dicts(cls)))


REFUSED = (
    "is missing",
    "is out of range",
    "is not a whole number",
    "is not a finite number",
    "is not in the vocabulary",
    "has the wrong type: null",
    "contradicts another field",
)


@given(st.data(), one_of_the_schemas)
def test_the_table_refuses_what_the_schema_refuses(data: st.DataObject, cls: type[Customer]) -> None:
    """Unless SQLite makes the value fit: 1 for true, 17 for "17"."""
    faulty: Faulty = data.draw(invalid_customers(cls))
    assume(faulty.problems[0].message in REFUSED)
    # A whole number beyond 64 bits does not even reach the table.
    with pytest.raises((sqlite3.IntegrityError, OverflowError)):
        insert(cls, faulty.data)


@pytest.mark.parametrize("change", [{"gender": "female"}, {"tenure_months": 5.5}, {"tenure_months": "many"}])
def test_the_table_refuses_other_spellings(change: dict[str, Any]) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        insert(IbmTelcoCustomer, {**IbmTelcoCustomer.spec.example(), **change})


def test_a_customer_is_in_the_table_once() -> None:
    with closing(sqlite3.connect(":memory:")) as database:
        database.executescript(sql_table(TelcoVisionCustomer))
        values = list(TelcoVisionCustomer.spec.example().values())
        statement = f"INSERT INTO telcovision_customers VALUES ({', '.join('?' * len(values))})"
        database.execute(statement, values)
        with pytest.raises(sqlite3.IntegrityError):
            database.execute(statement, values)


def test_names_quotes_and_large_numbers_in_sql() -> None:
    sql = sql_table(RailCustomer)
    assert "\"order\" VARCHAR(14) NOT NULL CHECK (\"order\" IN ('Customer''s own', 'agent'))" in sql
    assert '"trips" BIGINT NOT NULL CHECK ("trips" BETWEEN -1 AND 5000000000' in sql
    assert '-- it\'s the "holder" who travels.' in sql
    assert "-- Rule: in files, a blank spent means 0.0 where trips is 0." in sql


@every_schema
def test_the_table_for_people_names_every_field(cls: type[Customer]) -> None:
    rows = field_rows(cls)
    assert [row.field for row in rows] == ["customer_id", *cls.spec.names]
    assert all(row.kind and row.allowed and row.meaning for row in rows)


def test_the_table_for_people_is_plain() -> None:
    rows = {row.field: row for row in field_rows(IbmTelcoCustomer)}
    assert rows["tenure_months"] == (
        "tenure_months",
        "integer",
        "0 to 1200",
        "Months as a customer (months)",
        "tenure",
    )
    assert rows["gender"].allowed == "Female | Male"
    assert rows["partner"].allowed == "true | false"
    assert rows["monthly_charges"].kind == "number"
