"""Scoring: sane for every valid customer, equal through every door, refused when damaged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_core.bundle import Scorer, read_bundle
from churn_core.bundle.manifest import Manifest
from churn_core.errors import BundleError
from churn_core.schemas import ChurnPrediction, IbmTelcoCustomer
from churn_core.testing import customers
from tests.support.bundles import logistic_bundle


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return logistic_bundle(tmp_path_factory.mktemp("bundle")).folder


@pytest.fixture(scope="module")
def scorer(folder: Path) -> Scorer:
    return Scorer(read_bundle(folder))


@given(row=customers(IbmTelcoCustomer))
def test_answers_are_consistent(scorer: Scorer, row: Any) -> None:
    answer = scorer.predict(row)
    policy = scorer.bundle.decision
    assert 0 <= answer.churn_probability <= 1
    assert answer.churn_prediction == (answer.churn_probability >= answer.threshold)
    assert answer.churn_risk == policy.risk(answer.churn_probability)
    assert answer.expected_profit <= policy.gain
    if answer.churn_prediction == 1:
        assert answer.expected_profit >= -1e-9
    assert ChurnPrediction.model_validate_json(answer.model_dump_json()) == answer
    assert [abs(r.effect) for r in answer.reasons] == sorted(
        (abs(r.effect) for r in answer.reasons), reverse=True
    )
    assert all(r.value == getattr(row, r.feature) for r in answer.reasons)


@given(rows=st.lists(customers(IbmTelcoCustomer), min_size=1, max_size=12))
def test_single_many_and_arrow_agree_to_the_bit(scorer: Scorer, rows: list[Any]) -> None:
    single = [scorer.predict(row, explain=False) for row in rows]
    assert scorer.predict_many(rows) == single
    arrow = scorer.score_arrow(pa.Table.from_pylist([row.model_dump() for row in rows]))
    assert arrow["churn_probability"].to_pylist() == [answer.churn_probability for answer in single]


@given(data=st.data())
def test_any_damage_to_any_file_is_refused(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    damaged = tmp_path_factory.mktemp("damaged")
    files = {path.name: bytearray(path.read_bytes()) for path in folder.iterdir()}
    content = files[data.draw(st.sampled_from(sorted(files)))]
    place = data.draw(st.integers(0, len(content) - 1))
    damage = data.draw(st.sampled_from(["flip", "drop", "insert", "cut"]))
    if damage == "flip":
        content[place] ^= data.draw(st.integers(1, 255))
    elif damage == "drop":
        del content[place]
    elif damage == "insert":
        content[place:place] = data.draw(st.binary(min_size=1, max_size=4))
    else:
        del content[place:]
    for name, changed in files.items():
        (damaged / name).write_bytes(changed)
    with pytest.raises(BundleError):
        read_bundle(damaged)


@given(
    noise=st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace"))
)
def test_no_noise_is_a_manifest(noise: bytes) -> None:
    with pytest.raises(BundleError):
        Manifest.from_bytes(noise)
