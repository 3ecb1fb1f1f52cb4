"""Signals to three-channel time-frequency images (thesis A, 5.3.1 and Fig. 5.2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from torch import Tensor

from spindle.signals import EPOCH_SAMPLES, RATE_HZ, EpochSignal, EpochSignals, stretches

FRAME = 256
STEP = 16
FRAMES_PER_EPOCH = EPOCH_SAMPLES // STEP
CONTEXT_EPOCHS = 2
PADDING = (FRAME - STEP) // 2
"""Reflected samples at both ends: 32 frames to the epoch, frame k centred on sample 16k + 8."""
WINDOW_FRAMES = FRAMES_PER_EPOCH * (2 * CONTEXT_EPOCHS + 1)
ROWS = 24

EEG_BINS = 48
"""Bins of 0.5 Hz that the EEG rows are made from: 0.5–24 Hz."""
EMG_BINS = 60
"""Bins of 0.5 Hz that the EMG power is summed over: 0.5–30 Hz."""
SILENCE = 1e-7
"""Power below this share of a row's median counts as this share: digital silence has no logarithm."""
CHUNK_FRAMES = 4096

Fold = Callable[[Tensor], Tensor]
"""Makes rows of a (frames, bins) power."""


class RowChoice(StrEnum):
    """How 24 rows come from half-hertz bins; the thesis names the band of one choice and the size of both.

    `NARROW`: the 24 bins of 0.5–12 Hz, as in the authors' release. `WIDE`: 0.5–24 Hz, the text's band, in pairs.
    `docs/decisions/0003-spectrogram-rows.md` has the measurements, which do not settle the default yet.
    """

    NARROW = "narrow"
    WIDE = "wide"

    @property
    def frequencies_hz(self) -> NDArray[np.float32]:
        """Middle of each row."""
        bins = (np.arange(1, EEG_BINS + 1) * 0.5).astype(np.float32)
        return bins[:ROWS] if self is RowChoice.NARROW else bins.reshape(ROWS, 2).mean(axis=1)

    def power(self, bins: Float[Tensor, "frames 48"]) -> Float[Tensor, "frames 24"]:
        """Make rows from the power in half-hertz bins."""
        if self is RowChoice.NARROW:
            return bins[:, :ROWS]
        return bins.reshape(-1, ROWS, 2).mean(dim=2)


