"""FASTER: epochs of eight seconds, components, and names of clusters."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.decomposition import PCA

from spindle.baselines.faster import Faster, log_power, principal_components
from spindle.baselines.features import EegUse, epochs_of

from .conftest import noise

CENTRES = np.array([[1.0, -0.5, 0.0], [-0.5, 1.0, -1.5], [-1.0, -0.5, 1.0]])


def method(use: EegUse = EegUse.FIRST) -> Faster:
    return Faster(use=use, components=3, factor=0.7, centres=CENTRES, spread=np.full(3, 0.5))


def test_both_halves_of_eight_seconds_have_the_mean_of_their_power() -> None:
    signals = noise(6)
    samples = epochs_of(signals.eeg[0], signals.usable)
    found = log_power(samples)
    np.testing.assert_array_equal(found[0::2], found[1::2])
    alone = replace(signals.eeg[0])
    first, second = (np.exp(log_power(epochs_of(alone, signals.usable)[[i, i]])[0]) for i in (0, 1))
    np.testing.assert_allclose(np.exp(found[0]), (first + second) / 2, rtol=1e-4)


def test_a_usable_half_speaks_for_itself_alone() -> None:
    signals = noise(7, gap=slice(3, 4))
    samples = epochs_of(signals.eeg[0], signals.usable)
    found = log_power(samples)
    assert np.isnan(found[3]).all()
    np.testing.assert_allclose(found[2], log_power(samples[[2, 2]])[0], rtol=1e-5)
    np.testing.assert_allclose(found[6], log_power(samples[[6, 6]])[0], rtol=1e-5)


def test_components_equal_scikit_learns_up_to_their_sign() -> None:
    features = np.random.default_rng(0).normal(size=(50, 6)) * np.array([5, 4, 3, 2, 1, 1])
    ours, theirs = principal_components(features, 3), PCA(3).fit_transform(features)
    np.testing.assert_allclose(np.abs(ours), np.abs(theirs), atol=1e-8)


def test_a_cluster_is_the_state_whose_centre_is_nearest() -> None:
    assert method().state_of(CENTRES[[2, 0, 1]] + 0.1).tolist() == [2, 0, 1]


def test_more_epochs_than_are_clustered_join_the_clusters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three obvious groups are found from a third of the epochs as from all."""
    rng = np.random.default_rng(1)
    codes = np.repeat(rng.permutation(np.repeat([0, 1, 2], [200, 200, 100])), 2)
    indicators = CENTRES[codes]
    bins = np.eye(3)[codes] * 9 + rng.normal(size=(len(codes), 3))
    features = np.repeat(np.concatenate([indicators, bins], axis=1)[::2], 2, axis=0)
    whole = method().classify(features)
    monkeypatch.setattr("spindle.baselines.faster.MOST_POINTS", 170)
    part = method().classify(features)
    for found in (whole, part):
        assert (found.argmax(axis=1) == codes).mean() > 0.95, np.bincount(found.argmax(axis=1))


@pytest.mark.parametrize("change", [{"components": 0}, {"factor": 0.0}, {"spread": np.zeros(3)}])
def test_parameters_that_cannot_be_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="must be"):
        replace(method(), **change)


def test_with_two_eegs_side_by_side_there_are_forty_more_bins() -> None:
    signals = noise(8)
    one, both = (Faster.extract(signals, use).shape[1] for use in (EegUse.FIRST, EegUse.BOTH))
    assert both - one == 40
