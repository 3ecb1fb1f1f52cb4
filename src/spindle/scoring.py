"""The whole method on one page: signals, images, two networks, Markov decoding (thesis A, Fig. 5.1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from jaxtyping import Float

from spindle.baselines import BaselineModel, load_baseline, packaged_baseline
from spindle.baselines.base import codes_of
from spindle.classifier import probabilities
from spindle.decoding import Decoding, composition_weights
from spindle.errors import LabelError, SettingError
from spindle.hypnogram import Hypnogram
from spindle.markov import Transitions
from spindle.model_file import ArtifactEvidence, SpindleModel, load_model, starter_model
from spindle.montage import choose_montage
from spindle.options import MethodName, check_method
from spindle.outputs import SavedScores
from spindle.reading import read_recording
from spindle.recording import EPOCH_S, Montage, Recording
from spindle.scores import Overview, Scores
from spindle.signals import EpochSignals, load_signals
from spindle.spectrogram import RowChoice, TimeFrequency, time_frequency

ARTIFACT = 1
"""Place of "artifact" among the artifact network's two classes."""

SETTLED = 0.005
"""A round that changes fewer epochs than this share is the last; a whole day usually needs two."""

Progress = Callable[[str, float], None]
"""Called with what is being done and the share of it that is done, 0 to 1."""


@dataclass(frozen=True, kw_only=True)
class Method:
    """How SPINDLE scores: a trained model, how to decode it, and the probability above which there is an artifact."""

    model: SpindleModel
    decoding: Decoding
    artifact_threshold: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.artifact_threshold < 1:
            raise SettingError(f"The artifact threshold must lie between 0 and 1, not at {self.artifact_threshold:g}.")


AnyMethod = Method | BaselineModel
"""SPINDLE with its settings, or a rival method that was learned."""


def score(
    recording: Path | str | Recording,
    *,
    eeg: Sequence[str] = (),
    emg: str | None = None,
    by_position: bool = False,
    rate_hz: float | None = None,
    method: MethodName = "spindle",
    model: Path | str | SpindleModel | BaselineModel | None = None,
    transitions: Path | str | Transitions | None = None,
    artifact_threshold: float = 0.5,
    thesis: bool = False,
    progress: Progress = lambda what, share: None,
) -> Scores:
    """Score a recording of one animal with the starter model, or another.

    `eeg` and `emg` name channels; without them they are guessed from the labels, and `Scores.notes` says so.
    `by_position` takes channels 1 and 2 as EEG and 3 as EMG. `rate_hz` is for files that do not say their rate.
    `method` is SPINDLE or one of the three that the thesis compares it with; a `model` must be of the method.
    `transitions` replaces those the model learned; `thesis` decodes as thesis A, 5.3.3 does.
    Errors: RecordingError, ChannelError (among others: several animals in one file and none named), ModelError,
    SettingError.
    """
    opened = recording if isinstance(recording, Recording) else read_recording(Path(recording), rate_hz=rate_hz)
    montage = choose_montage(opened, eeg=eeg, emg=emg, by_position=by_position)
    loaded = load_method(model, transitions, artifact_threshold, thesis=thesis, method=method)
    return score_montage(montage, loaded, name=opened.name, start=opened.start, notes=opened.notes, progress=progress)


def load_method(
    model: Path | str | SpindleModel | BaselineModel | None = None,
    transitions: Path | str | Transitions | None = None,
    artifact_threshold: float = 0.5,
    *,
    thesis: bool = False,
    method: MethodName = "spindle",
) -> AnyMethod:
    """Load what is named by its file; without a model, the one of the package. Errors: ModelError, SettingError."""
    unusual = artifact_threshold != Method.artifact_threshold
    check_method(method, transitions=transitions is not None, thesis=thesis, artifact_threshold=unusual)
    if method != "spindle":
        return _load_baseline(method, model)
    if isinstance(model, BaselineModel):
        raise SettingError(f"The model is one of {model.method.name}; name that method too.")
    if thesis and transitions is not None:
        raise SettingError("The thesis' decoding has transitions of its own; leave either of them out.")
    if isinstance(transitions, Path | str):
        transitions = Transitions.from_file(Path(transitions))
    if isinstance(model, Path | str):
        model = load_model(Path(model))
    model = model or starter_model()
    decoding = Decoding.of_thesis() if thesis else Decoding(transitions=transitions or model.transitions)
    return Method(model=model, decoding=decoding, artifact_threshold=artifact_threshold)


