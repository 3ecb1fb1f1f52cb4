"""The whole method on one page: signals, images, two networks, Markov decoding (thesis A, Fig. 5.1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np
from jaxtyping import Float

from spindle.classifier import probabilities
from spindle.errors import ChannelError, SettingError
from spindle.hypnogram import Hypnogram
from spindle.markov import Transitions, posterior, viterbi
from spindle.model_file import SpindleModel, load_model, starter_model
from spindle.montage import choose_montages
from spindle.reading import read_recording
from spindle.recording import EPOCH_S, Montage, Recording
from spindle.scores import Overview, Scores
from spindle.signals import EpochSignals, load_signals
from spindle.spectrogram import TimeFrequency, time_frequency

ARTIFACT = 1
"""Place of "artifact" among the artifact network's two classes."""

Progress = Callable[[str, float], None]
"""Called with what is being done and the share of it that is done, 0 to 1."""


@dataclass(frozen=True, kw_only=True)
class Method:
    """How to score: a trained model, the Markov chain, and the probability from which an epoch is an artifact."""

    model: SpindleModel
    transitions: Transitions = field(default_factory=Transitions)
    artifact_threshold: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.artifact_threshold < 1:
            raise SettingError(f"The artifact threshold must lie between 0 and 1, not at {self.artifact_threshold:g}.")


def score(
    recording: Path | str | Recording,
    *,
    eeg: Sequence[str] = (),
    emg: str | None = None,
    model: Path | str | SpindleModel | None = None,
    transitions: Transitions | None = None,
    artifact_threshold: float = 0.5,
) -> Scores:
    """Score a recording of one animal with the starter model, or another.

    `eeg` and `emg` name channels; without them they are guessed from the labels, and `Scores.notes` says so.
    Errors: RecordingError, ChannelError (among others: several animals in one file and none named), ModelError.
    """
    opened = recording if isinstance(recording, Recording) else read_recording(Path(recording))
    montages = choose_montages(opened, eeg=eeg, emg=emg)
    if len(montages) > 1:
        animals = ", ".join(montage.animal for montage in montages)
        raise ChannelError(f"{opened.name} holds several animals ({animals}); name the EEG and EMG of one of them.")
    chosen = model if isinstance(model, SpindleModel) else load_model(Path(model)) if model else starter_model()
    method = Method(model=chosen, transitions=transitions or Transitions(), artifact_threshold=artifact_threshold)
    return score_montage(montages[0], method, name=opened.name, start=opened.start, notes=opened.notes)


def score_montage(
    montage: Montage,
    method: Method,
    *,
    name: str,
    start: datetime | None = None,
    notes: Sequence[str] = (),
    progress: Progress = lambda what, share: None,
) -> Scores:
    """Score one animal. Memory is bounded by about 45 MB per channel and day, whatever the recorder's rate."""
    signals = load_signals(montage, advance=_share(progress, "Reading", montage, parts=len(montage.channels)))
    progress("Transforming", 0.0)
    images = time_frequency(signals, rows=method.model.rows)
    overview = _overview(montage, signals, images)
    noted = (*notes, *montage.notes, *signals.notes)
    del signals
    network = probabilities(method.model.stage, images, advance=_share(progress, "Scoring", montage))
    artifact = probabilities(method.model.artifact, images, advance=_share(progress, "Finding artifacts", montage))
    hypnogram, posteriors = decode(network, method.transitions, images.usable)
    artifact_probability = artifact[:, ARTIFACT]
    flags = np.nan_to_num(artifact_probability, nan=0.0) > method.artifact_threshold
    return Scores(
        name=name,
        animal=montage.animal,
        hypnogram=hypnogram.with_artifact(flags),
        stage_probability=posteriors,
        network_probability=network,
        artifact_probability=artifact_probability,
        artifact_threshold=method.artifact_threshold,
        overview=overview,
        eeg_labels=(montage.eeg[0].label, montage.eeg[1].label),
        emg_label=montage.emg.label,
        model_name=method.model.card.name,
        start=start,
        notes=noted,
    )


def decode(
    network: Float[np.ndarray, "epochs 3"], transitions: Transitions, usable: np.ndarray
) -> tuple[Hypnogram, Float[np.ndarray, "epochs 3"]]:
    """Decode the CNN's probabilities with the Markov chain: the best path, and each epoch's posterior."""
    likelihood = np.log(np.maximum(network, np.float32(1e-30)))
    codes = np.where(usable, viterbi(likelihood, transitions), -1).astype(np.int8)
    posteriors = np.where(usable[:, None], posterior(likelihood, transitions), np.nan).astype(np.float32)
    return Hypnogram(codes=codes, artifact=np.zeros(len(codes), dtype=bool)), posteriors


def _overview(montage: Montage, signals: EpochSignals, images: TimeFrequency) -> Overview:
    first = signals.eeg[0]
    usable = signals.usable
    blank = np.float32(np.nan)
    return Overview(
        eeg_min=np.where(usable, first.low, blank),
        eeg_max=np.where(usable, first.high, blank),
        emg_rms=np.where(usable, signals.emg.rms, blank),
        spectrogram=images.mean_log_power(),
        frequencies_hz=images.rows.frequencies_hz,
        eeg_unit=montage.eeg[0].unit,
        emg_unit=montage.emg.unit,
    )


def _share(progress: Progress, what: str, montage: Montage, *, parts: int = 1) -> Callable[[int], None]:
    """Turn counts of epochs into a share of the whole, for several channels that are read at once."""
    total = max(1.0, parts * montage.duration_s / EPOCH_S)
    done = 0

    def advance(epochs: int) -> None:
        nonlocal done
        done += epochs
        progress(what, min(1.0, done / total))

    return advance
