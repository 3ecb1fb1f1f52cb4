"""From probabilities to states."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spindle.decoding import SMALLEST_SHARE, Decoding, composition_weights
from spindle.errors import SettingError
from spindle.hypnogram import Stage
from spindle.markov import Transitions

STICKY = Transitions(
    matrix=np.array([[0.97, 0.03, 0.0], [0.03, 0.96, 0.01], [0.06, 0.0, 0.94]]), initial=np.array([0.5, 0.42, 0.08])
)


def certain(stages: str, probability: float = 0.98) -> np.ndarray:
    network = np.full((len(stages), 3), (1 - probability) / 2, dtype=np.float32)
    network[np.arange(len(stages)), ["WNR".index(letter) for letter in stages]] = probability
    return network


def test_decoding_never_passes_from_wake_to_rem_even_when_the_network_does() -> None:
    for decoding in (Decoding.of_thesis(), Decoding(transitions=STICKY)):
        hypnogram, posteriors = decoding.decode(certain("WWWRRRNNN"), np.ones(9, dtype=bool))
        pairs = set(zip(hypnogram.stages[:-1], hypnogram.stages[1:], strict=True))
        assert (Stage.WAKE, Stage.REM) not in pairs
        assert (Stage.REM, Stage.NREM) not in pairs
        np.testing.assert_allclose(posteriors.sum(axis=1), 1, rtol=1e-5)


def test_the_chain_runs_on_through_an_unscored_epoch() -> None:
    """REM, unscored, NREM: there was an awakening in the epoch that nobody saw, so nothing is forbidden."""
    network = certain("RWN")
    network[1] = np.nan
    hypnogram, posteriors = Decoding.of_thesis().decode(network, np.array([True, False, True]))
    assert hypnogram.stages == [Stage.REM, Stage.UNSCORED, Stage.NREM]
    assert np.isnan(posteriors[1]).all()


def test_less_evidence_makes_posteriors_less_certain() -> None:
    network = certain("WWWWNNNN", 0.9)
    usable = np.ones(8, dtype=bool)
    full = Decoding(transitions=STICKY, evidence_weight=1.0).decode(network, usable)[1]
    half = Decoding(transitions=STICKY, evidence_weight=0.5).decode(network, usable)[1]
    assert (half.max(axis=1) < full.max(axis=1)).all()


@pytest.mark.parametrize("weight", [0.0, -1.0, 1.1])
def test_an_impossible_weight_of_evidence_is_refused(weight: float) -> None:
    with pytest.raises(SettingError, match="weight of evidence"):
        Decoding(transitions=STICKY, evidence_weight=weight)


def test_no_round_at_all_is_refused() -> None:
    with pytest.raises(SettingError, match="1 round or more"):
        Decoding(transitions=STICKY, rounds=0)


@given(counts=st.tuples(*[st.integers(10, 300)] * 3))
def test_weighted_states_have_the_wanted_composition(counts: tuple[int, int, int]) -> None:
    """With posteriors that are certain, each state's weights add up to its share of the composition."""
    composition = np.array([0.5, 0.42, 0.08])
    states = np.repeat(np.arange(3), counts)
    weights = composition_weights(np.eye(3, dtype=np.float32)[states], composition)
    sums = np.bincount(states, weights=weights)
    raw = composition / np.maximum(np.array(counts) / sum(counts), SMALLEST_SHARE) * np.array(counts)
    np.testing.assert_allclose(sums, raw / raw.sum(), rtol=1e-6)
    if min(counts) / sum(counts) > SMALLEST_SHARE:
        np.testing.assert_allclose(sums, composition, rtol=1e-6)


def test_unscored_epochs_have_no_weight() -> None:
    posteriors = np.array([[1, 0, 0], [np.nan] * 3, [0, 1, 0]], dtype=np.float32)
    weights = composition_weights(posteriors, np.array([0.5, 0.4, 0.1]))
    assert weights[1] == 0
    assert weights.sum() == pytest.approx(1)
