"""The mean EEG power spectrum of each state (thesis A, 5.4.5, Fig. 5.6, 5.7 and 5.13).

Each epoch of 4 s at 128 Hz is cut into three frames of 2 s that overlap by half; each frame has its mean removed and is
weighted by a Hamming window. An epoch's spectrum is the mean over its frames (Welch's method), a state's the mean over
its epochs. Bins are 0.5 Hz wide and named by their middle.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy.typing import NDArray

from spindle.errors import LabelError, SettingError
from spindle.hypnogram import STAGES, Hypnogram, Stage
from spindle.recording import EPOCH_S, Channel, Montage
from spindle.signals import CHUNK_EPOCHS, EPOCH_SAMPLES, RATE_HZ, Advance, EpochSignal, load_signals
from spindle.spectrogram import FRAME, spectral_basis

if TYPE_CHECKING:
    import pandas as pd

BIN_HZ = RATE_HZ / FRAME
"""Width of a frequency bin, 0.5 Hz."""
HOP = FRAME // 2
NYQUIST_HZ = RATE_HZ / 2
TIDY_COLUMNS = ("animal", "channel", "state", "frequency_hz", "form", "value")


@dataclass(frozen=True, kw_only=True)
class Band:
    """A range of frequencies: the bins whose middle is `low_hz` or more and less than `high_hz`, so bands can touch."""

    name: str
    low_hz: float
    high_hz: float


BANDS = (
    Band(name="delta", low_hz=0.5, high_hz=4.0),
    Band(name="theta", low_hz=6.0, high_hz=9.0),
    Band(name="sigma", low_hz=10.0, high_hz=15.0),
    Band(name="beta", low_hz=15.0, high_hz=25.0),
)
"""The classical bands of the thesis (5.1 and Fig. 5.6); its beta ends at 30 Hz, beyond the spectra of Fig. 5.13."""


@dataclass(frozen=True, kw_only=True)
class SpectrumSettings:
    """Which frequencies, and which bands of them. The Nyquist frequency itself, 64 Hz, cannot be had."""

    lowest_hz: float = 0.5
    highest_hz: float = 25.0
    bands: tuple[Band, ...] = BANDS

    def __post_init__(self) -> None:
        if not BIN_HZ <= self.lowest_hz <= self.highest_hz < NYQUIST_HZ:
            raise SettingError(
                f"A spectrum lies between {BIN_HZ:g} Hz and less than {NYQUIST_HZ:g} Hz, "
                f"not at {self.lowest_hz:g} to {self.highest_hz:g} Hz."
            )
        for band in self.bands:
            if not self.bins_of(band).any():
                raise SettingError(
                    f"The band '{band.name}', {band.low_hz:g} to {band.high_hz:g} Hz, holds none of the bins at "
                    f"{self.lowest_hz:g} to {self.highest_hz:g} Hz."
                )

    @property
    def frequencies_hz(self) -> Float[np.ndarray, " bins"]:
        """Middle of each bin."""
        first, last = np.ceil(self.lowest_hz / BIN_HZ - 1e-9), np.floor(self.highest_hz / BIN_HZ + 1e-9)
        return np.arange(first, last + 1) * BIN_HZ

    def bins_of(self, band: Band) -> Bool[np.ndarray, " bins"]:
        """Which bins belong to a band."""
        return (self.frequencies_hz >= band.low_hz) & (self.frequencies_hz < band.high_hz)


@dataclass(frozen=True, kw_only=True)
class StateSpectra:
    """The spectra of one EEG channel.

    `power[s]` is the mean over the kept epochs of STAGES[s], in squared units per Hz, NaN where there are none;
    `epochs[s]` says how many there are. `band_power[b, e]` is the power of band b in epoch e, in squared units, NaN
    where the epoch has no usable signal; it does not know about states or artifacts, `kept` does.
    """

    channel: str
    unit: str
    settings: SpectrumSettings
    power: Float[np.ndarray, "3 bins"]
    epochs: tuple[int, ...]
    band_power: Float[np.ndarray, "bands epochs"]
    kept: Bool[np.ndarray, " epochs"]

    @property
    def total(self) -> Float[np.ndarray, " 3"]:
        """Power of each state over all bins, in squared units."""
        return np.asarray(self.power.sum(axis=1) * BIN_HZ)

    def relative(self) -> Float[np.ndarray, "3 bins"]:
        """Share of each bin in the total power of its state; rows sum to 1."""
        return np.asarray(self.power * BIN_HZ / self.total[:, None])

    def relative_to_states(self) -> Float[np.ndarray, "3 bins"]:
        """Power over the mean of the states' totals, per Hz: free of the amplifier, but not of what tells states apart.

        Every state that the recording has counts once, however long it lasted.
        """
        present = self.total[np.isfinite(self.total)]
        return np.asarray(self.power / (present.mean() if present.size else np.nan))

    def decibels(self) -> Float[np.ndarray, "3 bins"]:
        """10·log₁₀ of the power in squared units per Hz."""
        with np.errstate(divide="ignore"):
            return np.asarray(10 * np.log10(self.power))

    def relative_decibels(self) -> Float[np.ndarray, "3 bins"]:
        """Decibels above their mean over the bins: the logarithm first, then the normalisation (Fig. 5.7, top)."""
        decibels = self.decibels()
        return np.asarray(decibels - decibels.mean(axis=1, keepdims=True))

    def state_bands(self) -> Float[np.ndarray, "3 bands"]:
        """Power of each state in each band, in squared units."""
        parts = [self.power[:, self.settings.bins_of(band)].sum(axis=1) * BIN_HZ for band in self.settings.bands]
        return np.stack(parts, axis=1) if parts else np.zeros((len(STAGES), 0))

    def tidy(self, animal: str) -> pd.DataFrame:
        """Return one value per row: animal, channel, state, frequency_hz, form, value.

        Forms are `power`, `relative`, `relative_to_states`, `db` and `relative_db`.
        """
        import pandas as pd

        forms = {
            "power": self.power,
            "relative": self.relative(),
            "relative_to_states": self.relative_to_states(),
            "db": self.decibels(),
            "relative_db": self.relative_decibels(),
        }
        rows = [
            (animal, self.channel, stage.value, frequency, form, value)
            for form, values in forms.items()
            for stage in STAGES
            for frequency, value in zip(self.settings.frequencies_hz.tolist(), values[stage.code].tolist(), strict=True)
        ]
        return pd.DataFrame(rows, columns=list(TIDY_COLUMNS))

    def tidy_bands(self, animal: str) -> pd.DataFrame:
        """Return the bands of each state: animal, channel, state, band, power, and its share of the state's total."""
        import pandas as pd

        power, total = self.state_bands(), self.total
        rows = [
            (animal, self.channel, stage.value, band.name, power[stage.code, place], power[stage.code, place] / whole)
            for stage, whole in zip(STAGES, total, strict=True)
            for place, band in enumerate(self.settings.bands)
        ]
        return pd.DataFrame(rows, columns=["animal", "channel", "state", "band", "power", "relative"])


