"""Made-up scorings that look like a mouse's, for tests of whatever is written from a `Scores`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spindle.hypnogram import Hypnogram, Stage
from spindle.scores import Overview, Scores

FREQUENCIES_HZ = np.arange(1, 25) * 0.5
MEAN_BOUT_EPOCHS = {Stage.WAKE: 21.0, Stage.NREM: 22.0, Stage.REM: 16.0}


def example_scores(epochs: int = 300, seed: int = 0, **changes: Any) -> Scores:
    """A scoring with bouts of each state, artifacts and one gap; `changes` replace fields of the record."""
    rng = np.random.default_rng(seed)
    codes = _states(epochs, rng)
    level = _depth(codes, rng)
    certainty = np.clip(rng.beta(9.0, 0.5, epochs), 0.36, 0.9999)
    certainty[np.flatnonzero(np.diff(codes)) + 1] *= rng.uniform(0.5, 1.0, np.count_nonzero(np.diff(codes)))
    certainty = np.maximum(certainty, 0.36)
    artifact_probability = np.where(
        rng.random(epochs) < 0.08 * (1 + (codes == 0)), rng.beta(4, 2, epochs), rng.beta(1, 25, epochs)
    )
    gap = slice(epochs // 2, epochs // 2 + epochs // 60)
    probability = _probabilities(codes, certainty, rng)
    for values in (probability, artifact_probability):
        values[gap] = np.nan
    codes[gap] = -1
    fields: dict[str, Any] = {
        "name": "mouse07.edf",
        "animal": "",
        "hypnogram": Hypnogram(codes=codes, artifact=np.nan_to_num(artifact_probability) > 0.5),
        "stage_probability": probability,
        "network_probability": probability,
        "artifact_probability": artifact_probability,
        "artifact_threshold": 0.5,
        "overview": _overview(codes, level, artifact_probability, rng),
        "eeg_labels": ("EEG frontal", "EEG parietal"),
        "emg_label": "EMG neck",
        "model_name": "starter model 1",
        "start": datetime(2024, 3, 4, 8, 0, 0),
        "notes": (
            "The channels were chosen by their names: EEG frontal, EEG parietal, EMG neck.",
            "The last 1.2 s are less than one epoch and were dropped.",
        ),
    }
    return Scores(**{**fields, **changes})


def one_state_scores(stage: Stage, epochs: int = 30, **changes: Any) -> Scores:
    """A scoring in which every epoch has the same state (or is unscored) and no artifact."""
    rng = np.random.default_rng(1)
    codes = np.full(epochs, stage.code, dtype=np.int8)
    probability = np.full((epochs, 3), np.nan)
    artifact_probability = np.full(epochs, np.nan)
    if stage is not Stage.UNSCORED:
        probability[:] = 0.02
        probability[:, stage.code] = 0.96
        artifact_probability[:] = 0.1
    fields: dict[str, Any] = {
        "hypnogram": Hypnogram(codes=codes, artifact=np.zeros(epochs, dtype=bool)),
        "stage_probability": probability,
        "network_probability": probability,
        "artifact_probability": artifact_probability,
        "overview": _overview(codes, np.zeros(epochs), artifact_probability, rng),
    }
    return example_scores(epochs, **{**fields, **changes})


def _states(epochs: int, rng: np.random.Generator) -> NDArray[np.int8]:
    """Semi-Markov states: sleep mostly by day (the first 12 h), REM only out of NREM and into wake."""
    codes: list[int] = []
    stage = Stage.WAKE
    while len(codes) < epochs:
        by_day = (len(codes) * 4 / 3600) % 24 < 12
        mean = MEAN_BOUT_EPOCHS[stage] * (2.6 if stage is Stage.WAKE and not by_day else 1.0)
        codes += [stage.code] * int(np.ceil(rng.gamma(1.3, mean / 1.3)))
        if stage is Stage.NREM:
            stage = Stage.REM if rng.random() < 0.28 else Stage.WAKE
        else:
            stage = Stage.NREM if stage is Stage.WAKE else Stage.WAKE
    return np.array(codes[:epochs], dtype=np.int8)


def _depth(codes: NDArray[np.int8], rng: np.random.Generator) -> NDArray[np.float64]:
    """A slow wander of the signal's strength, so that no two bouts look the same."""
    steps = rng.normal(0.0, 0.05, len(codes))
    level = np.zeros(len(codes))
    for i in range(1, len(codes)):
        level[i] = 0.98 * level[i - 1] + steps[i]
    return level


def _probabilities(
    codes: NDArray[np.int8], certainty: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    share = rng.uniform(0.1, 0.9, len(codes)) * (1 - certainty)
    table = np.zeros((len(codes), 3))
    rows, state = np.arange(len(codes)), codes.astype(np.int64)
    table[rows, state] = certainty
    table[rows, (state + 1) % 3] = share
    table[rows, (state + 2) % 3] = 1 - certainty - share
    return table


def _overview(
    codes: NDArray[np.int8],
    level: NDArray[np.float64],
    artifact_probability: NDArray[np.float64],
    rng: np.random.Generator,
) -> Overview:
    f, state = FREQUENCIES_HZ, np.maximum(codes, 0)
    spectra = np.stack(
        [
            4.0 - 1.0 * np.log(f) + 0.9 * np.exp(-(((f - 7.5) / 2) ** 2)),
            5.6 - 1.1 * np.log(f) + 0.9 * np.exp(-(((f - 2) / 1.5) ** 2)) + 0.5 * np.exp(-(((f - 11) / 2) ** 2)),
            3.8 - 1.0 * np.log(f) + 2.3 * np.exp(-(((f - 7.3) / 0.9) ** 2)),
        ]
    )
    log_power = spectra[state] + level[:, None] * 0.6 + rng.normal(0.0, 0.35, (len(codes), len(f)))
    amplitude = np.array([90.0, 190.0, 80.0])[state] * np.exp(0.3 * level + rng.normal(0, 0.15, len(codes)))
    amplitude *= np.where(np.nan_to_num(artifact_probability) > 0.5, rng.uniform(1, 5, len(codes)), 1.0)
    emg = np.array([28.0, 9.0, 5.5])[state] * np.exp(rng.normal(0, np.array([0.55, 0.18, 0.12])[state]))
    missing = codes < 0
    for values in (log_power, amplitude, emg):
        values[missing] = np.nan
    return Overview(
        eeg_min=-amplitude * rng.uniform(0.8, 1.2, len(codes)),
        eeg_max=amplitude,
        emg_rms=emg,
        spectrogram=log_power,
        frequencies_hz=FREQUENCIES_HZ,
        eeg_unit="uV",
        emg_unit="uV",
    )
