"""Reliability of probabilities, against other people's programs and cases with a known answer."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss
from statsmodels.stats.proportion import proportion_confint

from spindle.errors import SettingError
from spindle.reliability import Reliability, pool_reliability, reliability_of


def simulated(epochs: int = 4000, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.int8], NDArray[np.int8]]:
    """Probabilities, the likeliest state, and true states drawn from the probabilities."""
    rng = np.random.default_rng(seed)
    probability = rng.dirichlet([0.6, 0.6, 0.6], epochs)
    truth = (rng.random(epochs)[:, None] > probability.cumsum(axis=1)).sum(axis=1)
    return probability, probability.argmax(axis=1).astype(np.int8), truth.astype(np.int8)


def test_every_epoch_lies_in_one_bin() -> None:
    probability, given, truth = simulated()
    found = reliability_of(probability, given, truth)
    assert found.epochs == len(given)
    assert sum(one.right for one in found.bins) == (given == truth).sum()
    for one in found.bins:
        if one.epochs:
            assert one.low <= one.mean_probability <= one.high
            assert one.interval_low <= one.agreement <= one.interval_high


def test_bins_are_those_of_scikit_learn() -> None:
    probability, given, truth = simulated()
    filled = [one for one in reliability_of(probability, given, truth).bins if one.epochs]
    right, mean = calibration_curve(given == truth, probability.max(axis=1), n_bins=10)
    np.testing.assert_allclose([one.agreement for one in filled], right)
    np.testing.assert_allclose([one.mean_probability for one in filled], mean)


def test_the_brier_score_is_that_of_scikit_learn() -> None:
    probability, given, truth = simulated()
    expected = brier_score_loss(truth, probability, labels=[0, 1, 2], scale_by_half=False)
    assert reliability_of(probability, given, truth).brier_score == pytest.approx(expected)


def test_intervals_are_wilsons() -> None:
    probability, given, truth = simulated()
    for one in reliability_of(probability, given, truth).bins:
        if one.epochs:
            expected = proportion_confint(one.right, one.epochs, method="wilson")
            assert (one.interval_low, one.interval_high) == pytest.approx(expected)


def test_true_probabilities_are_reliable_and_sharpened_ones_are_not() -> None:
    probability, given, truth = simulated()
    sharpened = probability**3 / (probability**3).sum(axis=1, keepdims=True)
    # 0.02 is more than twice the error that 4,000 epochs in 7 bins leave by chance.
    assert reliability_of(probability, given, truth).expected_calibration_error < 0.02
    assert reliability_of(sharpened, given, truth).expected_calibration_error > 0.1


def test_the_expected_calibration_error_of_a_hand_computed_case() -> None:
    own = np.array([0.9, 0.95, 0.62, 0.66])
    probability = np.stack([own, 1 - own, np.zeros(4)], axis=1)
    found = reliability_of(probability, np.zeros(4, dtype=np.int8), np.array([0, 0, 0, 1]), bins=2)
    # One bin holds all: 3 of 4 are right, at a mean of 0.7825.
    assert [one.epochs for one in found.bins] == [0, 4]
    assert found.expected_calibration_error == pytest.approx(0.7825 - 0.75)


def test_a_probability_on_a_border_lies_below_it_and_0_and_1_in_the_outer_bins() -> None:
    probability = np.array([[0.5, 0.5, 0.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    found = reliability_of(probability, np.zeros(3, dtype=np.int8), np.zeros(3, dtype=np.int8), bins=2)
    assert [one.epochs for one in found.bins] == [2, 1]


def test_unscored_uncounted_and_unknown_epochs_count_nowhere() -> None:
    probability = np.full((4, 3), 1 / 3)
    probability[3] = np.nan
    counted = np.array([True, False, True, True])
    found = reliability_of(probability, np.array([0, 0, -1, 0]), np.zeros(4, dtype=int), counted)
    assert found.epochs == 1


def test_nothing_is_said_without_epochs() -> None:
    found: Reliability = reliability_of(np.zeros((0, 3)), np.zeros(0, dtype=int), np.zeros(0, dtype=int))
    assert math.isnan(found.expected_calibration_error) and math.isnan(found.brier_score)
    assert all(math.isnan(one.agreement) for one in found.bins)


def test_a_diagram_without_bins_is_refused() -> None:
    with pytest.raises(SettingError, match="at least 1 bin"):
        reliability_of(np.ones((1, 3)) / 3, np.zeros(1, dtype=int), np.zeros(1, dtype=int), bins=0)


def test_other_bins_cannot_be_pooled() -> None:
    probability, given, truth = simulated(50)
    parts = [reliability_of(probability, given, truth, bins=bins) for bins in (5, 10)]
    with pytest.raises(SettingError, match="2 kinds of bins"):
        pool_reliability(parts)


def test_pooled_parts_are_the_whole() -> None:
    probability, given, truth = simulated(500)
    parts = [reliability_of(probability[i::3], given[i::3], truth[i::3]) for i in range(3)]
    pooled, whole = pool_reliability(parts), reliability_of(probability, given, truth)
    assert pooled.brier_score == pytest.approx(whole.brier_score)
    assert pooled.expected_calibration_error == pytest.approx(whole.expected_calibration_error)
    assert [one.right for one in pooled.bins] == [one.right for one in whole.bins]
