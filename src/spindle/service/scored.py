"""A scoring as the service keeps it: one file that is never changed, and what people changed, applied to a copy.

The file is an `.npz` without objects: every array by itself, so that a page that draws states does not read spectra,
and one record of words as JSON. `shades` and `shade_limits` are made from the spectrogram when the file is written,
because a page draws them at each move.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from jaxtyping import Bool, Float, Int, Int8, UInt8

from latentia.files import atomic_path
from spindle.drawing import decibels, robust_limits, shades
from spindle.errors import OutputError
from spindle.hypnogram import Hypnogram, Stage
from spindle.scores import Overview, Scores
from spindle.summary import counted, summarise

UNTOUCHED, CLEARED, SET = -1, 0, 1
"""What people said of an epoch's artifact flag: nothing, that there is none, that there is one."""

_FORMAT = 1
_SCORES = ("stage_probability", "network_probability", "artifact_probability", "density_nats")
_WORDS = ("name", "animal", "artifact_threshold", "emg_label", "model_name")


@dataclass(frozen=True, kw_only=True)
class Change:
    """A correction of epochs `first` to `last`, counted from 0, both included.

    `stage` is the new state, or None to leave it; `artifact` sets or clears the flag, or None leaves it.
    """

    first: int
    last: int
    stage: Stage | None = None
    artifact: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Corrected:
    """States after corrections, and for each epoch what people said of its flag; that holds at any threshold."""

    codes: Int8[np.ndarray, " epochs"]
    marks: Int8[np.ndarray, " epochs"]

    def artifact(self, probability: Float[np.ndarray, " epochs"], threshold: float) -> Bool[np.ndarray, " epochs"]:
        """Artifact flags at a threshold."""
        return np.asarray(np.where(self.marks == UNTOUCHED, _above(probability, threshold), self.marks == SET))

    def changed(
        self,
        codes: Int[np.ndarray, " epochs"],
        probability: Float[np.ndarray, " epochs"],
        threshold: float,
    ) -> Bool[np.ndarray, " epochs"]:
        """Which epochs are not as the scoring would have them at this threshold."""
        flags = self.artifact(probability, threshold) != _above(probability, threshold)
        return np.asarray((self.codes != codes) | flags)


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """What a page draws of a scoring, without what only reports need; `shades` are places in a palette of 256."""

    codes: Int8[np.ndarray, " epochs"]
    stage_probability: Float[np.ndarray, "epochs 3"]
    artifact_probability: Float[np.ndarray, " epochs"]
    shades: UInt8[np.ndarray, "epochs rows"]
    words: dict[str, Any]


def save_scores(scores: Scores, path: Path) -> None:
    """Write a scoring to an `.npz`, whole or not at all. Errors: OutputError where it cannot be written."""
    view = scores.overview
    limits = robust_limits(decibels(view.spectrogram))
    arrays: dict[str, Any] = {
        "codes": scores.hypnogram.codes,
        "artifact": scores.hypnogram.artifact,
        "shades": np.ascontiguousarray(shades(decibels(view.spectrogram), limits).T),
        **{name: getattr(scores, name) for name in _SCORES if getattr(scores, name) is not None},
        **{f"overview_{name}": getattr(view, name) for name in _overview_arrays()},
    }
    words = {
        "format": _FORMAT,
        "epoch_s": scores.hypnogram.epoch_s,
        "start": None if scores.start is None else scores.start.isoformat(),
        "eeg_labels": list(scores.eeg_labels),
        "notes": list(scores.notes),
        "eeg_unit": view.eeg_unit,
        "emg_unit": view.emg_unit,
        "shade_limits": list(limits),
        "frequencies_hz": [float(value) for value in view.frequencies_hz],
        **{name: getattr(scores, name) for name in _WORDS},
    }
    arrays["words"] = np.frombuffer(json.dumps(words).encode(), dtype=np.uint8)
    try:
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            np.savez(file, **arrays)
    except OSError as error:
        raise OutputError(f"The scoring cannot be written to {path}: {error.strerror or error}.") from None


