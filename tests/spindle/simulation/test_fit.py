from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spindle.simulation.fit import (
    BANDS_HZ,
    band_power,
    bout_lengths,
    power_statistics,
    survival,
    transition_counts,
)

CODES = np.array([0, 0, 1, 1, 1, 2, 0, -1, 1, 0, 0, 0, 1, 1], dtype=np.int8)
sequences = st.lists(st.integers(-1, 2), min_size=1, max_size=60).map(lambda codes: np.array(codes, dtype=np.int8))


def test_transitions_are_counted_by_hand() -> None:
    assert transition_counts(CODES).tolist() == [[3, 2, 0], [1, 3, 1], [1, 0, 0]]


def test_bouts_at_an_end_or_beside_a_gap_do_not_count() -> None:
    wake, nrem, rem = bout_lengths(CODES)
    assert wake.tolist() == [3]
    assert nrem.tolist() == [3]
    assert rem.tolist() == [1]


@given(codes=sequences)
def test_bouts_never_hold_more_epochs_than_their_state_has(codes: np.ndarray) -> None:
    for code, lengths in enumerate(bout_lengths(codes)):
        assert np.all(lengths >= 1)
        assert lengths.sum() <= (codes == code).sum()


@given(codes=sequences)
def test_transitions_are_as_many_as_pairs_of_scored_neighbours(codes: np.ndarray) -> None:
    assert transition_counts(codes).sum() == sum(a >= 0 and b >= 0 for a, b in pairwise(codes.tolist()))


def test_survival_is_the_share_of_longer_bouts() -> None:
    lengths = np.array([1, 1, 2, 5])
    assert survival(lengths, np.array([0, 1, 2, 4, 5])).tolist() == [1.0, 0.5, 0.25, 0.25, 0.0]
    assert np.isnan(survival(np.array([], dtype=np.int64), np.array([1, 2]))).all()


@pytest.mark.parametrize("rate_hz", [128.0, 250.0])
@pytest.mark.parametrize(("frequency_hz", "band"), [(2.0, 0), (7.0, 1), (20.0, 3), (45.0, 4)])
def test_a_sine_has_its_power_in_its_band_alone(rate_hz: float, frequency_hz: float, band: int) -> None:
    time = np.arange(int(10 * rate_hz)) / rate_hz
    power = band_power(3.0 * np.sin(2 * np.pi * frequency_hz * time) + 100.0, rate_hz)
    assert power.shape == (2, len(BANDS_HZ))
    assert power[:, band] == pytest.approx([4.5, 4.5], rel=1e-6)
    others = np.delete(power, band, axis=1)
    assert others.max() < 1e-6


def test_power_over_all_frequencies_is_the_variance() -> None:
    noise = np.random.default_rng(0).standard_normal(128 * 400)
    assert band_power(noise, 128, {"all": (0.0, 100.0)}).mean() == pytest.approx(1.0, rel=0.03)


def test_statistics_of_log_power_are_computed_by_hand() -> None:
    e = np.e
    power = np.array([[1.0], [e**2], [1.0], [e**2], [e**3], [e**5], [e**3], [0.0], [e**9]])
    codes = np.array([0, 0, 0, 0, 1, 1, 1, 1, -1], dtype=np.int8)
    statistics = power_statistics(power, codes)
    assert statistics.mean[:2, 0] == pytest.approx([1.0, 11 / 3])
    assert statistics.deviation[:2, 0] == pytest.approx([1.0, np.sqrt(8) / 3])
    assert statistics.lag_one[0, 0] == pytest.approx(-1.0)
    assert np.isnan(statistics.mean[2]).all()
    assert np.isnan(statistics.lag_one[1:]).all()


def test_neighbours_of_a_slow_process_correlate_as_it_does() -> None:
    rng = np.random.default_rng(0)
    steps = rng.standard_normal(40_000)
    level = np.zeros(40_000)
    for index in range(1, len(level)):
        level[index] = 0.8 * level[index - 1] + steps[index]
    codes = np.zeros(40_000, dtype=np.int8)
    assert power_statistics(np.exp(level)[:, None], codes).lag_one[0, 0] == pytest.approx(0.8, abs=0.02)
