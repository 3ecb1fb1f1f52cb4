"""Recordings with the label files that belong to them, found, checked, and read one at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from spindle.errors import LabelError, RecordingError, SettingError, SpindleError
from spindle.hypnogram import Hypnogram
from spindle.labels import read_labels
from spindle.montage import choose_montage
from spindle.options import ChannelOptions
from spindle.reading import RECORDING_SUFFIXES, read_recording
from spindle.recording import Montage, Recording
from spindle.signals import EpochSignals, load_signals
from spindle.spectrogram import RowChoice, time_frequency
from spindle.training_set import LabelledRecording

_Read = TypeVar("_Read")

LABEL_ENDINGS = ("_labels.csv", "_labels.tsv", "_labels.txt", "_labels.edf", "_events.tsv", ".csv", ".tsv", ".txt")
"""A recording's labels bear its name with one of these in place of its suffix."""


@dataclass(frozen=True, kw_only=True)
class LabelledFile:
    """A recording and the file with its labels."""

    recording: Path
    labels: Path


def find_labelled(recordings: Iterable[Path], labels: Sequence[Path] = ()) -> list[LabelledFile]:
    """Pair recordings with `labels` in the same order, or with the label files beside them.

    A folder stands for every recording in it that has labels. Errors: LabelError where labels are missing, or where
    several files beside a recording may hold them; SettingError where the numbers of files differ.
    """
    paths = list(recordings)
    if labels:
        if len(labels) != len(paths):
            raise SettingError(f"{len(paths)} recordings and {len(labels)} label files were named; each needs its own.")
        return [LabelledFile(recording=path, labels=own) for path, own in zip(paths, labels, strict=True)]
    found: list[LabelledFile] = []
    for path in paths:
        found += _in_folder(path) if path.is_dir() else [_with_labels(path)]
    return found


def check_labelled(file: LabelledFile, channels: ChannelOptions) -> str:
    """Read a recording's header and its labels, and say in a sentence what there is.

    Errors: RecordingError, ChannelError, or LabelError where labels and recording differ in length.
    """
    opened, montage = open_labelled(file, channels)
    experts = read_labels(file.labels, epochs=montage.epochs, recording=opened.name)
    count = "one expert" if len(experts) == 1 else f"{len(experts)} experts"
    return f"{file.recording.name}: {montage.epochs:,} epochs, labelled by {count} in {file.labels.name}."


def read_labelled(file: LabelledFile, channels: ChannelOptions, rows: RowChoice) -> LabelledRecording:
    """Read signals and labels, and transform. Errors: those of `read_signals`."""
    name, signals, hypnograms = _read(file, channels)
    return LabelledRecording(name=name, time_frequency=time_frequency(signals, rows=rows), hypnograms=hypnograms)


def read_signals(file: LabelledFile, channels: ChannelOptions) -> tuple[EpochSignals, tuple[Hypnogram, ...]]:
    """Read signals and labels. Errors: those of `check_labelled`, and of reading the signals."""
    _, signals, hypnograms = _read(file, channels)
    return signals, hypnograms


def read_all_labelled(
    files: Sequence[LabelledFile],
    channels: ChannelOptions,
    rows: RowChoice,
    *,
    progress: Callable[[str, float], None] = lambda what, share: None,
) -> Iterator[LabelledRecording]:
    """Read one after the other. Errors: those of `read_labelled`, with the recording's name."""
    return _one_by_one(files, lambda file: read_labelled(file, channels, rows), progress)


def read_all_signals(
    files: Sequence[LabelledFile],
    channels: ChannelOptions,
    *,
    progress: Callable[[str, float], None] = lambda what, share: None,
) -> Iterator[tuple[EpochSignals, tuple[Hypnogram, ...]]]:
    """Read one after the other. Errors: those of `read_signals`, with the recording's name."""
    return _one_by_one(files, lambda file: read_signals(file, channels), progress)


def _one_by_one(
    files: Sequence[LabelledFile], read: Callable[[LabelledFile], _Read], progress: Callable[[str, float], None]
) -> Iterator[_Read]:
    for place, file in enumerate(files):
        progress("Reading recordings", place / len(files))
        try:
            yield read(file)
        except SpindleError as error:
            name = file.recording.name
            raise error if name in str(error) else type(error)(f"{name}: {error}") from error


def _read(file: LabelledFile, channels: ChannelOptions) -> tuple[str, EpochSignals, tuple[Hypnogram, ...]]:
    opened, montage = open_labelled(file, channels)
    signals = load_signals(montage)
    return opened.name, signals, read_labels(file.labels, epochs=len(signals.usable), recording=opened.name)


def open_labelled(file: LabelledFile, channels: ChannelOptions) -> tuple[Recording, Montage]:
    """Open a recording and choose its channels. Errors: RecordingError, ChannelError."""
    named: dict[str, Any] = asdict(channels)
    opened = read_recording(file.recording, rate_hz=named.pop("rate_hz"))
    return opened, choose_montage(opened, **named)


def _in_folder(folder: Path) -> list[LabelledFile]:
    paths = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in RECORDING_SUFFIXES]
    found = [LabelledFile(recording=path, labels=_only(path, labels)) for path in paths if (labels := _beside(path))]
    if not found:
        raise LabelError(f"{folder} holds no recording with labels beside it, such as mouse.edf with mouse_labels.csv.")
    return found


def _with_labels(path: Path) -> LabelledFile:
    if not path.exists():
        raise RecordingError(f"There is no file {path}.")
    labels = _beside(path)
    if not labels:
        raise LabelError(f"{path.name} has no labels beside it, such as {path.stem}_labels.csv; name them by --labels.")
    return LabelledFile(recording=path, labels=_only(path, labels))


def _beside(path: Path) -> list[Path]:
    stems = [path.stem, path.stem.removesuffix("_eeg")]  # BIDS: sub-01_eeg.edf and sub-01_events.tsv
    candidates = [path.with_name(f"{stem}{ending}") for stem in dict.fromkeys(stems) for ending in LABEL_ENDINGS]
    return [one for one in candidates if one != path and one.is_file() and not _is_own_result(one)]


def _is_own_result(path: Path) -> bool:
    """Whether `spindle score` wrote these events: a model must not learn from itself unasked."""
    stem = path.name.removesuffix("_events.tsv")
    return stem != path.name and path.with_name(f"{stem}_scores.csv").exists()


def _only(recording: Path, labels: list[Path]) -> Path:
    if len(labels) > 1:
        names = " and ".join(path.name for path in labels)
        raise LabelError(f"{recording.name} has several label files beside it, {names}; choose with --labels.")
    return labels[0]