def _load_baseline(method: MethodName, model: Path | str | SpindleModel | BaselineModel | None) -> BaselineModel:
    if model is None:
        return packaged_baseline(method)
    loaded = load_baseline(Path(model), method) if isinstance(model, Path | str) else model
    if not isinstance(loaded, BaselineModel) or loaded.method.name != method:
        raise SettingError(f"The model is not one of {method}.")
    return loaded


def score_montage(
    montage: Montage,
    method: AnyMethod,
    *,
    name: str,
    start: datetime | None = None,
    notes: Sequence[str] = (),
    progress: Progress = lambda what, share: None,
) -> Scores:
    """Score one animal. Memory is bounded by about 45 MB per channel and day, whatever the recorder's rate."""
    if isinstance(method, BaselineModel):
        return _score_by_baseline(montage, method, name=name, start=start, notes=notes, progress=progress)
    signals = load_signals(montage, advance=_share(progress, "Reading", montage, parts=len(montage.channels)))
    progress("Transforming", 0.0)
    images = time_frequency(signals, rows=method.model.rows)
    overview = overview_of(montage, signals, images)
    noted = (*notes, *montage.notes, *signals.notes)
    advance = _share(progress, "Finding artifacts", montage)
    artifacts = find_artifacts(method.model, signals, images, advance=advance)
    del signals
    advance = _share(progress, "Scoring", montage, parts=method.decoding.rounds)
    network, hypnogram, posteriors = score_stages(method, images, advance=advance)
    flags = np.nan_to_num(artifacts.probability, nan=0.0) > method.artifact_threshold
    return Scores(
        name=name,
        animal=montage.animal,
        hypnogram=hypnogram.with_artifact(flags),
        stage_probability=posteriors,
        network_probability=network,
        artifact_probability=artifacts.probability,
        artifact_threshold=method.artifact_threshold,
        density_nats=artifacts.density_nats,
        overview=overview,
        eeg_labels=(montage.eeg[0].label, montage.eeg[1].label),
        emg_label=montage.emg.label,
        model_name=_name_of(method.model),
        start=start,
        notes=noted,
    )


def find_artifacts(
    model: SpindleModel,
    signals: EpochSignals,
    images: TimeFrequency,
    *,
    advance: Callable[[int], None] = lambda epochs: None,
) -> ArtifactEvidence:
    """Ask the model's detector, which may read other rows than `images` has, or else the artifact network."""
    detector = model.detector
    if detector is None:
        return ArtifactEvidence(probability=probabilities(model.artifact, images, advance=advance)[:, ARTIFACT])
    if detector.rows is not images.rows:
        images = time_frequency(signals, rows=detector.rows)
    return detector.find(images, advance)


def _score_by_baseline(
    montage: Montage,
    model: BaselineModel,
    *,
    name: str,
    start: datetime | None,
    notes: Sequence[str],
    progress: Progress,
) -> Scores:
    """Score one animal by a rival method: no artifacts, and no chain of states after it."""
    signals = load_signals(montage, advance=_share(progress, "Reading", montage, parts=len(montage.channels)))
    progress("Transforming", 0.0)
    images = time_frequency(signals, rows=RowChoice.NARROW)
    progress("Scoring", 0.0)
    probability = model.method.score(signals)
    codes = codes_of(probability)
    return Scores(
        name=name,
        animal=montage.animal,
        hypnogram=Hypnogram(codes=codes, artifact=np.zeros(len(codes), dtype=bool)),
        stage_probability=probability,
        network_probability=np.full_like(probability, np.nan),
        artifact_probability=np.where(signals.usable, np.float32(0), np.float32(np.nan)),
        artifact_threshold=Method.artifact_threshold,
        overview=overview_of(montage, signals, images),
        eeg_labels=(montage.eeg[0].label, montage.eeg[1].label),
        emg_label=montage.emg.label,
        model_name=model.title,
        start=start,
        notes=(*notes, *montage.notes, *signals.notes, *model.limits),
    )


