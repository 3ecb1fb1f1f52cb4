"""All metrics on codes of which it is known what they must say."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from latentia.errors import DataError
from latentia.evaluation.disentanglement import (
    BoostedTrees,
    beta_vae_score,
    dci,
    factor_vae_score,
    measure_all,
    modularity,
    mutual_information_gap,
    separated_attribute_predictability,
)

SIZES = (5, 5)
GRID = np.stack(np.unravel_index(np.arange(25), SIZES), axis=1)
FACTORS = np.tile(GRID, (16, 1))
"""All combinations of two factors alike, 16 times each."""
PERFECT = 0.7 * FACTORS.astype(float)
NOISE = np.random.default_rng(1).normal(size=(400, 2))

Metric = Callable[[np.ndarray, np.ndarray], float]


def rotated(degrees: float) -> np.ndarray:
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    # Rounded, so that what is equal by symmetry is equal.
    return np.round((PERFECT - PERFECT.mean(0)) @ np.array([[cosine, -sine], [sine, cosine]]), 9)


def beta_vae(codes: np.ndarray, factors: np.ndarray) -> float:
    generator = np.random.default_rng(0)
    return beta_vae_score(codes, factors, generator, training_points=1000, test_points=1000).score


def factor_vae(codes: np.ndarray, factors: np.ndarray) -> float:
    generator = np.random.default_rng(0)
    return factor_vae_score(codes, factors, generator, training_votes=1000, test_votes=1000).score


def gap(codes: np.ndarray, factors: np.ndarray) -> float:
    return mutual_information_gap(codes, factors).score


def modular(codes: np.ndarray, factors: np.ndarray) -> float:
    return modularity(codes, factors).score


def predictability(codes: np.ndarray, factors: np.ndarray) -> float:
    return separated_attribute_predictability(codes, factors).score


def numeric_predictability(codes: np.ndarray, factors: np.ndarray) -> float:
    return separated_attribute_predictability(codes, factors, numeric=range(factors.shape[1])).score


def importances(codes: np.ndarray, factors: np.ndarray) -> tuple[float, float, float]:
    pytest.importorskip("sklearn")
    found = dci(codes, factors, np.random.default_rng(0), predictor=BoostedTrees(trees=10))
    return found.disentanglement, found.completeness, found.informativeness


METRICS: list[Metric] = [beta_vae, factor_vae, gap, modular, predictability, numeric_predictability]
# Of a factor with five classes, a latent that tells nothing predicts a fifth.
BEST = {predictability: 0.8}
# What codes at 45° must give: both latents tell of both factors alike. For the first two that is chance.
MIXED = {beta_vae: 0.5, factor_vae: 0.5, gap: 0.0, modular: 0.0, predictability: 0.0, numeric_predictability: 0.0}


@pytest.mark.parametrize("metric", METRICS)
def test_perfect_codes_have_the_best_score(metric: Metric) -> None:
    assert metric(PERFECT, FACTORS) == pytest.approx(BEST.get(metric, 1.0))


@pytest.mark.parametrize("metric", METRICS)
def test_codes_that_mix_two_factors_alike_have_the_worst_score(metric: Metric) -> None:
    assert metric(rotated(45), FACTORS) == pytest.approx(MIXED[metric], abs=0.08)


def test_the_beta_vae_score_forgives_a_rotation_that_the_others_do_not() -> None:
    codes = rotated(30)
    assert beta_vae(codes, FACTORS) > 0.99
    assert numeric_predictability(codes, FACTORS) == pytest.approx(0.75 - 0.25)  # cos² − sin²
    assert gap(codes, FACTORS) < 0.5
    assert modular(codes, FACTORS) < 0.9


@pytest.mark.parametrize("metric", [beta_vae, factor_vae])
def test_accuracies_of_random_codes_are_near_chance(metric: Metric) -> None:
    assert metric(NOISE, FACTORS) == pytest.approx(0.5, abs=0.12)


@pytest.mark.parametrize("metric", [gap, numeric_predictability, predictability])
def test_gaps_of_random_codes_are_near_nothing(metric: Metric) -> None:
    assert 0 <= metric(NOISE, FACTORS) < 0.08


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("codes", [PERFECT, rotated(30)], ids=["perfect", "rotated"])
def test_order_place_and_scale_of_latents_do_not_matter(metric: Metric, codes: np.ndarray) -> None:
    changed = codes[:, ::-1] * [8.0, 2.0] + [16.0, -4.0]  # numbers that no rounding touches
    assert metric(changed, FACTORS) == pytest.approx(metric(codes, FACTORS), abs=0.02)


@pytest.mark.parametrize("metric", METRICS)
def test_a_dead_latent_does_no_harm(metric: Metric) -> None:
    codes = np.column_stack([np.full(len(PERFECT), 0.3), PERFECT])
    assert metric(codes, FACTORS) == pytest.approx(BEST.get(metric, 1.0))


@pytest.mark.parametrize("metric", METRICS)
def test_a_second_copy_of_the_factors_takes_the_gaps_away_and_nothing_else(metric: Metric) -> None:
    both = metric(np.column_stack([PERFECT, PERFECT]), FACTORS)
    assert both == pytest.approx(0.0 if metric in (gap, predictability, numeric_predictability) else 1.0)


def test_importances_tell_perfect_mixed_and_random_codes_apart() -> None:
    assert importances(PERFECT, FACTORS) == pytest.approx((1, 1, 1))
    disentanglement, completeness, _ = importances(rotated(45), FACTORS)
    assert max(disentanglement, completeness) < 0.1
    *_, informativeness = importances(NOISE, FACTORS)
    assert informativeness == pytest.approx(0.2, abs=0.12)


def test_importances_do_not_depend_on_order_and_scale() -> None:
    changed = rotated(30)[:, ::-1] * [8.0, 2.0]
    assert importances(changed, FACTORS) == pytest.approx(importances(rotated(30), FACTORS), abs=0.02)


def test_latents_below_the_least_variance_are_pruned_and_none_left_is_chance() -> None:
    generator = np.random.default_rng(0)
    dead = np.column_stack([0.01 * NOISE[:, 0], PERFECT])
    assert factor_vae_score(dead, FACTORS, generator, test_votes=9).live.tolist() == [False, True, True]
    collapsed = factor_vae_score(0.01 * NOISE, FACTORS, generator)
    assert collapsed.score == collapsed.chance == 0.5


def test_a_latent_that_hardly_ever_moves_would_win_votes_if_it_were_not_pruned() -> None:
    """All of its batches but a few have no variance at all."""
    rare = np.zeros(len(PERFECT))
    rare[7] = 1.0
    codes = np.column_stack([rare, PERFECT + 0.05 * NOISE])
    kept = factor_vae_score(codes, FACTORS, np.random.default_rng(0), least_variance=0.0, test_votes=1000)
    pruned = factor_vae_score(codes, FACTORS, np.random.default_rng(0), test_votes=1000)
    assert kept.score < 0.7
    assert pruned.score == 1.0


@pytest.mark.parametrize("metric", [*METRICS, importances])
def test_tables_that_do_not_fit_are_refused(metric: Metric) -> None:
    with pytest.raises(DataError, match="codes of 400 examples, and factors of 399"):
        metric(PERFECT, FACTORS[1:])
    with pytest.raises(DataError, match="1 of 800 codes are not finite"):
        metric(_with_nan(), FACTORS)
    with pytest.raises(DataError, match="Factor 1 has the value 3 in all examples"):
        metric(PERFECT, np.column_stack([FACTORS[:, 0], np.full(400, 3)]))


def _with_nan() -> np.ndarray:
    codes = PERFECT.copy()
    codes[3, 1] = np.nan
    return codes


def test_all_at_once_are_the_metrics_of_a_perfect_code_in_any_order() -> None:
    pytest.importorskip("sklearn")
    measured = measure_all(PERFECT[:, ::-1].copy(), FACTORS, seed=0, points=1000, predictor=BoostedTrees(trees=5))
    whole = dict.fromkeys(("β-VAE", "FactorVAE", "MIG", "modularity", "DCI informativeness"), 1.0)
    assert {name: measured.scores[name] for name in whole} == pytest.approx(whole, abs=1e-9)
    assert measured.scores["SAP"] == pytest.approx(1 - 1 / SIZES[0])
    assert min(measured.scores["DCI disentanglement"], measured.scores["DCI completeness"]) > 0.9
    assert measured.told == pytest.approx(np.array([[0.0, 1.0], [1.0, 0.0]]), abs=1e-9)
    assert set(measure_all(PERFECT, FACTORS, seed=0, points=10).scores) == set(list(measured.scores)[:5])


def test_scores_are_of_points_that_nothing_was_fitted_to() -> None:
    """Of few points anything is learned by heart; on others it is chance."""
    codes = np.random.default_rng(3).normal(size=(400, 12))
    by_pairs, by_votes = [], []
    for seed in range(40):
        found = beta_vae_score(codes, FACTORS, np.random.default_rng(seed), pairs=2, training_points=8, test_points=8)
        votes = factor_vae_score(codes, FACTORS, np.random.default_rng(seed), training_votes=1, test_votes=1)
        assert found.training_accuracy == votes.training_accuracy == 1
        by_pairs.append(found.score)
        by_votes.append(votes.score)
    assert np.mean(by_pairs) == pytest.approx(0.5, abs=0.1)
    assert np.mean(by_votes) < 0.75  # a vote on itself would be 1