def clean_epochs(
    hypnogram: Hypnogram,
    *,
    artifact_probability: Float[np.ndarray, " epochs"] | None = None,
    stage_probability: Float[np.ndarray, "epochs 3"] | None = None,
    clean_above: float | None = None,
    state_above: float = 0.0,
) -> Bool[np.ndarray, " epochs"]:
    """Choose the epochs that spectra are made of: scored, no artifact, and with a state that is probable enough.

    Without `clean_above` the hypnogram's flags say what an artifact is. With it, epochs stay whose probability of being
    clean is above it (thesis A, Fig. 5.12: 0.5 and 0.7). `stage_probability` may be what the network says or what
    decoding does. Errors: SettingError where a probability is needed that is not given.
    """
    if clean_above is None:
        keep = hypnogram.scored & ~hypnogram.artifact
    elif artifact_probability is None:
        raise SettingError("A limit on the probability of being clean needs scores with probabilities of artifacts.")
    else:
        keep = hypnogram.scored & (1 - np.nan_to_num(artifact_probability, nan=1.0) > clean_above)
    if state_above > 0:
        if stage_probability is None:
            raise SettingError("A limit on the probability of the state needs scores with probabilities of states.")
        places = np.maximum(hypnogram.codes, 0).astype(np.int64)[:, None]
        chosen = np.take_along_axis(stage_probability, places, axis=1)[:, 0]
        keep = keep & (np.nan_to_num(chosen, nan=0.0) > state_above)
    return np.asarray(keep)


