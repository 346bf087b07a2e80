"""The split: exact, deterministic, blind to order and ids, and free of twins."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from churn_core.errors import DataError
from churn_core.params import SplitParams
from churn_core.schemas import TelcoVisionCustomer
from churn_core.train.split import check_enough, draw_holdout, profile_hashes
from churn_core.train.synth import draw

SPEC = TelcoVisionCustomer.spec


@st.composite
def populations(draw: st.DrawFn) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
    """Profiles, some of them shared by up to four customers, and labels; 100 and more."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    count = draw(st.integers(100, 250))
    sizes = np.where(rng.random(count) < draw(st.floats(0, 0.2)), rng.integers(2, 5, count), 1)
    profiles = rng.permutation(np.repeat(rng.integers(0, 2**64, count, dtype=np.uint64), sizes))
    labels = rng.random(len(profiles)) < draw(st.floats(0.2, 0.8))
    labels[:20], labels[-20:] = True, False
    return profiles, labels


@given(populations(), st.floats(0.1, 0.5))
def test_no_profile_on_both_sides_and_shares_are_kept(population, share: float) -> None:
    profiles, labels = population
    held = draw_holdout(profiles, labels, SplitParams(holdout=share))
    assert not set(profiles[held]) & set(profiles[~held])
    for side in (True, False):
        wanted = int((labels == side).sum() * share + 0.5)
        assert abs(int(held[labels == side].sum()) - wanted) <= max(1, 0.05 * wanted)


@given(populations(), st.integers(0, 2**32))
def test_the_order_of_rows_does_not_matter(population, seed: int) -> None:
    profiles, labels = population
    order = np.random.default_rng(seed).permutation(len(labels))
    held = draw_holdout(profiles, labels, SplitParams())
    assert np.array_equal(draw_holdout(profiles[order], labels[order], SplitParams()), held[order])


@given(st.integers(0, 1000), st.floats(0.05, 0.9))
def test_distinct_customers_are_divided_exactly(seed: int, share: float) -> None:
    table = draw(SPEC, 400, seed)
    labels = table.column("churn").to_numpy()
    held = draw_holdout(profile_hashes(table, SPEC, seed), labels, SplitParams(holdout=share))
    for side in (True, False):
        assert held[labels == side].sum() == int((labels == side).sum() * share + 0.5)


def test_seeds_draw_different_customers_and_the_same_seed_the_same() -> None:
    table = draw(SPEC, 2000, 1)
    labels = table.column("churn").to_numpy()
    held = [draw_holdout(profile_hashes(table, SPEC, seed), labels, SplitParams()) for seed in (0, 0, 1)]
    assert np.array_equal(held[0], held[1])
    both = (held[0] & held[2]).sum() / held[0].sum()
    assert both == pytest.approx(0.2, abs=0.06)  # as independent draws of a fifth would have it


def test_a_split_is_the_same_for_ever() -> None:
    """Guards against a change of the hash, which would shuffle every project's hold-out."""
    table = pa.Table.from_pylist([{"customer_id": "x", **SPEC.example()}])
    assert profile_hashes(table, SPEC, 0).tolist() == [460973638814224859]


def test_ids_and_the_sign_of_zero_do_not_count_but_every_field_does() -> None:
    example = SPEC.example()
    twin = {**example, "customer_id": "other", "monthly_charges": 0.0}
    base = {**example, "monthly_charges": -0.0}
    changed = [
        {**base, "age": 43},
        {**base, "gender": "Male"},
        {**base, "region": "South"},
        {**base, "phone_service": False},
        {**base, "total_charges": 430.26},
    ]
    table = pa.Table.from_pylist([base, twin, *changed])
    hashes = profile_hashes(table, SPEC, 0).tolist()
    assert hashes[0] == hashes[1]
    assert len(set(hashes)) == len(changed) + 1


@pytest.mark.parametrize(
    ("churned", "stayed", "says"),
    [
        (0, 300, "all 300 customers stayed"),
        (300, 0, "all 300 customers churned"),
        (15, 15, "30 customers are too few"),
        (19, 300, "only 19 of 319 customers churned"),
        (300, 19, "only 19 of 319 customers stayed"),
        (0, 0, "0 customers are too few"),
    ],
)
def test_too_few_customers_are_named(churned: int, stayed: int, says: str) -> None:
    with pytest.raises(DataError, match=says):
        check_enough(np.array([True] * churned + [False] * stayed), SPEC)


def test_just_enough_customers_are_taken() -> None:
    check_enough(np.array([True] * 20 + [False] * 80), SPEC)


def test_a_share_that_leaves_a_side_empty_is_refused() -> None:
    labels = np.arange(100) < 20
    profiles = np.arange(100, dtype=np.uint64)
    with pytest.raises(DataError, match=r"split.holdout = 0.99 leaves 1 of 80 customers"):
        draw_holdout(profiles, labels, SplitParams(holdout=0.99))


def test_customers_who_are_nearly_all_alike_cannot_be_split() -> None:
    labels = np.arange(1000) % 3 == 0
    profiles = (np.arange(1000) % 3).astype(np.uint64)
    with pytest.raises(DataError, match="only 3 different sets of fields"):
        draw_holdout(profiles, labels, SplitParams())
