"""What labelling more animals brings: models that learned from few and from more of them, on the others.

One order of the animals is drawn. Each repeat begins elsewhere in it: the first animals train, one, then two and so on,
so that each larger set contains the smaller ones; the last ones are held out from all of the repeat's trainings. So
every comparison of two sizes is on the same animals.
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from latentia.files import atomic_path
from latentia.folders import make_folder
from spindle.agreement import evaluate
from spindle.errors import OutputError, SettingError
from spindle.hypnogram import STAGES
from spindle.labelled_files import LabelledFile, open_labelled, read_all_labelled
from spindle.labels import read_labels
from spindle.model_file import SpindleModel, starter_model
from spindle.options import ChannelOptions
from spindle.scoring import Progress, load_method, score_montage
from spindle.training import DATA, TrainingConfig, TrainingProgress, train

STATE = "curve.json"
WORTHWHILE = 0.005
"""A gain in mean F1 below this is less than what two trainings on the same labels may differ by."""


@dataclass(frozen=True, kw_only=True)
class Split:
    """One repeat: places of the recordings that train, in order, and of those held out."""

    repeat: int
    training: tuple[int, ...]
    held_out: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Measure:
    """Agreement with the experts on one held-out recording; `animals` is 0 for the model without training.

    Accuracy and F1 count epochs as `spindle.agreement.Agreement` does; NaN where there is nothing to count.
    """

    repeat: int
    animals: int
    trained_on: str
    held_out: str
    accuracy: float
    f1_wake: float
    f1_nrem: float
    f1_rem: float
    artifact_agreement: float

    @property
    def mean_f1(self) -> float:
        """Mean over the states that occur: a rare one counts like the others."""
        known = [one for one in (self.f1_wake, self.f1_nrem, self.f1_rem) if not math.isnan(one)]
        return statistics.fmean(known) if known else math.nan


@dataclass(frozen=True, kw_only=True)
class LearningCurve:
    """Every measure, and the name of the model that the curve begins with."""

    start: str
    measures: tuple[Measure, ...]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Numbers of animals, with 0 for the model without training."""
        return tuple(sorted({measure.animals for measure in self.measures}))

    def by_repeat(self, figure: str, animals: int) -> list[float]:
        """Mean of a figure over the held-out animals, for each repeat; NaN where none has it."""
        repeats = sorted({measure.repeat for measure in self.measures})
        return [
            _mean([getattr(m, figure) for m in self.measures if (m.repeat, m.animals) == (repeat, animals)])
            for repeat in repeats
        ]

    def mean(self, figure: str, animals: int) -> float:
        """Mean over repeats of a figure."""
        return _mean(self.by_repeat(figure, animals))

    @property
    def in_words(self) -> str:
        """What was found, and what labelling more would bring."""
        *_, before, last = self.sizes
        gains = [b - a for a, b in zip(*(self.by_repeat("mean_f1", n) for n in (before, last)), strict=True)]
        gain, better = _mean(gains), sum(one > 0 for one in gains)
        scale = _sequence([f"{100 * self.mean('mean_f1', n):.1f} % {_after(n, self.start)}" for n in self.sizes])
        found = f"On animals that were held out, the mean F1 of the three states was {scale}."
        step = f"From {_short(before)} to {_animals(last)} it changed by {100 * gain:+.1f} points"
        each = f"and rose in {better} of {len(gains)} repeats"
        if gain >= WORTHWHILE and better == len(gains):
            advice = "so labels of further animals are likely to bring more"
        elif gain >= WORTHWHILE:
            advice = "so labels of further animals may bring more"
        else:
            advice = "so labels of further animals like these promise little"
        return f"{found} {step} {each}, {advice}."


