"""EEG: a power spectrum per behaviour, moving with depth, drives and chance; spindles; two electrodes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.ndimage
from jaxtyping import Float
from numpy.random import Generator
from numpy.typing import NDArray

from spindle.simulation.noise import HOP_S, LogSpectrum, coloured_noise, drift, frame_frequencies
from spindle.simulation.sleep import Behaviour, Sleep

FLUCTUATION_BANDS_HZ = (1.0, 2.2, 4.5, 7.5, 11.0, 16.0, 25.0)


@dataclass(frozen=True, kw_only=True)
class EegTraits:
    """One animal's spectra. Heights are natural logarithms of power over the animal's own quiet-wake background."""

    slope: float = 1.6
    """The background falls as 1/f^slope above `knee_hz`."""
    knee_hz: float = 3.0
    quiet_theta: float = 0.8
    quiet_theta_hz: float = 6.3
    active_theta: float = 1.4
    active_theta_hz: float = 7.8
    active_delta: float = -0.2
    nrem_delta: float = 0.6
    nrem_delta_hz: float = 2.4
    nrem_delta_width: float = 1.7
    nrem_lift: float = 1.2
    """NREM over quiet wake between 4 and 20 Hz."""
    nrem_sigma: float = 0.5
    rem_delta: float = -0.8
    rem_theta: float = 2.0
    rem_theta_hz: float = 7.2
    rem_theta_width: float = 0.55
    rem_lift: float = 0.1
    harmonic: float = 0.5
    gamma: float = 0.1
    """Wake and REM over NREM above 35 Hz."""
    depth_gain: float = 0.5
    depth_wander: float = 0.25
    """Slow coming and going of depth within NREM, over 15–40 s, as a share of `depth_gain`."""
    pressure_gain: float = 0.5
    fluctuation: float = 0.34
    fluctuation_s: float = 3.0
    theta_wander_hz: float = 0.3
    spindles_per_min: float = 3.0
    spindle_size: float = 1.0
    onset_s: float = 2.5
    """Width of the passage from one state to the next."""


@dataclass(frozen=True, kw_only=True)
class Electrode:
    """Where an electrode sits: 0 frontal (more delta, little theta) … 1 parietal, over the hippocampus."""

    parietal: float = 0.7
    noise: float = -4.0
    """Log power of the amplifier's white noise against the quiet-wake background at 10 Hz."""


def simulate_eeg(
    traits: EegTraits,
    electrodes: tuple[Electrode, ...],
    sleep: Sleep,
    *,
    rate_hz: int,
    coherence: float,
    rng: Generator,
) -> Float[np.ndarray, "channels samples"]:
    """Simulate one EEG per electrode, of variance near 1 in quiet wake."""
    course = _course(traits, sleep, rng)
    frequencies = frame_frequencies(rate_hz)
    spectra = tuple(_spectrum(traits, electrode, course, frequencies) for electrode in electrodes)
    signals = coloured_noise(spectra, seconds=len(sleep), rate_hz=rate_hz, coherence=coherence, rng=rng)
    _add_spindles(traits, sleep, signals, rate_hz, rng)
    return signals


def passage(sleep: Sleep, width_s: float) -> Float[np.ndarray, "seconds 4"]:
    """Share of each behaviour around each second: states pass into each other within about `width_s`."""
    indicator = (sleep.behaviour[:, None] == np.arange(len(Behaviour))).astype(np.float32)
    smooth = scipy.ndimage.gaussian_filter1d(indicator, width_s, axis=0, truncate=3.0)
    return np.asarray(smooth / smooth.sum(axis=1, keepdims=True))


def _course(traits: EegTraits, sleep: Sleep, rng: Generator) -> Float[np.ndarray, "hops terms"]:
    """Coefficients over time of the terms of the log spectrum, every 0.5 s."""
    shares = passage(sleep, traits.onset_s)
    asleep = shares[:, Behaviour.NREM]
    deepening = 1 - np.exp(-sleep.bout_age_s / rng.uniform(15, 60))
    depth = asleep * (np.where(sleep.behaviour == Behaviour.NREM, deepening, 0.6) - 0.6)
    depth += asleep * traits.depth_wander * drift(rng, len(sleep), time_constant=rng.uniform(12, 40))[:, 0]
    pressure = asleep * (sleep.pressure - 0.4)
    per_second = np.column_stack([shares, depth, pressure])
    per_hop = np.repeat(per_second, int(1 / HOP_S), axis=0)
    hops = len(per_hop)
    bands = traits.fluctuation * drift(
        rng, hops, time_constant=traits.fluctuation_s / HOP_S, columns=len(FLUCTUATION_BANDS_HZ)
    )
    common = 0.7 * traits.fluctuation * drift(rng, hops, time_constant=2 * traits.fluctuation_s / HOP_S)
    wander = traits.theta_wander_hz * drift(rng, hops, time_constant=6 / HOP_S) * per_hop[:, [Behaviour.REM]]
    return np.column_stack([per_hop, common, wander, bands]).astype(np.float32)


