"""Agreement over several recordings."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import bootstrap

from spindle.agreement import Evaluation, evaluate
from spindle.agreement_pool import pool_evaluations, pool_table, spread_over_animals
from spindle.agreement_tables import as_dict, rows
from spindle.errors import LabelError
from spindle.hypnogram import Hypnogram


def scorings(seed: int, epochs: int, count: int = 3) -> tuple[list[Hypnogram], np.ndarray]:
    """Scorers who agree in most epochs, and probabilities."""
    rng = np.random.default_rng(seed)
    truth = np.arange(epochs) // 7 % 3
    codes = [np.where(rng.random(epochs) < 0.2, rng.integers(0, 3, epochs), truth) for _ in range(count)]
    found = [Hypnogram(codes=one.astype(np.int8), artifact=rng.random(epochs) < 0.1) for one in codes]
    return found, rng.dirichlet([1, 1, 1], epochs)


def animal(seed: int, epochs: int = 120, *, experts: int = 2, known: bool = True) -> Evaluation:
    (prediction, *others), probability = scorings(seed, epochs, experts + 1)
    if not known:
        return evaluate(prediction, others)
    return evaluate(prediction, others, network_probability=probability, stage_probability=probability)


def joined(parts: list[Hypnogram]) -> Hypnogram:
    """One after the other, with an unscored epoch between, so that no change of state arises at the seam."""
    gap = Hypnogram(codes=np.array([-1], dtype=np.int8), artifact=np.array([False]))
    pieces = [piece for part in parts for piece in (part, gap)]
    return Hypnogram(
        codes=np.concatenate([piece.codes for piece in pieces]),
        artifact=np.concatenate([piece.artifact for piece in pieces]),
    )


def test_pooled_recordings_are_evaluated_as_one_long_recording() -> None:
    animals = [scorings(seed, epochs) for seed, epochs in ((0, 80), (1, 130), (2, 41))]
    long = [joined(list(parts)) for parts in zip(*(sides for sides, _ in animals), strict=True)]
    gap = np.full((1, 3), np.nan)
    probability = np.concatenate([piece for _, own in animals for piece in (own, gap)])
    whole = evaluate(long[0], long[1:], network_probability=probability, stage_probability=probability)
    pooled = pool_evaluations(
        [evaluate(sides[0], sides[1:], network_probability=own, stage_probability=own) for sides, own in animals]
    )
    assert pooled.epochs == whole.epochs - len(animals)
    assert as_dict(pooled)["comparisons"] == as_dict(whole)["comparisons"]
    for one, other in zip(rows(pooled), rows(whole), strict=True):
        assert float(one["value"]) == pytest.approx(float(other["value"]), nan_ok=True)


def test_one_recording_pooled_is_itself() -> None:
    one = animal(0)
    assert as_dict(pool_evaluations([one]))["comparisons"] == as_dict(one)["comparisons"]


def test_what_one_recording_does_not_know_is_not_known_of_all() -> None:
    pooled = pool_evaluations([animal(0), animal(1, known=False)])
    assert pooled.reliability is None
    assert pooled.main.before_decoding is None


def test_recordings_with_other_experts_are_refused_by_their_number() -> None:
    with pytest.raises(LabelError, match="number 3 has expert 1 vs spindle"):
        pool_evaluations([animal(0), animal(1), animal(2, experts=1)])
    with pytest.raises(LabelError, match="no evaluation"):
        pool_evaluations([])


def test_a_table_has_the_pooled_figure_and_its_spread_over_animals() -> None:
    animals = [animal(seed, epochs) for seed, epochs in ((0, 60), (1, 200), (2, 120))]
    table = pool_table(animals, np.random.default_rng(0))
    row = table[
        (table.comparison == "intersection vs spindle")
        & (table.decoding == "after")
        & (table.epochs == "all")
        & (table.metric == "accuracy")
    ].iloc[0]
    own = [one.main.states.accuracy for one in animals]
    assert row.pooled == pool_evaluations(animals).main.states.accuracy
    assert (row["mean"], row.standard_deviation) == pytest.approx((np.mean(own), np.std(own, ddof=1)))
    assert row.animals == 3
    assert min(own) <= row.low <= row["mean"] <= row.high <= max(own)
    assert not table.duplicated(["comparison", "decoding", "epochs", "metric", "state"]).any()


def test_a_table_is_the_same_again_with_the_same_seed() -> None:
    animals = [animal(seed) for seed in range(3)]
    one, two = (pool_table(animals, np.random.default_rng(5)) for _ in range(2))
    assert one.equals(two)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.integers(0, 100))
def test_an_interval_lies_within_the_values(values: list[float], seed: int) -> None:
    found = spread_over_animals(np.array(values), np.random.default_rng(seed))
    assert min(values) - 1e-12 <= found.low <= found.high <= max(values) + 1e-12
    assert found.mean == pytest.approx(sum(values) / len(values))


def test_the_interval_is_scipys() -> None:
    values = np.random.default_rng(0).normal(0.9, 0.05, 12)
    found = spread_over_animals(values, np.random.default_rng(1), resamples=20_000)
    other = bootstrap((values,), np.mean, method="percentile", n_resamples=20_000, rng=np.random.default_rng(2))
    expected = other.confidence_interval
    # Three standard errors of a percentile of 20,000 resamples.
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.001)


def test_animals_without_the_figure_do_not_count() -> None:
    found = spread_over_animals(np.array([0.5, np.nan, 0.7]), np.random.default_rng(0))
    assert (found.animals, found.mean) == (2, pytest.approx(0.6))
    single = spread_over_animals(np.array([0.5]), np.random.default_rng(0))
    assert math.isnan(single.standard_deviation) and (single.low, single.high) == (0.5, 0.5)
    nothing = spread_over_animals(np.array([np.nan]), np.random.default_rng(0))
    assert nothing.animals == 0 and math.isnan(nothing.low)
