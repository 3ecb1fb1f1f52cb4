from __future__ import annotations

import numpy as np
import pytest
import scipy.signal
from numpy.typing import NDArray

from spindle.simulation.noise import CHUNK_HOPS, HOP_S, LogSpectrum, coloured_noise, drift, frame_frequencies

RATE_HZ = 128


def constant(log_power: NDArray[np.float64]) -> LogSpectrum:
    return lambda first, last: np.tile(log_power.astype(np.float32), (last - first, 1))


def flat(level: float = 0.0, rate_hz: int = RATE_HZ) -> LogSpectrum:
    return constant(np.full(len(frame_frequencies(rate_hz)), level))


def noise(*spectra: LogSpectrum, seconds: int = 400, coherence: float = 0.0, seed: int = 0) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    return coloured_noise(spectra, seconds=seconds, rate_hz=RATE_HZ, coherence=coherence, rng=rng)


def log_density(signal: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    frequencies, density = scipy.signal.welch(signal, RATE_HZ, nperseg=512)
    return frequencies, np.log(density)


@pytest.mark.parametrize("rate_hz", [64, 128, 250, 512])
def test_a_log_power_of_0_gives_white_noise_of_variance_1(rate_hz: int) -> None:
    rng = np.random.default_rng(0)
    signal = coloured_noise((flat(0.0, rate_hz),), seconds=400, rate_hz=rate_hz, coherence=0.0, rng=rng)
    assert signal.shape == (1, 400 * rate_hz)
    assert signal.var() == pytest.approx(1.0, rel=0.03)
    neighbours = np.corrcoef(signal[0, 1:], signal[0, :-1])[0, 1]
    assert abs(neighbours) < 0.02


def test_the_variance_grows_with_the_exponential_of_the_log_power() -> None:
    assert noise(flat(1.5)).var() == pytest.approx(np.exp(1.5), rel=0.03)


def test_a_bump_of_the_spectrum_appears_at_its_frequency_and_height() -> None:
    f = frame_frequencies(RATE_HZ)
    signal = noise(constant(2.0 * np.exp(-0.5 * ((f - 8.0) / 1.5) ** 2)), seconds=2000)[0]
    frequencies, density = log_density(signal)
    background = density[(frequencies > 30) & (frequencies < 60)].mean()
    assert frequencies[density.argmax()] == pytest.approx(8.0, abs=0.75)
    assert density.max() - background == pytest.approx(2.0, abs=0.2)


def test_a_slope_is_kept_over_all_frequencies() -> None:
    f = frame_frequencies(RATE_HZ)
    frequencies, density = log_density(noise(constant(-1.6 * np.log(1 + f / 3)), seconds=2000)[0])
    inside = (frequencies > 2) & (frequencies < 60)
    wanted = -1.6 * np.log(1 + frequencies / 3)
    assert np.ptp((density - wanted)[inside]) < 0.35


def test_power_follows_the_spectrum_over_time() -> None:
    def stepping(first: int, last: int) -> NDArray[np.float32]:
        level = np.where(np.arange(first, last) * HOP_S < 200, 0.0, np.log(4.0)).astype(np.float32)
        return np.repeat(level[:, None], len(frame_frequencies(RATE_HZ)), axis=1)

    signal = noise(stepping)[0]
    before, after = signal[: 195 * RATE_HZ], signal[205 * RATE_HZ :]
    assert before.var() == pytest.approx(1.0, rel=0.05)
    assert after.var() == pytest.approx(4.0, rel=0.05)


def test_no_seam_shows_where_one_chunk_ends_and_the_next_begins() -> None:
    seam = int(CHUNK_HOPS * HOP_S * RATE_HZ)
    near = slice(seam - 2 * RATE_HZ, seam + 2 * RATE_HZ)
    around = np.array([noise(flat(), seconds=310, seed=seed)[0, near] for seed in range(12)])
    assert around.var() == pytest.approx(1.0, rel=0.08)


def test_the_first_and_the_last_seconds_have_full_power() -> None:
    signals = np.array([noise(flat(), seconds=8, seed=seed)[0] for seed in range(60)])
    assert signals[:, : RATE_HZ // 2].var() == pytest.approx(1.0, rel=0.1)
    assert signals[:, -RATE_HZ // 2 :].var() == pytest.approx(1.0, rel=0.1)


@pytest.mark.parametrize("coherence", [0.0, 0.5, 0.8, 1.0])
def test_two_channels_correlate_by_the_square_of_the_coherence(coherence: float) -> None:
    """Each of the two shares that part of its amplitude with a common source."""
    first, second = noise(flat(), flat(), coherence=coherence)
    assert np.corrcoef(first, second)[0, 1] == pytest.approx(coherence**2, abs=0.02)
    assert second.var() == pytest.approx(1.0, rel=0.03)


def test_the_same_generator_gives_the_same_noise_and_another_one_another() -> None:
    assert np.array_equal(noise(flat(), seconds=10, seed=4), noise(flat(), seconds=10, seed=4))
    assert not np.array_equal(noise(flat(), seconds=10, seed=4), noise(flat(), seconds=10, seed=5))


@pytest.mark.parametrize("time_constant", [2.0, 10.0])
def test_a_drift_has_variance_1_and_forgets_with_its_time_constant(time_constant: float) -> None:
    columns = drift(np.random.default_rng(0), 60_000, time_constant=time_constant, columns=2)
    lag = round(time_constant)
    assert columns.shape == (60_000, 2)
    assert columns.var(axis=0) == pytest.approx([1.0, 1.0], rel=0.1)
    later = np.corrcoef(columns[lag:, 0], columns[:-lag, 0])[0, 1]
    assert later == pytest.approx(np.exp(-1), abs=0.05)
    assert abs(np.corrcoef(columns.T)[0, 1]) < 0.06