def draw_splits(recordings: int, sizes: Sequence[int], repeats: int, seed: int) -> tuple[Split, ...]:
    """Choose who trains and who is held out. Errors: SettingError where there are too few recordings for that."""
    if not sizes or min(sizes) < 1 or len(set(sizes)) != len(sizes):
        raise SettingError("Numbers of animals are 1 or more, and each counts once.")
    if recordings <= max(sizes):
        raise SettingError(
            f"Training on {_animals(max(sizes))} and testing on others takes {max(sizes) + 1} labelled recordings or "
            f"more; there are {recordings}."
        )
    if not 1 <= repeats <= recordings:
        raise SettingError(f"With {recordings} recordings there can be 1 to {recordings} repeats, not {repeats}.")
    order = np.random.default_rng(seed).permutation(recordings)
    splits = []
    for repeat in range(repeats):
        turned = np.roll(order, -repeat * (recordings // repeats)).tolist()
        most = max(sizes)
        splits.append(Split(repeat=repeat + 1, training=tuple(turned[:most]), held_out=tuple(sorted(turned[most:]))))
    return tuple(splits)


@dataclass(frozen=True, kw_only=True)
class CurveSettings:
    """How a curve is measured: numbers of animals, repeats, and the model that trainings start from, if any."""

    sizes: tuple[int, ...] = (1, 2, 4)
    repeats: int = 3
    base: SpindleModel | None = None
    config: TrainingConfig


def measure_curve(
    files: Sequence[LabelledFile],
    channels: ChannelOptions,
    settings: CurveSettings,
    folder: Path,
    *,
    progress: Progress = lambda what, share: None,
    on_progress: Callable[[str, TrainingProgress], None] = lambda what, state: None,
    on_measures: Callable[[tuple[Measure, ...]], None] = lambda measures: None,
) -> LearningCurve:
    """Train and measure, in `folder`; what an interrupted call has measured and trained there is not done again.

    Each recording is taken for another animal. The curve begins with the model that trainings start from as it is, or
    with the starter model where they start from nothing. `on_progress` follows each
    training, `on_measures` is told of each held-out recording. Errors: SettingError for too few recordings or for a
    folder that holds another curve; those of reading and of `spindle.training.train`.
    """
    splits = draw_splits(len(files), settings.sizes, settings.repeats, settings.config.seed)
    untrained = settings.base or starter_model()
    make_folder(folder)
    measured = _Measured(folder, _description(files, channels, settings, untrained))
    for split in splits:
        left = [place for place in split.held_out if not measured.has(split.repeat, files[place])]
        if not left:
            continue
        models = {0: untrained}
        for size in sorted(settings.sizes):
            chosen = [files[place] for place in split.training[:size]]
            run = folder / f"repeat-{split.repeat}" / f"animals-{size}"
            what = f"Repeat {split.repeat} of {settings.repeats}, {_animals(size)}"
            models[size] = _train(chosen, channels, settings, run, partial(on_progress, what))
        for done, place in enumerate(left):
            progress(f"Repeat {split.repeat} of {settings.repeats}, held-out recordings", done / len(left))
            found = tuple(
                _measure(split.repeat, [files[one] for one in split.training[:size]], files[place], channels, model)
                for size, model in models.items()
            )
            measured.add(found)
            on_measures(found)
    return LearningCurve(start=untrained.card.name, measures=measured.all)


def _train(
    files: Sequence[LabelledFile],
    channels: ChannelOptions,
    settings: CurveSettings,
    run: Path,
    on_progress: Callable[[TrainingProgress], None],
) -> SpindleModel:
    config = replace(settings.config, name=f"{settings.config.name}, {_animals(len(files))}")
    recordings = read_all_labelled(files, channels, config.rows)
    run.parent.mkdir(parents=True, exist_ok=True)
    model = train(recordings, config, run, resume=True, base=settings.base, on_progress=on_progress)
    # The recordings in small form; the same ones come again in the next training.
    shutil.rmtree(run / DATA, ignore_errors=True)
    return model


def _measure(
    repeat: int,
    trained_on: Sequence[LabelledFile],
    file: LabelledFile,
    channels: ChannelOptions,
    model: SpindleModel,
) -> Measure:
    opened, montage = open_labelled(file, channels)
    experts = read_labels(file.labels, epochs=montage.epochs, recording=opened.name)
    found = evaluate(score_montage(montage, load_method(model), name=opened.name).hypnogram, experts).main
    f1 = {f"f1_{stage}": found.states.state(stage).f1 for stage in STAGES}
    return Measure(
        repeat=repeat,
        animals=len(trained_on),
        trained_on=" ".join(one.recording.name for one in trained_on),
        held_out=str(file.recording),
        accuracy=found.states.accuracy,
        artifact_agreement=found.artifacts.agreement,
        **f1,
    )


class _Measured:
    """What was measured so far, kept in a file so that an interruption costs one recording."""

    def __init__(self, folder: Path, description: dict[str, Any]) -> None:
        self._path = folder / STATE
        self._description = description
        self._measures: list[Measure] = []
        if not self._path.exists():
            self._write()
            return
        try:
            state = json.loads(self._path.read_text(encoding="utf-8"))
            same = state["settings"] == description
            self._measures = [_from_json(values) for values in state["measures"]]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise SettingError(f"{self._path} cannot be read back; name another folder.") from error
        if not same:
            raise SettingError(f"{folder} holds a learning curve with other settings; name another folder.")

    @property
    def all(self) -> tuple[Measure, ...]:
        return tuple(sorted(self._measures, key=lambda one: (one.repeat, one.animals, one.held_out)))

    def has(self, repeat: int, file: LabelledFile) -> bool:
        return any((one.repeat, one.held_out) == (repeat, str(file.recording)) for one in self._measures)

    def add(self, measures: Sequence[Measure]) -> None:
        self._measures += measures
        self._write()

    def _write(self) -> None:
        measures = [_to_json(measure) for measure in self._measures]
        try:
            with atomic_path(self._path) as temporary:
                content = json.dumps({"settings": self._description, "measures": measures}, indent=2)
                temporary.write_text(content + "\n", encoding="utf-8")
        except OSError as error:
            raise OutputError(f"{self._path} cannot be written: {error.strerror or error}.") from error


def _description(
    files: Sequence[LabelledFile], channels: ChannelOptions, settings: CurveSettings, untrained: SpindleModel
) -> dict[str, Any]:
    """All that decides a curve, in a form that JSON gives back unchanged."""
    values = {
        "recordings": [str(file.recording) for file in files],
        "labels": [hashlib.sha256(file.labels.read_bytes()).hexdigest() for file in files],
        "channels": asdict(channels),
        "sizes": settings.sizes,
        "repeats": settings.repeats,
        "untrained": asdict(untrained.card),
        "from": None if settings.base is None else asdict(settings.base.card),
        "config": asdict(settings.config),
    }
    return dict(json.loads(json.dumps(values)))


def _to_json(measure: Measure) -> dict[str, Any]:
    values = asdict(measure).items()
    return {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in values}


def _from_json(values: dict[str, Any]) -> Measure:
    known: dict[str, Any] = {f.name: math.nan if values[f.name] is None else values[f.name] for f in fields(Measure)}
    return Measure(**known)


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return statistics.fmean(known) if known else math.nan


def _animals(count: int) -> str:
    return "one animal" if count == 1 else f"{count} animals"


def _short(count: int) -> str:
    return "none" if count == 0 else "one" if count == 1 else str(count)


def _after(count: int, start: str) -> str:
    return f"with {start} as it is" if count == 0 else f"after training on {_animals(count)}"


def _sequence(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
