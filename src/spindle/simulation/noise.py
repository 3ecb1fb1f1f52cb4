"""Random signals with a spectrum that changes over time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.fft
import scipy.signal
from jaxtyping import Float
from numpy.random import Generator
from numpy.typing import NDArray

FRAME_S = 2.0
HOP_S = 0.5
CHUNK_HOPS = 600
TAIL_HOPS = 2

LogSpectrum = Callable[[int, int], NDArray[np.float32]]
"""(first hop, last hop) → natural log of power per hop and frequency, (hops, frame/2 + 1)."""


def frame_frequencies(rate_hz: int) -> Float[np.ndarray, " bins"]:
    """Frequencies at which a spectrum is prescribed: multiples of 0.5 Hz up to half the rate."""
    return np.fft.rfftfreq(int(FRAME_S * rate_hz), 1 / rate_hz)


def coloured_noise(
    spectra: tuple[LogSpectrum, ...], *, seconds: int, rate_hz: int, coherence: float, rng: Generator
) -> Float[np.ndarray, "channels samples"]:
    """Gaussian noise whose power follows `spectra`, by overlap-add of 2-s frames every 0.5 s.

    Each channel takes the share `coherence` of its amplitude from a common source, so that two of equal spectrum
    correlate by `coherence`². A log power of 0 at every frequency gives white noise of variance 1.
    """
    frame, hop = int(FRAME_S * rate_hz), int(HOP_S * rate_hz)
    hops = int(seconds / HOP_S)
    window = np.sqrt(scipy.signal.get_window("hann", frame)).astype(np.float32)
    # Four frames overlap, and the squares of their windows add up to 2.
    window *= np.float32(np.sqrt(frame / 2) / np.sqrt(2))
    output = np.zeros((len(spectra), (hops + TAIL_HOPS) * hop + frame), dtype=np.float32)
    own = np.float32(np.sqrt(1 - coherence**2))

    def add(first: int, log_powers: list[NDArray[np.float32]], rng: Generator) -> None:
        shared = _complex_normal(rng, len(log_powers[0]), frame // 2 + 1)
        for channel, log_power in enumerate(log_powers):
            noise = shared
            if len(log_powers) > 1:
                noise = np.float32(coherence) * shared + own * _complex_normal(rng, *shared.shape)
            frames = scipy.fft.irfft(noise * np.exp(0.5 * log_power), n=frame, axis=1) * window
            _overlap_add(output[channel], frames, first * hop, hop)

    for first in range(0, hops, CHUNK_HOPS):
        add(first, [spectrum(first, min(first + CHUNK_HOPS, hops)) for spectrum in spectra], rng)
    # Without frames beyond the end, the last second would fade out.
    add(hops, [np.repeat(spectrum(hops - 1, hops), TAIL_HOPS, axis=0) for spectrum in spectra], rng.spawn(1)[0])
    start = frame // 2  # the first half frame has too few overlaps
    return output[:, start : start + seconds * rate_hz]


def _complex_normal(rng: Generator, rows: int, columns: int) -> NDArray[np.complex64]:
    parts = rng.standard_normal((rows, columns, 2), dtype=np.float32)
    return parts.view(np.complex64)[..., 0]


def _overlap_add(target: NDArray[np.float32], frames: NDArray[np.float32], offset: int, hop: int) -> None:
    per_frame = frames.shape[1] // hop
    for part in range(per_frame):
        piece = frames[:, part * hop : (part + 1) * hop].ravel()
        begin = offset + part * hop
        target[begin : begin + len(piece)] += piece


def drift(rng: Generator, count: int, *, time_constant: float, columns: int = 1) -> Float[np.ndarray, "count columns"]:
    """Ornstein–Uhlenbeck processes of variance 1; `time_constant` in steps."""
    keep = float(np.exp(-1 / time_constant))
    steps = rng.standard_normal((count, columns)) * np.sqrt(1 - keep**2)
    steps[0] = rng.standard_normal(columns)
    return np.asarray(scipy.signal.lfilter([1.0], [1.0, -keep], steps, axis=0), dtype=np.float32)