def load_scores(path: Path) -> Scores:
    """Read back what `save_scores` wrote, equal in every bit. Errors: OutputError where it is no such file."""
    with _opened(path) as kept:
        words = _words(kept)
        more: dict[str, Any] = {name: kept[name] for name in _SCORES if name in kept}
        more.update((name, words[name]) for name in _WORDS)
        return Scores(
            hypnogram=Hypnogram(codes=kept["codes"], artifact=kept["artifact"], epoch_s=words["epoch_s"]),
            overview=Overview(
                **{name: kept[f"overview_{name}"] for name in _overview_arrays()},
                eeg_unit=words["eeg_unit"],
                emg_unit=words["emg_unit"],
            ),
            eeg_labels=(words["eeg_labels"][0], words["eeg_labels"][1]),
            start=None if words["start"] is None else datetime.fromisoformat(words["start"]),
            notes=tuple(words["notes"]),
            **more,
        )


def load_drawn(path: Path) -> Drawn:
    """Read what a page draws; for a day it is one megabyte. Errors: OutputError."""
    with _opened(path) as kept:
        return Drawn(words=_words(kept), **{field.name: kept[field.name] for field in fields(Drawn)[:-1]})


def apply(codes: Int[np.ndarray, " epochs"], changes: Iterable[Change]) -> Corrected:
    """Apply corrections in their order to a copy of the scoring's states."""
    states = codes.astype(np.int8)
    marks = np.full(len(states), UNTOUCHED, dtype=np.int8)
    for change in changes:
        here = slice(change.first, change.last + 1)
        if change.stage is not None:
            states[here] = change.stage.code
        if change.artifact is not None:
            marks[here] = SET if change.artifact else CLEARED
    return Corrected(codes=states, marks=marks)


def corrected(scores: Scores, threshold: float, changes: Iterable[Change] = ()) -> Scores:
    """Return the scoring at a threshold and with corrections in their order; probabilities stay as they were.

    The notes say how many epochs a person changed, so that every report of it does.
    """
    now = apply(scores.hypnogram.codes, changes)
    artifact = now.artifact(scores.artifact_probability, threshold)
    changed = int(now.changed(scores.hypnogram.codes, scores.artifact_probability, threshold).sum())
    by_hand = f"{counted(changed).capitalize()} {'was' if changed == 1 else 'were'} corrected by a person."
    return replace(
        scores,
        hypnogram=replace(scores.hypnogram, codes=now.codes, artifact=artifact),
        artifact_threshold=threshold,
        notes=(*scores.notes, by_hand) if changed else scores.notes,
    )


def in_short(scores: Scores) -> dict[str, Any]:
    """What a list of scorings shows: `Scoring.summary`. Shares are parts of the scored epochs, 0 to 1."""
    summary = summarise(scores)
    return {
        "epochs": summary.epochs,
        "scored": summary.scored,
        "hours": summary.duration_s / 3600,
        "shares": {state.stage.value: state.fraction for state in summary.states},
        "artifact_share": summary.share(summary.artifacts),
        "uncertain_share": summary.share(summary.uncertain),
    }


def _above(probability: Float[np.ndarray, " epochs"], threshold: float) -> Bool[np.ndarray, " epochs"]:
    return np.asarray(np.nan_to_num(probability, nan=0.0) > threshold)


def _overview_arrays() -> list[str]:
    return [field.name for field in fields(Overview) if not field.name.endswith("_unit")]


def _opened(path: Path) -> Any:
    try:
        return np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError, BadZipFile):
        raise OutputError(f"{path.name} holds no scoring, or only part of one.") from None


def _words(kept: Any) -> dict[str, Any]:
    words: dict[str, Any] = json.loads(kept["words"].tobytes())
    if words["format"] != _FORMAT:
        raise OutputError(f"This scoring has format {words['format']}; this version of SPINDLE reads {_FORMAT}.")
    return words