@dataclass(frozen=True, kw_only=True)
class TimeFrequency:
    """Standardised log power of one animal's whole recording.

    `eeg[c]` and `emg` have mean 0 and variance 1 per row over all usable frames, and are 0 in unusable epochs. The
    image of epoch t shows t−2 … t+2 (thesis A, Fig. 5.3); at the ends of each usable stretch time is reflected.
    `centre` and `scale` undo the first EEG's standardisation: log power = centre + scale · eeg[0], in the logarithm
    of squared units per Hz.
    """

    eeg: Float[np.ndarray, "2 frames 24"]
    emg: Float[np.ndarray, " frames"]
    usable: Bool[np.ndarray, " epochs"]
    rows: RowChoice
    centre: Float[np.ndarray, " 24"]
    scale: Float[np.ndarray, " 24"]

    def __len__(self) -> int:
        return len(self.usable)

    def frame_indices(self, epochs: Int[np.ndarray, " batch"]) -> Int[np.ndarray, "batch 160"]:
        """Which frame stands at each column of the images of these epochs."""
        start, stop = self._run_bounds(epochs)
        offsets = np.arange(WINDOW_FRAMES) - CONTEXT_EPOCHS * FRAMES_PER_EPOCH
        frames = epochs[:, None] * FRAMES_PER_EPOCH + offsets
        return reflect(frames, (start * FRAMES_PER_EPOCH)[:, None], (stop * FRAMES_PER_EPOCH)[:, None])

    def images(self, epochs: Int[np.ndarray, " batch"]) -> Float[Tensor, "batch 3 160 24"]:
        """Images of these epochs: first EEG, second EEG, EMG repeated over the rows."""
        frames = self.frame_indices(epochs)
        images = np.empty((len(epochs), 3, WINDOW_FRAMES, ROWS), dtype=np.float32)
        images[:, 0] = self.eeg[0][frames]
        images[:, 1] = self.eeg[1][frames]
        images[:, 2] = self.emg[frames][:, :, None]
        return torch.from_numpy(images)

    def mean_log_power(self) -> Float[np.ndarray, "epochs 24"]:
        """Log power of the first EEG, averaged over each epoch; NaN where it is unusable."""
        per_epoch = self.eeg[0].reshape(len(self), FRAMES_PER_EPOCH, ROWS).mean(axis=1)
        return np.where(self.usable[:, None], self.centre + self.scale * per_epoch, np.float32(np.nan))

    def standardised_by(self, weights: Float[np.ndarray, " epochs"]) -> TimeFrequency:
        """Standardise each row again with epochs counted by `weights`, which sum to 1 and are 0 where unusable."""
        per_frame = (np.repeat(weights, FRAMES_PER_EPOCH) / FRAMES_PER_EPOCH).astype(np.float32)
        used = np.repeat(self.usable, FRAMES_PER_EPOCH)
        first, mean, deviation = _weighted_rows(self.eeg[0], per_frame, used)
        both = np.broadcast_to(first, self.eeg.shape)
        if self.eeg.strides[0] != 0:
            both = np.stack([first, _weighted_rows(self.eeg[1], per_frame, used)[0]])
        emg, _, _ = _weighted_rows(self.emg[:, None], per_frame, used)
        centre, scale = self.centre + self.scale * mean, self.scale * deviation
        return replace(self, eeg=both, emg=emg[:, 0], centre=centre, scale=scale)

    def _run_bounds(self, epochs: Int[np.ndarray, " batch"]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        runs = np.array(stretches(self.usable), dtype=np.int64)
        which = np.searchsorted(runs[:, 0], epochs, side="right") - 1
        return runs[which, 0], runs[which, 1]


def reflect(indices: NDArray[np.int64], start: NDArray[np.int64], stop: NDArray[np.int64]) -> NDArray[np.int64]:
    """Fold indices into [start, stop) as mirrors at both ends would, the edge itself repeated."""
    length = stop - start
    folded = np.mod(indices - start, 2 * length)
    mirrored: NDArray[np.int64] = start + np.where(folded < length, folded, 2 * length - 1 - folded)
    return mirrored


def spectral_basis(bins: int) -> Float[Tensor, "256 columns"]:
    """Cosines, then sines, of the first `bins` frequencies above 0, under a Hamming window, as one matrix.

    A frame times this matrix is its Fourier transform at those frequencies, scaled so that squares add up to power
    per Hz; computing only the bins that are used beats a full FFT here. Each column sums to 0: a frame's mean, an
    amplifier's offset, would otherwise leak into the bin at 0.5 Hz, the only other one a Hamming window reaches.
    """
    time = torch.arange(FRAME, dtype=torch.float64)
    phase = 2 * torch.pi * torch.outer(time, torch.arange(1, bins + 1, dtype=torch.float64)) / FRAME
    window = torch.hamming_window(FRAME, periodic=True, dtype=torch.float64)
    basis = torch.cat([phase.cos(), phase.sin()], dim=1) * window[:, None]
    density = (2 / (RATE_HZ * window.square().sum())).sqrt()
    return (density * (basis - basis.mean(dim=0))).float()


def time_frequency(signals: EpochSignals, *, rows: RowChoice = RowChoice.NARROW) -> TimeFrequency:
    """Transform a montage's signals: power, bands, logarithm, standardisation per row (thesis A, 5.3.1)."""
    first, second = signals.eeg
    eeg, centre, scale = _standardised(first, signals, EEG_BINS, rows.power)
    both = np.broadcast_to(eeg, (2, *eeg.shape))
    if second is not first:
        both = np.stack([eeg, _standardised(second, signals, EEG_BINS, rows.power)[0]])
    emg, _, _ = _standardised(signals.emg, signals, EMG_BINS, lambda power: power.sum(dim=1, keepdim=True))
    return TimeFrequency(eeg=both, emg=emg[:, 0], usable=signals.usable, rows=rows, centre=centre, scale=scale)


def log_power(signal: EpochSignal, signals: EpochSignals, bins: int, fold: Fold) -> Float[np.ndarray, "frames rows"]:
    """Natural logarithm of the power that `fold` makes of half-hertz bins; NaN in unusable epochs."""
    basis = spectral_basis(bins)
    samples = torch.from_numpy(signal.samples)
    result: NDArray[np.float32] | None = None
    for start, stop in signals.runs:
        run = samples[start * EPOCH_SAMPLES : stop * EPOCH_SAMPLES]
        for first, power in _power_chunks(run, basis):
            logarithm = fold(power).clamp_min(torch.finfo(torch.float32).tiny).log().numpy()
            if result is None:
                result = np.full((len(signals.usable) * FRAMES_PER_EPOCH, logarithm.shape[1]), np.nan, np.float32)
            here = start * FRAMES_PER_EPOCH + first
            result[here : here + len(logarithm)] = logarithm
    assert result is not None  # load_signals gives at least one usable epoch
    return result


def _power_chunks(
    run: Float[Tensor, " samples"], basis: Float[Tensor, "256 columns"]
) -> Iterator[tuple[int, Float[Tensor, "frames bins"]]]:
    """Yield (first frame, power) without ever holding all bins of a day."""
    centred = run - run.mean()  # float32 keeps few digits of a small signal on a large offset
    reflected = torch.nn.functional.pad(centred[None, None], (PADDING, PADDING), mode="reflect")[0, 0]
    frames = reflected.unfold(0, FRAME, STEP)
    for first in range(0, len(frames), CHUNK_FRAMES):
        real, imaginary = (frames[first : first + CHUNK_FRAMES] @ basis).chunk(2, dim=1)
        yield first, real.square() + imaginary.square()


def _standardised(
    signal: EpochSignal, signals: EpochSignals, bins: int, fold: Fold
) -> tuple[Float[np.ndarray, "frames rows"], Float[np.ndarray, " rows"], Float[np.ndarray, " rows"]]:
    """Return standardised log power, and the mean and deviation per row that were taken out of it."""
    values = log_power(signal, signals, bins, fold)
    used = np.repeat(signals.usable, FRAMES_PER_EPOCH)
    rest = slice(None) if used.all() else used
    np.maximum(values, np.nanmedian(values[::8], axis=0) + np.float32(np.log(SILENCE)), out=values)
    mean = values[rest].mean(axis=0, dtype=np.float64).astype(np.float32)
    deviation = values[rest].std(axis=0, dtype=np.float64).astype(np.float32)
    # A row that never changes says nothing; dividing by its rounding error would make noise of it.
    deviation[deviation < 1e-6] = 1.0
    values -= mean
    values /= deviation
    if rest is used:
        values[~used] = 0.0
    return values, mean, deviation


def _weighted_rows(
    values: Float[np.ndarray, "frames rows"], weights: Float[np.ndarray, " frames"], used: Bool[np.ndarray, " frames"]
) -> tuple[Float[np.ndarray, "frames rows"], Float[np.ndarray, " rows"], Float[np.ndarray, " rows"]]:
    """Standardise by weighted mean and deviation, and return both."""
    mean = weights @ values
    deviation = np.sqrt(np.maximum(weights @ np.square(values) - np.square(mean), 0))
    deviation[deviation < 1e-6] = 1.0
    result = (values - mean) / deviation
    result[~used] = 0.0
    return result, mean, deviation
