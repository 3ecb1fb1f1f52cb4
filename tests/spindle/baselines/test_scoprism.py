"""SCOPRISM: thresholds that are the best of all, and refinement by neighbours."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from spindle.agreement import state_agreement
from spindle.baselines.features import EegUse
from spindle.baselines.scoprism import Scoprism, Thresholds, best_thresholds, log_ratio, refine
from spindle.hypnogram import STAGES

W, N, R, X = 0, 1, 2, -1


def f1_of(thresholds: Thresholds, features: np.ndarray, codes: np.ndarray) -> float:
    agreement = state_agreement(codes, thresholds.draft(*features.T))
    return float(np.mean([agreement.state(stage).f1 for stage in STAGES]))


@pytest.mark.parametrize("seed", range(4))
def test_the_thresholds_found_are_the_best_of_all_combinations(seed: int) -> None:
    rng = np.random.default_rng(seed)
    codes = rng.permutation(np.repeat([W, N, R], [40, 50, 15]))
    features = np.array([[0.0, 1.5], [-1.0, -0.5], [1.5, -1.0]])[codes] + rng.normal(size=(len(codes), 2))
    ratios, emgs = np.linspace(-1.5, 2, 6), np.linspace(-1.5, 2, 5)
    found = best_thresholds(features, codes, ratios, emgs)
    tried = [
        Thresholds(quiet=quiet, active=active, rem_ratio=rem, wake_ratio=wake)
        for quiet, active, rem, wake in product(emgs, emgs, ratios, ratios)
        if quiet <= active
    ]
    assert f1_of(found, features, codes) == pytest.approx(max(f1_of(one, features, codes) for one in tried))


def test_the_plane_is_cut_as_the_thresholds_say() -> None:
    cuts = Thresholds(quiet=0.0, active=2.0, rem_ratio=1.0, wake_ratio=-1.0)
    emg = np.array([-1.0, -1.0, 0.0, 0.0, 2.0, 2.0, np.nan, 0.0])
    ratio = np.array([0.9, 1.0, -1.1, -1.0, -9.0, 9.0, 0.0, np.nan])
    assert cuts.draft(ratio, emg).tolist() == [N, R, N, W, W, W, X, X]


@pytest.mark.parametrize(
    ("draft", "refined"),
    [
        ([N, N, W, N, N], [N, N, N, N, N]),
        ([N, W, W, N], [N, W, W, N]),
        ([W, R, W, R, R], [W, W, R, R, R]),
        ([W, R], [W, R]),
        ([N, X, N], [N, X, N]),
        ([X, W, X], [X, W, X]),
        ([W], [W]),
        ([], []),
    ],
)
def test_neighbours_refine_a_draft(draft: list[int], refined: list[int]) -> None:
    assert refine(np.array(draft, dtype=np.int8)).tolist() == refined


@given(arrays(np.int8, st.integers(0, 40), elements=st.sampled_from([W, N, R, X])))
def test_refinement_changes_only_epochs_that_stand_alone(codes: np.ndarray) -> None:
    refined = refine(codes)
    np.testing.assert_array_equal(refined == X, codes == X)
    for place in np.flatnonzero(refined != codes).tolist():
        assert codes[place - 1] == codes[place + 1] == refined[place]


def test_theta_raises_the_ratio_and_delta_lowers_it() -> None:
    time_s = np.arange(512) / 128
    noise = 0.01 * np.random.default_rng(0).normal(size=(2, 512))
    waves = np.stack([np.sin(2 * np.pi * 7 * time_s), np.sin(2 * np.pi * 2 * time_s)])
    theta, delta = log_ratio((waves + noise).astype(np.float32))[:, 0]
    assert theta > 3 and delta < -3


@pytest.mark.parametrize("change", [{"quiet": float("nan")}, {"quiet": 3.0}])
def test_thresholds_that_cannot_be_are_refused(change: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="threshold"):
        Thresholds(**{"quiet": 0.0, "active": 1.0, "rem_ratio": 0.0, "wake_ratio": 0.0, **change})


def test_two_ratios_side_by_side_count_by_their_mean() -> None:
    cuts = Thresholds(quiet=0.0, active=1.0, rem_ratio=0.5, wake_ratio=0.5)
    features = np.array([[1.0, 0.2, -1.0], [1.0, -0.2, -1.0]])
    assert Scoprism(use=EegUse.BOTH, thresholds=cuts).classify(features).argmax(axis=1).tolist() == [R, N]
