"""Drawn customers: valid, reproducible, and following their law."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_core.errors import DataError, SchemaError
from churn_core.features import read_columns
from churn_core.schemas import Condition, IbmTelcoCustomer, Implies, SchemaSpec, TelcoVisionCustomer
from churn_core.schemas.spelling import Reader
from churn_core.train.synth import draw, draw_batches, synth
from churn_core.train.synth.draw import BLOCK
from churn_core.train.synth.laws import GenericLaw
from tests.support.schemas import RailCustomer

SPECS = [IbmTelcoCustomer.spec, TelcoVisionCustomer.spec, RailCustomer.spec]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_every_drawn_customer_is_valid(spec: SchemaSpec) -> None:
    table = draw(spec, 3000, seed=5)
    assert table.column_names == ["customer_id", *spec.names, spec.label.name]
    assert read_columns(spec, table).valid.all()
    reader = Reader(spec, table.column_names)
    for row in table.slice(0, 300).to_pylist():
        assert reader.read(list(row.values())).customer is not None
    assert len(set(table.column("customer_id").to_pylist())) == 3000


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_every_value_of_every_category_and_flag_is_drawn(spec: SchemaSpec) -> None:
    table = draw(spec, 20_000)
    for field in spec.fields:
        drawn = set(table.column(field.name).to_pylist())
        if field.role != "numeric":
            assert drawn == set(field.values or (True, False))


@settings(max_examples=15)
@given(st.integers(1, 3 * BLOCK), st.integers(0, 2**40), st.sampled_from(SPECS))
def test_fewer_rows_are_the_beginning_of_more(rows: int, seed: int, spec: SchemaSpec) -> None:
    whole = draw(spec, 3 * BLOCK, seed)
    assert draw(spec, rows, seed).equals(whole.slice(0, rows))
    assert pa.Table.from_batches(draw_batches(spec, rows, seed)).equals(whole.slice(0, rows))


def test_seeds_differ() -> None:
    one, two = (draw(TelcoVisionCustomer.spec, 100, seed).drop_columns(["customer_id"]) for seed in (1, 2))
    assert not one.equals(two)


def test_ids_count_on_through_blocks() -> None:
    ids = draw(TelcoVisionCustomer.spec, 2 * BLOCK).column("customer_id").to_pylist()
    assert ids[:2] == ["C000000000001", "C000000000002"]
    assert ids[-1] == f"C{2 * BLOCK:012d}"
    assert ids == sorted(ids)


def test_no_rows_are_an_empty_table() -> None:
    assert draw(TelcoVisionCustomer.spec, 0).num_rows == 0


def test_telcovision_follows_its_law() -> None:
    """A logistic regression on 200,000 drawn customers finds the coefficients again."""
    from sklearn.linear_model import LogisticRegression

    frame = draw(TelcoVisionCustomer.spec, 200_000, seed=7).to_pandas()
    columns = {
        "month-to-month": (frame.contract_type == "Month-to-Month", 1.26),
        "two-year": (frame.contract_type == "Two year", -0.67),
        "fibre": (frame.internet_service == "Fiber optic", 0.54),
        "electronic check": (frame.payment_method == "Electronic check", 0.71),
        "up to 36 months": (frame.tenure_months <= 36, 0.51),
        "up to 12 months": (frame.tenure_months <= 12, 0.88),
    }
    features = np.column_stack([values for values, _ in columns.values()]).astype(float)
    model = LogisticRegression(C=1e6).fit(features, frame.churn)
    found = np.append(model.intercept_, model.coef_)
    assert found == pytest.approx([-2.28, *(weight for _, weight in columns.values())], abs=0.05)
    noise = frame[["age", "monthly_charges"]].assign(male=frame.gender == "Male", east=frame.region == "East")
    noise = noise.astype(float)
    with_noise = np.column_stack([features, (noise - noise.mean()) / noise.std()])
    extended = LogisticRegression(C=1e6).fit(with_noise, frame.churn)
    assert np.abs(extended.coef_[:, 6:]).max() < 0.03


def test_telcovision_has_the_margins_of_the_public_data() -> None:
    frame = draw(TelcoVisionCustomer.spec, 200_000, seed=8).to_pandas()
    assert (frame.age.min(), frame.age.max()) == (18, 79)
    assert (frame.tenure_months.min(), frame.tenure_months.max()) == (1, 71)
    assert frame.monthly_charges.between(20, 120).all()
    rest = frame.total_charges - frame.tenure_months * frame.monthly_charges
    assert rest.between(-0.01, 50.01).all()
    assert rest.mean() == pytest.approx(25, abs=0.2)
    assert ((frame.multiple_lines == "No phone service") == ~frame.phone_service).all()
    assert (~frame.phone_service).mean() == pytest.approx(0.2, abs=0.005)
    assert frame.churn.mean() == pytest.approx(0.36, abs=0.006)
    assert (frame.contract_type == "Month-to-Month").mean() == pytest.approx(0.6026, abs=0.005)
    assert (frame.contract_type == "Two year").mean() == pytest.approx(0.1513, abs=0.005)


@pytest.mark.parametrize("spec", [IbmTelcoCustomer.spec, RailCustomer.spec], ids=lambda spec: spec.name)
def test_a_generic_law_can_be_learnt_and_depends_on_the_schema_alone(spec: SchemaSpec) -> None:
    law = GenericLaw(spec)
    drawn = law.draw(np.random.Generator(np.random.SFC64(3)), 50_000)
    odds = law.log_odds(drawn.columns)
    assert drawn.churn.mean() == pytest.approx(0.3, abs=0.02)
    assert odds.std() == pytest.approx(1.3, abs=0.1)
    order = np.argsort(odds)
    assert drawn.churn[order[-5000:]].mean() > 2 * drawn.churn[order[:25_000]].mean()
    assert 2 <= len(law.effects) < len(spec.names)
    assert GenericLaw(spec).effects == law.effects


def test_numbers_centre_on_the_example() -> None:
    table = draw(RailCustomer.spec, 50_000)
    trips = table.column("trips").to_numpy()
    assert np.median(trips[trips != 0]) == pytest.approx(12, abs=1)


def test_rules_that_contradict_each_other_are_named() -> None:
    spec = RailCustomer.spec
    never = (
        Implies(
            when=Condition(field="lounge", values=(True, False)), then=Condition(field="klass", values=("1",))
        ),
        Implies(when=Condition(field="klass", values=("1",)), then=Condition(field="klass", values=("2",))),
    )
    with pytest.raises(SchemaError, match="no customer of schema 'rail-card' could be drawn"):
        draw(spec.model_copy(update={"rules": never}), 10)


def test_files_hold_what_is_drawn(tmp_path: Path) -> None:
    told: list[int] = []
    path = tmp_path / "a.parquet"
    synth(RailCustomer.spec, 20 * BLOCK + 5, 3, path, told.append)
    table, expected = pq.read_table(path), draw(RailCustomer.spec, 20 * BLOCK + 5, 3)
    assert told == [16 * BLOCK, 4 * BLOCK + 5]
    assert table.column_names == expected.column_names
    assert table.select(RailCustomer.spec.names[-2:]).equals(expected.select(RailCustomer.spec.names[-2:]))
    words = {True: "No", False: "Yes"}  # this schema's label says who kept the card
    drawn = [words[value] for value in expected.column("kept").slice(0, 100).to_pylist()]
    assert table.column("kept").slice(0, 100).to_pylist() == drawn


def test_memory_does_not_grow_with_rows(tmp_path: Path) -> None:
    def peak(rows: int) -> float:
        before = pa.total_allocated_bytes()
        tracemalloc.start()
        synth(TelcoVisionCustomer.spec, rows, 0, tmp_path / "a.parquet")
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used + pa.total_allocated_bytes() - before

    small, large = peak(32 * BLOCK), peak(96 * BLOCK)
    assert large < 1.3 * small


def test_files_that_cannot_be_written_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(DataError, match="is a directory"):
        synth(TelcoVisionCustomer.spec, 10, 0, tmp_path / "a.csv")
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        synth(TelcoVisionCustomer.spec, 10, 0, tmp_path / "file" / "a.csv")


def test_an_interrupted_drawing_leaves_no_file(tmp_path: Path) -> None:
    def interrupt(rows: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        synth(TelcoVisionCustomer.spec, 10, 0, tmp_path / "a.csv", interrupt)
    assert list(tmp_path.iterdir()) == []