def _spectrum(
    traits: EegTraits, electrode: Electrode, course: Float[np.ndarray, "hops terms"], frequencies: NDArray[np.float64]
) -> LogSpectrum:
    terms = _terms(traits, electrode, frequencies).astype(np.float32)
    reference = np.interp(10.0, frequencies, terms[Behaviour.QUIET])
    floor = np.float32(reference + electrode.noise)

    def log_power(first: int, last: int) -> NDArray[np.float32]:
        return np.logaddexp(course[first:last] @ terms, floor)

    return log_power


def _terms(
    traits: EegTraits, electrode: Electrode, frequencies: NDArray[np.float64]
) -> Float[np.ndarray, "terms bins"]:
    """Rows: log power of each behaviour, then what depth, pressure and the fluctuations add to it."""
    f = np.maximum(frequencies, 0.25)
    frontal = 1 - electrode.parietal
    background = -traits.slope * np.log(1 + (f / traits.knee_hz) ** 1.3) / 1.3
    broad = _bump(f, 8.0, 7.0)
    theta_here = 1.0 - 0.6 * frontal
    gamma = traits.gamma / (1 + np.exp(-(f - 35) / 5))
    slow = _bump(f, 1.5, 2.0)

    def peak(height: float, centre_hz: float, width_hz: float) -> NDArray[np.float64]:
        return np.asarray(height * _bump(f, centre_hz, width_hz))

    quiet = background + peak(theta_here * traits.quiet_theta, traits.quiet_theta_hz, 1.9) + gamma
    active = background + traits.active_delta * slow + gamma
    active = active + peak(theta_here * traits.active_theta, traits.active_theta_hz, 0.9)
    active = active + peak(theta_here * traits.active_theta * traits.harmonic * 0.5, 2 * traits.active_theta_hz, 1.4)
    nrem = background + peak((1 + 0.3 * frontal) * traits.nrem_delta, traits.nrem_delta_hz, traits.nrem_delta_width)
    nrem = nrem + traits.nrem_lift * broad + peak(traits.nrem_sigma, 11.5, 2.5)
    rem = background + traits.rem_delta * slow + traits.rem_lift * broad + gamma
    rem_theta = peak(theta_here * traits.rem_theta, traits.rem_theta_hz, traits.rem_theta_width * 1.6)
    rem = rem + rem_theta + peak(theta_here * traits.rem_theta * traits.harmonic * 0.5, 2 * traits.rem_theta_hz, 1.3)
    depth = traits.depth_gain * _bump(f, 2.0, 2.5) - 0.3 * traits.depth_gain * _bump(f, 12.0, 4.0)
    pressure = traits.pressure_gain * _bump(f, 2.0, 2.0)
    wander = -np.gradient(rem_theta, f, edge_order=1)
    bands = [_bump(np.log2(f), np.log2(centre), 0.45) for centre in FLUCTUATION_BANDS_HZ]
    return np.stack([active, quiet, nrem, rem, depth, pressure, np.ones_like(f), wander, *bands])


def _bump(x: NDArray[np.float64], centre: float, width: float) -> NDArray[np.float64]:
    return np.asarray(np.exp(-0.5 * ((x - centre) / width) ** 2))


def _add_spindles(traits: EegTraits, sleep: Sleep, signals: NDArray[np.float32], rate_hz: int, rng: Generator) -> None:
    """Add sigma bursts to NREM, three times as many in the last 20 s before REM."""
    nrem = sleep.behaviour == Behaviour.NREM
    rem_starts = np.flatnonzero(np.diff((sleep.behaviour == Behaviour.REM).astype(np.int8)) == 1)
    rate = np.where(nrem, traits.spindles_per_min / 60, 0.0)
    for start in rem_starts:
        rate[max(0, start - 20) : start + 1] *= 3
    scale = signals.std(axis=1)
    for second in np.flatnonzero(rng.random(len(rate)) < rate):
        width_s = rng.uniform(0.15, 0.35)
        time = np.arange(-int(3 * width_s * rate_hz), int(3 * width_s * rate_hz)) / rate_hz
        wave = np.cos(2 * np.pi * rng.uniform(9.5, 14) * time + rng.uniform(0, 2 * np.pi))
        wave *= np.exp(-0.5 * (time / width_s) ** 2) * traits.spindle_size * rng.uniform(0.5, 1.5)
        begin = int((second + rng.random()) * rate_hz)
        stop = min(begin + len(wave), signals.shape[1])
        signals[:, begin:stop] += (scale[:, None] * wave[: stop - begin]).astype(np.float32)
