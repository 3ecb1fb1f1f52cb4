"""Autoscore: naive Bayes as others compute it, and smoothing that stops at gaps."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d
from sklearn.naive_bayes import GaussianNB

from spindle.baselines.autoscore import EEG_EDGES_HZ, EMG_EDGES_HZ, GaussianNaiveBayes, smooth
from spindle.signals import RATE_HZ


def examples(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    codes = rng.permutation(np.repeat([0, 1, 2], [50, 60, 20]))
    means, spreads = rng.normal(size=(3, 4)), rng.uniform(0.3, 2.0, size=(3, 4))
    return means[codes] + spreads[codes] * rng.normal(size=(len(codes), 4)), codes


@pytest.mark.parametrize("seed", range(3))
def test_naive_bayes_equals_scikit_learns(seed: int) -> None:
    features, codes = examples(seed)
    ours, theirs = GaussianNaiveBayes.fit(features, codes), GaussianNB().fit(features, codes)
    np.testing.assert_allclose(ours.mean, theirs.theta_)
    np.testing.assert_allclose(ours.variance, theirs.var_)
    others = np.random.default_rng(9).normal(0, 4, size=(40, 4))
    np.testing.assert_allclose(ours.posterior(others), theirs.predict_proba(others), rtol=1e-8, atol=1e-12)


def test_unlikely_features_still_give_probabilities_and_unknown_ones_none() -> None:
    bayes = GaussianNaiveBayes.fit(*examples())
    found = bayes.posterior(np.array([[1e4] * 4, [0.0, np.nan, 0.0, 0.0]]))
    assert found[0].sum() == pytest.approx(1)
    assert np.isnan(found[1]).all()


def test_smoothing_is_a_gaussian_convolution_away_from_edges_and_gaps() -> None:
    features = np.random.default_rng(1).normal(size=(60, 2))
    found = smooth(features, np.ones(60, dtype=bool), deviation_epochs=1.5)
    wanted = gaussian_filter1d(features, 1.5, axis=0, truncate=10 / 3)
    np.testing.assert_allclose(found[5:-5], wanted[5:-5], rtol=1e-10)


def test_smoothing_leaves_a_constant_as_it_is_at_edges_and_gaps() -> None:
    usable = np.ones(20, dtype=bool)
    usable[[4, 5, 19]] = False
    features = np.where(usable[:, None], 3.0, np.nan)
    np.testing.assert_allclose(smooth(features, usable), features)


@pytest.mark.parametrize(
    "change",
    [{"prior": np.array([0.0, 0.5, 0.5])}, {"variance": np.zeros((3, 4))}, {"mean": np.full((3, 4), np.inf)}],
)
def test_parameters_that_cannot_be_are_refused(change: dict[str, np.ndarray]) -> None:
    sound = GaussianNaiveBayes.fit(*examples())
    fields = {"prior": sound.prior, "mean": sound.mean, "variance": sound.variance, **change}
    with pytest.raises(ValueError, match="above 0"):
        GaussianNaiveBayes(**fields)


def test_bands_grow_by_the_same_factor_and_stay_below_half_the_rate() -> None:
    for edges in (EEG_EDGES_HZ, EMG_EDGES_HZ):
        steps = np.diff(np.log(edges))
        np.testing.assert_allclose(steps, steps[0])
        assert edges[-1] < RATE_HZ / 2
