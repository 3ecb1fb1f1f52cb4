"""What scoring one animal gives: the record that every output, report and evaluation is written from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from jaxtyping import Bool, Float

from spindle.hypnogram import Hypnogram


@dataclass(frozen=True, kw_only=True)
class Overview:
    """What a report draws, one value per epoch, so that drawing never reads the recording again.

    NaN where an epoch is unscored. EEG and EMG in the channels' own units; `spectrogram` is the natural logarithm
    of power, averaged over each epoch, first EEG.
    """

    eeg_min: Float[np.ndarray, " epochs"]
    eeg_max: Float[np.ndarray, " epochs"]
    emg_rms: Float[np.ndarray, " epochs"]
    spectrogram: Float[np.ndarray, "epochs rows"]
    frequencies_hz: Float[np.ndarray, " rows"]
    eeg_unit: str
    emg_unit: str


@dataclass(frozen=True, kw_only=True)
class Scores:
    """The scoring of one animal.

    `stage_probability` holds forward-backward posteriors in the order of `STAGES`, `network_probability` what the
    CNN said before decoding, `artifact_probability` the artifact CNN's, or the detector's that took its place; all NaN
    where an epoch is unscored. `density_nats` is there where a density found the artifacts: the log density of each
    epoch's image in nats per number, lower is more unusual.
    `notes` are sentences on what was assumed, for the screen and the report.
    """

    name: str
    animal: str
    hypnogram: Hypnogram
    stage_probability: Float[np.ndarray, "epochs 3"]
    network_probability: Float[np.ndarray, "epochs 3"]
    artifact_probability: Float[np.ndarray, " epochs"]
    artifact_threshold: float
    overview: Overview
    eeg_labels: tuple[str, str]
    emg_label: str
    model_name: str
    start: datetime | None = None
    density_nats: Float[np.ndarray, " epochs"] | None = None
    notes: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """Recording name, and animal where the file holds several."""
        return f"{self.name}, animal {self.animal}" if self.animal else self.name

    def at_threshold(self, threshold: float) -> Bool[np.ndarray, " epochs"]:
        """Artifact flags at another threshold, without scoring again (thesis A, 5.4.6)."""
        return np.asarray(np.nan_to_num(self.artifact_probability, nan=0.0) > threshold)