def score_stages(
    method: Method, images: TimeFrequency, *, advance: Callable[[int], None] = lambda epochs: None
) -> tuple[Float[np.ndarray, "epochs 3"], Hypnogram, Float[np.ndarray, "epochs 3"]]:
    """Return what the CNN says in the last round, the decoded states and their posteriors; see `Decoding`."""
    network = probabilities(method.model.stage, images, advance=advance)
    hypnogram, posteriors = method.decoding.decode(network, images.usable)
    for _ in range(method.decoding.rounds - 1):
        weights = composition_weights(posteriors, method.model.transitions.initial)
        network = probabilities(method.model.stage, images.standardised_by(weights), advance=advance)
        before = hypnogram
        hypnogram, posteriors = method.decoding.decode(network, images.usable)
        if (hypnogram.codes != before.codes).mean() < SETTLED:
            break
    return network, hypnogram, posteriors


def restore_scores(
    saved: SavedScores,
    montage: Montage,
    recording: Recording,
    *,
    source: str,
    progress: Progress = lambda what, share: None,
) -> Scores:
    """Join saved scores with the signals that they are of, for a report; `source` is the name of their file.

    What the file does not hold stays unknown: the probabilities before decoding are NaN. Errors: LabelError where the
    scores have another number of epochs; RecordingError or ChannelError where the signals cannot be used.
    """
    if len(saved.hypnogram) != montage.epochs:
        raise LabelError(f"{source} has {len(saved.hypnogram):,} epochs, {recording.name} has {montage.epochs:,}.")
    signals = load_signals(montage, advance=_share(progress, "Reading", montage, parts=len(montage.channels)))
    progress("Transforming", 0.0)
    images = time_frequency(signals, rows=RowChoice.NARROW)
    read_back = f"States, probabilities and artifacts were read from {source}."
    return Scores(
        name=recording.name,
        animal=montage.animal,
        hypnogram=saved.hypnogram,
        stage_probability=saved.stage_probability,
        network_probability=np.full_like(saved.stage_probability, np.nan),
        artifact_probability=saved.artifact_probability,
        artifact_threshold=_threshold_of(saved),
        density_nats=saved.density_nats,
        overview=overview_of(montage, signals, images),
        eeg_labels=(montage.eeg[0].label, montage.eeg[1].label),
        emg_label=montage.emg.label,
        model_name=f"a model that {source} does not name",
        start=recording.start,
        notes=(*recording.notes, *montage.notes, *signals.notes, read_back),
    )


def _name_of(model: SpindleModel) -> str:
    return model.card.name if model.detector is None else f"{model.card.name}, artifacts by {model.detector.name}"


def _threshold_of(saved: SavedScores) -> float:
    """The threshold that saved flags tell: the usual one if it explains them, else one between the two kinds."""
    usual = Method.artifact_threshold
    flagged = saved.artifact_probability[saved.hypnogram.artifact]
    others = saved.artifact_probability[~saved.hypnogram.artifact]
    low, high = np.nanmax(others, initial=0.0), np.nanmin(flagged, initial=1.0)
    return usual if low <= usual < high or low > high else float(low + high) / 2


def overview_of(montage: Montage, signals: EpochSignals, images: TimeFrequency) -> Overview:
    """Condense a recording to what a report draws."""
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