def state_spectra(
    montage: Montage,
    hypnogram: Hypnogram,
    *,
    keep: Bool[np.ndarray, " epochs"] | None = None,
    settings: SpectrumSettings | None = None,
    advance: Advance = lambda epochs: None,
) -> tuple[StateSpectra, ...]:
    """Return the spectra of each distinct EEG of a montage; `keep` are the epochs to use, by default `clean_epochs`.

    Memory is that of `load_signals`, about 45 MB per channel and day. Errors: LabelError where the hypnogram has
    another length or epochs of another length than 4 s; those of `load_signals`.
    """
    if hypnogram.epoch_s != EPOCH_S:
        raise LabelError(f"Spectra need epochs of {EPOCH_S:g} s; these scores have epochs of {hypnogram.epoch_s:g} s.")
    if len(hypnogram) != montage.epochs:
        raise LabelError(f"The scores have {len(hypnogram):,} epochs, the recording has {montage.epochs:,}.")
    signals = load_signals(montage, advance=advance)
    chosen = clean_epochs(hypnogram) if keep is None else keep
    distinct = signals.eeg[:1] if signals.eeg[0] is signals.eeg[1] else signals.eeg
    return tuple(
        signal_spectra(signal, channel, hypnogram, keep=chosen, settings=settings)
        for signal, channel in zip(distinct, montage.eeg, strict=False)
    )


def epoch_power(
    signal: EpochSignal, settings: SpectrumSettings
) -> Iterator[tuple[slice, Float[np.ndarray, "epochs bins"]]]:
    """Yield the spectrum of each epoch, some epochs at a time; NaN where an epoch is unusable."""
    frequencies_hz = settings.frequencies_hz
    bins = round(frequencies_hz[-1] / BIN_HZ)
    first = round(frequencies_hz[0] / BIN_HZ) - 1
    basis = spectral_basis(bins)
    samples = torch.from_numpy(signal.samples).view(-1, EPOCH_SAMPLES)
    for start in range(0, len(samples), CHUNK_EPOCHS):
        piece = samples[start : start + CHUNK_EPOCHS]
        # Less its mean, because float32 keeps few digits of a small signal on a large offset.
        frames = (piece - piece.mean(dim=1, keepdim=True)).unfold(1, FRAME, HOP)
        real, imaginary = (frames @ basis).chunk(2, dim=2)
        power = (real.square() + imaginary.square()).mean(dim=1)
        yield slice(start, start + len(piece)), power[:, first:].double().numpy()


def signal_spectra(
    signal: EpochSignal,
    channel: Channel,
    hypnogram: Hypnogram,
    *,
    keep: Bool[np.ndarray, " epochs"],
    settings: SpectrumSettings | None = None,
) -> StateSpectra:
    """Return the spectra of one EEG whose signal is in memory already; of the epochs `keep` those that are usable."""
    settings = settings or SpectrumSettings()
    kept = keep & hypnogram.scored & signal.usable
    total = np.zeros((len(STAGES), len(settings.frequencies_hz)))
    bands = np.full((len(settings.bands), len(hypnogram)), np.nan)
    chosen = [settings.bins_of(band) for band in settings.bands]
    for here, power in epoch_power(signal, settings):
        for stage in STAGES:
            total[stage.code] += power[_of_state(hypnogram, kept, stage)[here]].sum(axis=0)
        for place, bins in enumerate(chosen):
            bands[place, here] = power[:, bins].sum(axis=1) * BIN_HZ
    counts = np.array([int(_of_state(hypnogram, kept, stage).sum()) for stage in STAGES])
    known: NDArray[np.float64] = np.where(counts[:, None] > 0, total / np.maximum(counts, 1)[:, None], np.nan)
    return StateSpectra(
        channel=channel.label,
        unit=channel.unit,
        settings=settings,
        power=known,
        epochs=tuple(counts.tolist()),
        band_power=bands,
        kept=kept,
    )


def _of_state(hypnogram: Hypnogram, kept: Bool[np.ndarray, " epochs"], stage: Stage) -> Bool[np.ndarray, " epochs"]:
    return np.asarray(kept & (hypnogram.codes == stage.code))
